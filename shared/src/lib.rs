//! What Baton's supervisor and workers must agree on.
//!
//! Plain data and small edges: nothing in here decides anything. The supervisor uses [`control`],
//! [`words`] and [`os`]; it never touches [`config`] and
//! [`template`], which only workers and `baton check` read.

pub mod words;
pub mod template;
pub mod config;
pub mod control;
pub mod log;
pub mod os;
pub mod soft;
