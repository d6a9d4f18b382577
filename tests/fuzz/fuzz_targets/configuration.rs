//! Any bytes are a configuration that can be compiled, or are refused with a place; nothing panics.
//!
//! The first byte picks the format. `cargo test` does the same for a while, with seeds of its own:
//! `whatever_the_bytes_are_a_check_ends_with_a_verdict`.

#![no_main]

use baton_shared::config::{Environment, load};
use baton_shared::control::message::Options;
use baton_worker::plan::{CompileOptions, check_plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((format, text)) = bytes.split_first() else { return };
    let path = ["krakend.json", "krakend.yaml", "krakend.toml"][usize::from(format % 3)];
    match load(path, text, &Environment::default()) {
        Ok(loaded) => {
            let (options, proxies) = (Options::default(), Default::default());
            let options = CompileOptions { options, threads: 1, proxies, ..CompileOptions::default() };
            let _verdict = check_plan(&loaded.config, &options);
        },
        Err(refusal) => assert!(!refusal.findings.is_empty(), "{}", refusal.text),
    }
});
