//! Files with certificates and keys: any bytes are taken or refused in one line. The property is in `tests/fuzz/pem.rs`.

#![no_main]

#[path = "../../tests/fuzz/pem.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
