//! The answer to a stream as it comes over a link.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::{Body, Frame, SizeHint};

use crate::connection::http1::framing::Framing;
use crate::connection::http1::head;
use crate::connection::http1::wire::{Part, Wire};
use crate::connection::http2::response::{Head, has_no_body};
use crate::message::UploadError;

/// The head of an answer: a backend's bound, and what the gateway adds.
const HEAD_BYTES_MAX: usize = 2 << 20;
/// Field lines of an answer: far more than pass through a gateway.
const FIELDS_MAX: usize = 4096;
const FIELDS_USUAL: usize = 64;

/// What the link does after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ends {
    /// It waits for the next request.
    Rests,
    Closes,
}

/// The body of an answer, once its head was read.
pub(super) struct AnswerBody<'a>(pub(super) &'a Wire);

/// The head of an answer; its body can be read then. What comes before it (1xx) is passed over.
pub(super) async fn head(link: &Wire, head_only: bool) -> io::Result<(Head, Ends)> {
    loop {
        let (status, headers) = parse(&text(link).await?)?;
        if !status.is_informational() {
            return begin(link, status, headers, head_only);
        }
    }
}

/// The bytes of a whole head. The end of the link is an error: it ends only between two exchanges.
async fn text(link: &Wire) -> io::Result<BytesMut> {
    let mut searched = 0;
    loop {
        let found = link.with_unread(|unread| {
            let length = head::end(unread, &mut searched);
            length.map(|length| unread.split_to(length)).ok_or(unread.len())
        });
        match found {
            Ok(text) => return Ok(text),
            Err(HEAD_BYTES_MAX..) => return Err(malformed()),
            Err(_) => {},
        }
        if poll_fn(|context| link.poll_fill(context)).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn parse(text: &[u8]) -> io::Result<(StatusCode, HeaderMap)> {
    let mut fields = vec![httparse::EMPTY_HEADER; FIELDS_USUAL];
    loop {
        let mut response = httparse::Response::new(&mut fields);
        match response.parse(text) {
            Ok(httparse::Status::Complete(_)) => {
                let status = response.code.and_then(|code| StatusCode::from_u16(code).ok());
                let mut headers = HeaderMap::with_capacity(response.headers.len());
                for field in response.headers {
                    let name = HeaderName::from_bytes(field.name.as_bytes());
                    let value = HeaderValue::from_bytes(field.value);
                    headers.append(
                        name.map_err(|_name| malformed())?,
                        value.map_err(|_value| malformed())?,
                    );
                }
                return status.map(|status| (status, headers)).ok_or_else(malformed);
            },
            Err(httparse::Error::TooManyHeaders) if fields.len() < FIELDS_MAX => {
                fields = vec![httparse::EMPTY_HEADER; FIELDS_MAX];
            },
            Ok(httparse::Status::Partial) | Err(_) => return Err(malformed()),
        }
    }
}

/// The body ends in one of the ways in which the gateway ends bodies.
fn begin(
    link: &Wire,
    status: StatusCode,
    mut headers: HeaderMap,
    head_only: bool,
) -> io::Result<(Head, Ends)> {
    let closes = headers.remove(header::CONNECTION).is_some_and(|value| value == "close");
    let is_chunked = headers.remove(header::TRANSFER_ENCODING).is_some();
    let length = match headers.remove(header::CONTENT_LENGTH) {
        Some(value) => {
            let length = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
            Some(length.ok_or_else(malformed)?)
        },
        None => None,
    };
    let is_bodiless = head_only || has_no_body(status);
    let framing = match length {
        _ if is_bodiless => Framing::None,
        _ if is_chunked => Framing::Chunked,
        Some(0) => Framing::None,
        Some(bytes) => Framing::Length(bytes),
        None => return Err(malformed()),
    };
    link.begin_body(framing, false);
    let length = length.filter(|_| !is_chunked);
    let ends = if closes { Ends::Closes } else { Ends::Rests };
    Ok((Head { status, headers, length, is_bodiless }, ends))
}

impl Body for AnswerBody<'_> {
    type Data = Bytes;
    type Error = UploadError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, UploadError>>> {
        Poll::Ready(match ready!(self.0.poll_body(context)) {
            Ok(Part::Data(data)) => Some(Ok(Frame::data(data))),
            Ok(Part::End(trailers)) => trailers.map(|trailers| Ok(Frame::trailers(trailers))),
            Err(error) => Some(Err(error)),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.0.body_is_done()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.body_left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
