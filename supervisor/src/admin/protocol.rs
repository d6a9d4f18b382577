//! What is said on the control socket, and how a line is read and written.

use std::io;
use std::time::Duration;

use baton_shared::control::message::Revoking;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::reload::report::{Report, Status};
use crate::trigger::Wait;

/// The longest request.
pub const REQUEST_BYTES_MAX: usize = 32 * 1024;
/// The longest answer: notices of a large configuration are many.
pub const RESPONSE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// A command to a running supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Request {
    /// Put the present content of the sources in force; the answer is a [`Response::Report`].
    Reload {
        /// When to answer.
        #[serde(default)]
        wait: Wait,
        /// Even content that was rolled back.
        #[serde(default)]
        force: bool,
    },
    /// Say what is going on; the answer is a [`Response::Status`].
    Status,
    /// Revoke tokens with these claims, or only look; the answer is [`Response::Revoked`].
    Revocations {
        /// Such as `jti-abc`.
        entries: Vec<String>,
        /// Which of both.
        wanted: Revoking,
    },
    /// Drain and end; the answers are [`Response::Stopping`] at once and [`Response::Stopped`].
    Stop,
}

/// What comes back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Response {
    /// How a reload ended.
    Report(Report),
    /// The state of the instance.
    Status(Status),
    /// Which are revoked now, in the order of the question.
    Revoked {
        /// None: the configuration has no `auth/revoker`.
        revoked: Option<Vec<bool>>,
    },
    /// The stop has begun.
    Stopping,
    /// Everything has drained; the process ends now.
    Stopped,
    /// The request cannot be served.
    Error {
        /// Why, in words.
        text: String,
    },
}

/// Reads one line and what it says. `None`: the peer closed without a word.
///
/// # Errors
/// `TimedOut` after `deadline`; `InvalidData` for more than `bytes_max` or for no such message.
pub async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
    deadline: Duration,
) -> io::Result<Option<T>> {
    let line = match timeout(deadline, read_line(stream, bytes_max)).await {
        Ok(line) => line?,
        Err(_elapsed) => return Err(io::ErrorKind::TimedOut.into()),
    };
    match line {
        None => Ok(None),
        Some(line) => serde_json::from_slice(&line).map(Some).map_err(io::Error::from),
    }
}

async fn read_line(
    stream: &mut (impl AsyncRead + Unpin),
    bytes_max: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    let mut part = [0; 4096];
    loop {
        let count = stream.read(&mut part).await?;
        let part = part.get(..count).unwrap_or_default();
        if count == 0 && line.is_empty() {
            return Ok(None);
        }
        // What follows the first line belongs to no request: there is one per connection.
        let end = part.iter().position(|byte| *byte == b'\n');
        line.extend_from_slice(part.get(..end.unwrap_or(count)).unwrap_or_default());
        if line.len() > bytes_max {
            let text = format!("more than {bytes_max} bytes");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if end.is_some() {
            return Ok(Some(line));
        }
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Writes one message as a line.
///
/// # Errors
/// `TimedOut` after `deadline`; else what the kernel says.
pub async fn write<T: Serialize + Sync>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
    deadline: Duration,
) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    match timeout(deadline, stream.write_all(&line)).await {
        Ok(written) => written,
        Err(_elapsed) => Err(io::ErrorKind::TimedOut.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::in_runtime;

    const SHORT: Duration = Duration::from_millis(50);

    fn read_from(mut bytes: &[u8]) -> io::Result<Option<Request>> {
        in_runtime(read(&mut bytes, 64, SHORT))
    }

    #[test]
    fn half_a_line_too_much_and_nonsense_are_errors_and_silence_is_none() {
        let kind = |bytes: &[u8]| read_from(bytes).unwrap_err().kind();
        assert_eq!(kind(b"{\"do\":\"sta"), io::ErrorKind::UnexpectedEof);
        assert_eq!(kind(&[b' '; 100]), io::ErrorKind::InvalidData);
        assert_eq!(kind(b"\xff\n"), io::ErrorKind::InvalidData);
        assert_eq!(kind(b"{\"do\":\"format_disk\"}\n"), io::ErrorKind::InvalidData);
        assert_eq!(read_from(b"").unwrap(), None);
    }

    #[test]
    fn a_peer_that_says_nothing_is_not_waited_for() {
        in_runtime(async {
            let (mut here, _there) = tokio::io::duplex(64);
            let error = read::<Request>(&mut here, 64, SHORT).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
            let long = "x".repeat(1000);
            let error = write(&mut here, &long, SHORT).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        });
    }

    #[test]
    fn a_short_request_can_be_typed_by_hand() {
        let reload = Request::Reload { wait: Wait::Committed, force: false };
        assert_eq!(read_from(b"{\"do\":\"reload\"}\n").unwrap(), Some(reload));
        let reload = Request::Reload { wait: Wait::Drained, force: true };
        let line = b"{\"do\":\"reload\",\"wait\":\"drained\",\"force\":true}\nrest";
        assert_eq!(read_from(line).unwrap(), Some(reload));
    }
}
