//! A client's connection: bytes in, requests out, answers back.

pub(crate) mod census;
pub(crate) mod facts;
pub(crate) mod gate;
pub mod http1;
pub mod http2;
mod limits;
mod tls;
pub(crate) mod thread;
pub(crate) mod transport;
pub(crate) mod tunnel;

pub use limits::EdgeLimits;
