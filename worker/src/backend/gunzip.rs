//! gzip from a backend, decoded while it streams.
//!
//! Only where the gateway itself asked for it. Go decodes members one after another, as here.

use std::io::Write as _;
use std::task::{Poll, ready};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body::Frame;

use super::body::AnswerError;

/// How much is decoded at a time: a thousandfold at worst, so this bounds what a frame may hold.
const STEP_BYTES: usize = 1024;

/// The state of one body. What was decoded goes out before the error that ended it.
#[derive(Debug, Default)]
pub(crate) struct Gunzip {
    state: State,
    /// Not decoded yet.
    input: Bytes,
    /// Decoded, and not taken when the decoder went.
    output: Vec<u8>,
    error: Option<AnswerError>,
}

#[derive(Debug, Default)]
enum State {
    /// No byte came: an empty body is an empty body.
    #[default]
    Fresh,
    Begun(Box<MultiGzDecoder<Vec<u8>>>),
    Done,
}

type NextFrame = Poll<Option<Result<Frame<Bytes>, AnswerError>>>;

impl Gunzip {
    /// The next decoded piece of what `next` gives; trailers pass.
    pub(crate) fn poll_frame(&mut self, mut next: impl FnMut() -> NextFrame) -> NextFrame {
        loop {
            if let Some(error) = self.error.take() {
                return Poll::Ready(Some(Err(error)));
            }
            let output = if self.input.is_empty() {
                match ready!(next()) {
                    Some(Ok(frame)) => match frame.into_data() {
                        Ok(data) => self.input = data,
                        Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                    },
                    Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                    None if self.is_done() => return Poll::Ready(None),
                    None => self.finish(),
                }
                self.take_output()
            } else {
                self.step();
                self.take_output()
            };
            if !output.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(output.into()))));
            }
        }
    }

    /// Whether all was decoded.
    pub(crate) const fn is_done(&self) -> bool {
        matches!(self.state, State::Done) && self.error.is_none()
    }

    /// Decodes a piece of the input.
    fn step(&mut self) {
        let step = self.input.split_to(self.input.len().min(STEP_BYTES));
        if let State::Fresh = self.state {
            self.state = State::Begun(Box::new(MultiGzDecoder::new(Vec::new())));
        }
        if let State::Begun(decoder) = &mut self.state
            && decoder.write_all(&step).is_err()
        {
            self.fail(AnswerError::Gzip);
        }
    }

    fn finish(&mut self) {
        let ended = match &mut self.state {
            State::Begun(decoder) => decoder.try_finish().is_ok(),
            State::Fresh | State::Done => true,
        };
        if ended { self.end() } else { self.fail(AnswerError::GzipEnd) }
    }

    fn fail(&mut self, error: AnswerError) {
        self.error = Some(error);
        self.end();
    }

    fn end(&mut self) {
        if let State::Begun(decoder) = &mut self.state {
            self.output = std::mem::take(decoder.get_mut());
        }
        self.state = State::Done;
        self.input.clear();
    }

    fn take_output(&mut self) -> Vec<u8> {
        match &mut self.state {
            State::Begun(decoder) => std::mem::take(decoder.get_mut()),
            State::Fresh | State::Done => std::mem::take(&mut self.output),
        }
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn decode(pieces: &[&[u8]]) -> Result<Vec<u8>, AnswerError> {
        let mut pieces = pieces.iter();
        let mut gunzip = Gunzip::default();
        let mut whole = Vec::new();
        loop {
            let next = gunzip.poll_frame(|| {
                Poll::Ready(
                    pieces.next().map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))),
                )
            });
            let Poll::Ready(next) = next else { panic!("nothing here waits") };
            let Some(frame) = next else { return Ok(whole) };
            let data = frame?.into_data().unwrap();
            assert!(data.len() <= STEP_BYTES * 1100, "{} bytes in one piece", data.len());
            whole.extend_from_slice(&data);
        }
    }

    #[test]
    fn a_bomb_comes_out_in_bounded_pieces() {
        let bomb = vec![0; 20 << 20];
        assert_eq!(decode(&[&gzip(&bomb)]).unwrap().len(), bomb.len());
    }

    #[test]
    fn cut_at_every_byte_it_is_an_error_and_in_two_pieces_it_is_whole() {
        let whole = gzip(b"hello, hello, hello");
        for cut in 1..whole.len() {
            let (first, rest) = whole.split_at(cut);
            assert!(matches!(decode(&[first]), Err(AnswerError::GzipEnd)), "cut at {cut}");
            assert_eq!(decode(&[first, rest]).unwrap(), b"hello, hello, hello", "in two at {cut}");
        }
    }

    #[test]
    fn what_is_no_gzip_is_an_error_and_nothing_is_nothing() {
        assert!(matches!(decode(&[b"{\"a\": 1}, and some more of it"]), Err(AnswerError::Gzip)));
        assert_eq!(decode(&[]).unwrap(), b"");
    }

    #[test]
    fn what_was_decoded_goes_out_before_a_wrong_checksum_is_told() {
        let mut wrong = gzip(b"hello");
        let checksum = wrong.len() - 6;
        wrong[checksum] ^= 1;
        let mut gunzip = Gunzip::default();
        let mut next = Some(Bytes::from(wrong));
        let mut poll =
            || gunzip.poll_frame(|| Poll::Ready(next.take().map(|all| Ok(Frame::data(all)))));
        let Poll::Ready(Some(Ok(first))) = poll() else { panic!("the data comes first") };
        assert_eq!(first.into_data().unwrap(), "hello");
        assert!(matches!(poll(), Poll::Ready(Some(Err(AnswerError::GzipEnd)))));
        assert!(matches!(poll(), Poll::Ready(None)));
    }

    #[test]
    fn members_are_decoded_one_after_another() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(&[&two]).unwrap(), b"one two");
    }
}
