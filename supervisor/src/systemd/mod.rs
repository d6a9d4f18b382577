//! A first-class service: start, reload, stop and health are told to systemd as they happen, and
//! listening sockets survive a restart in its descriptor store. Without systemd all of it is
//! silent.
//!
//! [`activation`] takes what systemd gives, [`notify`] sends, [`say`] decides what is said when.

mod activation;
mod notify;
mod say;

pub use activation::Inherited;
pub use notify::Notifier;
pub use say::{Message, Speaker};

/// Variables that concern the supervisor alone: a worker that spoke to systemd, or took the
/// descriptors that these announce, would do harm.
pub const NOT_FOR_WORKERS: [&str; 9] = [
    "NOTIFY_SOCKET",
    "WATCHDOG_PID",
    "WATCHDOG_USEC",
    "LISTEN_PID",
    "LISTEN_PIDFDID",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "FDSTORE",
    "MAINPID",
];
