//! An answer on a stream: head, data as the client's windows allow, trailers.
//!
//! Nothing is asked of a backend that the client has no room for, unless it is small: a stream that nobody reads holds one
//! piece, and for so long as a client may block an answer.

use std::cell::Cell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body::{Body, Frame};
use tokio::time::sleep;

use super::client::Client;
use crate::connection::http1::refusal::Refusal;
use crate::connection::transport::within;
use crate::message::{Response, ResponseBody};

/// How long an answer that comes early waits before it closes its stream.
const EARLY_END_WAIT: Duration = Duration::from_millis(10);
/// An answer of this size is taken from its backend whether the client has room for it or not: it holds less than the
/// stream itself, and a connection to the backend would be held for it.
const SMALL_BYTES: u64 = 4 * 1024;

/// How an answer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    Whole,
    /// Cut short: the client can see it.
    Cut,
}

/// The beginning of an answer.
pub(super) struct Head {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// How long the body is, where that is known.
    pub(super) length: Option<u64>,
    /// Nothing follows, whatever the length says.
    pub(super) is_bodiless: bool,
}

/// Where an answer goes.
pub(super) struct Way<'a> {
    pub(super) client: &'a Client,
    pub(super) respond: SendResponse<Bytes>,
    /// Whether the client has said all.
    pub(super) heard: Rc<Cell<bool>>,
    /// Whether the client earns by it.
    pub(super) earns: bool,
}

impl Way<'_> {
    /// Answers.
    pub(super) async fn send(&mut self, head_only: bool, response: Response) -> Sent {
        let Response { status, lines, mut headers, body } = response;
        put_lines(&mut headers, &lines);
        if !headers.contains_key(header::DATE)
            && let Ok(date) = self.client.thread.date.with(HeaderValue::from_str)
        {
            headers.insert(header::DATE, date);
        }
        let length = match &body {
            ResponseBody::Full(bytes) => Some(bytes.len() as u64),
            ResponseBody::Stream(body) => body.size_hint().exact(),
            ResponseBody::File(body) => body.size_hint().exact(),
            ResponseBody::Packed(_) | ResponseBody::Tunnel(_) => None,
        };
        let head = Head { status, headers, length, is_bodiless: head_only || has_no_body(status) };
        match body {
            ResponseBody::Full(bytes) => self.send_full(head, bytes).await,
            ResponseBody::Stream(body) => self.send_stream(head, body).await,
            ResponseBody::File(body) => self.send_stream(head, *body).await,
            ResponseBody::Packed(body) => self.send_stream(head, *body).await,
            // No protocol is switched on a stream: whoever upgrades was refused before.
            ResponseBody::Tunnel(_) => self.cut(),
        }
    }

    /// Tells a client why its stream is no request.
    pub(super) async fn refuse(&mut self, refusal: Refusal) -> Sent {
        let (status, body) = refusal.told();
        let mut response = Response::new(status, body.into());
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers.insert(header::CONTENT_TYPE, text);
        self.send(false, response).await
    }

    async fn send_full(&mut self, head: Head, bytes: Bytes) -> Sent {
        let is_whole = head.is_bodiless || bytes.is_empty();
        self.hear_out().await;
        match self.begin(head, is_whole) {
            Ok(_) if is_whole => Sent::Whole,
            Ok(mut stream) => self.push(&mut stream, bytes, true).await,
            Err(_) => self.cut(),
        }
    }

    /// Passes a body on, piece by piece.
    pub(super) async fn send_stream(
        &mut self,
        head: Head,
        mut body: impl Body<Data = Bytes> + Unpin,
    ) -> Sent {
        let (is_whole, announced) = (head.is_bodiless, head.length);
        if is_whole {
            self.hear_out().await;
        }
        let mut stream = match self.begin(head, is_whole) {
            Ok(_) if is_whole => return Sent::Whole,
            Ok(stream) => stream,
            Err(_) => return self.cut(),
        };
        let is_small = announced.is_some_and(|announced| announced <= SMALL_BYTES);
        let mut total: u64 = 0;
        let fits = |total| announced.is_none_or(|announced| announced == total);
        loop {
            // Nothing large is taken from a backend that the client has no room for.
            if !is_small && room(self.client, &mut stream, 1).await == 0 {
                return Sent::Cut;
            }
            let piece = next(&mut stream, &mut body).await;
            let sent = match piece {
                Next::Data(data) => {
                    total += data.len() as u64;
                    let is_last = body.is_end_stream() && fits(total);
                    if is_last {
                        self.hear_out().await;
                    }
                    match self.push(&mut stream, data, is_last).await {
                        Sent::Whole if !is_last => continue,
                        sent => return sent,
                    }
                },
                Next::End(trailers) if fits(total) => {
                    self.hear_out().await;
                    match trailers {
                        Some(trailers) => stream.send_trailers(trailers),
                        None => stream.send_data(Bytes::new(), true),
                    }
                },
                Next::End(_) | Next::Broken => {
                    // The client must see that this is not the whole.
                    stream.send_reset(Reason::INTERNAL_ERROR);
                    return Sent::Cut;
                },
                Next::Gone => return Sent::Cut,
            };
            return if sent.is_ok() { Sent::Whole } else { Sent::Cut };
        }
    }

    /// Sends data as the client has room for it.
    async fn push(&self, stream: &mut SendStream<Bytes>, mut data: Bytes, is_last: bool) -> Sent {
        if data.is_empty() {
            let sent = if is_last { stream.send_data(data, true) } else { Ok(()) };
            return if sent.is_ok() { Sent::Whole } else { Sent::Cut };
        }
        while !data.is_empty() {
            let room = match room(self.client, stream, data.len()).await {
                0 => return Sent::Cut,
                room => room,
            };
            let piece = data.split_to(room.min(data.len()));
            if self.earns {
                self.client.line.meter.borrow_mut().piece_sent(piece.len(), data.is_empty());
            }
            if stream.send_data(piece, is_last && data.is_empty()).is_err() {
                return Sent::Cut;
            }
        }
        Sent::Whole
    }

    /// An answer that is out before its request is in closes the stream: what the client has on its way
    /// is heard first.
    async fn hear_out(&self) {
        if !self.heard.get() {
            sleep(EARLY_END_WAIT).await;
        }
    }

    /// Fields that speak of a connection have no place here, and the length is the framing's.
    fn begin(&mut self, head: Head, is_whole: bool) -> Result<SendStream<Bytes>, h2::Error> {
        let Head { status, mut headers, length, .. } = head;
        drop(headers.remove(header::TRANSFER_ENCODING));
        drop(headers.remove(header::CONTENT_LENGTH));
        if let Some(length) = length.filter(|_| !has_no_body(status)) {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        let mut response = http::Response::new(());
        *response.status_mut() = status;
        *response.headers_mut() = headers;
        self.respond.send_response(response, is_whole)
    }

    fn cut(&mut self) -> Sent {
        self.respond.send_reset(Reason::INTERNAL_ERROR);
        Sent::Cut
    }
}

/// A status that says that there is no body.
pub(super) fn has_no_body(status: StatusCode) -> bool {
    status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED
}

/// Field lines that were written at start.
fn put_lines(headers: &mut HeaderMap, lines: &[u8]) {
    for line in lines.split(|&byte| byte == b'\n') {
        let Some(colon) = memchr::memchr(b':', line) else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
}

enum Next {
    Data(Bytes),
    End(Option<HeaderMap>),
    Broken,
    /// The client does not want it any more.
    Gone,
}

async fn next(
    stream: &mut SendStream<Bytes>,
    body: &mut (impl Body<Data = Bytes> + Unpin),
) -> Next {
    poll_fn(|context| {
        loop {
            let frame = match Pin::new(&mut *body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => frame,
                Poll::Ready(Some(Err(_))) => return Poll::Ready(Next::Broken),
                Poll::Ready(None) => return Poll::Ready(Next::End(None)),
                Poll::Pending if stream.poll_reset(context).is_ready() => {
                    return Poll::Ready(Next::Gone);
                },
                Poll::Pending => return Poll::Pending,
            };
            match frame.into_data().map_err(Frame::into_trailers) {
                Ok(data) if data.is_empty() && !body.is_end_stream() => {},
                Ok(data) => return Poll::Ready(Next::Data(data)),
                Err(trailers) => return Poll::Ready(Next::End(trailers.ok())),
            }
        }
    })
    .await
}

/// How much the client has room for, of so much; waits at most `write_idle`. 0: it is gone, or too slow.
async fn room(client: &Client, stream: &mut SendStream<Bytes>, wanted: usize) -> usize {
    stream.reserve_capacity(wanted);
    let room = stream.capacity();
    if room > 0 {
        return room;
    }
    let waited = poll_fn(|context| stream.poll_capacity(context));
    match within(client.thread.limits.write_idle, waited).await {
        Ok(Some(Ok(room))) => room,
        Ok(Some(Err(_)) | None) => 0,
        Err(_late) => {
            stream.send_reset(Reason::CANCEL);
            0
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_plan_become_fields() {
        let mut headers = HeaderMap::new();
        put_lines(&mut headers, b"X-Krakend: Version 2\r\nX-Krakend-Completed: false\r\n");
        assert_eq!(headers.get("x-krakend").unwrap(), "Version 2");
        assert_eq!(headers.get("x-krakend-completed").unwrap(), "false");
        assert_eq!(headers.len(), 2);
    }
}
