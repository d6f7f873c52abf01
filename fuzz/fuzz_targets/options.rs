//! Words of the command line: what is taken may neither smuggle nor change when it is written and read again. The property is in `tests/fuzz/options.rs`.

#![no_main]

#[path = "../../tests/fuzz/options.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
