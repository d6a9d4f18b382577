//! What makes the supervisor act: signals, saved files, callers. All become one [`Command`] queue.

pub mod signal;
pub mod watch;

use std::path::PathBuf;

use baton_shared::control::message::Revoking;
use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::reload::report::{Report, Status};

/// Something the supervisor is asked to do.
#[derive(Debug)]
pub enum Command {
    /// Put the present content of the sources in force.
    Reload(ReloadRequest),
    /// Say what is going on.
    Status(oneshot::Sender<Status>),
    /// Revoke tokens, or only look which are revoked.
    Revocations {
        /// Such as `jti-abc`.
        entries: Vec<String>,
        /// Which of both.
        wanted: Revoking,
        /// Told which are revoked now; none: nothing can be.
        answer: oneshot::Sender<Option<Vec<bool>>>,
    },
    /// Drain and end.
    Stop {
        /// Told when everything has drained, just before the process ends.
        answer: Option<oneshot::Sender<()>>,
    },
    /// End at once (a second SIGTERM or SIGINT).
    StopNow,
}

/// One wish to reload.
#[derive(Debug)]
pub struct ReloadRequest {
    /// Where it comes from.
    pub cause: Cause,
    /// Reload although the content is the one that was rolled back.
    pub force: bool,
    /// What the caller waits for.
    pub wait: Wait,
    /// Who is told the outcome; a dropped receiver is a caller who has gone.
    pub answer: Option<oneshot::Sender<Report>>,
}

/// Where a wish to reload comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// SIGHUP.
    Signal,
    /// A source file changed.
    File(PathBuf),
    /// `baton reload`.
    Caller,
}

/// What the caller of a reload waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Until every later request is answered by the new generation.
    #[default]
    Committed,
    /// Until nothing is left of the generations before, too.
    Drained,
}
