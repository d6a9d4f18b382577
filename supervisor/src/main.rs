//! `baton`: the executable. Picks the role from its arguments: a command, or a worker.

mod reload;
mod trigger;

fn main() {}
