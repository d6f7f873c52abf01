//! Reading responses, however the bytes are split. The property is in `tests/fuzz/http_response.rs`.

#![no_main]

#[path = "../../tests/fuzz/http_response.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
