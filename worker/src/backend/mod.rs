//! One call to a backend: balance → request → cache → exchange.

pub mod balance;
pub mod exchange;
pub mod pool;
pub mod query;
mod answer;
pub(crate) mod cache;
mod call;
pub(crate) mod files;
pub(crate) mod dial;
pub(crate) mod discover;
pub(crate) mod failure;
pub(crate) mod graphql;
mod gunzip;
pub(crate) mod limits;
mod link;
pub(crate) mod oauth2;
pub(crate) mod redirect;
mod stream;
pub(crate) mod request;
pub(crate) mod resolve;
pub(crate) mod upgrade;
mod connect;
mod expect;
pub mod via;

pub(crate) use answer::Answer;
pub use answer::{AnswerBody, AnswerError};
pub(crate) use call::{Aim, CallValues, Caller, Decoding, aim, call, call_at, write_target};
pub(crate) use failure::CallError;
pub use failure::Failure;
pub(crate) use gunzip::Gunzip;
