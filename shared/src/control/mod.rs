//! The wire between the supervisor and a worker, and between two workers.
//!
//! One `SOCK_SEQPACKET` pair per worker (its standard input). A datagram is a 16-byte frame head
//! ([`frame`]), a JSON body ([`message`]) and the descriptors that the message names.

pub mod channel;
pub mod frame;
pub mod input;
pub mod message;
pub mod record;
pub mod relay;
pub mod tickets;
pub mod tunnel;
pub mod reserve;

pub use channel::{Channel, ChannelError};
pub use input::Input;
pub use message::{FromWorker, Message, ToWorker};
pub use reserve::Reserve;

/// The version of both vocabularies; N and N−1 understand each other.
pub const PROTOCOL: u16 = 1;
