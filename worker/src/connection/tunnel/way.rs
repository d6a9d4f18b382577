//! One direction of a tunnel: reads from one end, writes to the other, holds little.
//!
//! Backpressure is the bound itself: nothing is read while [`WAY_BYTES_MAX`] wait to be written. A
//! silent direction holds no buffer.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use baton_shared::control::tunnel::{self as wire, WayState};
use baton_shared::words::Monotonic;
use bytes::{Buf as _, Bytes, BytesMut};

use super::frames::{Fault, Frames};
use crate::connection::http1::wire::Spare;
use crate::connection::transport::Transport;

/// Bytes that were read and are not yet written. Two of them travel inside one handover datagram.
const WAY_BYTES_MAX: usize = 16 * 1024;
/// Reads in a row before others on the thread get their turn.
const ROUNDS: usize = 16;

/// See the module.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) buffer: BytesMut,
    /// So many bytes at its beginning may leave.
    cleared: usize,
    /// Goes out before the buffer: only ever set between two frames.
    own: Bytes,
    pub(super) state: WayState,
    /// None: nobody looks at frames.
    frames: Option<Frames>,
    fault: Option<Fault>,
    /// When something came last.
    pub(super) heard: Monotonic,
    /// Since when the other end takes nothing.
    pub(super) blocked: Option<Monotonic>,
}

/// How a turn ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The task is woken when there is more to do.
    Waits,
    /// There is more to do at once.
    Busy,
    /// The receiver has got everything and knows that it was all.
    Done,
}

/// Why a direction breaks off.
#[derive(Debug)]
pub(super) enum Stop {
    /// The sender is gone without an end.
    Sender,
    /// The receiver takes nothing more.
    Receiver,
    /// What comes next must not pass.
    Fault(Fault),
}

impl Way {
    pub(super) fn new(begun: BytesMut, frames: Option<Frames>) -> Self {
        Self {
            buffer: begun,
            cleared: 0,
            own: Bytes::new(),
            state: WayState::Open,
            frames,
            fault: None,
            heard: Monotonic::now(),
            blocked: None,
        }
    }

    pub(super) fn resume(unsent: BytesMut, way: &wire::Way) -> Self {
        let cleared = usize::try_from(way.cleared_bytes).unwrap_or(usize::MAX).min(unsent.len());
        let frames = way.frames.map(Frames::resume);
        Self { cleared, state: way.state, heard: way.heard, ..Self::new(unsent, frames) }
    }

    /// The unsent bytes, and what else must be known of them.
    pub(super) fn pack(&self) -> (Vec<u8>, wire::Way) {
        let unsent = [&self.own[..], &self.buffer[..]].concat();
        let cleared = self.own.len() + self.cleared;
        let way = wire::Way {
            state: self.state,
            heard: self.heard,
            cleared_bytes: u32::try_from(cleared).unwrap_or(u32::MAX),
            frames: self.frames.map(Frames::state),
        };
        (unsent, way)
    }

    /// Puts a frame of the gateway's own into the stream, if it is between two frames.
    pub(super) fn say(&mut self, frame: &'static [u8]) -> bool {
        let is_between = self.cleared == 0
            && self.own.is_empty()
            && self.state == WayState::Open
            && self.frames.is_some_and(Frames::is_between);
        if is_between {
            self.own = Bytes::from_static(frame);
        }
        is_between
    }

    /// Nothing more goes this way; what is held is thrown away.
    pub(super) fn give_up(&mut self) {
        self.state = WayState::Told;
        self.buffer = BytesMut::new();
        self.own = Bytes::new();
        self.cleared = 0;
        self.blocked = None;
    }

    /// Passes on what there is.
    pub(super) fn turn(
        &mut self,
        (from, to): (&Transport, &Transport),
        message_bytes_max: Option<u64>,
        spare: &Spare,
        context: &mut Context<'_>,
    ) -> Result<Turn, Stop> {
        for _ in 0..ROUNDS {
            self.clear(message_bytes_max);
            match self.write(to, context) {
                Poll::Ready(Ok(())) => {},
                Poll::Ready(Err(_)) => return Err(Stop::Receiver),
                Poll::Pending => return Ok(Turn::Waits),
            }
            if let Some(fault) = self.fault {
                return Err(Stop::Fault(fault));
            }
            match self.state {
                WayState::Open => {},
                WayState::Ended => {
                    to.end_writing();
                    self.state = WayState::Told;
                    return Ok(Turn::Done);
                },
                WayState::Told => return Ok(Turn::Done),
            }
            match self.read(from, spare, context) {
                Poll::Ready(Ok(())) => {},
                Poll::Ready(Err(_)) => return Err(Stop::Sender),
                Poll::Pending => return Ok(Turn::Waits),
            }
        }
        Ok(Turn::Busy)
    }

    /// Writes what may leave. Once: to say goodbye.
    pub(super) fn write(
        &mut self,
        to: &Transport,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let own = !self.own.is_empty();
            let cleared = self.buffer.get(..self.cleared).unwrap_or_default();
            let next = if own { &self.own[..] } else { cleared };
            if next.is_empty() {
                return to.poll_flush(context);
            }
            match to.try_write(&[IoSlice::new(next)]) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) if own => self.own.advance(written),
                Ok(written) => {
                    self.buffer.advance(written);
                    self.cleared -= written;
                },
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.blocked.get_or_insert_with(Monotonic::now);
                    ready!(to.poll_writable(context))?;
                    continue;
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            self.blocked = None;
        }
    }

    fn read(
        &mut self,
        from: &Transport,
        spare: &Spare,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let Poll::Ready(readable) = from.poll_readable(context) else {
                if self.buffer.is_empty() && self.buffer.capacity() > 0 {
                    spare.give(std::mem::take(&mut self.buffer));
                }
                return Poll::Pending;
            };
            readable?;
            if self.buffer.capacity() == 0 {
                self.buffer = spare.take();
            }
            // What is written before a read is all but the beginning of a frame's head.
            let room = WAY_BYTES_MAX.saturating_sub(self.buffer.len()).max(1);
            self.buffer.reserve(room);
            match from.try_read(&mut self.buffer, room) {
                Ok(0) => self.state = WayState::Ended,
                Ok(_) => self.heard = Monotonic::now(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
            return Poll::Ready(Ok(()));
        }
    }

    /// How much of the buffer may leave.
    fn clear(&mut self, message_bytes_max: Option<u64>) {
        match &mut self.frames {
            Some(frames) if self.state == WayState::Open && self.fault.is_none() => {
                let behind = self.buffer.get(self.cleared..).unwrap_or_default();
                let (bytes, fault) = frames.clear(behind, message_bytes_max);
                self.cleared += bytes;
                self.fault = fault;
            },
            // The bytes behind a fault stay; half a head before an end goes as it came.
            Some(_) if self.fault.is_some() => {},
            Some(_) | None => self.cleared = self.buffer.len(),
        }
    }
}
