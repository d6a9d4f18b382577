//! What refuses a request early and cheaply, in KrakenD's order.
