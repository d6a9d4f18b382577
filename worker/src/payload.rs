//! `max_payload` and `decompress_gzip`: how large a client's body may be, and whether it is unpacked.
//!
//! On the way: around the body, before anybody reads it. What is unpacked is counted unpacked.
//! KrakenD (Enterprise): 413; `gzip` in the first place of `Content-Encoding` is undone.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::backend::{AnswerError, Gunzip};
use crate::message::{Head, RequestBody, UploadError};

/// What an endpoint says of bodies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Payload {
    /// `max_payload` of the endpoint; the service's holds at the edge already.
    pub(crate) bytes_max: Option<u64>,
    /// `decompress_gzip`.
    pub(crate) gunzip: Gunzips,
}

/// Whether packed bodies are unpacked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Gunzips {
    /// They pass as they are.
    #[default]
    No,
    /// Backends get them unpacked.
    Yes,
}

/// A body of which no more than so many bytes come.
#[derive(Debug)]
pub struct Bounded {
    body: RequestBody,
    bytes_left: u64,
}

/// A body that is unpacked.
#[derive(Debug)]
pub struct Unzipped {
    body: RequestBody,
    gunzip: Gunzip,
    /// Why the packed body ended early.
    failed: Option<UploadError>,
}

/// The head without `gzip`, if that was the first coding.
fn without_gzip(head: &Head) -> Option<Head> {
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(b"content-encoding");
    let at = head.fields.iter().position(|field| is_it(head.bytes(&field.name)))?;
    let span = head.fields.get(at)?.value.clone();
    let value = head.bytes(&span);
    let end = memchr::memchr(b',', value).unwrap_or(value.len());
    let first = value.get(..end).unwrap_or_default().trim_ascii();
    if !first.eq_ignore_ascii_case(b"gzip") {
        return None;
    }
    let behind = value.get(end + 1..).unwrap_or_default();
    let rest = u32::try_from(behind.trim_ascii_start().len()).unwrap_or(0);
    let mut head = head.clone();
    match head.fields.get_mut(at) {
        Some(field) if rest > 0 => field.value = span.end - rest..span.end,
        _ => drop(head.fields.remove(at)),
    }
    Some(head)
}

impl Payload {
    /// Unpacks a body, if that is wanted; then its request has another head.
    pub(crate) fn unpack(self, head: &Head, body: RequestBody) -> (Option<Box<Head>>, RequestBody) {
        if self.gunzip == Gunzips::No || body.is_end_stream() {
            return (None, body);
        }
        let Some(head) = without_gzip(head) else { return (None, body) };
        let unzipped = Unzipped { body, gunzip: Gunzip::default(), failed: None };
        (Some(Box::new(head)), RequestBody::Unzipped(Box::new(unzipped)))
    }

    /// The body within its bound.
    ///
    /// # Errors
    /// When it is announced larger.
    pub(crate) fn bound(self, body: RequestBody) -> Result<RequestBody, UploadError> {
        let Some(bytes_max) = self.bytes_max.filter(|_| !body.is_end_stream()) else {
            return Ok(body);
        };
        if body.size_hint().lower() > bytes_max {
            return Err(UploadError::TooLarge);
        }
        Ok(RequestBody::Bounded(Box::new(Bounded { body, bytes_left: bytes_max })))
    }
}

type Polled = Poll<Option<Result<Frame<Bytes>, UploadError>>>;

impl Body for Bounded {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        if let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) {
            match this.bytes_left.checked_sub(data.len() as u64) {
                Some(left) => this.bytes_left = left,
                None => return Poll::Ready(Some(Err(UploadError::TooLarge))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Body for Unzipped {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Polled {
        let Self { body, gunzip, failed } = self.get_mut();
        let unpacked = ready!(gunzip.poll_frame(|| {
            let frame = ready!(Pin::new(&mut *body).poll_frame(context));
            Poll::Ready(frame.map(|frame| {
                frame.map_err(|error| {
                    *failed = Some(error);
                    AnswerError::Cut
                })
            }))
        }));
        // What cannot be unpacked is the client's fault: 400.
        let fault = |_error| failed.take().unwrap_or(UploadError::Broken);
        Poll::Ready(unpacked.map(|frame| frame.map_err(fault)))
    }

    fn is_end_stream(&self) -> bool {
        self.gunzip.is_done()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness;

    #[test]
    fn the_first_coding_is_taken_and_the_others_stay() {
        for (before, after) in [
            ("gzip", Some(None)),
            ("GZIP , br", Some(Some("br"))),
            ("gzip,gzip", Some(Some("gzip"))),
            ("br, gzip", None),
            ("x-gzip", None),
        ] {
            let head = harness::head("POST", "/a", &[("Content-Encoding", before), ("X", "1")]);
            let head = without_gzip(&head);
            assert_eq!(head.is_some(), after.is_some(), "{before}");
            let left = head.as_ref().and_then(|head| head.field("content-encoding"));
            assert_eq!(left.map(String::from_utf8_lossy).as_deref(), after.flatten(), "{before}");
            assert!(head.is_none_or(|head| head.field("x") == Some(b"1")), "{before}");
        }
    }

    #[test]
    fn a_body_beyond_the_bound_is_refused_before_or_while_it_is_read() {
        let payload = Payload { bytes_max: Some(3), ..Payload::default() };
        let held = |text: &'static str| RequestBody::Held(Bytes::from_static(text.as_bytes()));
        assert!(matches!(payload.bound(held("four")), Err(UploadError::TooLarge)));
        assert!(payload.bound(held("abc")).is_ok());
        let mut body = Bounded { body: held("four"), bytes_left: 3 };
        let mut context = Context::from_waker(std::task::Waker::noop());
        let polled = Pin::new(&mut body).poll_frame(&mut context);
        assert!(matches!(polled, Poll::Ready(Some(Err(UploadError::TooLarge)))));
    }
}
