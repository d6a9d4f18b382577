//! A response to bytes: head, framing, body.
//!
//! The framing is decided here and nowhere else. Small answers leave in one write; streams leave as
//! they come, one write for all that is ready.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, HeaderName, StatusCode, header};
use http_body::Body;
use smallvec::SmallVec;

use super::wire::Wire;
use crate::connection::transport::within;
use crate::message::{Response, ResponseBody, Version};

/// A body up to this size is copied behind the head, so that one plain write takes both.
const COPY_BYTES_MAX: usize = 4096;
/// So much of a stream is gathered for one write.
const GATHER_BYTES: usize = 256 * 1024;
/// So many pieces of a stream are gathered for one write.
const GATHER_PIECES: usize = 16;

/// What the connection knows of the request that is answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    pub(crate) version: Version,
    /// A HEAD request: the answer has no body.
    pub(crate) head_only: bool,
    /// Whether the connection stays.
    pub(crate) keep_alive: bool,
}

/// What an error tells that is the body's and not the connection's: it broke off.
pub(crate) const BROKEN: io::ErrorKind = io::ErrorKind::UnexpectedEof;

/// How the end of an answer is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// There is no body, and the status says so.
    None,
    Length(u64),
    Chunked,
    /// The end of the connection ends the body (HTTP/1.0).
    Close,
}

/// How an answer went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Whole; the connection may stay.
    KeepAlive,
    /// Whole; the connection ends.
    Close,
    /// Cut short: the client must be able to see it.
    Cut,
    /// The client was told to switch protocols: no HTTP follows.
    Switched,
}

/// Tells a client that what it asked for begins now (RFC 6455 §4.2.2). Go's server adds no field of
/// its own here either.
pub(crate) async fn switch(wire: &Wire, headers: &HeaderMap) -> Sent {
    let mut out = BytesMut::from(&b"HTTP/1.1 101 Switching Protocols\r\n"[..]);
    for (name, value) in headers {
        put_field(&mut out, name, value.as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    match write_all(wire, &mut [IoSlice::new(&out)]).await {
        Ok(()) => Sent::Switched,
        Err(_) => Sent::Cut,
    }
}

/// Writes `response`. `scratch` is empty and comes back empty.
pub(crate) async fn send(
    wire: &Wire,
    asked: Asked,
    response: Response,
    date: impl FnOnce(&mut BytesMut),
    scratch: &mut BytesMut,
) -> Sent {
    let Response { status, lines, headers, body } = response;
    let framing = framing(asked, status, &body);
    let keep_alive = asked.keep_alive && framing != Framing::Close;
    put_head(scratch, asked.version, status, &lines, &headers);
    if !headers.contains_key(header::DATE) {
        date(scratch);
    }
    put_framing(scratch, framing, keep_alive, asked.version);
    let bodiless = asked.head_only || framing == Framing::None;
    let sent = match body {
        _ if bodiless => write_all(wire, &mut [IoSlice::new(scratch)]).await,
        // In boxes: every connection would carry the room for them.
        ResponseBody::File(file) => Box::pin(send_stream(wire, framing, *file, scratch)).await,
        ResponseBody::Packed(body) => Box::pin(send_stream(wire, framing, *body, scratch)).await,
        ResponseBody::Tunnel(_) => Err(io::ErrorKind::Unsupported.into()),
        ResponseBody::Full(bytes) => send_full(wire, scratch, &bytes).await,
        ResponseBody::Stream(stream) => Box::pin(send_stream(wire, framing, stream, scratch)).await,
    };
    scratch.clear();
    match sent {
        Ok(()) if keep_alive => Sent::KeepAlive,
        Ok(()) => Sent::Close,
        Err(_) => {
            if framing == Framing::Close {
                wire.transport.reset_on_close();
            }
            Sent::Cut
        },
    }
}

fn framing(asked: Asked, status: StatusCode, body: &ResponseBody) -> Framing {
    if status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED {
        return Framing::None;
    }
    let exact = match body {
        ResponseBody::Full(bytes) => Some(bytes.len() as u64),
        ResponseBody::Stream(stream) => stream.size_hint().exact(),
        ResponseBody::File(file) => file.size_hint().exact(),
        // A tunnel's answer is written by `switch`.
        ResponseBody::Packed(_) | ResponseBody::Tunnel(_) => None,
    };
    match (exact, asked.version) {
        (Some(bytes), _) => Framing::Length(bytes),
        (None, Version::Http11 | Version::Http2) => Framing::Chunked,
        (None, Version::Http10) => Framing::Close,
    }
}

fn put_head(
    out: &mut BytesMut,
    version: Version,
    status: StatusCode,
    lines: &[u8],
    headers: &HeaderMap,
) {
    let version: &[u8] = match version {
        Version::Http11 | Version::Http2 => b"HTTP/1.1 ",
        Version::Http10 => b"HTTP/1.0 ",
    };
    out.extend_from_slice(version);
    out.extend_from_slice(status.as_str().as_bytes());
    out.extend_from_slice(b" ");
    out.extend_from_slice(status.canonical_reason().unwrap_or("status code").as_bytes());
    out.extend_from_slice(b"\r\n");
    out.extend_from_slice(lines);
    // Go: nothing follows that a type could be said of.
    let has_type = status != StatusCode::NOT_MODIFIED;
    let is_ours =
        |name: &HeaderName| *name == header::CONTENT_LENGTH || *name == header::TRANSFER_ENCODING;
    for (name, value) in headers {
        if !is_ours(name) && (has_type || *name != header::CONTENT_TYPE) {
            put_field(out, name, value.as_bytes());
        }
    }
}

pub(crate) fn put_field(out: &mut BytesMut, name: &HeaderName, value: &[u8]) {
    put_canonical(out, name.as_str().as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

/// Go's canonical form: a capital at the beginning and after each dash.
fn put_canonical(out: &mut BytesMut, name: &[u8]) {
    let start = out.len();
    out.extend_from_slice(name);
    let mut capital = true;
    for byte in out.iter_mut().skip(start) {
        if capital {
            byte.make_ascii_uppercase();
        }
        capital = *byte == b'-';
    }
}

fn put_framing(out: &mut BytesMut, framing: Framing, keep_alive: bool, version: Version) {
    match framing {
        Framing::Length(bytes) => {
            out.extend_from_slice(b"Content-Length: ");
            out.extend_from_slice(itoa::Buffer::new().format(bytes).as_bytes());
            out.extend_from_slice(b"\r\n");
        },
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::Close => {},
    }
    match (version, keep_alive) {
        (Version::Http11 | Version::Http2, false) => {
            out.extend_from_slice(b"Connection: close\r\n");
        },
        (Version::Http10, true) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (Version::Http11 | Version::Http2, true) | (Version::Http10, false) => {},
    }
    out.extend_from_slice(b"\r\n");
}

async fn send_full(wire: &Wire, head: &mut BytesMut, body: &Bytes) -> io::Result<()> {
    if body.len() <= COPY_BYTES_MAX {
        head.extend_from_slice(body);
        return write_all(wire, &mut [IoSlice::new(head)]).await;
    }
    write_all(wire, &mut [IoSlice::new(head), IoSlice::new(body)]).await
}

/// Pieces of a stream that are ready together.
#[derive(Default)]
struct Gathered {
    pieces: SmallVec<[Bytes; GATHER_PIECES]>,
    bytes: usize,
    end: Option<End>,
}

enum End {
    Whole(Option<HeaderMap>),
    Broken,
}

/// Writes what stands in `scratch`, and a body as it comes. An error is [`BROKEN`] or the connection's.
pub(crate) async fn send_stream(
    wire: &Wire,
    framing: Framing,
    mut stream: impl Body<Data = Bytes> + Unpin,
    scratch: &mut BytesMut,
) -> io::Result<()> {
    let mut total: u64 = 0;
    // The head goes with the first piece if there is one already, else at once: a client of a slow
    // stream must see it.
    let mut waits = false;
    loop {
        let gathered = gather(&mut stream, waits).await;
        waits = true;
        total += gathered.bytes as u64;
        if let Some(End::Broken) = gathered.end {
            // What came before the break still leaves, the end does not.
            put_chunk_size(scratch, framing, gathered.bytes);
            let written = write_pieces(wire, scratch, &gathered.pieces, b"").await;
            return written.and_then(|()| Err(BROKEN.into()));
        }
        put_chunk_size(scratch, framing, gathered.bytes);
        let tail = tail(framing, &gathered);
        write_pieces(wire, scratch, &gathered.pieces, &tail).await?;
        scratch.clear();
        if gathered.end.is_some() {
            let complete = match framing {
                Framing::Length(announced) => announced == total,
                Framing::None | Framing::Chunked | Framing::Close => true,
            };
            return if complete { Ok(()) } else { Err(BROKEN.into()) };
        }
    }
}

/// All that is ready; waits for the first piece only if `waits`.
async fn gather(stream: &mut (impl Body<Data = Bytes> + Unpin), waits: bool) -> Gathered {
    let mut gathered = Gathered::default();
    poll_fn(|context| {
        while gathered.bytes < GATHER_BYTES && gathered.pieces.len() < GATHER_PIECES {
            match Pin::new(&mut *stream).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) if data.is_empty() => {},
                    Ok(data) => {
                        gathered.bytes += data.len();
                        gathered.pieces.push(data);
                        if stream.is_end_stream() {
                            gathered.end = Some(End::Whole(None));
                            break;
                        }
                    },
                    Err(frame) => {
                        gathered.end = Some(End::Whole(frame.into_trailers().ok()));
                        break;
                    },
                },
                Poll::Ready(Some(Err(_))) => {
                    gathered.end = Some(End::Broken);
                    break;
                },
                Poll::Ready(None) => {
                    gathered.end = Some(End::Whole(None));
                    break;
                },
                Poll::Pending if waits && gathered.pieces.is_empty() => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(())
    })
    .await;
    gathered
}

fn put_chunk_size(out: &mut BytesMut, framing: Framing, bytes: usize) {
    if framing == Framing::Chunked && bytes > 0 {
        out.extend_from_slice(format!("{bytes:x}\r\n").as_bytes());
    }
}

/// What follows the pieces: the end of the chunk, the last chunk and the trailers.
fn tail(framing: Framing, gathered: &Gathered) -> BytesMut {
    let mut out = BytesMut::new();
    if framing != Framing::Chunked {
        return out;
    }
    if gathered.bytes > 0 {
        out.extend_from_slice(b"\r\n");
    }
    if let Some(End::Whole(trailers)) = &gathered.end {
        out.extend_from_slice(b"0\r\n");
        for (name, value) in trailers.iter().flatten() {
            put_field(&mut out, name, value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }
    out
}

async fn write_pieces(
    wire: &Wire,
    before: &mut BytesMut,
    pieces: &[Bytes],
    after: &[u8],
) -> io::Result<()> {
    let bytes: usize = pieces.iter().map(Bytes::len).sum();
    if bytes + after.len() <= COPY_BYTES_MAX {
        for piece in pieces {
            before.extend_from_slice(piece);
        }
        before.extend_from_slice(after);
        if before.is_empty() {
            return Ok(());
        }
        return write_all(wire, &mut [IoSlice::new(before)]).await;
    }
    let mut slices: SmallVec<[IoSlice<'_>; GATHER_PIECES + 2]> = SmallVec::new();
    slices.push(IoSlice::new(before));
    slices.extend(pieces.iter().map(|piece| IoSlice::new(piece)));
    slices.push(IoSlice::new(after));
    write_all(wire, &mut slices).await
}

/// Writes everything, waiting for the client at most `write_idle` between two writes.
pub(crate) async fn write_all(wire: &Wire, mut slices: &mut [IoSlice<'_>]) -> io::Result<()> {
    IoSlice::advance_slices(&mut slices, 0);
    while !slices.is_empty() {
        match wire.transport.try_write(slices) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => IoSlice::advance_slices(&mut slices, written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                within(wire.limits.write_idle, wire.transport.writable()).await??;
            },
            Err(error) => return Err(error),
        }
    }
    if wire.transport.holds_back() {
        let flush = poll_fn(|context| wire.transport.poll_flush(context));
        within(wire.limits.write_idle, flush).await??;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_leave_as_go_writes_them() {
        for (name, expected) in [("etag", "Etag"), ("x-a-b", "X-A-B"), ("x_y", "X_y")] {
            let mut out = BytesMut::new();
            put_canonical(&mut out, name.as_bytes());
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn a_status_without_a_body_has_no_framing_and_old_clients_get_no_chunks() {
        let full = || ResponseBody::Full(Bytes::from_static(b"x"));
        let asked = |version| Asked { version, head_only: false, keep_alive: true };
        assert_eq!(framing(asked(Version::Http11), StatusCode::NO_CONTENT, &full()), Framing::None);
        assert_eq!(framing(asked(Version::Http10), StatusCode::OK, &full()), Framing::Length(1));
    }
}
