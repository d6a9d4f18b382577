//! The transport as the protocol sees it, and what it must not see: floods, and a client that is silent.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

use super::meter::{Meter, PONG_BYTES, Piece, Verdict};
use crate::connection::transport::Transport;

/// The acknowledgement of the ping by which the protocol learns that a client knows of the first GOAWAY.
const SHUTDOWN_PONG: &[u8] =
    &[0, 0, 8, 6, 1, 0, 0, 0, 0, 0x0b, 0x7b, 0xa2, 0xf0, 0x8b, 0x9b, 0xfe, 0x54];

/// So much is read at once while it is looked at.
const LOOK_BYTES: usize = 4096;

/// What the protocol's end and its driver both look at.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) transport: Transport,
    pub(super) meter: RefCell<Meter>,
    pub(super) verdict: Cell<Option<Verdict>>,
    /// Since when the client has taken nothing of what is to be written.
    pub(super) blocked: Cell<Option<Instant>>,
    /// What has been read of the client's bodies.
    pub(super) read_bytes: Cell<u64>,
    /// The word of the client that it knows of the first GOAWAY.
    pub(super) word: Cell<Word>,
}

/// The acknowledgement of the ping behind the first GOAWAY. The protocol names the last stream as soon
/// as it hears it, and clients say it before what they have queued: it is kept back for a moment, and
/// told later in the client's place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// Nobody waits for it.
    No,
    Awaited,
    /// It came then.
    Came(Instant),
    /// The protocol shall hear it now.
    Owed,
}

impl Line {
    pub(super) const fn new(transport: Transport, meter: Meter) -> Self {
        let (meter, verdict) = (RefCell::new(meter), Cell::new(None));
        let (blocked, word) = (Cell::new(None), Cell::new(Word::No));
        Self { transport, meter, verdict, blocked, read_bytes: Cell::new(0), word }
    }

    /// Notes how a write went; waits for the client if it takes nothing.
    fn poll_written(
        &self,
        context: &mut Context<'_>,
        write: impl Fn() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            match write() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if self.blocked.get().is_none() {
                        self.blocked.set(Some(Instant::now()));
                    }
                    ready!(self.transport.poll_writable(context))?;
                },
                done => {
                    self.blocked.set(None);
                    return Poll::Ready(done);
                },
            }
        }
    }
}

/// What the protocol reads from and writes to.
#[derive(Debug)]
pub(super) struct Io {
    line: Rc<Line>,
    /// Read and not yet passed on: the beginning, and what is looked at while a word is awaited.
    unread: BytesMut,
}

impl Io {
    pub(super) const fn new(line: Rc<Line>, unread: BytesMut) -> Self {
        Self { line, unread }
    }

    /// What does not come straight from the transport; false: nothing.
    fn take_own(&mut self, room: &mut ReadBuf<'_>) -> bool {
        if self.line.word.get() == Word::Owed && self.line.meter.borrow().is_between_frames() {
            self.line.word.set(Word::No);
            // In pieces, if need be: the protocol's room may be small, and nobody may come to make it larger.
            let behind = std::mem::replace(&mut self.unread, BytesMut::from(SHUTDOWN_PONG));
            self.unread.extend_from_slice(&behind);
        }
        let here = match self.line.word.get() {
            Word::Awaited | Word::Came(_) => self.without_pongs(),
            Word::No | Word::Owed => self.unread.len(),
        };
        let here = here.min(room.remaining());
        room.put_slice(self.unread.get(..here).unwrap_or_default());
        self.unread.advance(here);
        if self.unread.is_empty() {
            self.unread = BytesMut::new();
        }
        here > 0
    }

    /// How many of the unread bytes can be passed on; pongs in front of them are taken out.
    fn without_pongs(&mut self) -> usize {
        loop {
            let piece = self.line.meter.borrow().next_piece(&self.unread);
            match piece {
                Piece::Pass(bytes) => return bytes,
                Piece::Unclear => return 0,
                Piece::Pong => {},
            }
            let pong = self.unread.split_to(PONG_BYTES);
            if let Err(verdict) = self.line.meter.borrow_mut().read(&pong) {
                self.line.verdict.set(Some(verdict));
                return 0;
            }
            if self.line.word.get() == Word::Awaited {
                self.line.word.set(Word::Came(Instant::now()));
            }
        }
    }

    /// From the transport, straight or after a look.
    fn poll_more(
        &mut self,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.take_own(room) {
            if self.line.verdict.get().is_some() {
                return Poll::Pending;
            }
            if matches!(self.line.word.get(), Word::No | Word::Owed) {
                return self.line.transport.poll_read_into(context, room);
            }
            self.unread.reserve(LOOK_BYTES);
            if ready!(self.line.transport.poll_read(context, &mut self.unread))? == 0 {
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.line.verdict.get().is_some() {
            // Nothing more of this client is looked at.
            return Poll::Pending;
        }
        let before = room.filled().len();
        ready!(this.poll_more(context, room))?;
        let came = room.filled().get(before..).unwrap_or_default();
        match this.line.meter.borrow_mut().read(came) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(verdict) => {
                this.line.verdict.set(Some(verdict));
                room.set_filled(before);
                Poll::Pending
            },
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.poll_written(context, || self.line.transport.try_write(slices))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let line = &self.line;
        let flushed = line.transport.poll_flush(context);
        match flushed {
            Poll::Ready(_) if line.transport.holds_back() => line.blocked.set(None),
            Poll::Ready(_) => {},
            Poll::Pending if line.blocked.get().is_some() => {},
            Poll::Pending => line.blocked.set(Some(Instant::now())),
        }
        flushed
    }

    fn poll_shutdown(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.line.transport.end_writing();
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;

    use tokio::net::{TcpListener, TcpStream};

    use super::*;

    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const PING: &[u8] = &[0, 0, 8, 6, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8];

    /// The protocol's end of a connection that has begun, of whose bytes `unread` have come.
    async fn begun(unread: &[u8]) -> (Io, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (server, _) = listener.accept().await.unwrap();
        let mut meter = Meter::new(1000, Instant::now());
        meter.read(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        meter.read(SETTINGS).unwrap();
        let line = Rc::new(Line::new(Transport::plain(server), meter));
        (Io::new(line, BytesMut::from(unread)), client)
    }

    /// What is read until nothing more is there, in pieces of at most `room`.
    fn all(io: &mut Io, room: usize) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let mut piece = vec![0; room];
            let mut piece = ReadBuf::new(&mut piece);
            let read =
                Pin::new(&mut *io).poll_read(&mut Context::from_waker(Waker::noop()), &mut piece);
            match read {
                Poll::Ready(Ok(())) => all.extend_from_slice(piece.filled()),
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => return all,
            }
        }
    }

    #[tokio::test]
    async fn the_word_is_told_between_two_frames_however_small_the_room() {
        for room in [1, 5, 16, 17, 100] {
            let (mut io, _client) = begun(PING).await;
            io.line.word.set(Word::Owed);
            assert_eq!(all(&mut io, room), [SHUTDOWN_PONG, PING].concat(), "{room} bytes");
            assert_eq!(io.line.word.get(), Word::No);
        }
    }

    #[tokio::test]
    async fn the_word_waits_for_the_end_of_a_frame() {
        let (begin, end) = PING.split_at(10);
        let (mut io, client) = begun(begin).await;
        assert_eq!(all(&mut io, 100), begin);
        io.line.word.set(Word::Owed);
        assert!(all(&mut io, 100).is_empty());
        client.writable().await.unwrap();
        assert_eq!(client.try_write(end).unwrap(), end.len());
        std::future::poll_fn(|context| io.line.transport.poll_readable(context)).await.unwrap();
        assert_eq!(all(&mut io, 100), [end, SHUTDOWN_PONG].concat());
    }
}
