#![no_main]
//! See `baton_worker::fuzz::http1`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_worker::fuzz::http1(bytes));
