//! Soft state: what outlives a generation, in memory that the supervisor made and every worker maps.
//!
//! Token buckets, circuit breakers, the buckets of clients. A worker may be killed at any instruction, and
//! two generations use it at once while one follows the other: so it consists of atomic words, nobody
//! waits for anybody, and any bits are a valid state. A request pays for what it asks: a word or two.

mod hash;
mod bucket;
mod breaker;
mod clients;
mod layout;
mod slot;
#[cfg(test)]
mod garbage;
#[cfg(test)]
mod processes;

pub use breaker::{Breaker, Change, Outcome, Refused, State, Ticket, Words};
pub use bucket::Rate;
pub use clients::ClientLimit;
pub use hash::plain as name_of;
pub use layout::{Memory, Sizes, SoftError, create};
pub use slot::{SlotId, Tenant};
