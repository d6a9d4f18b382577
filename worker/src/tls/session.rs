//! One TLS connection over a socket: reads, writes, says goodbye, never waits by itself.
//!
//! rustls does the protocol; here is when bytes move. What is written is encrypted at once, at most
//! [`UNSENT_BYTES_MAX`], and leaves as the socket takes it: [`Session::poll_flush`] tells when all has.

use std::io::{self, BufRead as _, IoSlice, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::BytesMut;
use rustls::Connection;
use tokio::io::{AsyncRead as _, AsyncWrite as _, ReadBuf};
use tokio::net::TcpStream;

/// Encrypted bytes that may wait for the socket.
const UNSENT_BYTES_MAX: usize = 64 * 1024;
/// Room for what is read where a buffer has none.
const ROOM_BYTES: usize = 4096;
/// Turns of a handshake: it has few flights, each of few records.
const FLIGHTS_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub(crate) struct Session {
    stream: TcpStream,
    tls: Box<Connection>,
    end: End,
    /// The first bytes that came: what somebody speaks who does not speak TLS.
    first: First,
}

/// What an end of the stream without a goodbye is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An end: who is read here frames what it says.
    Usual,
    /// A fault: what came may be cut.
    Cut,
}

#[derive(Clone, Copy, Debug, Default)]
struct First {
    bytes: [u8; 5],
    count: usize,
}

/// The socket as rustls reads it.
struct Incoming<'a>(&'a mut TcpStream, Option<&'a mut First>);

/// The socket as rustls writes to it.
struct Outgoing<'a>(&'a TcpStream);

impl Read for Incoming<'_> {
    /// By `poll_read`, since that knows from a short read that nothing more is there. Nobody is to be woken:
    /// who gets `WouldBlock` goes on to wait.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut nobody = Context::from_waker(Waker::noop());
        let mut room = ReadBuf::new(buffer);
        let Poll::Ready(read) = Pin::new(&mut *self.0).poll_read(&mut nobody, &mut room) else {
            return Err(io::ErrorKind::WouldBlock.into());
        };
        read?;
        if let Some(first) = &mut self.1 {
            first.note(room.filled());
        }
        Ok(room.filled().len())
    }
}

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.try_write(bytes)
    }

    fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.0.try_write_vectored(slices)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl First {
    fn note(&mut self, bytes: &[u8]) {
        let room = self.bytes.iter_mut().skip(self.count);
        self.count += room.zip(bytes).map(|(place, byte)| *place = *byte).count();
    }
}

impl Session {
    pub(crate) fn new(stream: TcpStream, tls: impl Into<Connection>, end: End) -> Self {
        let mut tls = Box::new(tls.into());
        tls.set_buffer_limit(Some(UNSENT_BYTES_MAX));
        Self { stream, tls, end, first: First::default() }
    }

    pub(crate) const fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// The socket, for who speaks no TLS after all.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    pub(crate) const fn tls(&self) -> &Connection {
        &self.tls
    }

    /// Whether the peer's first bytes were these.
    pub(crate) fn begins_with(&self, bytes: [u8; 5]) -> bool {
        self.first.count == bytes.len() && self.first.bytes == bytes
    }

    /// Ready when both sides know each other.
    pub(crate) fn poll_handshake(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..FLIGHTS_MAX {
            ready!(self.poll_flush(context))?;
            if !self.tls.is_handshaking() {
                return Poll::Ready(Ok(()));
            }
            if ready!(self.poll_fill(context))? == 0 {
                return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Poll::Ready(Err(io::Error::other("tls: too many handshake messages")))
    }

    /// After a handshake that failed: tells the peer why, as far as its socket takes that at once.
    pub(crate) fn say_why(&mut self) {
        drop(self.try_flush());
    }

    /// Reads encrypted bytes and looks what is in them; 0 is the end.
    fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        loop {
            match self.try_fill() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_read_ready(context))?;
                },
                other => return Poll::Ready(other),
            }
        }
    }

    fn try_fill(&mut self) -> io::Result<usize> {
        let first = (self.first.count < self.first.bytes.len()).then_some(&mut self.first);
        let count = self.tls.read_tls(&mut Incoming(&mut self.stream, first))?;
        if let Err(error) = self.tls.process_new_packets() {
            if !self.tls.is_handshaking() {
                // The peer is told why; whether it hears is its business.
                drop(self.try_flush());
            }
            return Err(io::Error::new(io::ErrorKind::InvalidData, error));
        }
        Ok(count)
    }

    /// Reads what is there into the room that `buffer` has, at most `bytes_max`; 0 is the end.
    pub(crate) fn try_read(
        &mut self,
        buffer: &mut BytesMut,
        bytes_max: usize,
    ) -> io::Result<usize> {
        loop {
            match self.read_plain(buffer, bytes_max) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {},
                other => return other,
            }
            // An end of the stream shows in the next look at what was decrypted.
            let _count = self.try_fill()?;
        }
    }

    /// The same; one task at a time may wait.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut BytesMut,
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_read(buffer, usize::MAX) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.push_on()?;
                    ready!(self.stream.poll_read_ready(context))?;
                },
                other => return Poll::Ready(other),
            }
        }
    }

    /// What reading makes necessary (an answer to a change of keys) leaves as well, if there is room. Nobody
    /// waits for room here: another task may be waiting for it, and one of them would not be woken.
    fn push_on(&mut self) -> io::Result<()> {
        match self.try_flush() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            other => other,
        }
    }

    fn read_plain(&mut self, buffer: &mut BytesMut, bytes_max: usize) -> io::Result<usize> {
        if buffer.capacity() == buffer.len() {
            buffer.reserve(ROOM_BYTES);
        }
        let room = bytes_max.min(buffer.capacity() - buffer.len());
        let mut reader = self.tls.reader();
        let piece = match reader.fill_buf() {
            Err(error)
                if error.kind() == io::ErrorKind::UnexpectedEof && self.end == End::Usual =>
            {
                return Ok(0);
            },
            other => other?,
        };
        let piece = piece.get(..room).unwrap_or(piece);
        buffer.extend_from_slice(piece);
        let count = piece.len();
        reader.consume(count);
        Ok(count)
    }

    /// [`Self::poll_read`] for hyper.
    pub(crate) fn poll_read_into(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.poll_readable(context))?;
        let mut reader = self.tls.reader();
        let piece = match reader.fill_buf() {
            Err(error)
                if error.kind() == io::ErrorKind::UnexpectedEof && self.end == End::Usual =>
            {
                return Poll::Ready(Ok(()));
            },
            other => other?,
        };
        let piece = piece.get(..buffer.remaining()).unwrap_or(piece);
        buffer.put_slice(piece);
        let count = piece.len();
        reader.consume(count);
        Poll::Ready(Ok(()))
    }

    /// Whether something was decrypted and not read, or the peer has ended.
    pub(crate) fn has_plain(&mut self) -> bool {
        let looked = self.tls.reader().fill_buf().map(<[u8]>::len);
        !matches!(looked, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Ready when a read gives something.
    pub(crate) fn poll_readable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.has_plain() {
            self.push_on()?;
            let _count = ready!(self.poll_fill(context))?;
        }
        Poll::Ready(Ok(()))
    }

    /// Takes some of the bytes; they may wait here for the socket.
    pub(crate) fn try_write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        self.try_flush()?;
        let taken = self.tls.writer().write_vectored(slices)?;
        match self.try_flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            Ok(()) | Err(_) => Ok(taken),
        }
    }

    /// [`Self::try_write`], waiting.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            match self.try_write(slices) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.poll_flush(context))?;
                },
                other => return Poll::Ready(other),
            }
        }
    }

    /// Says that nothing more comes from here, and waits until that has left.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.tls.send_close_notify();
        ready!(self.poll_flush(context))?;
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn try_flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            if self.tls.write_tls(&mut Outgoing(&self.stream))? == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
        }
        Ok(())
    }

    /// Ready when nothing waits here.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            match self.try_flush() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    ready!(self.stream.poll_write_ready(context))?;
                },
                other => return Poll::Ready(other),
            }
        }
    }

    /// Ready when a write takes something.
    pub(crate) fn poll_writable(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(context))?;
        self.stream.poll_write_ready(context)
    }

    /// Says that nothing more comes from here (close_notify).
    pub(crate) fn end_writing(&mut self) {
        self.tls.send_close_notify();
        // It is 24 bytes; a socket that has no room for them has a peer that does not listen.
        drop(self.try_flush());
    }

    /// Whether something has come that nobody has read yet, as far as this thread was told.
    pub(crate) fn has_news(&mut self) -> bool {
        let mut nobody = Context::from_waker(Waker::noop());
        self.has_plain() || self.stream.poll_read_ready(&mut nobody).is_ready()
    }
}
