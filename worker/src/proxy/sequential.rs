//! `proxy.sequential`: the backends of an endpoint one after the other; later ones are called with fields of
//! what earlier ones said.
//!
//! KrakenD: the chain may take 85 % of the endpoint's `timeout`. The first call's failure is the endpoint's;
//! a later failure, or an answer that is not complete, ends the chain, and what came so far is the answer.
//! Parts are merged into the first one that has data, so a field of *that* answer may since have become a
//! later one's; a value that was found once stays.

use tokio::time::Instant;

use super::body::CallBody;
use super::merge::{Calling, Merge};
use super::{Asked, Outcome, Part, concurrent};
use crate::decode::Data;
use crate::encode;
use crate::plan::template::Wanted;
use crate::plan::{SequentialPlan, ThreadState};
use crate::respond::lines::Completed;

/// Fields of answers, by their place.
#[derive(Debug)]
struct Answers {
    values: Vec<Option<Vec<u8>>>,
    /// Whose answer the others are merged into.
    first: Option<usize>,
}

/// Makes the calls.
pub(super) async fn run(
    thread: &ThreadState,
    plan: &SequentialPlan,
    asked: &Asked<'_>,
    mut body: CallBody,
    deadline: Instant,
) -> Outcome {
    let mut merge = Merge::default();
    let mut answers = Answers { values: vec![None; plan.wanted.len()], first: None };
    let mut left = plan.steps.len();
    for (index, step) in plan.steps.iter().enumerate() {
        if let Some(merged) = merge.part() {
            answers.look(&plan.wanted, &step.wants, &merged.data);
        }
        let keeps_whole =
            plan.wanted.iter().any(|wanted| wanted.backend == index && wanted.path.is_empty());
        let asked = Asked { answers: &answers.values, keeps_whole, ..*asked };
        let outcome = concurrent::run(thread, &step.call, &asked, body.copy(), deadline).await;
        let goes_on = match outcome {
            Outcome::Partial(_, failure) | Outcome::Failed(failure) if index == 0 => {
                return Outcome::Failed(failure);
            },
            Outcome::Data(part) => {
                let goes_on = part.completed == Completed::True;
                answers.note(&plan.wanted, index, &part);
                merge.add(Outcome::Data(part));
                goes_on
            },
            failed @ (Outcome::Partial(..) | Outcome::Failed(_)) => {
                merge.add(failed);
                false
            },
        };
        left -= 1;
        if !goes_on {
            break;
        }
    }
    merge.finish(if left == 0 { Calling::Done } else { Calling::Stopped })
}

impl Answers {
    /// Fields of an answer that just came; those of the one that is merged into are looked up later.
    fn note(&mut self, wanted: &[Wanted], index: usize, part: &Part) {
        for (value, wanted) in self.values.iter_mut().zip(wanted) {
            if wanted.backend == index
                && wanted.path.is_empty()
                && let Some(whole) = &part.whole
            {
                *value = Some(whole.to_vec());
            }
        }
        if self.first.is_none() && !part.data.is_null() {
            self.first = Some(index);
            return;
        }
        for (value, wanted) in self.values.iter_mut().zip(wanted) {
            if wanted.backend == index && !wanted.path.is_empty() {
                *value = shown(&part.data, wanted);
            }
        }
    }

    /// Fields of what has been merged so far that the next call wants. An empty value is looked up again.
    fn look(&mut self, wanted: &[Wanted], wants: &[usize], merged: &Data) {
        for place in wants {
            let (Some(value), Some(wanted)) = (self.values.get_mut(*place), wanted.get(*place))
            else {
                continue;
            };
            let is_found = value.as_ref().is_some_and(|value| !value.is_empty());
            if self.first == Some(wanted.backend)
                && !wanted.path.is_empty()
                && !is_found
                && let Some(found) = shown(merged, wanted)
            {
                *value = Some(found);
            }
        }
    }
}

fn shown(data: &Data, wanted: &Wanted) -> Option<Vec<u8>> {
    data.find_at(&wanted.path).map(|(document, value)| encode::go_text(document, value))
}
