//! One client connection, raw: what is written is what is sent, and every byte that comes is accounted for.

use std::io;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use super::clients::ORIGIN;
use super::door::{Door, Stream};

/// After this an answer counts as lost.
pub(super) const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// The gateway said that it closes after it.
    pub(super) closing: bool,
    /// A page of another origin may read it.
    pub(super) allows_page: bool,
    pub(super) body: Vec<u8>,
}

/// Why there is no whole answer.
#[derive(Debug)]
pub(super) enum Missing {
    /// The connection ended before a byte of the answer.
    Closed,
    /// It ended within the answer.
    Cut,
    /// The kernel said so.
    Broken(io::ErrorKind),
    /// What came is not HTTP.
    Malformed,
    /// Nothing within [`ANSWER_MAX`].
    Late,
}

impl Missing {
    pub(super) fn words(&self) -> String {
        match self {
            Self::Closed => "closed without an answer".to_owned(),
            Self::Cut => "cut within the answer".to_owned(),
            Self::Broken(kind) => format!("{kind}"),
            Self::Malformed => "not HTTP".to_owned(),
            Self::Late => format!("no answer in {ANSWER_MAX:?}"),
        }
    }
}

#[derive(Debug)]
pub(super) struct Wire {
    stream: Stream,
    /// Read and not yet used: the next answers of a pipeline.
    buffer: Vec<u8>,
}

impl Wire {
    pub(super) async fn connect(door: &Door) -> io::Result<Self> {
        Ok(Self { stream: door.open().await?, buffer: Vec::new() })
    }

    /// Looks, without waiting, whether the other side has ended the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        self.stream.is_closed()
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Missing> {
        let write = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        match timeout(ANSWER_MAX, write).await {
            Ok(written) => written.map_err(|error| Missing::Broken(error.kind())),
            Err(_) => Err(Missing::Late),
        }
    }

    pub(super) async fn answer(&mut self) -> Result<Answer, Missing> {
        match timeout(ANSWER_MAX, self.read_answer()).await {
            Ok(answer) => answer,
            Err(_) => Err(Missing::Late),
        }
    }

    async fn read_answer(&mut self) -> Result<Answer, Missing> {
        let head = loop {
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let rest = self.buffer.split_off(end + 4);
                break std::mem::replace(&mut self.buffer, rest);
            }
            let missing = if self.buffer.is_empty() { Missing::Closed } else { Missing::Cut };
            self.fill(missing).await?;
        };
        let head = Head::parse(&head).ok_or(Missing::Malformed)?;
        let body = match head.length {
            Some(length) => self.take(length).await?,
            None => self.chunks().await?,
        };
        let Head { status, closing, allows_page, .. } = head;
        Ok(Answer { status, closing, allows_page, body })
    }

    async fn chunks(&mut self) -> Result<Vec<u8>, Missing> {
        let mut body = Vec::new();
        loop {
            let line = self.line().await?;
            let size = std::str::from_utf8(&line)
                .ok()
                .and_then(|text| usize::from_str_radix(text.split(';').next()?.trim(), 16).ok());
            let Some(size) = size else { return Err(Missing::Malformed) };
            if size == 0 {
                while !self.line().await?.is_empty() {} // trailers
                return Ok(body);
            }
            body.extend(self.take(size).await?);
            if !self.line().await?.is_empty() {
                return Err(Missing::Malformed);
            }
        }
    }

    async fn line(&mut self) -> Result<Vec<u8>, Missing> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let rest = self.buffer.split_off(end + 2);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                line.truncate(end);
                return Ok(line);
            }
            self.fill(Missing::Cut).await?;
        }
    }

    async fn take(&mut self, count: usize) -> Result<Vec<u8>, Missing> {
        while self.buffer.len() < count {
            self.fill(Missing::Cut).await?;
        }
        let rest = self.buffer.split_off(count);
        Ok(std::mem::replace(&mut self.buffer, rest))
    }

    async fn fill(&mut self, at_end: Missing) -> Result<(), Missing> {
        match self.stream.read_buf(&mut self.buffer).await {
            Ok(0) => Err(at_end),
            Ok(_) => Ok(()),
            Err(error) => Err(Missing::Broken(error.kind())),
        }
    }
}

struct Head {
    status: u16,
    closing: bool,
    allows_page: bool,
    /// None: in chunks.
    length: Option<usize>,
}

impl Head {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?.to_ascii_lowercase();
        let mut lines = text.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let (mut closing, mut length, mut chunked) = (false, None, false);
        let mut allows_page = false;
        for (name, value) in lines.filter_map(|line| line.split_once(':')) {
            match (name, value.trim()) {
                ("connection", "close") => closing = true,
                ("access-control-allow-origin", origin) => allows_page = origin == ORIGIN,
                ("content-length", digits) => length = Some(digits.parse().ok()?),
                ("transfer-encoding", "chunked") => chunked = true,
                _ => {},
            }
        }
        (chunked != length.is_some()).then_some(Self { status, closing, allows_page, length })
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}
