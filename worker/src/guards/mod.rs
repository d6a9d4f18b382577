//! What refuses a request early and cheaply, in KrakenD's order.

pub mod client_ip;
