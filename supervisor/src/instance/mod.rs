//! Which gateway is meant, when several run on one machine: each belongs to its configuration file.
//!
//! An instance has a folder for its control socket and its lock, and one for what should outlive
//! it. Both are named by a [`Key`] made of the path as written, never of what links lead to: they
//! may lead elsewhere tomorrow. `run` claims an instance, the other commands find it.

mod key;
mod places;
mod claim;
mod find;

pub use claim::{ClaimError, Instance, claim};
pub use find::{FindError, Running, Wanted, find};
pub use key::{Key, lexical_absolute};
pub use places::Places;

/// The socket that commands talk to, in an instance's folder.
const SOCKET: &str = "control.sock";
/// Held as long as the instance lives; its content is the process id.
const LOCK: &str = "lock";
/// The path of the configuration, for listings.
const CONFIG: &str = "config";
