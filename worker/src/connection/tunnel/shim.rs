//! A client whose transport cannot move, and the worker that answers it now: bytes pass between its TLS
//! and a link, as they come. What they mean, and how long anybody may wait, is that worker's business.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use tokio::time::{Sleep, sleep};

use super::forgive;
use super::way::{Turn, Way};
use crate::connection::http1::wire::Spare;
use crate::connection::transport::Transport;

/// How long a client may take to notice that nothing more comes.
const LINGER: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug)]
pub(crate) struct Shim {
    client: Transport,
    link: Transport,
    up: Way,
    down: Way,
    /// Runs once the worker has said its last.
    last: Option<Pin<Box<Sleep>>>,
}

impl Shim {
    /// Nothing was read of the client that is not on its way already.
    pub(crate) fn new(client: Transport, link: Transport) -> Self {
        client.keep_alive(super::KEEP_ALIVE);
        let (up, down) = (Way::new(BytesMut::new(), None), Way::new(BytesMut::new(), None));
        Self { client, link, up, down, last: None }
    }

    /// Passes bytes until both sides have ended, or one is gone.
    pub(crate) async fn run(&mut self, spare: &Spare) {
        poll_fn(|context| self.poll(spare, context)).await;
    }

    fn poll(&mut self, spare: &Spare, context: &mut Context<'_>) -> Poll<()> {
        let up = self.up.turn((&self.client, &self.link), None, spare, context);
        let up = forgive(up, &mut self.up);
        let down = self.down.turn((&self.link, &self.client), None, spare, context);
        let down = forgive(down, &mut self.down);
        match (up, down) {
            (Ok(Turn::Done), Ok(Turn::Done)) | (Err(_), _) | (_, Err(_)) => Poll::Ready(()),
            (Ok(Turn::Busy), _) | (_, Ok(Turn::Busy)) => {
                context.waker().wake_by_ref();
                Poll::Pending
            },
            (_, Ok(Turn::Done)) => {
                let last = self.last.get_or_insert_with(|| Box::pin(sleep(LINGER)));
                last.as_mut().poll(context)
            },
            (Ok(_), Ok(Turn::Waits)) => Poll::Pending,
        }
    }
}
