//! Stands in for the crate of the same name when Lua is built: the same sources, and a header of ours that Lua includes by
//! its own hook (`LUA_USER_H`), so that numbers are printed as KrakenD's Lua prints them.

use std::path::Path;
use std::{env, fs};

pub use original::*;

const NUMBERS: &str = include_str!("../numbers.h");

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
        // Written anew where it is used: a folder of builds outlives the checkout that it was made from.
        let folder = env::var_os("OUT_DIR").expect("cargo names a folder to build in");
        let header = Path::new(&folder).join("numbers.h");
        fs::write(&header, NUMBERS).expect("the folder to build in can be written");
        let flags = env::var("CFLAGS").unwrap_or_default();
        // The way to a header may hold blanks.
        env::set_var("CC_SHELL_ESCAPED_FLAGS", "1");
        env::set_var("CFLAGS", format!("{flags} '-DLUA_USER_H=\"{}\"'", header.display()));
        self.0.build(version)
    }
}
