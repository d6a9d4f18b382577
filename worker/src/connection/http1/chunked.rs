//! Chunks of a request body, strictly (RFC 9112 §7.1).
//!
//! Pure: bytes in, pieces out. Hex digits only, CRLF only; extensions are bounded and dropped;
//! trailers are bounded. Whatever is unclear is an error: the request ends there.

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Digits of the largest size that a u64 holds.
const SIZE_DIGITS_MAX: usize = 16;
/// Trailer fields of one body.
const TRAILERS_MAX: usize = 64;

/// What one body may carry besides data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ChunkBounds {
    /// All extensions of a body together.
    pub(crate) extension_bytes: usize,
    /// The trailer section.
    pub(crate) trailer_bytes: usize,
}

/// Where in the body we are.
#[derive(Debug)]
pub(crate) struct Decoder {
    state: State,
    bounds: ChunkBounds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A size line comes.
    Size,
    /// So many bytes of data come.
    Data(u64),
    /// The line break behind data comes.
    DataEnd,
    /// Trailer lines come.
    Trailers,
    Done,
}

/// The next piece.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Data of a chunk, or a part of it.
    Data(Bytes),
    /// The body is complete; trailers, if any.
    End(Option<HeaderMap>),
    /// More bytes are needed.
    Incomplete,
}

/// The body is malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

impl Decoder {
    pub(crate) const fn new(bounds: ChunkBounds) -> Self {
        Self { state: State::Size, bounds }
    }

    /// Takes the next piece off the front of `buffer`.
    pub(crate) fn next(&mut self, buffer: &mut BytesMut) -> Result<Piece, Malformed> {
        loop {
            match self.state {
                State::Size => match self.size(buffer)? {
                    None => return Ok(Piece::Incomplete),
                    Some(0) => self.state = State::Trailers,
                    Some(bytes) => self.state = State::Data(bytes),
                },
                State::Data(left) if buffer.is_empty() && left > 0 => return Ok(Piece::Incomplete),
                State::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
                    let left = left - here as u64;
                    self.state = if left == 0 { State::DataEnd } else { State::Data(left) };
                    return Ok(Piece::Data(buffer.split_to(here).freeze()));
                },
                State::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        drop(buffer.split_to(2));
                        self.state = State::Size;
                    },
                    None if matches!(buffer.first(), None | Some(b'\r')) => {
                        return Ok(Piece::Incomplete);
                    },
                    Some(_) | None => return Err(Malformed),
                },
                State::Trailers => return self.trailers(buffer),
                State::Done => return Ok(Piece::End(None)),
            }
        }
    }

    /// A size line with its extensions; `None` while it is incomplete.
    fn size(&mut self, buffer: &mut BytesMut) -> Result<Option<u64>, Malformed> {
        let Some(end) = memchr::memchr2(b'\r', b'\n', buffer) else {
            let most = SIZE_DIGITS_MAX + self.bounds.extension_bytes;
            check_size_so_far(buffer)?;
            return if buffer.len() > most { Err(Malformed) } else { Ok(None) };
        };
        match buffer.get(end..) {
            Some([b'\r', b'\n', ..]) => {},
            Some([b'\r']) => return Ok(None),
            _ => return Err(Malformed),
        }
        let line = buffer.split_to(end + 2);
        let text = line.get(..end).unwrap_or_default();
        let digits = text.iter().position(|&byte| byte == b';').unwrap_or(end);
        let (size, extension) = text.split_at_checked(digits).unwrap_or_default();
        self.bounds.extension_bytes =
            self.bounds.extension_bytes.checked_sub(extension.len()).ok_or(Malformed)?;
        if extension.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t') {
            return Err(Malformed);
        }
        hex(size).map(Some)
    }

    fn trailers(&mut self, buffer: &mut BytesMut) -> Result<Piece, Malformed> {
        let Some(end) = trailers_end(buffer)? else {
            let most = self.bounds.trailer_bytes;
            return if buffer.len() > most { Err(Malformed) } else { Ok(Piece::Incomplete) };
        };
        if end > self.bounds.trailer_bytes + 2 {
            return Err(Malformed);
        }
        let section = buffer.split_to(end);
        self.state = State::Done;
        if end == 2 {
            return Ok(Piece::End(None));
        }
        parse_trailers(&section).map(|map| Piece::End(Some(map)))
    }
}

/// Before the line is complete: what is there must already be the beginning of one.
fn check_size_so_far(bytes: &[u8]) -> Result<(), Malformed> {
    let digits = bytes.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    match bytes.get(digits) {
        _ if digits > SIZE_DIGITS_MAX => Err(Malformed),
        None => Ok(()),
        Some(b';') if digits > 0 => Ok(()),
        Some(_) => Err(Malformed),
    }
}

fn hex(digits: &[u8]) -> Result<u64, Malformed> {
    if digits.is_empty() || digits.len() > SIZE_DIGITS_MAX {
        return Err(Malformed);
    }
    let mut size: u64 = 0;
    for &digit in digits {
        let value = char::from(digit).to_digit(16).ok_or(Malformed)?;
        size = (size << 4) | u64::from(value);
    }
    if size > i64::MAX.unsigned_abs() { Err(Malformed) } else { Ok(size) }
}

/// The length of the trailer section with its blank line; every line must end with CRLF.
fn trailers_end(bytes: &[u8]) -> Result<Option<usize>, Malformed> {
    let mut from = 0;
    while let Some(offset) = memchr::memchr(b'\n', bytes.get(from..).unwrap_or_default()) {
        let line = bytes.get(from..from + offset).unwrap_or_default();
        let Some(text) = line.strip_suffix(b"\r") else { return Err(Malformed) };
        from += offset + 1;
        if text.is_empty() {
            return Ok(Some(from));
        }
    }
    Ok(None)
}

fn parse_trailers(section: &[u8]) -> Result<HeaderMap, Malformed> {
    let mut lines = [httparse::EMPTY_HEADER; TRAILERS_MAX];
    let Ok(httparse::Status::Complete((_, fields))) = httparse::parse_headers(section, &mut lines)
    else {
        return Err(Malformed);
    };
    let mut map = HeaderMap::with_capacity(fields.len());
    for field in fields {
        let name = HeaderName::from_bytes(field.name.as_bytes()).map_err(|_bad| Malformed)?;
        let value = HeaderValue::from_bytes(field.value).map_err(|_bad| Malformed)?;
        map.append(name, value);
    }
    Ok(map)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: ChunkBounds = ChunkBounds { extension_bytes: 32, trailer_bytes: 64 };

    /// Feeds `text` in pieces of `step` bytes.
    fn decode(text: &[u8], step: usize) -> Result<(Vec<u8>, Option<HeaderMap>, bool), Malformed> {
        let (mut decoder, mut buffer) = (Decoder::new(BOUNDS), BytesMut::new());
        let mut data = Vec::new();
        for part in text.chunks(step) {
            buffer.extend_from_slice(part);
            loop {
                match decoder.next(&mut buffer)? {
                    Piece::Data(bytes) => data.extend_from_slice(&bytes),
                    Piece::End(trailers) => return Ok((data, trailers, true)),
                    Piece::Incomplete => break,
                }
            }
        }
        Ok((data, None, false))
    }

    #[test]
    fn chunks_arrive_whole_however_they_are_cut() {
        let text = b"5\r\nhello\r\n6;x=\"y\"\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n";
        for step in 1..=text.len() {
            let (data, trailers, done) = decode(text, step).unwrap();
            assert_eq!(data, b"hello world");
            assert_eq!(trailers.unwrap().get("x-sum").unwrap(), "1");
            assert!(done);
        }
    }

    #[test]
    fn whatever_two_readers_may_read_differently_is_malformed() {
        let bad: [&[u8]; 18] = [
            b"zz\r\nhello\r\n",
            b"5\nhello\r\n0\r\n\r\n",
            b"5\r\nhello\n0\r\n\r\n",
            b"5\r\nhelloX\r\n0\r\n\r\n",
            b"5 \r\nhello\r\n0\r\n\r\n",
            b" 5\r\nhello\r\n",
            b"+5\r\nhello\r\n",
            b"0x5\r\nhello\r\n",
            b"-1\r\n",
            b"\r\n",
            b";x\r\n",
            b"5;a\nb\r\nhello\r\n",
            b"5;a\rb\r\nhello\r\n",
            b"5\rhello",
            b"10000000000000000\r\n",
            b"ffffffffffffffff\r\n",
            b"0\r\nX: 1\n\r\n",
            b"0\r\nX: 1\r\n folded\r\n\r\n",
        ];
        for text in bad {
            for step in [1, text.len()] {
                let found = decode(text, step);
                assert!(found.is_err(), "{:?} gave {found:?}", String::from_utf8_lossy(text));
            }
        }
    }

    #[test]
    fn extensions_and_trailers_are_bounded() {
        let extension = format!("1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(40));
        assert!(decode(extension.as_bytes(), 1).is_err());
        let many = "1;eeeeeeeeee\r\nx\r\n".repeat(4) + "0\r\n\r\n";
        assert!(decode(many.as_bytes(), 7).is_err(), "the bound is for the whole body");
        let trailers = format!("0\r\nX: {}\r\n\r\n", "t".repeat(80));
        assert!(decode(trailers.as_bytes(), 1).is_err());
    }

    #[test]
    fn a_body_that_breaks_off_is_never_complete() {
        let text = b"5\r\nhello\r\n0\r\n\r\n";
        for cut in 0..text.len() {
            assert!(!decode(&text[..cut], 3).unwrap().2, "cut at {cut}");
        }
    }
}
