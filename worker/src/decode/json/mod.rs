//! `json` and `safejson`: Go's `encoding/json` from a body to `Data`, shaped on the way.
//!
//! Only the first value of a body is read. All of it must be well-formed, also what is not kept.

mod build;
mod inside;
mod levels;
mod root;
mod scan;
mod skip;
mod unescape;

pub(crate) use inside::{Child, Inside};
pub(super) use root::{Found, Root, decode};
pub(crate) use unescape::pieces;
