//! A connection in the making: it outlives the request that it is made for.
//!
//! KrakenD (Go): the same, also that a request that waits takes what comes first: a new connection, or one that another
//! request gives back. A client that opens streams and resets them would else have a backend knocked at for each of
//! them and find nobody there.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::call_error::CallError;
use super::dial::Dialer;
use super::link::Link;
use super::pool::Pool;
use crate::plan::{Host, HostId};

/// Connections of one thread that nobody waits for; what is beyond is given up.
const ORPHANS_MAX: usize = 64;

/// Connections in the making that nobody waits for.
#[derive(Debug, Default)]
pub(crate) struct Orphans(Cell<usize>);

struct Orphan<'a>(&'a Orphans);

impl Drop for Orphan<'_> {
    fn drop(&mut self) {
        self.0.0.set(self.0.0.get() - 1);
    }
}

impl Orphans {
    /// One more, if there may be.
    fn join(&self) -> Option<Orphan<'_>> {
        let many = self.0.get();
        (many < ORPHANS_MAX).then(|| {
            self.0.set(many + 1);
            Orphan(self)
        })
    }
}

/// Whether another connection will do than the one that is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// Also one that comes back to its pool meanwhile.
    WhatIsFirst,
    New,
}

/// A connection to a host, at most until `deadline`. Who stops waiting leaves the one that is made to the pool.
pub(super) async fn dial(
    dialer: &Rc<Dialer>,
    pool: &Rc<Pool>,
    (host, id): (&Host, HostId),
    takes: Takes,
    deadline: Instant,
) -> Result<Box<Link>, CallError> {
    let (tell, told) = oneshot::channel();
    let back = (takes == Takes::WhatIsFirst).then(|| pool.wait(id));
    let (dialer, pool, host) = (Rc::clone(dialer), Rc::clone(pool), host.clone());
    drop(spawn_local(async move {
        if let Some(mut link) = made(&dialer, &host, deadline, tell).await {
            // It has not been spoken to yet, and is ready once it is looked at.
            if poll_fn(|context| Poll::Ready(link.is_idle(context))).await {
                pool.give(id, link);
            }
        }
    }));
    let made = async { told.await.unwrap_or(Err(CallError::Closed)) };
    let Some(back) = back else { return made.await };
    tokio::select! {
        biased;
        made = made => made,
        link = back => Ok(link),
    }
}

/// Makes it for whoever waits; returns it if nobody does any more.
async fn made(
    dialer: &Dialer,
    host: &Host,
    deadline: Instant,
    mut tell: oneshot::Sender<Result<Box<Link>, CallError>>,
) -> Option<Box<Link>> {
    let mut dial = pin!(dialer.dial(host, None, deadline));
    let made = tokio::select! {
        biased;
        made = &mut dial => made,
        () = tell.closed() => {
            let _orphan = dialer.orphans.join()?;
            dial.await
        },
    };
    tell.send(made).err()?.ok()
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;
    use tokio::task::yield_now;

    use super::*;
    use crate::harness::{PATIENCE, endpoint, on_a_thread, service, serving};
    use crate::plan::ThreadState;

    /// A thread, the listener that it may connect to, and a dial that was begun and left.
    async fn left(scheme: &str, orphans: usize) -> (Rc<ThreadState>, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut endpoint = endpoint("no-op", &[]);
        endpoint
            .backend
            .iter_mut()
            .for_each(|one| one.host = vec![format!("{scheme}://{address}")]);
        let thread = serving(&service(endpoint));
        thread.client.dialer.orphans.0.set(orphans);
        let host = thread.plan.hosts.first().unwrap();
        let deadline = Instant::now() + PATIENCE;
        let (dialer, pool) = (&thread.client.dialer, &thread.client.pool);
        tokio::select! {
            biased;
            () = yield_now() => {},
            _made = dial(dialer, pool, (host, host.id.unwrap()), Takes::New, deadline) => {
                unreachable!("at once")
            },
        }
        (thread, listener)
    }

    #[test]
    fn a_connection_that_nobody_waits_for_any_more_is_kept_for_the_next_request() {
        on_a_thread(async {
            let (thread, _listener) = left("http", 0).await;
            while thread.client.pool.idle() == 0 {
                yield_now().await;
            }
            assert_eq!(thread.client.dialer.orphans.0.get(), 0);
        });
    }

    #[test]
    fn where_many_are_in_the_making_one_more_is_given_up() {
        on_a_thread(async {
            let (thread, _listener) = left("https", ORPHANS_MAX).await; // nobody shakes hands
            while Rc::strong_count(&thread.client.dialer) > 1 {
                yield_now().await;
            }
            assert_eq!(thread.client.pool.idle(), 0);
        });
    }
}
