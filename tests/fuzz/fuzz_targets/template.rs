#![no_main]
//! See `baton_worker::fuzz::template`.

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| baton_worker::fuzz::template(bytes));
