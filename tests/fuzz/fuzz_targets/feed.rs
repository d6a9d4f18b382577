#![no_main]
//! See `baton_worker::fuzz::feed`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_worker::fuzz::feed(bytes));
