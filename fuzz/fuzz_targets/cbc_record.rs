//! Opening records of the CBC suites: both libraries must say of any bytes what a textbook says. The property is in `tests/fuzz/cbc_record.rs`.

#![no_main]

#[path = "../../tests/fuzz/cbc_record.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
