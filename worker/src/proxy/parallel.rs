//! All backends of an endpoint at once, merged in order of arrival.
//!
//! KrakenD: the calls may take 85 % of the endpoint's `timeout`; what is late then is missing.

use std::future::poll_fn;
use std::ops::ControlFlow;

use tokio::time::Instant;

use super::body::CallBody;
use super::join::Join;
use super::merge::{Calling, Merge};
use super::{Asked, Outcome, concurrent};
use crate::plan::{CallPlan, ThreadState};

/// Makes the calls.
pub(super) async fn run(
    thread: &ThreadState,
    calls: &[CallPlan],
    asked: &Asked<'_>,
    mut body: CallBody,
    deadline: Instant,
) -> Outcome {
    let mut merge = Merge::default();
    let mut running: Join<_> = calls
        .iter()
        .map(|call| concurrent::run(thread, call, asked, body.copy(), deadline))
        .collect();
    poll_fn(|context| {
        running.poll(context, |outcome| {
            merge.add(outcome);
            ControlFlow::Continue(())
        })
    })
    .await;
    merge.finish(Calling::Done)
}
