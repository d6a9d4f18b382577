//! Files that a schema refers to: read while the configuration is, and nowhere else.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::error::Error;
use std::rc::Rc;

use baton_shared::config::node::Node;
use boon::{Compiler, Schemas, UrlLoader};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::{OWN, value};
use crate::plan::Files;

/// What is held, and what was asked for besides.
pub(super) struct Held {
    files: Files,
    asked: Rc<RefCell<BTreeSet<String>>>,
}

impl Held {
    pub(super) fn new(files: &Files) -> Self {
        Self { files: files.clone(), asked: Rc::default() }
    }
}

/// The files that a schema refers to and `files` does not hold, as far as that is known without them.
pub(crate) fn wanted(settings: &Node, files: &Files) -> BTreeSet<String> {
    let held = Held::new(files);
    let asked = Rc::clone(&held.asked);
    let mut compiler = Compiler::new();
    compiler.use_loader(Box::new(held));
    if compiler.add_resource(OWN, value(settings)).is_ok() {
        // What is wrong with it is told when it is compiled for good.
        drop(compiler.compile(OWN, &mut Schemas::new()));
    }
    asked.take()
}

impl UrlLoader for Held {
    fn load(&self, url: &str) -> Result<Value, Box<dyn Error>> {
        let path = url.strip_prefix("file://").ok_or_else(|| format!("invalid file url: {url}"))?;
        let path = percent_decode_str(path).decode_utf8()?.into_owned();
        match self.files.get(&path) {
            Some(Ok(bytes)) => Ok(serde_json::from_slice(bytes)?),
            Some(Err(why)) => Err(why.clone().into()),
            None => {
                let missing = format!("open {path}: no such file or directory");
                self.asked.borrow_mut().insert(path);
                Err(missing.into())
            },
        }
    }
}
