//! HTTP/2 towards clients, in clear text after its preface (`use_h2c`), or where TLS agreed on it.
//!
//! The `h2` crate speaks the protocol; the driver here feeds it, gives each stream a task of its own
//! and sees to everything that the protocol does not: the gate, the clocks, floods ([`meter`]), and
//! the two steps of going away. While the gate is shut, streams wait as requests of HTTP/1.1 do;
//! once it gives, the transport stays here, new streams go over [`link`]s to the worker that serves,
//! and the client is asked to leave.
//!
//! KrakenD (Go) also takes `Upgrade: h2c`; RFC 9113 withdrew it, and it is not taken here.

mod client;
mod head;
mod io;
mod link;
mod meter;
mod response;
mod upload;

use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use h2::Reason;
use h2::server::{Builder, Connection};
use tokio::time::{Instant, Sleep, sleep_until};

pub use upload::StreamBody;

use self::client::{Asked, Client, Place};
use self::io::{Io, Line, Word};
use self::meter::{Meter, Verdict};
use super::facts::Facts;
use super::gate::{Mode, Ticket};
use super::limits::EdgeLimits;
use super::thread::Thread;
use super::transport::{Transport, within};

/// What a connection begins with when its client knows that this is HTTP/2 (RFC 9113 §3.4): the part
/// that looks like a head.
pub(crate) const PREFACE_HEAD: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// What RFC 9113 §6.5.2 asks for at least.
const STREAMS_MAX: u32 = 100;
/// What a client may send of bodies before somebody reads them: of one, and of all. The second is the
/// bound; it grows once uploads flow, as long as few clients have that.
const STREAM_WINDOW_BYTES: u32 = WIDE_WINDOW_BYTES;
const WINDOW_BYTES: u32 = 65_535;
const WIDE_WINDOW_BYTES: u32 = 1 << 20;
const FLOWS_BYTES: u64 = 128 * 1024;
/// What a stream may have waiting for the socket.
const UNSENT_BYTES_MAX: usize = 32 * 1024;
/// What small pieces of bodies may cost in memory beside their bytes, before they are read: some
/// thousands of pieces, as clients with many small messages send them in one go.
const SMALL_DATA_BUDGET: usize = 512 * 1024;
/// A head up to this size is not counted: every connection may have it.
const HEAD_FREE_BYTES: usize = 4096;
/// Resets that a client may provoke over the life of its connection (CVE-2025-8671).
const PROVOKED_RESETS_MAX: usize = 64;
/// Streams that were reset before anybody saw them (CVE-2023-44487).
const UNSEEN_RESETS_MAX: usize = 32;
/// How long a client may take to show that it knows that the connection ends: nobody waits for this but
/// the end of the connection, and whose word is under way loses streams without it.
const PONG_WAIT: Duration = Duration::from_secs(5);
/// How long what the client sent before may take besides: as long as that word took, and at least this,
/// since a lost packet is sent again after 200 ms.
const QUEUED_WAIT: Duration = Duration::from_millis(250);
/// How long a client may take to notice that the connection has ended.
const LINGER: Duration = Duration::from_millis(500);

/// How far the connection is on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ageing {
    No,
    /// The client was asked to open no more streams; until then it may show that it knows.
    Asked {
        since: Instant,
        until: Instant,
    },
    /// It knows which was the last.
    Told,
    /// It is cut off: so long may the word of it take.
    Cut(Instant),
}

struct Driver {
    protocol: Connection<Io, Bytes>,
    client: Rc<Client>,
    /// They came while the gate was shut.
    waiting: Vec<Asked>,
    ageing: Ageing,
    /// Bytes of an unfinished head that the worker's budget knows of.
    held: usize,
    is_wide: bool,
    /// When a connection without streams has been idle for too long.
    idle_until: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

/// What happens when a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    /// The client knows of the first GOAWAY, or says nothing of it.
    Pong,
    /// Nothing was asked for too long.
    Idle,
    /// Something that was begun does not come.
    Late,
    /// Nothing helps.
    End,
}

/// Serves a connection that speaks HTTP/2 until it has ended. `unread` begins with the preface.
pub(crate) async fn live(
    thread: &Rc<Thread>,
    ticket: &Ticket,
    transport: Transport,
    unread: BytesMut,
    facts: Facts,
) {
    let limits = &thread.limits;
    let meter = Meter::new(limits.header_bytes, Instant::now());
    let line = Rc::new(Line::new(transport, meter));
    let shaken = builder(limits).handshake(Io::new(Rc::clone(&line), unread));
    if let Ok(Ok(protocol)) = within(limits.head_timeout, shaken).await {
        let client = Client::new(Rc::clone(thread), Rc::clone(&line), facts);
        let mut driver = Driver {
            protocol,
            client,
            waiting: Vec::new(),
            ageing: Ageing::No,
            held: 0,
            is_wide: false,
            idle_until: None,
            timer: None,
        };
        poll_fn(|context| driver.poll(ticket, context)).await;
    }
    linger(&line, limits.drain_bytes).await;
}

fn builder(limits: &EdgeLimits) -> Builder {
    let mut builder = Builder::new();
    builder
        .max_concurrent_streams(STREAMS_MAX)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(u32::try_from(limits.header_bytes).unwrap_or(u32::MAX))
        .max_send_buffer_size(UNSENT_BYTES_MAX)
        .data_frame_budget(SMALL_DATA_BUDGET)
        .max_local_error_reset_streams(Some(PROVOKED_RESETS_MAX))
        .max_pending_accept_reset_streams(UNSEEN_RESETS_MAX);
    builder
}

impl Driver {
    fn poll(&mut self, ticket: &Ticket, context: &mut Context<'_>) -> Poll<()> {
        let thread = Rc::clone(&self.client.thread);
        let mode = thread.gate.mode();
        self.heed_gate(mode);
        loop {
            match self.protocol.poll_accept(context) {
                Poll::Ready(Some(Ok(asked))) => self.arrive(asked, mode, ticket),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending if self.heed_verdict() => {},
                Poll::Pending => match self.heed_clock(context) {
                    Poll::Ready(Due::End) => return Poll::Ready(()),
                    // Something was said to the protocol, which has to pass it on.
                    Poll::Ready(Due::Pong | Due::Idle | Due::Late) => {},
                    Poll::Pending => break,
                },
            }
        }
        if self.overdraws() {
            self.cut_off(Reason::ENHANCE_YOUR_CALM);
            context.waker().wake_by_ref();
        }
        self.widen_if_uploads_flow();
        thread.gate.set_in_flight(ticket, self.client.active() + self.waiting.len());
        self.client.await_the_last(context);
        if thread.gate.poll_change(ticket, mode, context).is_ready() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }

    /// What the gate lets happen now.
    fn heed_gate(&mut self, mode: Mode) {
        let leaves = match mode {
            Mode::Shut => return,
            Mode::Open => {
                self.client.links.close();
                false
            },
            Mode::Give | Mode::End => true,
        };
        for asked in std::mem::take(&mut self.waiting) {
            self.client.answer(asked, place(mode));
        }
        if leaves {
            self.ask_to_leave();
        }
    }

    fn arrive(&mut self, asked: Asked, mode: Mode, ticket: &Ticket) {
        self.idle_until = None;
        if matches!(self.ageing, Ageing::Cut(_)) {
            return;
        }
        if mode == Mode::Shut {
            if self.waiting.is_empty() {
                self.client.thread.gate.hurry(ticket);
            }
            // No more than may be open at once.
            self.waiting.push(asked);
            return;
        }
        self.client.answer(asked, place(mode));
    }

    /// The first of two steps: no more streams, please. A stream that crosses this word is answered.
    fn ask_to_leave(&mut self) {
        if self.ageing == Ageing::No {
            let since = Instant::now();
            self.ageing = Ageing::Asked { since, until: since + PONG_WAIT };
            self.client.line.word.set(Word::Awaited);
            self.protocol.graceful_shutdown();
        }
    }

    /// A client that floods is told so; whether there is something to tell.
    fn heed_verdict(&mut self) -> bool {
        let reason = match self.client.line.verdict.get() {
            Some(Verdict::Calm) => Reason::ENHANCE_YOUR_CALM,
            Some(Verdict::Protocol) => Reason::PROTOCOL_ERROR,
            None => return false,
        };
        !matches!(self.ageing, Ageing::Cut(_)) && {
            self.cut_off(reason);
            true
        }
    }

    fn cut_off(&mut self, reason: Reason) {
        self.ageing = Ageing::Cut(Instant::now() + LINGER);
        self.protocol.abrupt_shutdown(reason);
    }

    /// Counts a large unfinished head; whether it takes more than the worker has for all of them.
    fn overdraws(&mut self) -> bool {
        let unfinished = self.client.line.meter.borrow().unfinished_bytes();
        if unfinished <= HEAD_FREE_BYTES && self.held == 0 {
            return false;
        }
        let census = &self.client.thread.census;
        census.hold(self.held, unfinished);
        self.held = unfinished;
        unfinished > 0 && census.is_overdrawn() && !matches!(self.ageing, Ageing::Cut(_))
    }

    fn widen_if_uploads_flow(&mut self) {
        if !self.is_wide
            && self.client.line.read_bytes.get() > FLOWS_BYTES
            && self.client.thread.census.widen(WIDE_WINDOW_BYTES as usize)
        {
            self.is_wide = true;
            self.protocol.set_target_window_size(WIDE_WINDOW_BYTES);
        }
    }

    /// Waits for what is due next; does it.
    fn heed_clock(&mut self, context: &mut Context<'_>) -> Poll<Due> {
        let now = Instant::now();
        if self.client.active() + self.waiting.len() > 0 {
            self.idle_until = None;
        } else if self.idle_until.is_none() {
            self.idle_until = Some(now + self.client.thread.limits.idle_timeout);
        }
        while let Some((at, due)) = self.next_due() {
            if at <= now {
                self.is_due(due);
                return Poll::Ready(due);
            }
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(at)));
            // One that fires too early is set anew then: moving it at every frame would cost more.
            if timer.deadline() > at || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            if timer.as_mut().poll(context).is_pending() {
                break;
            }
        }
        Poll::Pending
    }

    fn is_due(&mut self, due: Due) {
        match due {
            Due::Pong => {
                self.ageing = Ageing::Told;
                self.client.line.word.set(Word::Owed);
            },
            Due::Idle => {
                self.idle_until = None;
                self.ask_to_leave();
            },
            Due::Late => self.cut_off(Reason::NO_ERROR),
            Due::End => {},
        }
    }

    fn next_due(&self) -> Option<(Instant, Due)> {
        let (line, limits) = (&self.client.line, &self.client.thread.limits);
        let blocked = line.blocked.get().map(|since| (since + limits.write_idle, Due::End));
        let late = line.meter.borrow().deadline(limits.head_timeout).map(|at| (at, Due::Late));
        let (ageing, late) = match self.ageing {
            Ageing::No => (self.idle_until.map(|at| (at, Due::Idle)), late),
            Ageing::Asked { since, until } => {
                let heard = match line.word.get() {
                    Word::Came(at) => Some(at + (at - since).max(QUEUED_WAIT)),
                    Word::No | Word::Awaited | Word::Owed => None,
                };
                (Some((heard.unwrap_or(until), Due::Pong)), late)
            },
            Ageing::Told => (None, late),
            Ageing::Cut(at) => (Some((at, Due::End)), None),
        };
        [blocked, late, ageing].into_iter().flatten().min_by_key(|(at, _)| *at)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let census = &self.client.thread.census;
        if self.held > 0 {
            census.hold(self.held, 0);
        }
        if self.is_wide {
            census.narrow(WIDE_WINDOW_BYTES as usize);
        }
    }
}

const fn place(mode: Mode) -> Place {
    match mode {
        Mode::Give => Place::There,
        Mode::Open | Mode::Shut | Mode::End => Place::Here,
    }
}

/// Says goodbye and throws away what still comes, so that the last word is not lost to a reset.
async fn linger(line: &Line, bytes_max: u64) {
    line.transport.end_writing();
    let (mut left, mut thrown) = (bytes_max, BytesMut::with_capacity(4096));
    let rest = poll_fn(|context| {
        loop {
            thrown.clear();
            match line.transport.poll_read(context, &mut thrown) {
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
