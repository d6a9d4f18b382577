//! One call to a backend: balance → request → cache → exchange.
//!
//! [`mod@call`] begins it · [`target`] whom it goes to · [`send`] one request of it, and [`follow`] those that redirects ask for ·
//! [`exchange`] a connection and the head of an answer · [`answer`] the head, checked, and [`body`] what streams behind it.

pub mod balance;
pub mod exchange;
pub mod pool;
pub mod query;
mod answer;
mod body;
pub(crate) mod cache;
mod call;
mod call_error;
mod target;
mod send;
mod follow;
pub(crate) mod files;
pub(crate) mod dial;
mod dialing;
pub(crate) mod discover;
pub(crate) mod failure;
pub(crate) mod graphql;
mod gunzip;
pub(crate) mod limits;
mod http2;
mod link;
mod outgoing;
pub(crate) mod oauth2;
pub(crate) mod redirect;
mod source;
mod stream;
mod tap;
mod tries;
pub(crate) mod request;
mod hop;
pub(crate) mod resolve;
pub(crate) mod upgrade;
mod connect;
mod socks;
mod nested;
mod expect;
pub mod via;

pub(crate) use answer::Answer;
pub use body::{AnswerBody, AnswerError};
pub(crate) use call::{Aim, CallValues, Caller, Decoding, aim, call, call_at};
pub use call_error::CallError;
pub use failure::Failure;
pub(crate) use gunzip::Gunzip;
pub(crate) use target::write_target;
