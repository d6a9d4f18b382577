//! How it is: every thread is asked, and what they say is added up. The supervisor asks whether all is well, a worker
//! that drains asks itself whether anything is left.

use baton_shared::control::message::{FromWorker, Health};
use tokio::time::Instant;

use super::super::figures;
use super::super::start::say;
use super::super::threads::{Figures, Order};
use super::{End, Round, Worker};

/// The nonces of pings of our own: is the worker empty, and what is cut at the deadline.
pub(super) const OWN_PING: u64 = u64::MAX;
pub(super) const LAST_PING: u64 = u64::MAX - 1;

#[derive(Debug)]
pub(super) struct Pings {
    nonce: u64,
    pub(super) round: Round,
    sent: Instant,
    sum: Figures,
    /// Tunnels that had gone back to the threads by then, and batches that had come: what is later is in
    /// no answer yet.
    kept: u64,
    came: u64,
}

impl Worker {
    pub(super) fn ping(&mut self, txn: u64, nonce: u64) {
        let round = Round::begin(txn, self.threads.count());
        let (kept, came) = (self.progress.kept(), self.threads.arrivals().came());
        let (sent, sum) = (Instant::now(), Figures::default());
        self.pings = Some(Pings { nonce, round, sent, sum, kept, came });
        self.threads.tell_all(|| Order::Ping { nonce });
    }

    pub(super) async fn count_pong(&mut self, nonce: u64, figures: Figures) -> Option<End> {
        let pings = self.pings.as_mut().filter(|pings| pings.nonce == nonce)?;
        pings.sum = pings.sum.plus(figures);
        let txn = pings.round.count()?;
        let (sum, sent, came) = (pings.sum, pings.sent, pings.came);
        let is_stale = pings.kept != self.progress.kept();
        self.pings = None;
        let outstanding = self.progress.outstanding();
        if let Some(drain) = self.drain
            && sum.is_done()
            && !is_stale
            && self.progress.is_over()
            && self.threads.arrivals().stop_after(came)
        {
            let drained = FromWorker::Drained { cut: sum.cut, requests: sum.requests };
            let _gone = say(&self.channel, drain.txn, &drained).await;
            return Some(End::Asked);
        }
        if nonce == OWN_PING {
            self.may_be_empty |= self.drain.is_some() && sum.is_done();
            return None;
        }
        let health = Health {
            loop_lag_us: u64::try_from(sent.elapsed().as_micros()).unwrap_or(u64::MAX),
            connections: (sum.connections + outstanding) as u64,
            in_flight: sum.busy as u64,
            requests: sum.requests,
            rss_bytes: figures::resident_bytes(),
            descriptors: figures::descriptors(),
            cannot_accept_ms: u64::try_from(sum.cannot_accept.as_millis()).unwrap_or(u64::MAX),
        };
        say(&self.channel, txn, &FromWorker::Pong { nonce, health }).await.err()
    }
}
