//! HTTP/1.1 towards clients: our own loop on raw bytes.
//!
//! wait for a head → read it → (serve) → write the answer → again. Between two requests the read gate
//! decides: open, the connection waits; giving, it leaves for the newer worker with what it has read.

pub(crate) mod authority;
pub(crate) mod chunked;
pub(crate) mod date;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod refusal;
pub(crate) mod response;
pub(crate) mod target;
pub(crate) mod upload;
mod wait;
pub(crate) mod wire;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::IoSlice;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep_until};

pub use upload::UploadBody;

use self::framing::Framing;
use self::refusal::Refusal;
use self::response::{Asked, Sent};
use self::wait::Next;
use self::wire::{Fault, Wire};
use super::facts::Facts;
use super::gate::{Mode, Ticket};
use super::http2;
use super::thread::{LINK_IDLE, OWN_PROBE, Thread};
use super::transport::{Transport, within};
use super::tunnel::{Opening, Tunnel};
use crate::message::{Request, RequestBody, Response, ResponseBody, Version};
use crate::respond::gzip;
use crate::serve::serve;

/// Pipelined bytes that are read ahead while a request is served.
const READ_AHEAD_BYTES: usize = 16 * 1024;
/// How long a client may take to notice that the connection ends.
const LINGER: Duration = Duration::from_millis(500);
/// How long an answered request's body may still flow before the connection is closed.
const BODY_AFTER_ANSWER: Duration = Duration::from_secs(5);

/// Why a connection leaves this thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leave {
    /// It has ended.
    Closed,
    /// It goes to the newer worker.
    Given,
    /// It speaks another protocol from now on: see [`Connection::into_tunnel`].
    Tunnel,
    /// Its client speaks HTTP/2: see [`Connection::into_http2`].
    Http2,
}

/// What a connection begins with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FirstWords {
    Http1,
    Http2,
    /// A broken preface: in which protocol should it be answered (RFC 9113 §3.4)?
    Neither,
}

/// A connection being served.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) wire: Rc<Wire>,
    pub(crate) facts: Facts,
    /// How far the unread bytes were searched for the end of a head.
    searched: usize,
    /// Bytes of an unfinished head that the worker's budget knows of.
    held: usize,
    /// What it becomes, once it was told to switch protocols.
    opened: RefCell<Option<Box<Opening>>>,
}

impl Connection {
    pub(crate) const fn new(wire: Rc<Wire>, facts: Facts) -> Self {
        Self { wire, facts, searched: 0, held: 0, opened: RefCell::new(None) }
    }

    /// The tunnel that was opened, with what the client has said already.
    pub(crate) fn into_tunnel(self) -> Option<(Facts, Tunnel)> {
        let opening = self.opened.into_inner()?;
        // Nobody else reads: an upgrade has no body.
        let (client, unread) = Rc::try_unwrap(self.wire).ok()?.dismantle();
        Some((self.facts, Tunnel::open(client, unread, *opening)))
    }

    /// The connection as it came: its client knew that HTTP/2 is spoken here.
    pub(crate) fn into_http2(self) -> Option<(Transport, BytesMut, Facts)> {
        let (transport, unread) = Rc::try_unwrap(self.wire).ok()?.dismantle();
        Some((transport, unread, self.facts))
    }

    /// Serves the connection until it leaves.
    pub(crate) async fn live(&mut self, thread: &Rc<Thread>, ticket: &Ticket) -> Leave {
        let mut timer = pin!(sleep_until(self.facts.deadline));
        loop {
            let length = match self.next_head(thread, ticket, timer.as_mut()).await {
                Next::Head(length) => length,
                Next::Left(leave) => return leave,
                Next::Refused(refusal) => {
                    if self.refuse(thread, refusal).await == Sent::Close {
                        self.linger().await;
                    }
                    return Leave::Closed;
                },
            };
            self.release(thread);
            if thread.state.plan.h2c && self.facts.requests == 0 {
                match self.first_words() {
                    FirstWords::Http1 => {},
                    FirstWords::Http2 => return Leave::Http2,
                    FirstWords::Neither => {
                        self.linger().await;
                        return Leave::Closed;
                    },
                }
            }
            thread.gate.set_busy(ticket, true);
            let sent = self.exchange(thread, length).await;
            thread.gate.set_busy(ticket, false);
            match sent {
                Sent::KeepAlive => {},
                Sent::Close => {
                    self.linger().await;
                    return Leave::Closed;
                },
                Sent::Cut => {
                    thread.cut.set(thread.cut.get() + 1);
                    return Leave::Closed;
                },
                Sent::Switched => return Leave::Tunnel,
            }
            self.searched = 0;
            self.facts.requests += 1;
            let rest =
                if self.facts.is_link_of_http2() { LINK_IDLE } else { thread.limits.idle_timeout };
            self.facts.deadline = Instant::now() + rest;
        }
    }

    /// What a client says first where both protocols are spoken.
    fn first_words(&self) -> FirstWords {
        let is_plain = matches!(self.wire.transport, Transport::Plain(_));
        self.wire.with_unread(|unread| {
            if is_plain && unread.starts_with(http2::PREFACE_HEAD) {
                return FirstWords::Http2;
            }
            let line = unread.get(..memchr::memchr(b'\n', unread).unwrap_or(0)).unwrap_or_default();
            let line = line.trim_ascii_end();
            let version = line.rsplit(|&byte| byte == b' ').next().unwrap_or_default();
            if version.starts_with(b"HTTP/") { FirstWords::Http1 } else { FirstWords::Neither }
        })
    }

    /// One request and its answer.
    async fn exchange(&self, thread: &Rc<Thread>, length: usize) -> Sent {
        let (mut request, asked) = match self.take_request(thread, length) {
            Ok(taken) => taken,
            Err(refusal) => return self.refuse(thread, refusal).await,
        };
        let is_client = self.facts.listener != OWN_PROBE;
        let log =
            thread.access.as_ref().filter(|_| is_client).and_then(|log| log.begin(&request.head));
        let Some(mut response) = self.answer(thread, &mut request).await else { return Sent::Cut };
        if thread.state.plan.packs {
            response = gzip::pack(&request.head, response);
        }
        let status = response.status;
        let sent = self.send(thread, asked, response).await;
        thread.requests.set(thread.requests.get() + u64::from(is_client));
        if let (Some(access), Some(entry), false) = (&thread.access, log, request.unlogged.get()) {
            access.end(&entry, thread.state.client_of(&request), status);
        }
        sent
    }

    /// The request whose head is `length` bytes long. Not a part of [`Self::exchange`], which would keep room
    /// for each of its steps.
    fn take_request(&self, thread: &Thread, length: usize) -> Result<(Request, Asked), Refusal> {
        let mut head =
            self.wire.with_unread(|unread| head::take(unread, length, thread.limits.head()))?;
        let intent = framing::intent(&head, thread.limits.body_bytes)?;
        self.wire.begin_body(intent.framing, intent.expects_continue);
        let body = match intent.framing {
            Framing::None => RequestBody::Empty,
            Framing::Length(_) | Framing::Chunked => {
                RequestBody::Upload(UploadBody::new(Rc::clone(&self.wire)))
            },
        };
        let asked = Asked {
            version: head.version,
            head_only: head.method == Method::HEAD,
            keep_alive: intent.keep_alive,
        };
        if self.facts.is_link_of_http2() {
            head.version = Version::Http2;
        }
        let mut request = Request::new(head, body, self.facts.peer);
        request.tls.clone_from(&self.facts.tls);
        Ok((request, asked))
    }

    /// The answer of `serve`; `None` when the client is gone. A panic is a 500, as in KrakenD.
    async fn answer(&self, thread: &Rc<Thread>, request: &mut Request) -> Option<Response> {
        let mut serving = pin!(serve(&thread.state, request));
        let mut watching = true;
        poll_fn(|context| {
            let polled = catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(context)));
            match polled {
                Ok(Poll::Ready(response)) => return Poll::Ready(Some(response)),
                Ok(Poll::Pending) => {},
                Err(_panic) => {
                    let failed = StatusCode::INTERNAL_SERVER_ERROR;
                    return Poll::Ready(Some(Response::new(failed, Bytes::new())));
                },
            }
            while watching && self.wire.body_is_done() {
                match self.wire.poll_fill(context) {
                    Poll::Pending => break,
                    // Whoever passes streams on says nothing by halves: the stream was cancelled.
                    Poll::Ready(Ok(0)) if self.facts.is_link_of_http2() => {
                        return Poll::Ready(None);
                    },
                    // A client that said its last word still waits for the answer.
                    Poll::Ready(Ok(0)) => watching = false,
                    Poll::Ready(Ok(_)) => {
                        let held = self.wire.with_unread(|unread| unread.len());
                        watching = held < READ_AHEAD_BYTES;
                    },
                    Poll::Ready(Err(_)) => return Poll::Ready(None),
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Writes the answer and sees to what is left of the request's body.
    async fn send(&self, thread: &Rc<Thread>, mut asked: Asked, response: Response) -> Sent {
        let wire = &self.wire;
        match wire.body_fault() {
            Some(Fault::Malformed) => return self.refuse(thread, Refusal::BAD).await,
            Some(Fault::TooLarge) => return self.refuse(thread, Refusal::BodyTooLarge).await,
            Some(Fault::Cut | Fault::TooSlow) | None => {},
        }
        if !wire.body_is_done() && Rc::strong_count(wire) == 1 {
            wire.skip_what_is_here();
        }
        if let ResponseBody::Tunnel(opening) = response.body {
            self.opened.replace(Some(opening));
            return response::switch(wire, &response.headers).await;
        }
        asked.keep_alive &= self.may_stay(thread);
        let mut scratch = thread.scratch.take();
        let date = |out: &mut BytesMut| thread.put_date(out);
        let sent = response::send(wire, asked, response, date, &mut scratch).await;
        thread.scratch.replace(scratch);
        if sent == Sent::KeepAlive && !wire.body_is_done() {
            return self.finish_body().await;
        }
        sent
    }

    /// Whether the connection can be used again, as far as is known before the answer is written.
    fn may_stay(&self, thread: &Thread) -> bool {
        let wire = &self.wire;
        let body_ends = match wire.body_left() {
            _ if wire.body_fault().is_some() => false,
            Some(left) => left <= thread.limits.drain_bytes || Rc::strong_count(wire) > 1,
            None => Rc::strong_count(wire) > 1,
        };
        // What follows in a pipeline already is still answered here.
        let shall_leave =
            self.facts.is_relayed_http1() && wire.with_unread(|unread| unread.is_empty());
        body_ends
            && !shall_leave
            && !wire.owes_continue()
            && !wire.has_ended()
            && thread.gate.mode() != Mode::End
    }

    /// The answer is out before the request was in: lets the rest of the body flow, within bounds.
    async fn finish_body(&self) -> Sent {
        let wire = &self.wire;
        let rest = async {
            poll_fn(|context| wire.poll_reader_left(context)).await;
            let mut left = wire.limits.drain_bytes;
            while !wire.body_is_done() && left > 0 {
                match poll_fn(|context| wire.poll_body(context)).await {
                    Ok(wire::Part::Data(data)) => left = left.saturating_sub(data.len() as u64),
                    Ok(wire::Part::End(_)) => {},
                    Err(_) => return,
                }
            }
        };
        match within(BODY_AFTER_ANSWER, rest).await {
            Ok(()) if wire.body_is_done() => Sent::KeepAlive,
            _ => Sent::Close,
        }
    }

    /// Tells a client that its bytes are no request; the connection ends.
    async fn refuse(&self, thread: &Thread, refusal: Refusal) -> Sent {
        let answer = thread.date.with(|date| refusal.answer(date));
        match response::write_all(&self.wire, &mut [IoSlice::new(&answer)]).await {
            Ok(()) => Sent::Close,
            Err(_) => Sent::Cut,
        }
    }

    /// Says goodbye and throws away what still comes, so that the last answer is not lost to a
    /// reset (RFC 9112 §9.6).
    async fn linger(&self) {
        self.wire.transport.end_writing();
        let mut left = self.wire.limits.drain_bytes;
        let rest = poll_fn(|context| {
            loop {
                self.wire.with_unread(BytesMut::clear);
                match self.wire.poll_fill(context) {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(Ok(count @ 1..)) if left > 0 => {
                        left = left.saturating_sub(count as u64);
                    },
                    Poll::Ready(_) => return Poll::Ready(()),
                }
            }
        });
        drop(within(LINGER, rest).await);
    }
}
