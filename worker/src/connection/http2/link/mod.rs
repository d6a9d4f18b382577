//! A stream that another worker answers: HTTP/1.1 over a link, both ways at once.
//!
//! After a commit the client's transport stays here until the client has left; each new stream is
//! written to a link ([`Thread::open_link`](crate::connection::thread::Thread::open_link)) whose
//! other end belongs to the worker that serves now. Links are kept for the next stream; when that
//! worker is relieved they go on to its successor like any connection, so nothing is passed on twice.
//! A link is written and read by what writes answers to clients of HTTP/1.1 and reads their requests.

mod answer;

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;

use baton_shared::control::relay::{Protocol, RelayRecord};
use bytes::BytesMut;
use h2::Reason;
use http::Method;
use http_body::Body as _;

use self::answer::AnswerBody;
use super::client::Client;
use super::response::{Sent, Way};
use crate::connection::http1::response::{self as http1, Framing};
use crate::connection::http1::wire::Wire;
use crate::connection::limits::EdgeLimits;
use crate::connection::thread::LINK_IDLE;
use crate::connection::transport::Transport;
use crate::message::{Head, RequestBody};

/// Links that rest between two streams of one client.
const RESTING_MAX: usize = 4;
/// More than an answer's trailers may have where they come from.
const TRAILER_BYTES_MAX: usize = 64 * 1024;

/// The links of one client that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Links {
    resting: RefCell<Vec<Wire>>,
}

impl Links {
    /// One that is still alive: a worker that has died has closed its ends.
    fn take(&self) -> Option<Wire> {
        let mut resting = self.resting.borrow_mut();
        loop {
            let link = resting.pop()?;
            match link.with_unread(|unread| link.transport.try_read(unread, 1)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(link),
                Ok(_) | Err(_) => {},
            }
        }
    }

    fn give(&self, link: Wire) {
        let mut resting = self.resting.borrow_mut();
        if resting.len() < RESTING_MAX && link.with_unread(|unread| unread.is_empty()) {
            link.rest();
            resting.push(link);
        }
    }

    /// This worker serves again by itself.
    pub(super) fn close(&self) {
        self.resting.borrow_mut().clear();
    }
}

/// What becomes of a link.
enum Rest {
    Reusable,
    Used,
}

impl Client {
    /// Has a stream answered by the worker that serves now.
    pub(super) async fn pass_on(
        &self,
        head: &Head,
        length: Option<u64>,
        body: RequestBody,
        way: &mut Way<'_>,
    ) -> Sent {
        let link = match self.links.take() {
            Some(link) => Ok(link),
            None => self.open_link(),
        };
        let Ok(link) = link else {
            // Out of descriptors. Nobody has seen the stream: the client may try again.
            way.respond.send_reset(Reason::REFUSED_STREAM);
            return Sent::Cut;
        };
        match self.exchange_over(&link, head, (length, body), way).await {
            Some((sent, Rest::Reusable)) => {
                self.links.give(link);
                sent
            },
            Some((sent, Rest::Used)) => sent,
            None => {
                // The link closes, and whoever answers sees that the body is not whole.
                way.respond.send_reset(Reason::CANCEL);
                Sent::Cut
            },
        }
    }

    /// Both ways at once; `None` when the client's body broke off.
    async fn exchange_over(
        &self,
        link: &Wire,
        head: &Head,
        (length, body): (Option<u64>, RequestBody),
        way: &mut Way<'_>,
    ) -> Option<(Sent, Rest)> {
        let mut uploading = pin!(upload(link, head, length, body));
        let mut answering = pin!(self.answer_from(link, head, way));
        let mut is_uploaded = false;
        poll_fn(|context| {
            if !is_uploaded && let Poll::Ready(done) = uploading.as_mut().poll(context) {
                is_uploaded = true;
                // A link that takes no more may still hold an answer.
                if done.is_err_and(|error| error.kind() == http1::BROKEN) {
                    return Poll::Ready(None);
                }
            }
            let answered = answering.as_mut().poll(context);
            // An answer that is out before the request was in: nobody reads the rest of that.
            answered.map(|(sent, rest)| Some((sent, if is_uploaded { rest } else { Rest::Used })))
        })
        .await
    }

    fn open_link(&self) -> io::Result<Wire> {
        let tls = self.facts.tls_facts().cloned();
        let relay = RelayRecord { protocol: Protocol::Http2, tls };
        let link = Transport::link(self.thread.open_link(&self.facts, relay, b"")?);
        // Amounts and times are bounded at the other end.
        let limits = EdgeLimits {
            body_bytes: None,
            chunk_extension_bytes: 0,
            trailer_bytes: TRAILER_BYTES_MAX,
            write_idle: LINK_IDLE,
            ..EdgeLimits::clone(&self.thread.limits)
        };
        let spare = Rc::clone(&self.thread.spare);
        Ok(Wire::new(link, Rc::new(limits), spare, BytesMut::new()))
    }

    /// Reads the answer and sends it.
    async fn answer_from(&self, link: &Wire, head: &Head, way: &mut Way<'_>) -> (Sent, Rest) {
        let answer = tokio::select! {
            biased;
            answer = answer::head(link, head.method == Method::HEAD) => answer,
            _gone = poll_fn(|context| way.respond.poll_reset(context)) => {
                return (Sent::Cut, Rest::Used);
            },
        };
        let Ok((answer, ends)) = answer else {
            way.respond.send_reset(Reason::INTERNAL_ERROR);
            return (Sent::Cut, Rest::Used);
        };
        let sent = way.send_stream(answer, AnswerBody(link)).await;
        let is_clean = sent == Sent::Whole && link.body_is_done() && ends == answer::Ends::Rests;
        (sent, if is_clean { Rest::Reusable } else { Rest::Used })
    }
}

/// Writes a request: its head, and its body as it comes.
async fn upload(
    link: &Wire,
    head: &Head,
    length: Option<u64>,
    body: RequestBody,
) -> io::Result<()> {
    let is_bodiless = body.is_end_stream();
    let mut text = request(head, length, is_bodiless);
    if is_bodiless {
        return http1::write_all(link, &mut [IoSlice::new(&text)]).await;
    }
    let framing = length.map_or(Framing::Chunked, Framing::Length);
    http1::send_stream(link, framing, body, &mut text).await
}

/// The head as it is written to a link. What the client's protocol guarantees holds here as well: names
/// are tokens, values hold no line ends.
fn request(head: &Head, length: Option<u64>, is_bodiless: bool) -> BytesMut {
    let mut out = BytesMut::with_capacity(head.buffer.len() + 128);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.extend_from_slice(b" ");
    if head.method == Method::CONNECT {
        out.extend_from_slice(head.host().as_bytes());
    }
    out.extend_from_slice(head.path());
    if let Some(query) = head.query() {
        out.extend_from_slice(b"?");
        out.extend_from_slice(query);
    }
    out.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in head.fields() {
        // The framing is ours, and the invitation to send was given already.
        if !matches!(name, "content-length" | "expect") {
            put_field(&mut out, name.as_bytes(), value);
        }
    }
    match length {
        Some(length) => {
            put_field(&mut out, b"content-length", itoa::Buffer::new().format(length).as_bytes());
        },
        None if !is_bodiless => put_field(&mut out, b"transfer-encoding", b"chunked"),
        None if head.field("content-length").is_some() => {
            put_field(&mut out, b"content-length", b"0");
        },
        None => {},
    }
    out.extend_from_slice(b"\r\n");
    out
}

fn put_field(out: &mut BytesMut, name: &[u8], value: &[u8]) {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}
