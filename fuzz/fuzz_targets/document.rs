//! Documents that someone else wrote: read, rendered in every format, written again. The property is in `tests/fuzz/document.rs`.

#![no_main]

#[path = "../../tests/fuzz/document.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
