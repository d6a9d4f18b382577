//! Stands in for the crate of the same name when Lua is built: the same sources, and a header of ours that Lua includes by
//! its own hook (`LUA_USER_H`), so that numbers are printed as KrakenD's Lua prints them.

use std::env;

pub use original::*;

/// The original's, with one more definition.
#[derive(Default)]
pub struct Build(original::Build);

impl Build {
    /// As the original's.
    pub fn new() -> Self {
        Self::default()
    }

    /// As the original's.
    pub fn build(&mut self, version: Version) -> Artifacts {
        let header = concat!(env!("CARGO_MANIFEST_DIR"), "/numbers.h");
        println!("cargo:rerun-if-changed={header}");
        let flags = env::var("CFLAGS").unwrap_or_default();
        // The way to a header may hold blanks.
        env::set_var("CC_SHELL_ESCAPED_FLAGS", "1");
        env::set_var("CFLAGS", format!("{flags} '-DLUA_USER_H=\"{header}\"'"));
        self.0.build(version)
    }
}
