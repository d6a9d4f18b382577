//! One connection to a backend, driven by whoever waits for its answer.
//!
//! hyper's connection is a future that somebody has to poll. Usually a task of its own does; here the task
//! that wants the answer polls it in place, so a request costs no second task, no wake-up between two tasks
//! and, when it is dropped, cuts its exchange at once. An idle connection is polled by nobody: the pool looks
//! at it before each use and now and then ([`super::pool`]).
//!
//! The exception is an answer that begins while the client still uploads: whoever passes the answer on may
//! have to wait for a client that reads nothing before it has sent everything. There the connection gets a
//! task of its own for the rest of the exchange, and is not used again.

use std::cell::Cell;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body as _, Frame};
use hyper::body::Incoming;
use hyper::client::conn::TrySendError;
use hyper::client::conn::http1::{self, Connection, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::task::{AbortHandle, spawn_local, unconstrained};
use tokio::time::{Instant, Sleep, sleep_until};

use super::call_error::CallError;
use super::exchange::Lost;
use super::outgoing::Outgoing;
use super::stream::Stream;
use super::tap::{Hear, Tap};

/// The most that hyper buffers of what was read and not yet understood; one field line longer than this
/// fails the exchange.
const READ_BUFFER_BYTES_MAX: usize = 256 * 1024;

/// What an exchange may ask about the bytes of its connection.
#[derive(Debug)]
pub(super) struct Ledger {
    head_bytes_max: u32,
    /// Bytes of the present answer.
    read_bytes: Cell<u64>,
    /// How many more may come before the head is complete.
    head_bytes_left: Cell<u64>,
    /// Whether the request's body is still being sent.
    uploads: Cell<bool>,
}

impl Ledger {
    /// hyper has taken the last of the request's body, or wants no more of it.
    pub(super) fn upload_ended(&self) {
        self.uploads.set(false);
    }
}

impl Hear for Rc<Ledger> {
    fn may_read(&self) -> io::Result<()> {
        match self.head_bytes_left.get() {
            0 => Err(io::Error::other("the head of the answer is too large")),
            _ => Ok(()),
        }
    }

    fn hear(&mut self, came: &[u8]) -> io::Result<()> {
        let read = came.len() as u64;
        self.read_bytes.set(self.read_bytes.get() + read);
        let left = self.head_bytes_left.get();
        if left != u64::MAX {
            self.head_bytes_left.set(left.saturating_sub(read));
        }
        Ok(())
    }
}

/// An established connection to one backend host.
#[derive(Debug)]
pub(crate) struct Link {
    sender: SendRequest<Outgoing>,
    /// `None` once it has ended, or has a task of its own.
    connection: Option<Driven>,
    /// The task that drives the connection instead.
    driver: Option<Task>,
    ledger: Rc<Ledger>,
    /// The deadline of the present exchange. It lives as long as the connection: moving a running timer
    /// into the future costs no lock, a new one does.
    timer: Pin<Box<Sleep>>,
    /// Whether an exchange was completed here before: only then may the backend have closed it meanwhile.
    pub(crate) reused: bool,
}

type Driven = Connection<TokioIo<Tap<Rc<Ledger>>>, Outgoing>;

/// What hyper made of a request.
type TrySent = Result<http::Response<Incoming>, TrySendError<http::Request<Outgoing>>>;

impl Link {
    /// Speaks HTTP/1.1 on `stream`. Does not wait: HTTP/1.1 has no handshake. `head_bytes_max`: what a backend may send
    /// before the head of its answer is complete, interim answers (1xx) included; that bounds their number too.
    pub(crate) async fn new(stream: Stream, head_bytes_max: u32) -> hyper::Result<Self> {
        let ledger = Rc::new(Ledger {
            head_bytes_max,
            read_bytes: Cell::new(0),
            head_bytes_left: Cell::new(head_bytes_max.into()),
            uploads: Cell::new(false),
        });
        let wire = Tap::new(stream, Rc::clone(&ledger));
        let (sender, connection) = http1::Builder::new()
            .title_case_headers(true)
            .max_buf_size(READ_BUFFER_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await?;
        let timer = Box::pin(sleep_until(Instant::now()));
        let connection = Some(connection);
        Ok(Self { sender, connection, driver: None, ledger, timer, reused: false })
    }

    /// Takes `request` out of its place, sends it and waits for the head of its answer, at most until
    /// `deadline`.
    pub(super) async fn send(
        &mut self,
        request: &mut Option<http::Request<Outgoing>>,
        deadline: Instant,
    ) -> Result<http::Response<Incoming>, Lost> {
        self.ledger.read_bytes.set(0);
        self.ledger.head_bytes_left.set(self.ledger.head_bytes_max.into());
        self.set_deadline(deadline);
        // Only `drive` can complete it, and it runs right before: a waker would wake this very task for
        // nothing. `unconstrained`, since with no budget left it would count on that waker.
        let Some(answer) = self.enqueue(request) else { return Err(Lost::Unsent) };
        let mut answer = pin!(unconstrained(answer));
        let mut unwoken = Context::from_waker(Waker::noop());
        let mut waited = false;
        let outcome = std::future::poll_fn(|context| {
            // Whoever drives the connection into idleness is woken for its next request, which is another's:
            // so after a wait it is first driven for nobody.
            if waited {
                drive(&mut self.connection, &mut unwoken);
                if let Poll::Ready(outcome) = answer.as_mut().poll(&mut unwoken) {
                    return Poll::Ready(Some(outcome));
                }
            }
            waited = true;
            drive(&mut self.connection, context);
            if let Poll::Ready(outcome) = answer.as_mut().poll(&mut unwoken) {
                return Poll::Ready(Some(outcome));
            }
            self.timer.as_mut().poll(context).map(|()| None)
        });
        match outcome.await {
            Some(Ok(answer)) => {
                self.ledger.head_bytes_left.set(u64::MAX);
                self.let_an_upload_go_on();
                Ok(answer)
            },
            Some(Err(mut error)) => Err(match error.take_message() {
                Some(unsent) => {
                    *request = Some(unsent);
                    Lost::Unsent
                },
                None => {
                    let answered = self.ledger.read_bytes.get() > 0;
                    Lost::Broken { error: CallError::of(&error.into_error(), answered), answered }
                },
            }),
            None => Err(Lost::Late),
        }
    }

    /// Hands the request to hyper. Not a part of [`Self::send`], which would keep room for it.
    fn enqueue(
        &mut self,
        request: &mut Option<http::Request<Outgoing>>,
    ) -> Option<impl Future<Output = TrySent> + use<>> {
        let mut sent = request.take()?;
        self.ledger.uploads.set(!sent.body().is_end_stream());
        sent.body_mut().tell(Rc::clone(&self.ledger));
        Some(self.sender.try_send_request(sent))
    }

    fn let_an_upload_go_on(&mut self) {
        if self.ledger.uploads.get()
            && let Some(connection) = self.connection.take()
        {
            // How it ends is told through the answer's body.
            self.driver = Some(Task::spawn(async move { drop(connection.await) }));
        }
    }

    /// From now on [`Self::poll_body`] fails after `deadline`.
    pub(crate) fn set_deadline(&mut self, deadline: Instant) {
        if self.timer.deadline() != deadline {
            self.timer.as_mut().reset(deadline);
        }
    }

    /// The next piece of the answer's body; `None` at its end.
    pub(crate) fn poll_body(
        &mut self,
        body: &mut Incoming,
        bound: Bound,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyLost>>> {
        let mut unwoken = Context::from_waker(Waker::noop());
        // First what is there: asking is also what makes the connection read on.
        let mut looked = if self.driver.is_some() {
            Pin::new(&mut *body).poll_frame(context)
        } else {
            Pin::new(&mut *body).poll_frame(&mut unwoken)
        };
        if looked.is_pending() && self.driver.is_none() {
            drive(&mut self.connection, context);
            looked = Pin::new(body).poll_frame(&mut unwoken);
        }
        match looked {
            Poll::Ready(frame) => {
                Poll::Ready(frame.map(|frame| frame.map_err(|_why| BodyLost::Broken)))
            },
            Poll::Pending if bound == Bound::Deadline => {
                self.timer.as_mut().poll(context).map(|()| Some(Err(BodyLost::Late)))
            },
            Poll::Pending => Poll::Pending,
        }
    }

    /// Whether a next request may be sent here now: the last answer is complete, nothing more was read,
    /// the backend keeps the connection. Looks at the socket without waiting.
    pub(crate) fn is_idle(&mut self, context: &mut Context<'_>) -> bool {
        drive(&mut self.connection, context);
        self.was_idle()
    }

    /// As [`Self::is_idle`], by what is known.
    pub(crate) fn was_idle(&self) -> bool {
        self.connection.is_some() && self.sender.is_ready()
    }
}

/// What ends the wait for a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bound {
    /// The deadline that was set last.
    Deadline,
    /// Only the backend or the client: `"@baton".stream_timeout` lifted the deadline.
    None,
}

/// Why a body is incomplete.
#[derive(Debug)]
pub(crate) enum BodyLost {
    /// The deadline passed.
    Late,
    /// The connection or the framing broke.
    Broken,
}

/// Lets the connection do what it can do now. Its end is noted; why it ended is told to whoever waits for
/// an answer, and concerns nobody else.
fn drive(connection: &mut Option<Driven>, context: &mut Context<'_>) {
    if let Some(open) = connection
        && Pin::new(open).poll(context).is_ready()
    {
        *connection = None;
    }
}

/// A task that ends with whoever has this.
#[derive(Debug)]
pub(super) struct Task(AbortHandle);

impl Task {
    pub(super) fn spawn(task: impl Future<Output = ()> + 'static) -> Self {
        Self(spawn_local(task).abort_handle())
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.0.abort();
    }
}
