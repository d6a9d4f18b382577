#![no_main]
//! See `baton_worker::fuzz::key_set`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_worker::fuzz::key_set(bytes));
