//! `max_payload` and `decompress_gzip`: how large a client's body may be, and whether it is unpacked.
//!
//! On the way: around the body, before anybody reads it. What is unpacked is counted unpacked.
//! KrakenD (Enterprise): 413; `gzip` in the first place of `Content-Encoding` is undone.

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

use crate::backend::{AnswerError, Gunzip};
use crate::message::{Head, Request, RequestBody, UploadError};
use crate::plan::{Endpoint, ThreadState};
use crate::serve::asked;

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

/// Whether bodies of an endpoint's requests are unpacked.
pub(crate) fn unpacks(endpoint: &Endpoint) -> bool {
    endpoint.guards.as_ref().is_some_and(|guards| guards.payload.gunzip == Gunzips::Yes)
}

/// Unpacks the body of a request whose endpoint wants that, and takes the coding out of its head.
/// Only asked where some endpoint does: it takes a look at the routes of its own.
pub(crate) fn unpack(thread: &Rc<ThreadState>, request: &mut Request) {
    let plan = &thread.plan;
    let wants = {
        let found = plan.router.find(&asked(&request.head));
        let endpoint = match &found {
            Ok(found) => plan.endpoint(*found.value),
            Err(miss) => plan.fallback(miss),
        };
        endpoint.is_some_and(unpacks)
    };
    if wants && !request.body.is_end_stream() && take_gzip(&mut request.head) {
        let body = std::mem::take(&mut request.body);
        let unzipped = Unzipped { body, gunzip: Gunzip::default(), failed: None };
        request.body = RequestBody::Unzipped(Box::new(unzipped));
    }
}

/// Whether `gzip` was the first coding; it is not any more.
fn take_gzip(head: &mut Head) -> bool {
    let is_it = |name: &[u8]| name.eq_ignore_ascii_case(b"content-encoding");
    let Some(at) = head.fields.iter().position(|field| is_it(head.bytes(&field.name))) else {
        return false;
    };
    let Some(span) = head.fields.get(at).map(|field| field.value.clone()) else { return false };
    let value = head.bytes(&span);
    let end = memchr::memchr(b',', value).unwrap_or(value.len());
    let first = value.get(..end).unwrap_or_default().trim_ascii();
    if !first.eq_ignore_ascii_case(b"gzip") {
        return false;
    }
    let behind = value.get(end + 1..).unwrap_or_default();
    let rest = u32::try_from(behind.trim_ascii_start().len()).unwrap_or(0);
    match head.fields.get_mut(at) {
        Some(field) if rest > 0 => field.value = span.end - rest..span.end,
        _ => drop(head.fields.remove(at)),
    }
    true
}

impl Payload {
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
            let mut head = harness::head("POST", "/a", &[("Content-Encoding", before), ("X", "1")]);
            let taken = take_gzip(&mut head);
            let left = head.field("content-encoding").map(|value| String::from_utf8_lossy(value));
            assert_eq!(taken, after.is_some(), "{before}");
            assert_eq!(left.as_deref(), after.unwrap_or(Some(before)), "{before}");
            assert_eq!(head.field("x"), Some(&b"1"[..]));
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
