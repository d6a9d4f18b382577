//! Listening sockets: held for the life of their address.
