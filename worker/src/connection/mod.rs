//! A client's connection: bytes in, requests out, answers back.
