//! `baton`: the executable. Picks the role from its arguments: a command, or a worker.

pub mod trigger;
pub mod snapshot;
pub mod generation;
pub mod listener;
pub mod reload;
pub mod supervise;

fn main() {}
