//! gzip from a backend, decoded while it streams.
//!
//! Only where the gateway itself asked for it. Go decodes members one after another, as here.

use std::io::Write as _;
use std::task::{Poll, ready};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http_body::Frame;

use super::answer::AnswerError;

/// How much is decoded at a time: a thousandfold at worst, so this bounds what a frame may hold.
const STEP_BYTES: usize = 1024;

/// The state of one body.
#[derive(Debug)]
pub(crate) struct Gunzip {
    /// `None` when all is decoded.
    decoder: Option<MultiGzDecoder<Vec<u8>>>,
    /// Not decoded yet.
    input: Bytes,
    /// Whether any input came: an empty body is an empty body.
    begun: bool,
}

impl Default for Gunzip {
    fn default() -> Self {
        let decoder = Some(MultiGzDecoder::new(Vec::new()));
        Self { decoder, input: Bytes::new(), begun: false }
    }
}

type NextFrame = Poll<Option<Result<Frame<Bytes>, AnswerError>>>;

impl Gunzip {
    /// The next decoded piece of what `next` gives; trailers pass.
    pub(crate) fn poll_frame(&mut self, mut next: impl FnMut() -> NextFrame) -> NextFrame {
        loop {
            while !self.input.is_empty() {
                let output = self.step()?;
                if !output.is_empty() {
                    return Poll::Ready(Some(Ok(Frame::data(output.into()))));
                }
            }
            match ready!(next()) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.input = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let rest = self.finish()?;
                    let frame = (!rest.is_empty()).then(|| Ok(Frame::data(rest.into())));
                    return Poll::Ready(frame);
                },
            }
        }
    }

    /// Whether all was decoded.
    pub(crate) const fn is_done(&self) -> bool {
        self.decoder.is_none()
    }

    fn step(&mut self) -> Result<Vec<u8>, AnswerError> {
        let Some(decoder) = &mut self.decoder else { return Err(AnswerError::Gzip) };
        self.begun = true;
        let step = self.input.split_to(self.input.len().min(STEP_BYTES));
        decoder.write_all(&step).map_err(|_malformed| AnswerError::Gzip)?;
        Ok(std::mem::take(decoder.get_mut()))
    }

    fn finish(&mut self) -> Result<Vec<u8>, AnswerError> {
        match self.decoder.take() {
            Some(decoder) if self.begun => decoder.finish().map_err(|_cut| AnswerError::Cut),
            Some(_) | None => Ok(Vec::new()),
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
            assert!(decode(&[first]).is_err(), "cut at {cut}");
            assert_eq!(decode(&[first, rest]).unwrap(), b"hello, hello, hello", "in two at {cut}");
        }
    }

    #[test]
    fn what_is_no_gzip_is_an_error_and_nothing_is_nothing() {
        assert!(matches!(decode(&[b"{\"a\": 1}, and some more of it"]), Err(AnswerError::Gzip)));
        assert_eq!(decode(&[]).unwrap(), b"");
    }

    #[test]
    fn members_are_decoded_one_after_another() {
        let two = [gzip(b"one "), gzip(b"two")].concat();
        assert_eq!(decode(&[&two]).unwrap(), b"one two");
    }
}
