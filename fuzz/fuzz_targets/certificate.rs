//! A server's certificate: any bytes, and only a kind of key may come out. The property is in `tests/fuzz/certificate.rs`.

#![no_main]

#[path = "../../tests/fuzz/certificate.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
