//! Answers packed for clients that take gzip: where `router.disable_gzip` is there and says `false`.
//!
//! On the way: last, before the connection. KrakenD's Enterprise edition packs unless that flag is
//! `true`, its Community edition never does; a file without the flag is served as by the latter.

use std::io::{self, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, VARY};
use http::{HeaderValue, Method, StatusCode};
use http_body::{Body, Frame};

use crate::backend::AnswerBody;
use crate::files::FileBody;
use crate::message::{Head, Response, ResponseBody};

const GZIP: HeaderValue = HeaderValue::from_static("gzip");
const EVENTS: &[u8] = b"text/event-stream";

/// A body that is packed while it streams.
#[derive(Debug)]
pub struct Packed {
    source: Source,
    /// None: all has been said but the trailers.
    encoder: Option<Box<GzEncoder<Vec<u8>>>>,
    trailers: Option<Frame<Bytes>>,
}

#[derive(Debug)]
enum Source {
    Answer(AnswerBody),
    File(Box<FileBody>),
}

/// Packs the answer if the client takes that and there is something to pack.
pub(crate) fn pack(head: &Head, response: Response) -> Response {
    if !takes_gzip(head) || !is_packable(head, &response) {
        return response;
    }
    let Response { status, lines, mut headers, body } = response;
    let encoder = || GzEncoder::new(Vec::new(), Compression::fast());
    let stream = |source| {
        let encoder = Some(Box::new(encoder()));
        ResponseBody::Packed(Box::new(Packed { source, encoder, trailers: None }))
    };
    let body = match body {
        ResponseBody::Full(bytes) => {
            let mut encoder = encoder();
            match encoder.write_all(&bytes).and_then(|()| encoder.finish()) {
                Ok(packed) => ResponseBody::Full(packed.into()),
                // Memory does not fail to be written to.
                Err(_) => {
                    return Response { status, lines, headers, body: ResponseBody::Full(bytes) };
                },
            }
        },
        ResponseBody::Stream(body) => stream(Source::Answer(body)),
        ResponseBody::File(body) => stream(Source::File(body)),
        other @ (ResponseBody::Packed(_) | ResponseBody::Tunnel(_)) => {
            return Response { status, lines, headers, body: other };
        },
    };
    headers.insert(CONTENT_ENCODING, GZIP);
    headers.append(VARY, HeaderValue::from_static("Accept-Encoding"));
    Response { status, lines, headers, body }
}

/// `gzip` or `*` with a weight that is not zero (RFC 9110 §12.5.3).
fn takes_gzip(head: &Head) -> bool {
    let fields = head.fields().filter(|(name, _)| name.eq_ignore_ascii_case("accept-encoding"));
    let mut items = fields.flat_map(|(_, value)| value.split(|byte| *byte == b','));
    let is_zero = |weight: &[u8]| {
        let text = std::str::from_utf8(weight.trim_ascii()).unwrap_or_default();
        let text = text.strip_prefix("q=").or_else(|| text.strip_prefix("Q="));
        text.is_some_and(|text| text.trim().parse::<f32>().is_ok_and(|weight| weight <= 0.0))
    };
    items.any(|item| {
        let mut parts = item.split(|byte| *byte == b';');
        let coding = parts.next().unwrap_or_default().trim_ascii();
        coding.eq_ignore_ascii_case(b"gzip") && !parts.any(is_zero)
    })
}

fn is_packable(head: &Head, response: &Response) -> bool {
    let headers = &response.headers;
    let is_stream_of_events = head.field("accept").is_some_and(|accept| holds(accept, EVENTS))
        || headers.get(CONTENT_TYPE).is_some_and(|kind| holds(kind.as_bytes(), EVENTS));
    let has_body = !matches!(&response.body, ResponseBody::Full(bytes) if bytes.is_empty());
    let is_whole = response.status != StatusCode::PARTIAL_CONTENT
        && response.status != StatusCode::NO_CONTENT
        && response.status != StatusCode::NOT_MODIFIED
        && !headers.contains_key(CONTENT_RANGE);
    is_whole
        && has_body
        && *head.method() != Method::HEAD
        && !is_stream_of_events
        && !headers.contains_key(CONTENT_ENCODING)
}

fn holds(value: &[u8], text: &[u8]) -> bool {
    value.windows(text.len()).any(|window| window.eq_ignore_ascii_case(text))
}

impl Source {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        match self {
            Self::Answer(body) => {
                let frame = ready!(Pin::new(body).poll_frame(context));
                Poll::Ready(frame.map(|frame| frame.map_err(io::Error::other)))
            },
            Self::File(body) => Pin::new(&mut **body).poll_frame(context),
        }
    }
}

impl Body for Packed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            let Some(encoder) = &mut this.encoder else {
                return Poll::Ready(this.trailers.take().map(Ok));
            };
            match ready!(this.source.poll(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => {
                        encoder.write_all(&data)?;
                        // What has come is what the client can read: streams stay streams.
                        encoder.flush()?;
                        let packed = std::mem::take(encoder.get_mut());
                        if !packed.is_empty() {
                            return Poll::Ready(Some(Ok(Frame::data(packed.into()))));
                        }
                    },
                    Err(trailers) => this.trailers = Some(trailers),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => {
                    let Some(encoder) = this.encoder.take() else { continue };
                    return Poll::Ready(Some(Ok(Frame::data((*encoder).finish()?.into()))));
                },
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::harness;

    #[test]
    fn only_who_takes_gzip_gets_it() {
        let takes = |value| takes_gzip(&harness::head("GET", "/", &[("Accept-Encoding", value)]));
        for value in ["gzip", "br, GZIP;q=0.5", "gzip; q=1"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "br", "gzip;q=0", "gzip; q=0.0", "x-gzip"] {
            assert!(!takes(value), "{value}");
        }
    }

    #[test]
    fn what_is_packed_already_or_is_a_part_stays_as_it_is() {
        let head = harness::head("GET", "/", &[("Accept-Encoding", "gzip")]);
        let text = || Response::new(StatusCode::OK, Bytes::from_static(b"text"));
        assert_eq!(pack(&head, text()).headers.get(CONTENT_ENCODING), Some(&GZIP));
        let mut packed = text();
        packed.headers.insert(CONTENT_ENCODING, HeaderValue::from_static("br"));
        let part = Response { status: StatusCode::PARTIAL_CONTENT, ..text() };
        let empty = Response::new(StatusCode::OK, Bytes::new());
        for (response, coding) in [(packed, Some("br")), (part, None), (empty, None)] {
            let sent = pack(&head, response).headers;
            let sent = sent.get(CONTENT_ENCODING).map(|value| value.to_str().unwrap().to_owned());
            assert_eq!(sent.as_deref(), coding);
        }
    }
}
