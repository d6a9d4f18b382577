//! The shape of an endpoint: which backends are called, how their answers become one.
