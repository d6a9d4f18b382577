//! Whole calls to backends that speak HTTP/2.

mod connections;
mod exchanges;
mod peer;
mod unseen;
