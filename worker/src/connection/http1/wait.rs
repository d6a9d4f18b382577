//! The wait between two requests: for a head, for the gate, for the deadline.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep};

use super::refusal::Refusal;
use super::{Connection, Leave, head};
use crate::connection::gate::{Mode, Ticket};
use crate::connection::thread::Thread;

/// A head up to this size is not counted: every connection may have it.
const HEAD_FREE_BYTES: usize = 4096;
/// How long a connection that was never asked anything may stay when the gateway ends.
const FIRST_REQUEST_WAIT: Duration = Duration::from_secs(1);

/// A connection's wait for its next head.
struct Wait {
    clock: Clock,
    /// The gateway ends: no request follows.
    is_last: bool,
}

/// The clock that bounds the time of a head. It starts with the first byte; most heads are complete
/// with that, and then nobody looks at the clock.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Clock {
    /// No byte has come.
    Stopped,
    /// The first byte has come.
    Due,
    Runs,
}

impl Clock {
    const fn after_bytes(self) -> Self {
        match self {
            Self::Stopped | Self::Due => Self::Due,
            Self::Runs => Self::Runs,
        }
    }
}

/// How the wait ends.
pub(super) enum Next {
    /// A head of so many bytes is there.
    Head(usize),
    Refused(Refusal),
    Left(Leave),
}

impl Connection {
    /// Waits for a whole head, for the gate, or for the deadline.
    pub(super) async fn next_head(
        &mut self,
        thread: &Thread,
        ticket: &Ticket,
        mut timer: Pin<&mut Sleep>,
    ) -> Next {
        timer.as_mut().reset(self.facts.deadline);
        let clock = if self.has_begun() { Clock::Runs } else { Clock::Stopped };
        let mut wait = Wait { clock, is_last: false };
        poll_fn(|context| self.poll_head(thread, ticket, timer.as_mut(), &mut wait, context)).await
    }

    fn poll_head(
        &mut self,
        thread: &Thread,
        ticket: &Ticket,
        mut timer: Pin<&mut Sleep>,
        wait: &mut Wait,
        context: &mut Context<'_>,
    ) -> Poll<Next> {
        loop {
            let mode = ready!(pass_gate(thread, ticket, context));
            match mode {
                Mode::Give => return Poll::Ready(Next::Left(Leave::Given)),
                Mode::End if !wait.is_last => {
                    wait.is_last = true;
                    self.hurry_to_the_end(timer.as_mut());
                },
                Mode::End | Mode::Open | Mode::Shut => {},
            }
            if let Some(next) = self.look_for_head(thread) {
                return Poll::Ready(next);
            }
            match self.wire.poll_fill(context) {
                Poll::Ready(Ok(1..)) => wait.clock = wait.clock.after_bytes(),
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Left(Leave::Closed)),
                Poll::Pending => {
                    if let Some(next) = self.fall_silent(thread, timer.as_mut(), wait) {
                        return Poll::Ready(next);
                    }
                    return self.idle(thread, (ticket, mode), timer, context);
                },
            }
        }
    }

    /// The gateway ends. What was sent before the client could see it is answered.
    fn hurry_to_the_end(&mut self, timer: Pin<&mut Sleep>) {
        if !self.has_begun() && !self.facts.is_link_of_http2() {
            let soon = Instant::now() + FIRST_REQUEST_WAIT;
            self.facts.deadline = self.facts.deadline.min(soon);
            timer.reset(self.facts.deadline);
        }
    }

    /// The client has nothing more to say for now: whether that is the end.
    fn fall_silent(
        &mut self,
        thread: &Thread,
        timer: Pin<&mut Sleep>,
        wait: &mut Wait,
    ) -> Option<Next> {
        if wait.clock == Clock::Due {
            wait.clock = Clock::Runs;
            self.facts.deadline = Instant::now() + thread.limits.head_timeout;
            timer.reset(self.facts.deadline);
        }
        if self.overdraws(thread) {
            return Some(Next::Refused(Refusal::HeadTooLarge));
        }
        // One that was never asked anything is so new that its first request is probably on its
        // way: Go's server waits for those as well.
        // The other end of a link closes it itself: a request may be on its way.
        let is_over = wait.is_last
            && self.facts.requests > 0
            && !self.has_begun()
            && !self.facts.is_link_of_http2();
        is_over.then_some(Next::Left(Leave::Closed))
    }

    /// Whether bytes of a next request are there.
    fn has_begun(&self) -> bool {
        self.wire.with_unread(|unread| !unread.is_empty())
    }

    /// A complete head, a refusal, or neither yet.
    fn look_for_head(&mut self, thread: &Thread) -> Option<Next> {
        let limits = &thread.limits;
        self.wire.with_unread(|unread| {
            if let Some(refusal) = leading_line_break(unread) {
                return Some(Next::Refused(refusal));
            }
            match head::end(unread, &mut self.searched) {
                Some(length) => Some(Next::Head(length)),
                None if unread.len() > limits.header_bytes => {
                    Some(Next::Refused(Refusal::HeadTooLarge))
                },
                None => None,
            }
        })
    }

    /// Counts a large unfinished head; whether it takes more than the worker has for all of them.
    fn overdraws(&mut self, thread: &Thread) -> bool {
        let unread = self.wire.with_unread(|unread| unread.len());
        if unread <= HEAD_FREE_BYTES && self.held == 0 {
            return false;
        }
        thread.census.hold(self.held, unread);
        self.held = unread;
        thread.census.is_overdrawn()
    }

    /// The head is complete, or the connection leaves.
    pub(crate) fn release(&mut self, thread: &Thread) {
        if self.held > 0 {
            thread.census.hold(self.held, 0);
            self.held = 0;
        }
    }

    /// Nothing to read: waits for the deadline and the gate as well.
    fn idle(
        &self,
        thread: &Thread,
        (ticket, mode): (&Ticket, Mode),
        timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<Next> {
        self.wire.rest();
        if timer.poll(context).is_ready() {
            // As Go's server: too late is closed without a word, but TLS says goodbye.
            self.wire.transport.end_writing();
            return Poll::Ready(Next::Left(Leave::Closed));
        }
        if thread.gate.poll_change(ticket, mode, context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// Waits, unread, while the gate is shut.
fn pass_gate(thread: &Thread, ticket: &Ticket, context: &Context<'_>) -> Poll<Mode> {
    let mode = thread.gate.mode();
    if mode == Mode::Shut {
        thread.gate.hurry(ticket);
        return thread.gate.poll_change(ticket, Mode::Shut, context);
    }
    Poll::Ready(mode)
}

/// A head does not begin with an empty line (Go refuses it too).
pub(super) fn leading_line_break(unread: &[u8]) -> Option<Refusal> {
    matches!(unread.first(), Some(b'\r' | b'\n')).then_some(Refusal::BAD)
}
