//! Where frames begin and messages end (RFC 6455 §5.2), for tunnels whose configuration asks for it.
//!
//! Pure. Heads of frames are looked at, payloads are only counted. A head passes when it is whole, so
//! that nothing of a message that is too large has left before its size is known.

use baton_shared::control::tunnel::FrameState;

/// A head without its payload: at most 2 + 8 + 4 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    bytes: usize,
    payload: u64,
    is_last: bool,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Control,
    /// The rest of a message.
    Continuation,
    /// The beginning of one.
    Data,
}

/// Why a stream of frames goes no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// `max_message_size` is exceeded.
    TooLarge,
    /// A control frame that is cut or larger than 125 bytes; a length that nothing can have.
    Malformed,
}

/// A place in a stream of frames.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Frames(FrameState);

impl Frames {
    pub(super) const fn resume(state: FrameState) -> Self {
        Self(state)
    }

    pub(super) const fn state(self) -> FrameState {
        self.0
    }

    /// Whether the next byte begins a frame.
    pub(super) const fn is_between(self) -> bool {
        self.0.left_bytes == 0
    }

    /// How many of `bytes`, which follow those of the calls before, may pass, and why the next may
    /// not. An unfinished head waits.
    pub(super) fn clear(
        &mut self,
        bytes: &[u8],
        message_bytes_max: Option<u64>,
    ) -> (usize, Option<Fault>) {
        let mut at = 0;
        loop {
            let here = bytes.len() - at;
            let payload = usize::try_from(self.0.left_bytes).unwrap_or(usize::MAX).min(here);
            at += payload;
            self.0.left_bytes -= payload as u64;
            if self.0.left_bytes > 0 {
                return (at, None);
            }
            let Some(head) = Head::parse(bytes.get(at..).unwrap_or_default()) else {
                return (at, None);
            };
            if let Err(fault) = self.enter(head, message_bytes_max) {
                return (at, Some(fault));
            }
            at += head.bytes;
        }
    }

    fn enter(&mut self, head: Head, message_bytes_max: Option<u64>) -> Result<(), Fault> {
        let Head { payload, is_last, kind, .. } = head;
        if payload > i64::MAX.unsigned_abs() || kind == Kind::Control && (payload > 125 || !is_last)
        {
            return Err(Fault::Malformed);
        }
        if kind != Kind::Control {
            let before = if kind == Kind::Data { 0 } else { self.0.message_bytes };
            let message = before.saturating_add(payload);
            if message_bytes_max.is_some_and(|most| message > most) {
                return Err(Fault::TooLarge);
            }
            self.0.message_bytes = if is_last { 0 } else { message };
        }
        self.0.left_bytes = payload;
        Ok(())
    }
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let [first, second, rest @ ..] = bytes else { return None };
        let (length, payload) = match second & 0x7F {
            126 => (2, u64::from(u16::from_be_bytes(*rest.first_chunk()?))),
            127 => (8, u64::from_be_bytes(*rest.first_chunk()?)),
            short => (0, u64::from(short)),
        };
        let mask = if second & 0x80 == 0 { 0 } else { 4 };
        let head = 2 + length + mask;
        (bytes.len() >= head).then_some(Self {
            bytes: head,
            payload,
            is_last: first & 0x80 != 0,
            kind: match first & 0x0F {
                0 => Kind::Continuation,
                8.. => Kind::Control,
                _ => Kind::Data,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(first: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![first];
        match payload {
            0..126 => bytes.push(0x80 | u8::try_from(payload).unwrap()),
            126..65536 => {
                bytes.push(0x80 | 126);
                bytes.extend(u16::try_from(payload).unwrap().to_be_bytes());
            },
            _ => {
                bytes.push(0x80 | 127);
                bytes.extend((payload as u64).to_be_bytes());
            },
        }
        bytes.extend([1, 2, 3, 4]);
        bytes.resize(bytes.len() + payload, b'x');
        bytes
    }

    /// Passes `bytes` in pieces cut at every `step`: how many passed in all, and the fault.
    fn passed(bytes: &[u8], step: usize, most: Option<u64>) -> (usize, Option<Fault>) {
        let (mut frames, mut done, mut here) = (Frames::default(), 0, 0);
        while here < bytes.len() {
            here = (here + step).min(bytes.len());
            let (cleared, fault) = frames.clear(&bytes[done..here], most);
            done += cleared;
            if fault.is_some() {
                return (done, fault);
            }
        }
        (done, None)
    }

    #[test]
    fn whole_frames_of_any_size_pass_wherever_they_are_cut() {
        let sizes = [0, 1, 125, 126, 127, 65_535, 65_536];
        let stream: Vec<u8> = sizes.iter().flat_map(|size| frame(0x82, *size)).collect();
        for step in [1, 2, 3, 13, 14, 15, 1000, stream.len()] {
            assert_eq!(passed(&stream, step, Some(65_536)), (stream.len(), None), "step {step}");
        }
    }

    #[test]
    fn nothing_of_a_frame_that_is_too_large_passes() {
        let small = frame(0x81, 10);
        let stream = [small.clone(), frame(0x81, 11)].concat();
        for step in [1, 5, stream.len()] {
            assert_eq!(passed(&stream, step, Some(10)), (small.len(), Some(Fault::TooLarge)));
        }
    }

    #[test]
    fn the_frames_of_a_message_count_together_and_control_frames_between_them_do_not() {
        let begin = frame(0x01, 6);
        let ping = frame(0x89, 100);
        let (fits, exceeds) = (frame(0x80, 4), frame(0x80, 5));
        let whole = [begin.clone(), ping.clone(), fits, frame(0x81, 10)].concat();
        assert_eq!(passed(&whole, 7, Some(10)), (whole.len(), None));
        let before = begin.len() + ping.len();
        let broken = [begin, ping, exceeds].concat();
        assert_eq!(passed(&broken, 7, Some(10)), (before, Some(Fault::TooLarge)));
    }

    #[test]
    fn impossible_frames_are_refused() {
        assert_eq!(passed(&frame(0x89, 126), 3, None), (0, Some(Fault::Malformed)));
        assert_eq!(passed(&frame(0x08, 2), 3, None), (0, Some(Fault::Malformed)));
        let endless = [0x82, 127, 0xFF, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(passed(&endless, 1, None), (0, Some(Fault::Malformed)));
    }

    #[test]
    fn a_moved_stream_goes_on_where_it_was() {
        let stream = [frame(0x01, 300), frame(0x80, 300)].concat();
        for cut in 0..stream.len() {
            let mut before = Frames::default();
            let (cleared, _) = before.clear(&stream[..cut], Some(600));
            let mut after = Frames::resume(before.state());
            let rest = &stream[cleared..];
            assert_eq!(after.clear(rest, Some(600)), (rest.len(), None), "cut at {cut}");
            assert!(after.is_between());
        }
    }
}
