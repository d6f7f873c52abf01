//! A server's answer to a ClientHello: any bytes, in any pieces. The property is in `tests/fuzz/tls_answer.rs`.

#![no_main]

#[path = "../../tests/fuzz/tls_answer.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
