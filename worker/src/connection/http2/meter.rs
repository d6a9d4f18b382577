//! What a client's frames cost, counted below the protocol: floods are cheap to send and dear to serve.
//!
//! Pure: bytes in, a verdict out; the clock is asked only when something is unfinished or the budget
//! runs low. Each frame but DATA with data costs, and a stream that is no request does; requests that are
//! answered earn, while their data goes out and when they end, and time does. Who has nothing left is told so
//! (`ENHANCE_YOUR_CALM`) and the connection ends (http-edge §3.2: rapid reset, provoked resets, SETTINGS,
//! PING, PRIORITY, WINDOW_UPDATE, CONTINUATION and empty DATA).

use std::time::Duration;

use tokio::time::Instant;

/// What a connection begins with, and has at most.
const BUDGET: u32 = 400;
/// What time earns.
const EARNED_PER_SECOND: u32 = 50;
/// A request that is answered whole earns this: its own frames, and some.
const EARNED_BY_EXCHANGE: u32 = 5;
/// What a piece of its answer earns: the windows that the client opens for it.
const EARNED_BY_PIECE: u32 = 4;
/// A piece that the client's own windows have made smaller than this earns nothing: it could have as many as it likes.
const PIECE_BYTES_MIN: usize = 256;
/// What a stream that is no request costs besides its frames.
const COST_OF_REFUSAL: u32 = 4;
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEAD_BYTES: usize = 9;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 0x1;
const ACK: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// Why the connection has to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Too many frames that nothing comes of, or a head without an end.
    Calm,
    /// What follows the preface is not SETTINGS (RFC 9113 §3.4).
    Protocol,
}

/// What stands at the front of unread bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// So many bytes that are no acknowledged ping.
    Pass(usize),
    /// A whole acknowledged ping.
    Pong,
    /// Too little to tell.
    Unclear,
}

/// What an acknowledged ping takes.
pub(super) const PONG_BYTES: usize = HEAD_BYTES + 8;

/// Reads along.
#[derive(Debug)]
pub(super) struct Meter {
    preface_left: usize,
    head: [u8; HEAD_BYTES],
    head_bytes: usize,
    /// Of the present frame.
    payload_left: u32,
    is_data: bool,
    /// A head whose end has not come, and how much of it has.
    block: Option<u64>,
    block_bytes_max: u64,
    /// Since when something other than data has been unfinished.
    unfinished: Option<Instant>,
    has_begun: bool,
    left: u32,
    earned_until: Instant,
}

impl Meter {
    pub(super) fn new(block_bytes_max: usize, now: Instant) -> Self {
        Self {
            preface_left: PREFACE.len(),
            head: [0; HEAD_BYTES],
            head_bytes: 0,
            payload_left: 0,
            is_data: false,
            block: None,
            block_bytes_max: block_bytes_max as u64,
            unfinished: Some(now),
            has_begun: false,
            left: BUDGET,
            earned_until: now,
        }
    }

    /// Reads bytes on their way to the protocol.
    pub(super) fn read(&mut self, mut bytes: &[u8]) -> Result<(), Verdict> {
        let mut is_new = false;
        while !bytes.is_empty() {
            if self.preface_left > 0 {
                // The protocol itself compares it.
                bytes = skip(bytes, &mut self.preface_left);
            } else if self.payload_left > 0 {
                let mut left = self.payload_left as usize;
                bytes = skip(bytes, &mut left);
                self.payload_left = u32::try_from(left).unwrap_or(u32::MAX);
            } else {
                let missing = HEAD_BYTES - self.head_bytes;
                let (here, rest) = bytes.split_at(missing.min(bytes.len()));
                for (to, from) in self.head.iter_mut().skip(self.head_bytes).zip(here) {
                    *to = *from;
                }
                self.head_bytes += here.len();
                bytes = rest;
                is_new = true;
                if self.head_bytes == HEAD_BYTES {
                    self.head_bytes = 0;
                    self.frame()?;
                }
            }
        }
        self.note_unfinished(is_new);
        Ok(())
    }

    /// A frame begins.
    fn frame(&mut self) -> Result<(), Verdict> {
        let [l0, l1, l2, kind, flags, ..] = self.head;
        let length = u32::from_be_bytes([0, l0, l1, l2]);
        self.payload_left = length;
        self.is_data = kind == DATA;
        if !std::mem::replace(&mut self.has_begun, true) && (kind != SETTINGS || flags & ACK != 0) {
            return Err(Verdict::Protocol);
        }
        match kind {
            DATA if length > 0 || flags & END_STREAM != 0 => return Ok(()),
            HEADERS | CONTINUATION => {
                let block = self.block.unwrap_or_default() + u64::from(length);
                self.block = (flags & END_HEADERS == 0).then_some(block);
                if block > self.block_bytes_max {
                    return Err(Verdict::Calm);
                }
            },
            _ => {},
        }
        self.pay()
    }

    fn pay(&mut self) -> Result<(), Verdict> {
        if self.left == 0 {
            let now = Instant::now();
            let since = now.saturating_duration_since(self.earned_until);
            let earned = since.as_millis() * u128::from(EARNED_PER_SECOND) / 1000;
            if earned == 0 {
                return Err(Verdict::Calm);
            }
            self.left = u32::try_from(earned).unwrap_or(BUDGET).min(BUDGET);
            self.earned_until = now;
        }
        self.left -= 1;
        Ok(())
    }

    fn note_unfinished(&mut self, is_new: bool) {
        let waits_for_payload = self.payload_left > 0 && !self.is_data;
        let is_unfinished = self.preface_left > 0
            || !self.has_begun
            || self.head_bytes > 0
            || self.block.is_some()
            || waits_for_payload;
        if !is_unfinished {
            self.unfinished = None;
        } else if self.unfinished.is_none() || (is_new && self.block.is_none() && self.has_begun) {
            self.unfinished = Some(Instant::now());
        }
    }

    /// How many of `bytes`, read next, are to be read before there is something to look at again: what is
    /// left of a frame, or the head of one.
    pub(super) fn next_piece(&self, bytes: &[u8]) -> Piece {
        if self.preface_left > 0 || self.payload_left > 0 {
            return Piece::Pass(self.preface_left.max(self.payload_left as usize).min(bytes.len()));
        }
        if self.head_bytes > 0 {
            // Its beginning has passed already.
            return Piece::Pass((HEAD_BYTES - self.head_bytes).min(bytes.len()));
        }
        match bytes {
            [0, 0, 8, PING, ACK, 0, 0, 0, 0, payload @ ..] if payload.len() >= 8 => Piece::Pong,
            [0, 0, 8, PING, ACK, 0, 0, 0, 0, ..] => Piece::Unclear,
            [_, _, _, _, _, _, _, _, _, ..] => Piece::Pass(HEAD_BYTES),
            _ => Piece::Unclear,
        }
    }

    /// A piece of a request's answer is sent, of that many bytes; `is_all`: no more was there to send.
    pub(super) fn piece_sent(&mut self, bytes: usize, is_all: bool) {
        if is_all || bytes >= PIECE_BYTES_MIN {
            self.left = (self.left + EARNED_BY_PIECE).min(BUDGET);
        }
    }

    /// A request was answered whole.
    pub(super) fn exchange_ended(&mut self) {
        self.left = (self.left + EARNED_BY_EXCHANGE).min(BUDGET);
    }

    /// A stream was no request.
    pub(super) fn refused(&mut self) {
        self.left = self.left.saturating_sub(COST_OF_REFUSAL);
    }

    /// Bytes of a head whose end has not come.
    pub(super) fn unfinished_bytes(&self) -> usize {
        self.block.map_or(0, |bytes| usize::try_from(bytes).unwrap_or(usize::MAX))
    }

    /// When what is unfinished comes too late.
    pub(super) fn deadline(&self, longest: Duration) -> Option<Instant> {
        self.unfinished.map(|since| since + longest)
    }

    /// Whether the protocol would read the head of a frame next.
    pub(super) const fn is_between_frames(&self) -> bool {
        self.preface_left == 0
            && self.has_begun
            && self.head_bytes == 0
            && self.payload_left == 0
            && self.block.is_none()
    }
}

/// Leaves out up to `left` bytes.
fn skip<'a>(bytes: &'a [u8], left: &mut usize) -> &'a [u8] {
    let here = bytes.len().min(*left);
    *left -= here;
    bytes.get(here..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRIORITY: u8 = 2;
    const RST_STREAM: u8 = 3;
    const WINDOW_UPDATE: u8 = 8;

    fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        frame_of(1, kind, flags, payload)
    }

    fn frame_of(stream: u8, kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = vec![length[1], length[2], length[3], kind, flags, 0, 0, 0, stream];
        bytes.extend_from_slice(payload);
        bytes
    }

    fn begun() -> Meter {
        let mut meter = Meter::new(1000, Instant::now());
        meter.read(PREFACE).unwrap();
        meter.read(&frame(SETTINGS, 0, &[0; 6])).unwrap();
        meter
    }

    /// How many of these frames pass.
    fn passing(meter: &mut Meter, frame: &[u8]) -> usize {
        (0..100_000).take_while(|_| meter.read(frame).is_ok()).count()
    }

    #[test]
    fn every_flood_ends_and_data_is_no_flood() {
        let floods: [(u8, u8, &[u8]); 9] = [
            (PING, 0, &[0; 8]),
            (SETTINGS, 0, &[]),
            (SETTINGS, ACK, &[]),
            (PRIORITY, 0, &[0; 5]),
            (RST_STREAM, 0, &[0; 4]),
            (WINDOW_UPDATE, 0, &[0; 4]),
            (DATA, 0, &[]),
            (HEADERS, END_HEADERS, &[]),
            (99, 0, &[]),
        ];
        for (kind, flags, payload) in floods {
            let passed = passing(&mut begun(), &frame(kind, flags, payload));
            assert!((100..=500).contains(&passed), "{passed} of kind {kind}");
        }
        assert_eq!(passing(&mut begun(), &frame(DATA, 0, b"x")), 100_000);
    }

    #[test]
    fn a_head_without_an_end_is_bounded_in_frames_and_bytes() {
        let mut meter = begun();
        meter.read(&frame(HEADERS, 0, b"x")).unwrap();
        assert!(passing(&mut meter, &frame(CONTINUATION, 0, &[])) < 500);
        let mut meter = begun();
        meter.read(&frame(HEADERS, 0, &[0; 900])).unwrap();
        assert_eq!(meter.read(&frame(CONTINUATION, 0, &[0; 101])), Err(Verdict::Calm));
    }

    #[test]
    fn who_is_served_may_ask_on() {
        let mut meter = begun();
        for _ in 0..10_000 {
            meter.read(&frame(HEADERS, END_HEADERS | END_STREAM, b"head")).unwrap();
            meter.piece_sent(1, true);
            meter.read(&frame(WINDOW_UPDATE, 0, &[0; 4])).unwrap();
            meter.exchange_ended();
        }
    }

    #[test]
    fn windows_are_paid_for_by_pieces_that_are_worth_them() {
        let windows = frame(WINDOW_UPDATE, 0, &[0; 4]).repeat(2);
        let passing = |bytes: usize, is_all: bool| {
            let mut meter = begun();
            let is_served = |_: &usize| {
                meter.piece_sent(bytes, is_all);
                meter.read(&windows).is_ok()
            };
            (0..10_000).take_while(is_served).count()
        };
        assert_eq!(passing(PIECE_BYTES_MIN, false), 10_000, "a download");
        assert_eq!(passing(1, true), 10_000, "events");
        assert!(passing(1, false) < 250, "a window that opens byte by byte");
    }

    #[test]
    fn a_stream_that_is_no_request_costs_more_than_its_frames() {
        let mut meter = begun();
        let is_served = |_: &usize| {
            meter.refused();
            meter.read(&frame(HEADERS, END_HEADERS, &[])).is_ok()
        };
        let passed = (0..10_000).take_while(is_served).count();
        assert!(passed <= 100, "{passed}");
    }

    #[test]
    fn frames_are_told_apart_wherever_they_are_cut() {
        let mut bytes = PREFACE.to_vec();
        bytes.extend(frame(SETTINGS, 0, &[0; 12]));
        bytes.extend(frame(HEADERS, 0, b"one"));
        bytes.extend(frame(CONTINUATION, END_HEADERS, b"two"));
        bytes.extend(frame(DATA, END_STREAM, b""));
        for step in 1..bytes.len() {
            let mut meter = Meter::new(1000, Instant::now());
            for part in bytes.chunks(step) {
                meter.read(part).unwrap();
            }
            assert!(meter.is_between_frames(), "step {step}");
            assert_eq!((meter.left, meter.unfinished), (BUDGET - 3, None), "step {step}");
        }
    }

    #[test]
    fn an_acknowledged_ping_is_told_from_what_looks_like_one() {
        let pong = frame_of(0, PING, ACK, &[7; 8]);
        let meter = begun();
        assert_eq!(meter.next_piece(&pong), Piece::Pong);
        for cut in 0..pong.len() {
            assert_eq!(meter.next_piece(&pong[..cut]), Piece::Unclear, "{cut} bytes");
        }
        assert_eq!(meter.next_piece(&frame_of(0, PING, 0, &[7; 8])), Piece::Pass(9));
        let mut meter = begun();
        meter.read(&frame(DATA, 0, &[0; 20])[..9]).unwrap();
        assert_eq!(meter.next_piece(&pong), Piece::Pass(17), "it is data");
        assert_eq!(meter.next_piece(&[pong.clone(), pong].concat()), Piece::Pass(20));
    }

    #[test]
    fn settings_come_first() {
        let mut meter = Meter::new(1000, Instant::now());
        meter.read(PREFACE).unwrap();
        assert_eq!(meter.read(&frame(PING, 0, &[0; 8])), Err(Verdict::Protocol));
    }

    #[test]
    fn what_is_unfinished_is_timed_and_an_idle_connection_is_not() {
        let longest = Duration::from_secs(1);
        let mut meter = Meter::new(1000, Instant::now());
        assert!(meter.deadline(longest).is_some(), "the preface is awaited");
        meter.read(PREFACE).unwrap();
        assert!(meter.deadline(longest).is_some(), "SETTINGS are awaited");
        meter.read(&frame(SETTINGS, 0, &[])).unwrap();
        assert_eq!(meter.deadline(longest), None);
        meter.read(&frame(HEADERS, 0, b"x")).unwrap();
        let first = meter.deadline(longest);
        meter.read(&frame(CONTINUATION, 0, b"x")).unwrap();
        assert!(first.is_some() && meter.deadline(longest) == first, "one clock for a whole head");
        meter.read(&frame(CONTINUATION, END_HEADERS, b"x")).unwrap();
        assert_eq!(meter.deadline(longest), None);
        meter.read(&frame(PING, 0, &[0; 8])[..10]).unwrap();
        assert!(meter.deadline(longest).is_some(), "half a frame");
        meter.read(&[0; 7]).unwrap();
        assert_eq!(meter.deadline(longest), None);
    }
}
