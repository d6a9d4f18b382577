//! From a listening socket to a connection.
