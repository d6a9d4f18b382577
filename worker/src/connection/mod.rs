//! A client's connection: bytes in, requests out, answers back.

pub mod http1;
