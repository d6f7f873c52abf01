//! A chain with its revocation lists and stapled response: any bytes, and nothing good that nobody signed. The property is in
//! `tests/fuzz/chain.rs`.

#![no_main]

#[path = "../../tests/fuzz/chain.rs"]
mod property;

libfuzzer_sys::fuzz_target!(|input: &[u8]| property::check(input));
