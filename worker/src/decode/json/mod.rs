//! `json` and `safejson`: Go's `encoding/json` from a body to `Data`, shaped on the way.
//!
//! Only the first value of a body is read. All of it must be well-formed, also what is not kept.

mod build;
mod change;
mod inside;
mod levels;
mod root;
mod scan;
mod skip;
mod unescape;
mod walk;

use scan::Source;

use super::DecodeError;

pub(crate) use inside::{Cursor, inside};
pub(super) use root::{Root, decode};
pub(crate) use unescape::{is_text, pieces, unescape};
pub(crate) use walk::{Maker, walk};

/// Where a body's first value ends, which must be well-formed.
pub(crate) fn first_value_end(body: &[u8]) -> Result<usize, DecodeError> {
    let source = Source(body);
    let start = source.blanks(0);
    if start >= body.len() {
        return Err(DecodeError::Empty);
    }
    skip::skip(source, start, 0, &mut skip::Open::new()).map_err(|fault| *fault)
}
