//! One request from head to response, on one page: read this first.
