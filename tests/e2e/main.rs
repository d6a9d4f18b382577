//! What users see: end-to-end tests on real processes and real servers.
//!
//! One binary, since each links for seconds. [`krakend`] compares with the real KrakenD · [`edge`] is what
//! may come in and go out · [`backend`] is what backends are asked · [`reload`] is what a reload must not do ·
//! [`commands`] is what a person types · [`websocket`] is what tunnels · [`http2`] is HTTP/2 · [`files`] is what the disk answers ·
//! [`enterprise`] is what KrakenD has in its other edition · [`tls`] is what only insiders can read ·
//! [`token`] is who may come in.

#![cfg(test)]

mod fixture;

mod krakend;
mod edge;
mod backend;
mod reload;
mod commands;
mod websocket;
mod http2;
mod files;
mod enterprise;
mod tls;
mod token;
