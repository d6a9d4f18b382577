//! What users see: end-to-end tests on real processes and real servers.
//!
//! One binary, since each links for seconds. [`krakend`] compares with the real KrakenD.

#![cfg(test)]

mod krakend;
