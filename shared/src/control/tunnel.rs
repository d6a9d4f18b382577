//! A tunnel on its way from one worker to another: what a [`Record`](super::record::Record) says besides.
//!
//! Two sockets, the bytes of each direction that were read and not yet passed on, and how far each
//! direction is: an end that was seen, or told already, must not be told twice.

use super::input::Input;
use super::record::Prefix;
use crate::words::Monotonic;

/// The other half of a tunnel. The record's own prefix holds what the client said and its backend has
/// not got yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TunnelRecord {
    /// The key of the endpoint that opened it.
    pub endpoint: u64,
    /// What the backend said and the client has not got yet.
    pub unsent: Prefix,
    /// From the client to the backend.
    pub up: Way,
    /// From the backend to the client.
    pub down: Way,
}

/// One direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// How far it is.
    pub state: WayState,
    /// When its sender was last heard.
    pub heard: Monotonic,
    /// So many of the unsent bytes may leave: they were looked at.
    pub cleared_bytes: u32,
    /// Where within a frame and a message the bytes behind those are; none: nobody looks at frames.
    pub frames: Option<FrameState>,
}

/// How far a direction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WayState {
    /// Bytes may come.
    Open,
    /// The sender has ended; the receiver does not know yet.
    Ended,
    /// The receiver knows.
    Told,
}

/// A place in a stream of WebSocket frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FrameState {
    /// Payload bytes of the present frame that are still to come.
    pub left_bytes: u64,
    /// Payload bytes of the present message so far; 0 between two messages.
    pub message_bytes: u64,
}

impl TunnelRecord {
    pub(super) fn encoded_bytes(&self) -> usize {
        8 + 1 + 4 + self.unsent.inline_bytes() + self.up.encoded_bytes() + self.down.encoded_bytes()
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.endpoint.to_le_bytes());
        self.unsent.encode(out);
        self.up.encode(out);
        self.down.encode(out);
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Self {
            endpoint: input.u64()?,
            unsent: Prefix::decode(input)?,
            up: Way::decode(input)?,
            down: Way::decode(input)?,
        })
    }
}

impl Way {
    const fn encoded_bytes(&self) -> usize {
        1 + 8 + 4 + 1 + if self.frames.is_some() { 16 } else { 0 }
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.state {
            WayState::Open => 0,
            WayState::Ended => 1,
            WayState::Told => 2,
        });
        out.extend_from_slice(&self.heard.as_nanos().to_le_bytes());
        out.extend_from_slice(&self.cleared_bytes.to_le_bytes());
        out.push(u8::from(self.frames.is_some()));
        if let Some(frames) = self.frames {
            out.extend_from_slice(&frames.left_bytes.to_le_bytes());
            out.extend_from_slice(&frames.message_bytes.to_le_bytes());
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Self {
            state: match input.byte()? {
                0 => WayState::Open,
                1 => WayState::Ended,
                2 => WayState::Told,
                _ => return None,
            },
            heard: Monotonic::from_nanos(input.u64()?),
            cleared_bytes: input.u32()?,
            frames: match input.byte()? {
                0 => None,
                1 => Some(FrameState { left_bytes: input.u64()?, message_bytes: input.u64()? }),
                _ => return None,
            },
        })
    }
}
