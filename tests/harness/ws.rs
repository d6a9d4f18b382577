//! WebSockets (RFC 6455) as the tests speak them: the handshake by hand, frames as bytes.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha1::{Digest as _, Sha1};

use crate::backend::Backend;
use crate::client::Client;
use crate::http::{Message, Reading, Stream};

/// The client's key; any sixteen bytes will do.
pub const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

/// What a client asks with, `fields` (each with its end) besides.
pub fn request(target: &str, fields: &str) -> String {
    format!(
        "GET {target} HTTP/1.1\r\nHost: gw.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n{fields}\r\n"
    )
}

/// Opens a WebSocket on this connection and checks the proof.
///
/// # Panics
/// When it is refused.
pub fn open(client: &mut Client, target: &str, fields: &str) -> Message {
    let answer = client.send(request(target, fields)).answer();
    assert_eq!(answer.status(), 101, "{}: {}", answer.line, answer.text());
    assert_eq!(answer.fields.first("sec-websocket-accept"), Some(&*accept(KEY)));
    answer
}

/// The value that proves that a key was read.
pub fn accept(key: &str) -> String {
    let digest = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes());
    BASE64_STANDARD.encode(digest)
}

/// A frame as a client sends it; the mask is zero, so the payload shows.
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len(), 0x80);
    bytes.extend([0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// A frame as a server sends it.
pub fn server_frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = head(first, payload.len(), 0);
    bytes.extend_from_slice(payload);
    bytes
}

fn head(first: u8, length: usize, mask: u8) -> Vec<u8> {
    let mut bytes = vec![first];
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(length @ 0..126), _) => bytes.push(mask | length),
        (_, Ok(length)) => {
            bytes.push(mask | 126);
            bytes.extend(length.to_be_bytes());
        },
        _ => {
            bytes.push(mask | 127);
            bytes.extend((length as u64).to_be_bytes());
        },
    }
    bytes
}

/// A backend that opens WebSockets (`fields` in its 101) and does with each what `speak` says; what it
/// was asked is given too.
pub fn backend(
    fields: &'static str,
    speak: impl Fn(TcpStream, &Message) + Send + Sync + 'static,
) -> Backend {
    Backend::by_connection(move |socket| {
        let Ok(copy) = socket.try_clone() else { return };
        let mut stream = Stream::new(socket);
        let Ok(Some(request)) = stream.message(Reading::Request) else { return };
        let key = request.fields.first("sec-websocket-key").unwrap_or_default();
        let head = format!(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: {}\r\n{fields}\r\n",
            accept(key)
        );
        if stream.send(head.as_bytes()).is_ok() {
            copy.set_read_timeout(None).unwrap();
            copy.set_write_timeout(None).unwrap();
            speak(copy, &request);
        }
    })
}

/// Says back what it hears until that ends.
pub fn echo(mut socket: TcpStream) {
    let mut piece = [0; 16 * 1024];
    loop {
        match socket.read(&mut piece) {
            Ok(0) | Err(_) => break,
            Ok(count) if socket.write_all(&piece[..count]).is_err() => break,
            Ok(_) => {},
        }
    }
    drop(socket.shutdown(std::net::Shutdown::Write));
}

/// Bytes that nobody would guess, the same for the same seed: shows what was lost, doubled or moved.
#[derive(Clone, Debug)]
pub struct Noise(u64);

impl Noise {
    /// A stream of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Vec<u8> {
        let byte = |_| {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0.to_le_bytes()[5]
        };
        (0..count).map(byte).collect()
    }

    /// Compares what comes from `reader` until its end with the stream: how many bytes there were.
    ///
    /// # Errors
    /// Where they differ, or the reader's.
    pub fn check(&mut self, mut reader: impl io::Read) -> io::Result<u64> {
        let (mut piece, mut total) = ([0; 16 * 1024], 0);
        loop {
            let count = reader.read(&mut piece)?;
            if count == 0 {
                return Ok(total);
            }
            let expected = self.take(count);
            if let Some(at) = piece.iter().zip(&expected).position(|(got, want)| got != want) {
                let text = format!("byte {} is another", total + at as u64);
                return Err(io::Error::new(io::ErrorKind::InvalidData, text));
            }
            total += count as u64;
        }
    }
}
