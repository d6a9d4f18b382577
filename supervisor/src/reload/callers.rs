//! Who waits for the outcome of a reload.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use super::event::CallerId;
use super::report::Report;

/// Everybody who waits, numbered in the order of their coming.
#[derive(Debug, Default)]
pub(crate) struct Callers {
    waiting: BTreeMap<CallerId, oneshot::Sender<Report>>,
    next: u64,
}

impl Callers {
    pub(crate) fn admit(&mut self, answer: oneshot::Sender<Report>) -> CallerId {
        let caller = CallerId(self.next);
        self.next += 1;
        self.waiting.insert(caller, answer);
        caller
    }

    pub(super) fn answer(&mut self, caller: CallerId, report: Report) {
        if let Some(answer) = self.waiting.remove(&caller) {
            drop(answer.send(report)); // who has gone meanwhile does not hear it
        }
    }

    /// Those who do not wait any longer.
    pub(crate) fn take_gone(&mut self) -> Vec<CallerId> {
        let mut gone = Vec::new();
        self.waiting.retain(|caller, answer| {
            if answer.is_closed() {
                gone.push(*caller);
            }
            !answer.is_closed()
        });
        gone
    }
}
