//! The end of a worker: what is in flight may finish, until a deadline if there is one.

use std::time::Duration;

use baton_shared::control::message::FromWorker;
use baton_shared::words::Monotonic;
use tokio::time::{Instant, sleep_until};

use super::super::start::say;
use super::super::threads::{Order, Told};
use super::ping::{LAST_PING, OWN_PING};
use super::{End, Worker};

/// How long a worker that lost its supervisor goes on accepting: a successor may be coming, and
/// until it listens nobody shall be refused.
const ORPHAN_ACCEPTS: Duration = Duration::from_millis(1500);

#[derive(Clone, Copy, Debug)]
pub(super) struct Drain {
    pub(super) txn: u64,
    pub(super) until: Option<Instant>,
}

impl Worker {
    pub(super) fn begin_drain(&mut self, txn: u64, deadline: Option<Monotonic>) {
        let until = deadline.map(|at| Instant::now() + at.since(Monotonic::now()));
        self.drain = Some(Drain { txn, until });
        if !self.gave {
            self.threads.tell_all(|| Order::End);
        }
        self.ping(0, OWN_PING);
    }

    /// The supervisor is gone: accept a little longer, then drain and end.
    pub(super) async fn orphaned(&mut self) {
        self.ended = true;
        if self.drain.is_none() {
            sleep_until(Instant::now() + ORPHAN_ACCEPTS).await;
            let until = Instant::now() + Duration::from_millis(self.plan.policy.stop_ms);
            self.drain = Some(Drain { txn: 0, until: Some(until) });
            self.threads.tell_all(|| Order::End);
        } else if let Some(drain) = &mut self.drain {
            let bound = Instant::now() + Duration::from_millis(self.plan.policy.stop_ms);
            drain.until = Some(drain.until.map_or(bound, |until| until.min(bound)));
        }
        self.ping(0, OWN_PING);
    }

    /// The drain's deadline has passed.
    pub(super) async fn cut_the_rest(&mut self) -> End {
        self.ping(0, LAST_PING);
        let (mut cut, mut requests) = (0, 0);
        while let Ok(Some(told)) =
            tokio::time::timeout(Duration::from_millis(200), self.told.recv()).await
        {
            if let Told::Pong { figures, .. } = told {
                cut += figures.busy as u64;
                requests += figures.requests;
                if self.pings.as_mut().and_then(|pings| pings.round.count()).is_some() {
                    break;
                }
            }
        }
        let txn = self.drain.map_or(0, |drain| drain.txn);
        let _gone = say(&self.channel, txn, &FromWorker::Drained { cut, requests }).await;
        End::Asked
    }
}
