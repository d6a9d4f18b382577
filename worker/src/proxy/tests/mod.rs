//! Whole requests over loopback: what a backend sees, what a client gets, what becomes of the connection.

mod connections;
mod data;
mod exchange;
mod redirects;
mod reshaped;
mod several;
mod shadow;
mod static_data;
mod uploads;
