//! The way of a reload: policy (pure), deadlines, and the hands that carry it out.

mod step;
mod queue;
mod transaction;
mod outcome;
mod bake;
mod drain;
mod view;
pub mod drive;
mod sources;
mod sockets;
mod soft;
mod tickets;
mod answers;
mod revocations;
mod keeper;
mod status;
mod callers;
pub mod state;
pub mod event;
pub mod deadline;
pub mod notice;
pub mod report;

pub use step::step;
pub use view::Duty;

#[cfg(test)]
mod simulation;
#[cfg(test)]
mod example;
#[cfg(test)]
mod fake_worker;
#[cfg(test)]
mod trial;
