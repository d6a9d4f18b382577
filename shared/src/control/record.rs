//! A connection on its way from one worker to another: what must travel beside the descriptor.
//!
//! The body of a [`Kind::Handover`](super::frame::Kind) datagram. All numbers little-endian. Unread
//! bytes up to [`PREFIX_INLINE_MAX`] travel inline, more in a sealed memfd behind the sockets.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::frame::BODY_BYTES_MAX;
use super::input::Input;
use super::relay::RelayRecord;
use super::tunnel::TunnelRecord;
use crate::words::{ListenerId, Monotonic};

/// Connections in one datagram.
pub const BATCH_MAX: usize = 128;
/// Unread bytes that travel inside a record.
pub const PREFIX_INLINE_MAX: usize = 64 * 1024 - 1024;
/// Endpoints with tunnels that a worker tells of; tunnels of further ones stay where they are.
pub const TAKES_MAX: usize = 4096;
/// Bytes of a record without its unread bytes, its tunnel and its relay.
const FIXED_BYTES: usize = 4 + 8 + 18 + 16 + 18 + 8 + 8 + 1 + 4 + 1 + 1;
const TAG_BATCH: u8 = 1;
const TAG_ACK: u8 = 2;
const TAG_REFUSED: u8 = 3;
const TAG_TAKES: u8 = 4;
const TAG_CACHED: u8 = 5;

/// Everything that the next owner must know of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Where it was accepted.
    pub listener: ListenerId,
    /// When it was accepted.
    pub accepted: Monotonic,
    /// The peer of the socket.
    pub socket_peer: SocketAddr,
    /// Whom the connection is for.
    pub asserted_peer: IpAddr,
    /// The address that the client reached.
    pub local: SocketAddr,
    /// Requests answered so far.
    pub requests: u64,
    /// When the wait for the next head ends; none: without bound.
    pub deadline: Option<Monotonic>,
    /// Where the unread bytes are.
    pub prefix: Prefix,
    /// It is one end of a tunnel: the socket of the other end follows its own.
    pub tunnel: Option<Box<TunnelRecord>>,
    /// It is a link: the client's own transport stays in an older worker.
    pub relay: Option<Box<RelayRecord>>,
}

/// Bytes that were read from the socket and not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prefix {
    /// Here.
    Inline(Vec<u8>),
    /// In the memfd that follows the sockets of the batch; so many bytes.
    Memfd(u32),
}

/// What two workers say to each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Handover {
    /// Connections; a descriptor each (two for a tunnel), in order, and then one per memfd prefix.
    Batch {
        /// Which batch; acknowledged by number.
        number: u64,
        /// The connections.
        records: Vec<Record>,
    },
    /// Answers of backends that may be used on; a descriptor, sealed memory. Acknowledged or refused as a batch is.
    Cached {
        /// Which batch.
        number: u64,
    },
    /// The batch is mine now: close your copies.
    Ack {
        /// Which batch.
        number: u64,
    },
    /// A batch did not arrive whole (the receiver is short of descriptors): it stays yours.
    Refused,
    /// The first word of the receiver: whose tunnels it goes on with.
    Takes {
        /// Keys of endpoints, at most [`TAKES_MAX`].
        tunnels: Vec<u64>,
    },
}

/// Why bytes are no handover message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed handover message")]
pub struct Malformed;

impl Handover {
    /// The body of a datagram.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64);
        match self {
            Self::Batch { number, records } => {
                out.push(TAG_BATCH);
                out.extend_from_slice(&number.to_le_bytes());
                let count = u16::try_from(records.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&count.to_le_bytes());
                for record in records {
                    record.encode(&mut out);
                }
            },
            Self::Cached { number } => {
                out.push(TAG_CACHED);
                out.extend_from_slice(&number.to_le_bytes());
            },
            Self::Ack { number } => {
                out.push(TAG_ACK);
                out.extend_from_slice(&number.to_le_bytes());
            },
            Self::Refused => out.push(TAG_REFUSED),
            Self::Takes { tunnels } => {
                out.push(TAG_TAKES);
                let tunnels = tunnels.get(..TAKES_MAX).unwrap_or(tunnels);
                out.extend_from_slice(&u16::try_from(tunnels.len()).unwrap_or(0).to_le_bytes());
                out.extend(tunnels.iter().flat_map(|key| key.to_le_bytes()));
            },
        }
        out
    }

    /// Total: any bytes give a message or an error.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn decode(body: &[u8]) -> Result<Self, Malformed> {
        let mut input = Input::new(body);
        let message = Self::read(&mut input);
        message.filter(|_| input.is_empty()).ok_or(Malformed)
    }

    fn read(input: &mut Input<'_>) -> Option<Self> {
        match input.byte()? {
            TAG_BATCH => {
                let number = input.u64()?;
                let count = usize::from(input.u16()?);
                if count > BATCH_MAX {
                    return None;
                }
                let records = (0..count).map(|_| Record::decode(input)).collect::<Option<_>>()?;
                Some(Self::Batch { number, records })
            },
            TAG_CACHED => Some(Self::Cached { number: input.u64()? }),
            TAG_ACK => Some(Self::Ack { number: input.u64()? }),
            TAG_REFUSED => Some(Self::Refused),
            TAG_TAKES => {
                let count = usize::from(input.u16()?);
                if count > TAKES_MAX {
                    return None;
                }
                let tunnels = (0..count).map(|_| input.u64()).collect::<Option<_>>()?;
                Some(Self::Takes { tunnels })
            },
            _ => None,
        }
    }
}

impl Record {
    /// Bytes of this record in a batch: a batch stays within [`BODY_BYTES_MAX`].
    #[must_use]
    pub fn encoded_bytes(&self) -> usize {
        let tunnel = self.tunnel.as_ref().map_or(0, |tunnel| tunnel.encoded_bytes());
        FIXED_BYTES + self.prefix.inline_bytes() + tunnel + self.relay_bytes()
    }

    /// Bytes that what is said of a relayed client takes.
    #[must_use]
    pub fn relay_bytes(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.encoded_bytes())
    }

    /// Sockets that travel with this record.
    #[must_use]
    pub const fn sockets(&self) -> usize {
        if self.tunnel.is_some() { 2 } else { 1 }
    }

    /// Its prefixes, in the order in which their memfds travel.
    pub fn prefixes(&mut self) -> impl Iterator<Item = &mut Prefix> {
        let down = self.tunnel.as_mut().map(|tunnel| &mut tunnel.unsent);
        std::iter::once(&mut self.prefix).chain(down)
    }

    /// Whether a batch of `bytes` so far has room for this record.
    #[must_use]
    pub fn fits(&self, bytes: usize) -> bool {
        // Tag, number and count stand before the records.
        bytes + self.encoded_bytes() + 11 <= BODY_BYTES_MAX
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.listener.0.to_le_bytes());
        out.extend_from_slice(&self.accepted.as_nanos().to_le_bytes());
        put_address(out, self.socket_peer);
        out.extend_from_slice(&wide(self.asserted_peer).octets());
        put_address(out, self.local);
        out.extend_from_slice(&self.requests.to_le_bytes());
        let deadline = self.deadline.map_or(u64::MAX, Monotonic::as_nanos);
        out.extend_from_slice(&deadline.to_le_bytes());
        self.prefix.encode(out);
        out.push(u8::from(self.tunnel.is_some()));
        if let Some(tunnel) = &self.tunnel {
            tunnel.encode(out);
        }
        out.push(u8::from(self.relay.is_some()));
        if let Some(relay) = &self.relay {
            relay.encode(out);
        }
    }

    fn decode(input: &mut Input<'_>) -> Option<Self> {
        Some(Self {
            listener: ListenerId(input.u32()?),
            accepted: Monotonic::from_nanos(input.u64()?),
            socket_peer: address(input)?,
            asserted_peer: narrow(Ipv6Addr::from(input.take::<16>()?)),
            local: address(input)?,
            requests: input.u64()?,
            deadline: Some(input.u64()?).filter(|&at| at != u64::MAX).map(Monotonic::from_nanos),
            prefix: Prefix::decode(input)?,
            tunnel: match input.byte()? {
                0 => None,
                1 => Some(Box::new(TunnelRecord::decode(input)?)),
                _ => return None,
            },
            relay: match input.byte()? {
                0 => None,
                1 => Some(Box::new(RelayRecord::decode(input)?)),
                _ => return None,
            },
        })
    }
}

impl Prefix {
    /// Bytes of it that stand in the record.
    #[must_use]
    pub const fn inline_bytes(&self) -> usize {
        match self {
            Self::Inline(bytes) => bytes.len(),
            Self::Memfd(_) => 0,
        }
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Inline(bytes) => {
                out.push(0);
                out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_le_bytes());
                out.extend_from_slice(bytes);
            },
            Self::Memfd(bytes) => {
                out.push(1);
                out.extend_from_slice(&bytes.to_le_bytes());
            },
        }
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Option<Self> {
        match input.byte()? {
            0 => Some(Self::Inline(input.piece()?.to_vec())),
            1 => Some(Self::Memfd(input.u32()?)),
            _ => None,
        }
    }
}

/// IPv4 addresses travel mapped; a dual-stack socket shows them so as well.
const fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(v4) => v4.to_ipv6_mapped(),
        IpAddr::V6(v6) => v6,
    }
}

fn narrow(address: Ipv6Addr) -> IpAddr {
    address.to_ipv4_mapped().map_or(IpAddr::V6(address), IpAddr::V4)
}

fn put_address(out: &mut Vec<u8>, address: SocketAddr) {
    out.extend_from_slice(&wide(address.ip()).octets());
    out.extend_from_slice(&address.port().to_le_bytes());
}

fn address(input: &mut Input<'_>) -> Option<SocketAddr> {
    let ip = narrow(Ipv6Addr::from(input.take::<16>()?));
    Some(SocketAddr::new(ip, input.u16()?))
}

#[cfg(test)]
mod tests {
    use super::super::relay::{Protocol, TlsFacts};
    use super::super::tunnel::{FrameState, Way, WayState};
    use super::*;

    fn record(prefix: Prefix) -> Record {
        Record {
            listener: ListenerId(3),
            accepted: Monotonic::from_nanos(7),
            socket_peer: "127.0.0.1:4000".parse().unwrap(),
            asserted_peer: "2001:db8::1".parse().unwrap(),
            local: "[::1]:8080".parse().unwrap(),
            requests: 12,
            deadline: Some(Monotonic::from_nanos(99)),
            prefix,
            tunnel: None,
            relay: None,
        }
    }

    fn tunnel() -> Record {
        let way = Way {
            state: WayState::Ended,
            heard: Monotonic::from_nanos(5),
            cleared_bytes: 3,
            frames: Some(FrameState { left_bytes: 70, message_bytes: 80 }),
        };
        let down = Way { state: WayState::Open, frames: None, ..way };
        let unsent = Prefix::Memfd(9);
        let tunnel = TunnelRecord { endpoint: 0xFEED, unsent, up: way, down };
        Record { tunnel: Some(Box::new(tunnel)), ..record(Prefix::Inline(b"frame".to_vec())) }
    }

    fn relayed() -> Record {
        let (server_name, certificate) = ("gw.test".to_owned(), vec![0x30, 0x82]);
        let tls = TlsFacts { version: 0x0304, suite: 0x1301, server_name, certificate };
        let relay = RelayRecord { protocol: Protocol::Http2, tls: Some(tls) };
        Record { relay: Some(Box::new(relay)), ..record(Prefix::Inline(Vec::new())) }
    }

    fn batch() -> Handover {
        let clear = RelayRecord { protocol: Protocol::Http1, tls: None };
        let records = vec![
            relayed(),
            Record { relay: Some(Box::new(clear)), ..tunnel() },
            record(Prefix::Inline(b"GET / HT".to_vec())),
            Record { deadline: None, ..record(Prefix::Memfd(70_000)) },
            tunnel(),
        ];
        Handover::Batch { number: 5, records }
    }

    #[test]
    fn what_is_encoded_decodes_to_itself() {
        let takes = Handover::Takes { tunnels: vec![1, u64::MAX] };
        for message in [batch(), Handover::Ack { number: 9 }, Handover::Refused, takes] {
            assert_eq!(Handover::decode(&message.encode()).unwrap(), message);
        }
    }

    #[test]
    fn every_prefix_is_an_error_and_no_bit_flip_panics() {
        let bytes = batch().encode();
        for end in 0..bytes.len() {
            assert_eq!(Handover::decode(&bytes[..end]), Err(Malformed), "prefix of {end}");
        }
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = Handover::decode(&flipped).is_ok();
        }
    }

    #[test]
    fn the_size_of_a_record_is_known_before_it_is_written() {
        let one = record(Prefix::Inline(vec![b'x'; 100]));
        for record in [&one, &tunnel(), &relayed()] {
            let mut out = Vec::new();
            record.encode(&mut out);
            assert_eq!(out.len(), record.encoded_bytes());
        }
        assert!(record(Prefix::Inline(vec![0; PREFIX_INLINE_MAX])).fits(0));
        assert!(!one.fits(BODY_BYTES_MAX - 100));
    }
}
