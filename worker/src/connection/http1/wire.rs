//! The reading side of a connection: unread bytes and the body that is being read.
//!
//! Shared (`Rc`) between the connection's task and whoever reads the body, on one thread. Exactly
//! one of them reads at any time: the connection between requests, the body's reader within one.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::chunked::{Decoder, Piece};
use super::framing::Framing;
use crate::connection::limits::EdgeLimits;
use crate::connection::transport::Transport;
use crate::message::UploadError;

/// Room for a head: what most requests fit in.
const HEAD_ROOM_BYTES: usize = 4096;
/// Room for a piece of a body.
const BODY_ROOM_BYTES: usize = 32 * 1024;
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// One client's connection as its readers see it.
#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) transport: Transport,
    pub(crate) limits: Rc<EdgeLimits>,
    input: RefCell<Input>,
    /// The client waits for `100 Continue`.
    owes_continue: Cell<bool>,
    /// Woken when the body's reader has left.
    reader: RefCell<Option<Waker>>,
    spare: Rc<Spare>,
}

/// Buffers that idle connections of a thread have given back.
#[derive(Debug, Default)]
pub(crate) struct Spare {
    buffers: RefCell<Vec<BytesMut>>,
}

impl Spare {
    const BUFFERS_MAX: usize = 64;

    /// One of them, or an empty one.
    pub(crate) fn take(&self) -> BytesMut {
        self.buffers.borrow_mut().pop().unwrap_or_default()
    }

    /// An empty buffer that is not needed now.
    pub(crate) fn give(&self, buffer: BytesMut) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < Self::BUFFERS_MAX {
            buffers.push(buffer);
        }
    }
}

#[derive(Debug, Default)]
struct Input {
    buffer: BytesMut,
    body: Body,
    ended: bool,
}

#[derive(Debug, Default)]
enum Body {
    /// No body, or it has been read to its end.
    #[default]
    Done,
    /// So many bytes are left.
    Length(u64),
    Chunked {
        decoder: Decoder,
        bytes: u64,
    },
    /// The framing broke: nothing more can be read from this connection.
    Broken(Fault),
}

/// What went wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Chunks that no two readers need to understand alike.
    Malformed,
    /// More bytes than allowed.
    TooLarge,
    /// The client left.
    Cut,
    /// The client paused for too long.
    TooSlow,
}

/// A piece of a request body.
#[derive(Debug)]
pub(crate) enum Part {
    Data(Bytes),
    End(Option<HeaderMap>),
}

impl Wire {
    pub(crate) fn new(
        transport: Transport,
        limits: Rc<EdgeLimits>,
        spare: Rc<Spare>,
        unread: BytesMut,
    ) -> Self {
        let input = RefCell::new(Input { buffer: unread, ..Input::default() });
        let (owes_continue, reader) = (Cell::new(false), RefCell::new(None));
        Self { transport, limits, input, owes_continue, reader, spare }
    }

    /// An idle connection needs no buffer.
    pub(crate) fn rest(&self) {
        let mut input = self.input.borrow_mut();
        if input.buffer.is_empty() && input.buffer.capacity() > 0 {
            self.spare.give(std::mem::take(&mut input.buffer));
        }
    }

    /// Takes the connection apart: the transport and what was read but not used.
    pub(crate) fn dismantle(self) -> (Transport, BytesMut) {
        (self.transport, self.input.into_inner().buffer)
    }

    /// Looks at, and takes from, the unread bytes.
    pub(crate) fn with_unread<T>(&self, look: impl FnOnce(&mut BytesMut) -> T) -> T {
        look(&mut self.input.borrow_mut().buffer)
    }

    /// Whether the client said that nothing more comes.
    pub(crate) fn has_ended(&self) -> bool {
        self.input.borrow().ended
    }

    /// Reads what is there behind the unread bytes; 0 is the end.
    pub(crate) fn poll_fill(&self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        self.poll_read(context, HEAD_ROOM_BYTES)
    }

    fn poll_read(&self, context: &mut Context<'_>, room: usize) -> Poll<io::Result<usize>> {
        let mut input = self.input.borrow_mut();
        if input.buffer.capacity() == 0 {
            input.buffer = self.spare.take();
        }
        if input.buffer.capacity() - input.buffer.len() < room / 4 {
            input.buffer.reserve(room);
        }
        let read = self.transport.poll_read(context, &mut input.buffer);
        if matches!(read, Poll::Ready(Ok(0))) {
            input.ended = true;
        }
        read
    }

    /// A request begins whose body is framed so.
    pub(crate) fn begin_body(&self, framing: Framing, expects_continue: bool) {
        self.owes_continue.set(expects_continue);
        self.input.borrow_mut().body = match framing {
            Framing::None => Body::Done,
            Framing::Length(bytes) => Body::Length(bytes),
            Framing::Chunked => {
                Body::Chunked { decoder: Decoder::new(self.limits.chunks()), bytes: 0 }
            },
        };
    }

    /// Whether the body has been read to its end.
    pub(crate) fn body_is_done(&self) -> bool {
        matches!(self.input.borrow().body, Body::Done)
    }

    /// What went wrong with the body, if anything did.
    pub(crate) fn body_fault(&self) -> Option<Fault> {
        match self.input.borrow().body {
            Body::Broken(fault) => Some(fault),
            Body::Done | Body::Length(_) | Body::Chunked { .. } => None,
        }
    }

    /// Throws away what has already come of a body that nobody reads.
    pub(crate) fn skip_what_is_here(&self) {
        while matches!(self.next_part(), Ok(Some(Part::Data(_)))) {}
    }

    /// The body's reader will not read any more.
    pub(crate) fn reader_left(&self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    /// Ready when nobody but the connection holds the wire.
    pub(crate) fn poll_reader_left(self: &Rc<Self>, context: &Context<'_>) -> Poll<()> {
        if Rc::strong_count(self) == 1 {
            return Poll::Ready(());
        }
        self.reader.replace(Some(context.waker().clone()));
        Poll::Pending
    }

    /// Whether the client still waits for `100 Continue` and has sent nothing of the body.
    pub(crate) fn owes_continue(&self) -> bool {
        self.owes_continue.get()
    }

    /// Bytes that are still to come, when the length was announced.
    pub(crate) fn body_left(&self) -> Option<u64> {
        match self.input.borrow().body {
            Body::Done => Some(0),
            Body::Length(bytes) => Some(bytes),
            Body::Chunked { .. } | Body::Broken(_) => None,
        }
    }

    /// The next piece of the body; reads from the client when nothing is there.
    pub(crate) fn poll_body(&self, context: &mut Context<'_>) -> Poll<Result<Part, UploadError>> {
        // As Go does: at the first read, whether the body came unasked or not.
        self.send_continue();
        loop {
            match self.next_part() {
                Ok(Some(part)) => return Poll::Ready(Ok(part)),
                Ok(None) => {},
                Err(fault) => return Poll::Ready(Err(self.break_body(fault))),
            }
            match ready!(self.poll_read(context, BODY_ROOM_BYTES)) {
                Ok(1..) => {},
                Ok(0) | Err(_) => return Poll::Ready(Err(self.break_body(Fault::Cut))),
            }
        }
    }

    /// Whatever still comes of the body is not waited for.
    pub(crate) fn give_body_up(&self) -> UploadError {
        self.break_body(Fault::TooSlow)
    }

    fn break_body(&self, fault: Fault) -> UploadError {
        self.input.borrow_mut().body = Body::Broken(fault);
        match fault {
            Fault::Malformed | Fault::Cut => UploadError::Broken,
            Fault::TooLarge => UploadError::TooLarge,
            Fault::TooSlow => UploadError::TooSlow,
        }
    }

    /// What the unread bytes give of the body.
    fn next_part(&self) -> Result<Option<Part>, Fault> {
        let mut input = self.input.borrow_mut();
        let Input { buffer, body, .. } = &mut *input;
        match body {
            Body::Done => Ok(Some(Part::End(None))),
            Body::Broken(fault) => Err(*fault),
            Body::Length(_) if buffer.is_empty() => Ok(None),
            Body::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
                *left -= here as u64;
                if *left == 0 {
                    *body = Body::Done;
                }
                Ok(Some(Part::Data(buffer.split_to(here).freeze())))
            },
            Body::Chunked { decoder, bytes } => {
                let piece = decoder.next(buffer).map_err(|_malformed| Fault::Malformed)?;
                match piece {
                    Piece::Incomplete => Ok(None),
                    Piece::Data(data) => {
                        *bytes += data.len() as u64;
                        if self.limits.body_bytes.is_some_and(|most| *bytes > most) {
                            return Err(Fault::TooLarge);
                        }
                        Ok(Some(Part::Data(data)))
                    },
                    Piece::End(trailers) => {
                        *body = Body::Done;
                        Ok(Some(Part::End(trailers)))
                    },
                }
            },
        }
    }

    /// Tells a client that waits to go on. The socket's buffer is empty at this moment of a request,
    /// so these few bytes always fit; a client that does not get them sends its body anyway.
    fn send_continue(&self) {
        if self.owes_continue.replace(false) {
            drop(self.transport.try_write(&[IoSlice::new(CONTINUE)]));
        }
    }
}
