//! A tunnel: two sockets and what lies between them, once a WebSocket was opened.
//!
//! On the way: after the 101, for as long as both sides like. Bytes pass both ways as they come;
//! frames are looked at only where `max_message_size` or `ping_period` ask for it. At a reload the
//! tunnel moves as it is ([`Tunnel::pack`], [`Tunnel::adopt`]) to the worker that goes on with its
//! endpoint, or stays and drains.

mod frames;
mod shim;
mod way;

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use baton_shared::control::record::Prefix;
use baton_shared::control::tunnel::{TunnelRecord, WayState};
use baton_shared::log;
use baton_shared::words::Monotonic;
use bytes::BytesMut;
use tokio::time::{Instant, Sleep, sleep_until};

use self::frames::{Fault, Frames};
pub(crate) use self::shim::Shim;
use self::way::{Stop, Turn, Way};
use super::facts::Facts;
use super::gate::{Mode, Ticket};
use super::thread::{Moving, Thread, inline};
use super::transport::{Transport, within};

/// Go asks silent peers as often.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// How long one direction may be silent once the other has ended.
const HALF_OPEN: Duration = Duration::from_secs(60);
/// How long a refused client may take to notice, and how much it may say meanwhile at once.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 16 * 1024;
/// An empty ping from the gateway to the client.
const PING: &[u8] = &[0x89, 0];
/// Close, 1009: message too big (RFC 6455 §7.4.1).
const TOO_LARGE: &[u8] = &[0x88, 2, 0x03, 0xF1];
/// Close, 1002: protocol error.
const PROTOCOL_ERROR: &[u8] = &[0x88, 2, 0x03, 0xEA];

/// What the configuration says of open tunnels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// `max_message_size`.
    pub(crate) message_bytes_max: Option<u64>,
    /// `ping_period`.
    pub(crate) ping_period: Option<Duration>,
    /// `pong_wait`: how long a client may be silent.
    pub(crate) client_silence_max: Option<Duration>,
    /// `timeout`: how long a backend may be silent.
    pub(crate) backend_silence_max: Option<Duration>,
    /// `write_wait`; else the service's bound.
    pub(crate) write_wait: Option<Duration>,
}

/// A tunnel that begins as soon as the client has been told.
#[derive(Debug)]
pub struct Opening {
    /// The connection to the backend, its 101 read.
    pub(crate) backend: Transport,
    /// What the backend said behind its 101.
    pub(crate) said: BytesMut,
    /// The key of the endpoint.
    pub(crate) endpoint: u64,
    pub(crate) settings: Settings,
}

/// An open tunnel.
#[derive(Debug)]
pub(crate) struct Tunnel {
    client: Transport,
    backend: Transport,
    up: Way,
    down: Way,
    endpoint: u64,
    settings: Settings,
    /// No newer worker goes on with it.
    stays: bool,
    /// When the client is pinged next.
    next_ping: Option<Monotonic>,
    /// When one of the ways had ended.
    half_open: Option<Monotonic>,
    /// Made when something has to be waited for.
    timer: Option<Pin<Box<Sleep>>>,
}

/// How a tunnel ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// Both sides have said all.
    Closed,
    /// One side is gone, or was too slow.
    Cut,
    /// The client was told why nothing more passes.
    Refused,
    /// It goes to the newer worker.
    Given,
}

/// What happens when a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Ping,
    Cut,
}

impl Settings {
    const fn look_at_frames(&self) -> bool {
        self.message_bytes_max.is_some() || self.ping_period.is_some()
    }
}

impl Tunnel {
    /// `said`: what the client sent behind its request.
    pub(crate) fn open(client: Transport, said: BytesMut, opening: Opening) -> Self {
        let Opening { backend, said: answered, endpoint, settings } = opening;
        let frames = settings.look_at_frames().then(Frames::default);
        let (up, down) = (Way::new(said, frames), Way::new(answered, frames));
        client.keep_alive(KEEP_ALIVE);
        backend.keep_alive(KEEP_ALIVE);
        Self::of((client, backend), (up, down), endpoint, settings)
    }

    /// A tunnel that was opened by an older worker, or comes back from one that did not take it.
    pub(crate) fn adopt(
        ends: (Transport, Transport),
        unsent_up: BytesMut,
        record: TunnelRecord,
        settings: Option<Settings>,
        stays: bool,
    ) -> Self {
        let ways =
            (Way::resume(unsent_up, &record.up), Way::resume(inline(record.unsent), &record.down));
        // Its endpoint is here: only such tunnels come.
        Self { stays, ..Self::of(ends, ways, record.endpoint, settings.unwrap_or_default()) }
    }

    fn of(
        (client, backend): (Transport, Transport),
        (up, down): (Way, Way),
        endpoint: u64,
        settings: Settings,
    ) -> Self {
        let next_ping = settings.ping_period.map(|period| Monotonic::now().after(period));
        let (half_open, timer, stays) = (None, None, false);
        Self { client, backend, up, down, endpoint, settings, stays, next_ping, half_open, timer }
    }

    /// Takes it apart for its journey.
    pub(crate) fn pack(self, facts: &Facts) -> io::Result<Moving> {
        let ((up_bytes, up), (down_bytes, down)) = (self.up.pack(), self.down.pack());
        let mut record = facts.record(&up_bytes);
        let unsent = Prefix::Inline(down_bytes);
        let tunnel = TunnelRecord { endpoint: self.endpoint, unsent, up, down };
        record.tunnel = Some(Box::new(tunnel));
        let (socket, backend) = (self.client.release()?, Some(self.backend.release()?));
        Ok(Moving { record, socket, backend, stays: false, hurries: true })
    }

    /// Passes bytes until it ends or leaves.
    pub(crate) async fn run(&mut self, thread: &Thread, ticket: &Ticket) -> End {
        poll_fn(|context| self.poll(thread, ticket, context)).await
    }

    fn poll(&mut self, thread: &Thread, ticket: &Ticket, context: &mut Context<'_>) -> Poll<End> {
        let mode = thread.gate.mode();
        match mode {
            Mode::Give if !self.stays && self.moves() => return Poll::Ready(End::Given),
            // A reload was undone: there will be another.
            Mode::Open => self.stays = false,
            Mode::Give | Mode::Shut | Mode::End => {},
        }
        let changed = thread.gate.poll_change(ticket, mode, context).is_ready();
        match self.turn(thread, context) {
            Ok(Turn::Done) => return Poll::Ready(End::Closed),
            Ok(Turn::Busy) => context.waker().wake_by_ref(),
            Ok(Turn::Waits) if changed => context.waker().wake_by_ref(),
            Ok(Turn::Waits) => {},
            Err(Stop::Fault(fault)) => {
                self.say_goodbye(fault, context);
                return Poll::Ready(End::Refused);
            },
            Err(Stop::Sender | Stop::Receiver) => return Poll::Ready(self.cut()),
        }
        self.poll_clock(thread.limits.write_idle, context)
    }

    /// Whether both ends can go to another process: a tunnel by TLS drains here.
    const fn moves(&self) -> bool {
        self.client.moves() && self.backend.moves()
    }

    /// Throws away what a refused client still sends: a reset would take the goodbye from it.
    pub(crate) async fn linger(&self) {
        let mut thrown = BytesMut::new();
        let rest = poll_fn(|context| {
            loop {
                ready!(self.client.poll_readable(context))?;
                thrown.clear();
                match self.client.try_read(&mut thrown, LINGER_BYTES) {
                    Ok(0) => return Poll::Ready(Ok(())),
                    Ok(_) => {},
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                    Err(error) => return Poll::Ready(Err(error)),
                }
            }
        });
        // Too long, or gone: either way it is over.
        drop(within(LINGER, rest).await);
    }

    /// One turn in both directions.
    fn turn(&mut self, thread: &Thread, context: &mut Context<'_>) -> Result<Turn, Stop> {
        let most = self.settings.message_bytes_max;
        let spare = &thread.spare;
        let up = self.up.turn((&self.client, &self.backend), most, spare, context);
        let up = forgive(up, &mut self.up)?;
        let down = self.down.turn((&self.backend, &self.client), most, spare, context);
        let down = forgive(down, &mut self.down)?;
        match (up, down) {
            (Turn::Done, Turn::Done) => Ok(Turn::Done),
            (Turn::Busy, _) | (_, Turn::Busy) => Ok(Turn::Busy),
            (Turn::Done, _) | (_, Turn::Done) => {
                self.half_open.get_or_insert_with(Monotonic::now);
                Ok(Turn::Waits)
            },
            (Turn::Waits, Turn::Waits) => Ok(Turn::Waits),
        }
    }

    /// Waits for what is due, if anything ever is.
    fn poll_clock(&mut self, write_wait: Duration, context: &mut Context<'_>) -> Poll<End> {
        while let Some((at, due)) = self.next_due(write_wait) {
            let now = Monotonic::now();
            if at <= now {
                match due {
                    Due::Cut => return Poll::Ready(self.cut()),
                    Due::Ping => {
                        self.next_ping = self.settings.ping_period.map(|period| now.after(period));
                        // In the middle of a frame the client hears of the gateway anyway.
                        if self.down.say(PING) {
                            context.waker().wake_by_ref();
                        }
                    },
                }
                continue;
            }
            let until = Instant::now() + at.since(now);
            let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
            // One that fires too early is set anew then: moving it at every byte would cost more.
            if timer.deadline() > until || timer.is_elapsed() {
                timer.as_mut().reset(until);
            }
            if timer.as_mut().poll(context).is_pending() {
                break;
            }
        }
        Poll::Pending
    }

    fn next_due(&self, write_wait: Duration) -> Option<(Monotonic, Due)> {
        let settings = &self.settings;
        let write_wait = settings.write_wait.unwrap_or(write_wait);
        let silence = |way: &Way, most: Option<Duration>| {
            most.filter(|_| way.state == WayState::Open).map(|most| way.heard.after(most))
        };
        let blocked = |way: &Way| way.blocked.map(|since| since.after(write_wait));
        let half_open = self.half_open.map(|since| {
            let heard = self.up.heard.max(self.down.heard).max(since);
            heard.after(HALF_OPEN)
        });
        let cuts = [
            silence(&self.up, settings.client_silence_max),
            silence(&self.down, settings.backend_silence_max),
            blocked(&self.up),
            blocked(&self.down),
            half_open,
        ];
        let cut = cuts.into_iter().flatten().min().map(|at| (at, Due::Cut));
        let ping = self.next_ping.filter(|_| self.down.state == WayState::Open);
        let ping = ping.map(|at| (at, Due::Ping));
        cut.into_iter().chain(ping).min_by_key(|(at, _)| *at)
    }

    /// Neither side may take what came for everything.
    fn cut(&self) -> End {
        self.client.reset_on_close();
        self.backend.reset_on_close();
        End::Cut
    }

    /// Tells the client why; nothing of what must not pass has left.
    fn say_goodbye(&mut self, fault: Fault, context: &mut Context<'_>) {
        let (frame, why) = match fault {
            Fault::TooLarge => (TOO_LARGE, "a message is larger than max_message_size"),
            Fault::Malformed => (PROTOCOL_ERROR, "a frame is malformed"),
        };
        log::warning("SERVICE: Websocket", format!("{why}: the connection is closed"));
        if self.down.say(frame) {
            // A client that takes nothing is not waited for.
            let _said = self.down.write(&self.client, context).is_ready();
        }
        self.client.end_writing();
        self.backend.end_writing();
    }
}

/// A receiver that is gone may still have said something: the other direction goes on.
fn forgive(turn: Result<Turn, Stop>, way: &mut Way) -> Result<Turn, Stop> {
    match turn {
        Err(Stop::Receiver) => {
            way.give_up();
            Ok(Turn::Done)
        },
        other => other,
    }
}
