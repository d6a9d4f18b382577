//! A stream that another worker answers: HTTP/1.1 over a link, both ways at once.
//!
//! After a commit the client's transport stays here until the client has left; each new stream is
//! written to a link ([`Thread::open_link`](crate::connection::thread::Thread::open_link)) whose
//! other end belongs to the worker that serves now. Links are kept for the next stream; when that
//! worker is relieved they go on to its successor like any connection, so nothing is passed on twice.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use baton_shared::control::relay::{Protocol, RelayRecord};
use bytes::{Bytes, BytesMut};
use h2::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use http_body::{Body, Frame, SizeHint};
use tokio::net::UnixStream;

use super::client::Client;
use super::response::{self, Sent, Way};
use crate::connection::http1::chunked::{ChunkBounds, Decoder, Piece};
use crate::connection::http1::head as http1_head;
use crate::message::{Head, RequestBody};

/// Links that rest between two streams of one client.
const RESTING_MAX: usize = 4;
/// The head of an answer: a backend's bound, and what the gateway adds.
const HEAD_BYTES_MAX: usize = 2 << 20;
/// Field lines of an answer: far more than pass through a gateway.
const FIELDS_MAX: usize = 4096;
const READ_BYTES: usize = 32 * 1024;
const TRAILER_BYTES_MAX: usize = 64 * 1024;

/// A connection to the worker that serves now.
#[derive(Debug)]
struct Link {
    stream: UnixStream,
    unread: BytesMut,
}

/// The links of one client that nobody uses.
#[derive(Debug, Default)]
pub(super) struct Links {
    resting: RefCell<Vec<Link>>,
}

impl Links {
    /// One that is still alive: a worker that has died has closed its ends.
    fn take(&self) -> Option<Link> {
        let mut resting = self.resting.borrow_mut();
        loop {
            let mut link = resting.pop()?;
            match link.stream.try_read_buf(&mut link.unread) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Some(link),
                Ok(_) | Err(_) => {},
            }
        }
    }

    fn give(&self, link: Link) {
        let mut resting = self.resting.borrow_mut();
        if resting.len() < RESTING_MAX && link.unread.is_empty() {
            resting.push(link);
        }
    }

    /// This worker serves again by itself.
    pub(super) fn close(&self) {
        self.resting.borrow_mut().clear();
    }
}

/// What ended an exchange before its answer was whole.
enum Broken {
    /// The link, or whoever is behind it.
    Link,
    /// The client's body.
    Upload,
}

impl From<io::Error> for Broken {
    fn from(_gone: io::Error) -> Self {
        Self::Link
    }
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
        let Ok(mut link) = link else {
            // Out of descriptors. Nobody has seen the stream: the client may try again.
            way.respond.send_reset(Reason::REFUSED_STREAM);
            return Sent::Cut;
        };
        match self.exchange_over(&mut link, head, (length, body), way).await {
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
        link: &mut Link,
        head: &Head,
        (length, body): (Option<u64>, RequestBody),
        way: &mut Way<'_>,
    ) -> Option<(Sent, Rest)> {
        let Link { stream, unread } = link;
        let text = request(head, length, body.is_end_stream());
        let mut uploading = pin!(upload(stream, text, body, length.is_none()));
        let mut answering = pin!(self.answer_from(stream, unread, head, way));
        let mut is_uploaded = false;
        poll_fn(|context| {
            if !is_uploaded && let Poll::Ready(done) = uploading.as_mut().poll(context) {
                is_uploaded = true;
                if let Err(Broken::Upload) = done {
                    return Poll::Ready(None);
                }
            }
            let answered = answering.as_mut().poll(context);
            // An answer that is out before the request was in: nobody reads the rest of that.
            answered.map(|(sent, rest)| Some((sent, if is_uploaded { rest } else { Rest::Used })))
        })
        .await
    }

    fn open_link(&self) -> io::Result<Link> {
        let tls = self.facts.tls_facts().cloned();
        let relay = RelayRecord { protocol: Protocol::Http2, tls };
        let stream = self.thread.open_link(&self.facts, relay, b"")?;
        Ok(Link { stream, unread: BytesMut::new() })
    }

    /// Reads the answer and sends it.
    async fn answer_from(
        &self,
        stream: &UnixStream,
        unread: &mut BytesMut,
        head: &Head,
        way: &mut Way<'_>,
    ) -> (Sent, Rest) {
        let answer = tokio::select! {
            biased;
            answer = read_head(stream, unread, head.method == Method::HEAD) => answer,
            _gone = poll_fn(|context| way.respond.poll_reset(context)) => {
                return (Sent::Cut, Rest::Used);
            },
        };
        let Ok((answer, length)) = answer else {
            way.respond.send_reset(Reason::INTERNAL_ERROR);
            return (Sent::Cut, Rest::Used);
        };
        let mut body = LinkBody { stream, unread, length };
        let sent = way.send_stream(answer, &mut body).await;
        let is_clean = sent == Sent::Whole && matches!(body.length, Length::Bytes(0));
        (sent, if is_clean { Rest::Reusable } else { Rest::Used })
    }
}

/// What becomes of a link.
enum Rest {
    Reusable,
    Used,
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

/// Writes a request: its head, and its body as it comes.
async fn upload(
    stream: &UnixStream,
    head: BytesMut,
    mut body: RequestBody,
    is_chunked: bool,
) -> Result<(), Broken> {
    write(stream, &mut [IoSlice::new(&head)]).await?;
    drop(head);
    if body.is_end_stream() {
        return Ok(());
    }
    loop {
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await;
        let trailers = match frame {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) if is_chunked => {
                    let size = format!("{:x}\r\n", data.len());
                    let mut piece = [size.as_bytes(), &data, b"\r\n"].map(IoSlice::new);
                    write(stream, &mut piece).await?;
                    continue;
                },
                Ok(data) => {
                    write(stream, &mut [IoSlice::new(&data)]).await?;
                    if body.is_end_stream() {
                        return Ok(());
                    }
                    continue;
                },
                Err(frame) => frame.into_trailers().unwrap_or_default(),
            },
            Some(Err(_)) => return Err(Broken::Upload),
            None => HeaderMap::new(),
        };
        if is_chunked {
            let mut end = BytesMut::from(&b"0\r\n"[..]);
            for (name, value) in &trailers {
                put_field(&mut end, name.as_str().as_bytes(), value.as_bytes());
            }
            end.extend_from_slice(b"\r\n");
            write(stream, &mut [IoSlice::new(&end)]).await?;
        }
        return Ok(());
    }
}

/// Writes everything. Whoever reads has its own clocks, and its end closes the link.
async fn write(stream: &UnixStream, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match stream.try_write_vectored(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// More bytes of a link; the end is an error: a link ends only between two exchanges.
fn poll_more(
    stream: &UnixStream,
    unread: &mut BytesMut,
    context: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    loop {
        unread.reserve(READ_BYTES);
        match stream.try_read_buf(unread) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => return Poll::Ready(Ok(())),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(stream.poll_read_ready(context))?;
            },
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
}

/// The head of an answer and how its body ends. What comes before it (1xx) is passed over.
async fn read_head(
    stream: &UnixStream,
    unread: &mut BytesMut,
    head_only: bool,
) -> io::Result<(response::Head, Length)> {
    loop {
        let mut searched = 0;
        let length = loop {
            if let Some(length) = http1_head::end(unread, &mut searched) {
                break length;
            }
            if unread.len() > HEAD_BYTES_MAX {
                return Err(malformed());
            }
            poll_fn(|context| poll_more(stream, unread, context)).await?;
        };
        let text = unread.split_to(length);
        let (status, headers) = parse(&text)?;
        if !status.is_informational() {
            return frame(status, headers, head_only);
        }
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn parse(text: &[u8]) -> io::Result<(StatusCode, HeaderMap)> {
    let mut fields = vec![httparse::EMPTY_HEADER; 64];
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

/// How a body ends: our own writer's three ways.
fn frame(
    status: StatusCode,
    mut headers: HeaderMap,
    head_only: bool,
) -> io::Result<(response::Head, Length)> {
    let closes = headers.remove(http::header::CONNECTION).is_some_and(|value| value == "close");
    let is_chunked = headers.remove(http::header::TRANSFER_ENCODING).is_some();
    let announced = match headers.remove(http::header::CONTENT_LENGTH) {
        Some(value) => {
            let length = value.to_str().ok().and_then(|text| text.parse::<u64>().ok());
            Some(length.ok_or_else(malformed)?)
        },
        None => None,
    };
    let is_bodiless = head_only || response::has_no_body(status);
    let length = match announced {
        _ if is_bodiless && closes => Length::Closing(0),
        _ if is_bodiless => Length::Bytes(0),
        _ if is_chunked => {
            let bounds = ChunkBounds { extension_bytes: 0, trailer_bytes: TRAILER_BYTES_MAX };
            Length::Chunked(Box::new(Decoder::new(bounds)), closes)
        },
        Some(bytes) if closes => Length::Closing(bytes),
        Some(bytes) => Length::Bytes(bytes),
        None => return Err(malformed()),
    };
    let length_told = announced.filter(|_| !is_chunked);
    Ok((response::Head { status, headers, length: length_told, is_bodiless }, length))
}

/// What is still to come of an answer.
enum Length {
    /// So many bytes, and then the link rests.
    Bytes(u64),
    /// So many bytes, and then the link ends.
    Closing(u64),
    Chunked(Box<Decoder>, bool),
}

/// The body of an answer that comes over a link.
struct LinkBody<'a> {
    stream: &'a UnixStream,
    unread: &'a mut BytesMut,
    length: Length,
}

impl LinkBody<'_> {
    /// What the unread bytes give.
    fn take(&mut self) -> io::Result<Option<Piece>> {
        match &mut self.length {
            Length::Bytes(0) | Length::Closing(0) => Ok(Some(Piece::End(None))),
            Length::Bytes(_) | Length::Closing(_) if self.unread.is_empty() => Ok(None),
            Length::Bytes(left) | Length::Closing(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(self.unread.len());
                *left -= here as u64;
                Ok(Some(Piece::Data(self.unread.split_to(here).freeze())))
            },
            Length::Chunked(decoder, closes) => {
                let piece = decoder.next(self.unread).map_err(|_malformed| malformed())?;
                let closes = *closes;
                match piece {
                    Piece::Incomplete => Ok(None),
                    Piece::Data(data) => Ok(Some(Piece::Data(data))),
                    Piece::End(trailers) => {
                        self.length = if closes { Length::Closing(0) } else { Length::Bytes(0) };
                        Ok(Some(Piece::End(trailers)))
                    },
                }
            },
        }
    }
}

impl Body for LinkBody<'_> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            match this.take() {
                Ok(Some(Piece::Data(data))) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Ok(Some(Piece::End(trailers))) => {
                    return Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))));
                },
                Ok(Some(Piece::Incomplete) | None) => {},
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            if let Err(error) = ready!(poll_more(this.stream, this.unread, context)) {
                return Poll::Ready(Some(Err(error)));
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self.length, Length::Bytes(0) | Length::Closing(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Length::Bytes(left) | Length::Closing(left) => SizeHint::with_exact(left),
            Length::Chunked(..) => SizeHint::default(),
        }
    }
}
