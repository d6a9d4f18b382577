//! HTTP/1.1 as the tests read it, on either side: everything as it came, nothing corrected.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::num::ParseIntError;
use std::time::Duration;

/// Longest wait for the other side's next byte; beyond it a test has failed.
pub const READ_MAX: Duration = Duration::from_secs(20);

/// How a body was delimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There was none.
    None,
    /// `Content-Length`.
    Length,
    /// `Transfer-Encoding: chunked`, with its last chunk.
    Chunked,
    /// The end of the connection.
    Close,
    /// The connection ended before the body did.
    Cut,
}

impl Framing {
    /// Its name in recorded answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Length => "length",
            Self::Chunked => "chunked",
            Self::Close => "close",
            Self::Cut => "cut",
        }
    }
}

/// Header fields in the order they came, as Latin-1, names as written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields(pub Vec<(String, String)>);

impl Fields {
    /// The first value of `name`, whatever its case.
    pub fn first(&self, name: &str) -> Option<&str> {
        let same = |known: &&(String, String)| known.0.eq_ignore_ascii_case(name);
        self.0.iter().find(same).map(|(_, value)| value.as_str())
    }

    /// Every value of `name`.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let same = move |(known, _): &&(String, String)| known.eq_ignore_ascii_case(name);
        self.0.iter().filter(same).map(|(_, value)| value.as_str())
    }

    /// `Name: value` of each field but those in `without` (lower case), sorted.
    pub fn sorted_lines(&self, without: &[&str]) -> Vec<String> {
        let mut lines: Vec<String> = self
            .0
            .iter()
            .filter(|(name, _)| !without.contains(&name.to_ascii_lowercase().as_str()))
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        lines.sort();
        lines
    }

    fn parse(lines: &[Vec<u8>]) -> Self {
        let field = |line: &Vec<u8>| {
            let text = latin1(line);
            let (name, value) = text.split_once(':').unwrap_or((text.as_str(), ""));
            (name.trim().to_owned(), value.trim().to_owned())
        };
        Self(lines.iter().map(field).collect())
    }
}

/// A message as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The request or status line.
    pub line: String,
    /// Every byte of the head, the empty line too.
    pub head: Vec<u8>,
    /// Header fields.
    pub fields: Fields,
    /// The body, unchunked.
    pub body: Vec<u8>,
    /// How it was delimited.
    pub framing: Framing,
    /// Fields after the last chunk.
    pub trailers: Fields,
}

impl Message {
    /// The second word of a status line.
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap_or(0)
    }

    /// One word of the first line.
    pub fn word(&self, index: usize) -> &str {
        self.line.split(' ').nth(index).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// What kind of message is read: it decides where the body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// A request: without framing it has no body.
    Request,
    /// An answer: without framing it ends with the connection.
    Answer,
    /// An answer to HEAD: no body.
    AnswerToHead,
}

/// The bytes of a head, and its lines without their ends.
type Head = (Vec<u8>, Vec<Vec<u8>>);

/// One end of a connection.
#[derive(Debug)]
pub struct Stream {
    socket: TcpStream,
    buffer: Vec<u8>,
}

impl Stream {
    /// Takes the socket; reads and writes wait at most [`READ_MAX`].
    pub fn new(socket: TcpStream) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_read_timeout(Some(READ_MAX)).unwrap();
        socket.set_write_timeout(Some(READ_MAX)).unwrap();
        Self { socket, buffer: Vec::new() }
    }

    /// The socket itself.
    pub fn socket(&self) -> &TcpStream {
        &self.socket
    }

    /// Sends the bytes as they are.
    ///
    /// # Errors
    /// The kernel's.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.socket.write_all(bytes)
    }

    /// The next message; `None`: the connection ended before its first byte.
    ///
    /// # Errors
    /// The kernel's, a wait of more than [`READ_MAX`], a head or chunk that cannot be read.
    pub fn message(&mut self, reading: Reading) -> io::Result<Option<Message>> {
        let Some((head, mut lines)) = self.head()? else { return Ok(None) };
        let line = latin1(&lines.remove(0));
        let fields = Fields::parse(&lines);
        let mut message = Message {
            line,
            head,
            fields,
            body: Vec::new(),
            framing: Framing::None,
            trailers: Fields::default(),
        };
        self.body(&mut message, reading)?;
        Ok(Some(message))
    }

    fn head(&mut self) -> io::Result<Option<Head>> {
        let (mut head, mut lines) = (Vec::new(), Vec::new());
        loop {
            let Some(line) = self.line()? else {
                return if lines.is_empty() { Ok(None) } else { Err(cut("within a head")) };
            };
            head.extend_from_slice(&line);
            let text: Vec<u8> = trim_end(&line).to_vec();
            if !text.is_empty() {
                lines.push(text);
            } else if !lines.is_empty() {
                return Ok(Some((head, lines)));
            }
        }
    }

    fn body(&mut self, message: &mut Message, reading: Reading) -> io::Result<()> {
        let status = message.status();
        let bodiless = reading == Reading::AnswerToHead
            || (reading == Reading::Answer && (status < 200 || status == 204 || status == 304));
        let chunked = message
            .fields
            .all("transfer-encoding")
            .any(|coding| coding.to_ascii_lowercase().contains("chunked"));
        let length = message.fields.first("content-length").map(str::to_owned);
        if bodiless {
            return Ok(());
        }
        if chunked {
            return self.chunks(message);
        }
        if let Some(length) = length {
            let length =
                length.parse().map_err(|error| malformed("Content-Length", &length, &error))?;
            message.body = self.take(length)?;
            let whole = message.body.len() == length;
            message.framing = if whole { Framing::Length } else { Framing::Cut };
        } else if reading == Reading::Answer {
            while self.fill()? {}
            message.body = std::mem::take(&mut self.buffer);
            message.framing = Framing::Close;
        }
        Ok(())
    }

    fn chunks(&mut self, message: &mut Message) -> io::Result<()> {
        message.framing = Framing::Cut;
        loop {
            let Some(line) = self.line()? else { return Ok(()) };
            let text = latin1(trim_end(&line));
            let size = text.split(';').next().unwrap_or_default().trim();
            let size = usize::from_str_radix(size, 16)
                .map_err(|error| malformed("chunk size", &text, &error))?;
            if size == 0 {
                break;
            }
            let data = self.take(size)?;
            let whole = data.len() == size;
            message.body.extend(data);
            if !whole || self.line()?.is_none() {
                return Ok(());
            }
        }
        let mut trailers = Vec::new();
        while let Some(line) = self.line()? {
            let text = trim_end(&line).to_vec();
            if text.is_empty() {
                message.trailers = Fields::parse(&trailers);
                message.framing = Framing::Chunked;
                return Ok(());
            }
            trailers.push(text);
        }
        Ok(())
    }

    /// What comes until the other side ends the connection, by an end or a reset.
    pub fn rest(&mut self) -> Vec<u8> {
        while matches!(self.fill(), Ok(true)) {}
        std::mem::take(&mut self.buffer)
    }

    /// Whether the connection is still open and silent after `time`.
    pub fn is_quiet_for(&mut self, time: Duration) -> bool {
        matches!(self.state_within(time), State::Open)
    }

    /// What the other side does within `time`.
    pub fn state_within(&mut self, time: Duration) -> State {
        if !self.buffer.is_empty() {
            return State::More;
        }
        self.socket.set_read_timeout(Some(time)).unwrap();
        let filled = self.fill();
        self.socket.set_read_timeout(Some(READ_MAX)).unwrap();
        match filled {
            Ok(true) => State::More,
            Err(error) if is_timeout(&error) => State::Open,
            Ok(false) | Err(_) => State::Closed,
        }
    }

    /// Up to `count` bytes; fewer when the connection ends.
    ///
    /// # Errors
    /// The kernel's, a wait of more than [`READ_MAX`].
    pub fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < count {
            if !self.fill()? {
                break;
            }
        }
        let rest = self.buffer.split_off(count.min(self.buffer.len()));
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    /// One line with its end; `None` when the connection ends before one.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut searched = 0;
        loop {
            let unread = self.buffer.get(searched..).unwrap_or_default();
            if let Some(at) = unread.iter().position(|byte| *byte == b'\n') {
                let rest = self.buffer.split_off(searched + at + 1);
                return Ok(Some(std::mem::replace(&mut self.buffer, rest)));
            }
            searched = self.buffer.len();
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn fill(&mut self) -> io::Result<bool> {
        let mut piece = [0; 64 * 1024];
        let count = self.socket.read(&mut piece)?;
        self.buffer.extend(piece.iter().take(count));
        Ok(count > 0)
    }
}

/// What became of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Open, nothing came.
    Open,
    /// Ended or reset.
    Closed,
    /// More bytes came.
    More,
}

/// Whether a read gave up waiting.
pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

/// Bytes as text, one character each.
pub fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

fn cut(place: &str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, format!("the connection ended {place}"))
}

fn malformed(what: &str, text: &str, error: &ParseIntError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{what} {text:?}: {error}"))
}
