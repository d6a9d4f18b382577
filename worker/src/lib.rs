//! Baton's gateway: the way of a request, room by room.
//!
//! `accept → connection → serve: route → guards → proxy → backend → decode → encode → respond`

pub mod life;
pub mod plan;
pub mod accept;
pub mod connection;
mod tls;
pub mod handover;
pub mod message;
mod payload;
mod base64;
pub mod serve;
pub mod route;
pub mod guards;
pub mod script;
pub mod proxy;
pub mod backend;
pub mod decode;
pub mod encode;
pub mod files;
pub mod respond;
pub mod observe;
pub mod fuzz;
#[cfg(test)]
pub(crate) mod harness;

pub use life::run;
