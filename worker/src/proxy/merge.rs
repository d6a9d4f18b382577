//! Parts of several backends become one, as they arrive.
//!
//! KrakenD: the top-level fields of a later part replace those of earlier ones; what is `null` adds nothing
//! and makes the whole incomplete, as does any failure; without any part, all failures together are the
//! failure.

use super::{Outcome, Part};
use crate::backend::Failure;
use crate::respond::lines::Completed;

/// What has arrived so far.
#[derive(Debug, Default)]
pub(super) struct Merge {
    part: Option<Part>,
    failures: Vec<Failure>,
}

/// Whether every call that was to be made was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Calling {
    /// It was.
    Done,
    /// The chain stopped before its end.
    Stopped,
}

impl Merge {
    /// Takes one more arrival. Data that came along with a failure does not count.
    pub(super) fn add(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Data(part) => {
                self.part = Some(match self.part.take() {
                    None => part,
                    Some(first) => join(first, part),
                });
            },
            Outcome::Partial(_, failure) | Outcome::Failed(failure) => self.failures.push(failure),
        }
    }

    /// What has been merged so far.
    pub(super) fn part(&self) -> Option<&Part> {
        self.part.as_ref()
    }

    /// All of it.
    pub(super) fn finish(self, calling: Calling) -> Outcome {
        let Self { part, failures } = self;
        // What KrakenD dies of is no part of an answer.
        let broken = failures.iter().any(|failure| matches!(failure, Failure::Flatmap));
        match part {
            _ if broken => Outcome::Failed(Failure::Flatmap),
            None => Outcome::Failed(Failure::Several(failures.into())),
            Some(part) if failures.is_empty() && calling == Calling::Done => Outcome::Data(part),
            Some(part) => {
                let part = Part { completed: Completed::False, ..part };
                match failures.is_empty() {
                    true => Outcome::Data(part),
                    false => Outcome::Partial(part, Failure::Several(failures.into())),
                }
            },
        }
    }
}

/// Lays `later` over `first`.
fn join(first: Part, later: Part) -> Part {
    let is_whole = |part: &Part| part.completed == Completed::True && !part.data.is_null();
    let completed =
        if is_whole(&first) && is_whole(&later) { Completed::True } else { Completed::False };
    let mut data = first.data;
    data.merge(later.data);
    Part::new(data, completed)
}
