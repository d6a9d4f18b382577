//! Frames as they are, for what no library would send.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::http::READ_MAX;

/// Kinds of frames (RFC 9113 §6).
pub mod kind {
    #![expect(missing_docs, reason = "the names of the RFC")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// ACK of SETTINGS and PING; `END_STREAM` of others.
const FIRST_FLAG: u8 = 0x1;
const END_HEADERS: u8 = 0x4;

/// One frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream; 0: the connection.
    pub stream: u32,
    /// What it carries.
    pub payload: Vec<u8>,
}

impl Frame {
    /// Of these parts.
    pub fn new(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        Self { kind, flags, stream, payload: payload.to_vec() }
    }

    /// A number of four bytes in the payload: an error code, an increment.
    pub fn number(&self, at: usize) -> u32 {
        let bytes = self.payload.get(at..at + 4).unwrap_or_default();
        bytes.iter().fold(0, |number, byte| number << 8 | u32::from(*byte))
    }

    /// On the wire.
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap().to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([self.kind, self.flags]);
        bytes.extend(self.stream.to_be_bytes());
        bytes.extend(&self.payload);
        bytes
    }
}

/// A connection on which anything can be said.
#[derive(Debug)]
pub struct Raw {
    socket: TcpStream,
    buffer: Vec<u8>,
    is_polite: bool,
}

impl Raw {
    /// Connects and says nothing.
    pub fn silent(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(READ_MAX)).unwrap();
        socket.set_write_timeout(Some(READ_MAX)).unwrap();
        Self { socket, buffer: Vec::new(), is_polite: true }
    }

    /// Connects and begins as clients do.
    pub fn connect(address: SocketAddr) -> Self {
        let mut raw = Self::silent(address);
        raw.send_bytes(PREFACE);
        raw.send(&Frame::new(kind::SETTINGS, 0, 0, &[]));
        raw
    }

    /// From now on SETTINGS and PING are not answered by themselves.
    pub fn be_rude(&mut self) {
        self.is_polite = false;
    }

    /// Sends bytes.
    ///
    /// # Panics
    /// When the gateway has gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).unwrap();
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the gateway has gone.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &Frame) {
        self.send_bytes(&frame.bytes());
    }

    /// A GET without a body on this stream.
    pub fn get(&mut self, stream: u32, path: &str) {
        self.send(&Frame::headers(stream, "GET", path, &[], true));
    }

    /// The next frame; `None` at the end.
    ///
    /// # Panics
    /// When the connection breaks, or nothing comes for long.
    pub fn frame(&mut self) -> Option<Frame> {
        let frame = self.read().unwrap()?;
        let is_ack = frame.flags & FIRST_FLAG != 0;
        if self.is_polite && !is_ack && matches!(frame.kind, kind::SETTINGS | kind::PING) {
            let payload = if frame.kind == kind::PING { &frame.payload[..] } else { &[] };
            // An end is seen by the next read.
            drop(self.try_send_bytes(&Frame::new(frame.kind, 1, 0, payload).bytes()));
        }
        Some(frame)
    }

    /// Reads on until this kind of frame comes.
    ///
    /// # Panics
    /// When the connection ends before.
    pub fn until(&mut self, kind: u8) -> Frame {
        let mut seen = Vec::new();
        while let Some(frame) = self.frame() {
            if frame.kind == kind {
                return frame;
            }
            seen.push((frame.kind, frame.stream));
        }
        panic!("the connection ended without a frame of kind {kind}: {seen:?}");
    }

    /// Reads to the end; the error code of the last GOAWAY, if there was one.
    ///
    /// # Panics
    /// When it does not end within `longest`.
    pub fn end(&mut self, longest: Duration) -> Option<u32> {
        let (begun, mut code) = (Instant::now(), None);
        self.socket.set_read_timeout(Some(longest)).unwrap();
        loop {
            match self.read() {
                Ok(Some(frame)) if frame.kind == kind::GOAWAY => code = Some(frame.number(4)),
                Ok(Some(_)) => {},
                Ok(None) => return code,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return code,
                Err(error) => panic!("not ended after {longest:?}: {error}"),
            }
            assert!(begun.elapsed() < longest, "not ended after {longest:?}");
        }
    }

    /// Sends frames as fast as they go, until the gateway has gone or `most` are sent; how many.
    pub fn flood(&mut self, most: usize, mut frame: impl FnMut(u32) -> Vec<u8>) -> usize {
        for number in 0..most {
            if self.try_send_bytes(&frame(u32::try_from(number).unwrap())).is_err() {
                return number;
            }
        }
        most
    }

    /// Nothing more is said, and nothing more is read.
    pub fn close(&self) {
        // One that has gone already is closed.
        drop(self.socket.shutdown(Shutdown::Both));
    }

    fn read(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(head) = self.buffer.first_chunk::<9>() {
                let [l0, l1, l2, kind, flags, s0, s1, s2, s3] = *head;
                let length = u32::from_be_bytes([0, l0, l1, l2]) as usize;
                if self.buffer.len() >= 9 + length {
                    let rest = self.buffer.split_off(9 + length);
                    let payload = std::mem::replace(&mut self.buffer, rest).split_off(9);
                    let stream = u32::from_be_bytes([s0, s1, s2, s3]);
                    return Ok(Some(Frame { kind, flags, stream, payload }));
                }
            }
            let mut piece = [0; 16 * 1024];
            match self.socket.read(&mut piece)? {
                0 => return Ok(None),
                read => self.buffer.extend(&piece[..read]),
            }
        }
    }
}

/// The head of a request as a block.
fn block(method: &str, path: &str, fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    let pseudo =
        [(":method", method), (":scheme", "http"), (":authority", "gw.test"), (":path", path)];
    for (name, value) in pseudo.iter().chain(fields) {
        literal(&mut block, name, value);
    }
    block
}

/// Literal without indexing, new name (RFC 7541 §6.2.2).
fn literal(block: &mut Vec<u8>, name: &str, value: &str) {
    block.push(0);
    for text in [name, value] {
        length(block, text.len());
        block.extend(text.as_bytes());
    }
}

/// An integer with a prefix of seven bits (RFC 7541 §5.1).
fn length(block: &mut Vec<u8>, mut length: usize) {
    let low = |value: usize| u8::try_from(value & 0x7F).unwrap();
    if length < 127 {
        return block.push(low(length));
    }
    block.push(127);
    length -= 127;
    while length >= 128 {
        block.push(0x80 | low(length));
        length >>= 7;
    }
    block.push(low(length));
}

impl Frame {
    /// A HEADERS frame with a whole block: nothing indexed, nothing packed.
    pub fn headers(
        stream: u32,
        method: &str,
        path: &str,
        fields: &[(&str, &str)],
        is_whole: bool,
    ) -> Self {
        let flags = END_HEADERS | if is_whole { FIRST_FLAG } else { 0 };
        Self::new(kind::HEADERS, flags, stream, &block(method, path, fields))
    }
}
