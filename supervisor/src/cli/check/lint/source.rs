//! Where schemas come from: this machine's disk, and nowhere else.

use std::error::Error;
use std::fs;

use boon::UrlLoader;
use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::cli::disk::system_text;

/// Schemas on the disk.
pub(super) struct Local;

impl UrlLoader for Local {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        let Some(path) = url.strip_prefix("file://") else {
            return Err("Baton never goes online: save the schema and give its path".into());
        };
        let path = percent_decode_str(path).decode_utf8()?.into_owned();
        let bytes = fs::read(&path).map_err(|error| system_text("open", &path, &error))?;
        Ok(serde_json::from_slice(&bytes)?)
    }
}
