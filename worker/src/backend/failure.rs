//! Why a backend gave nothing, in the words that KrakenD gives.
//!
//! With `router.return_error_msg` these texts leave the gateway, and people match on them: they follow Go's
//! `net/http`. Each level speaks of itself and ends with its cause, as Go's do.

use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode};

use super::body::AnswerError;
use super::call_error::CallError;
use crate::decode::DecodeError;
use crate::message::UploadError;
use crate::script::ScriptError;

/// Why an endpoint has no data to give. All are 500 but those that say otherwise.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A backend without hosts.
    #[error("no hosts available")]
    NoHosts,
    /// `qos/ratelimit/proxy`. The slip of the pen is KrakenD's.
    #[error("rate limit exceded")]
    Limited,
    /// `qos/circuit-breaker`: nobody is let through.
    #[error("circuit breaker is open")]
    BreakerOpen,
    /// `qos/circuit-breaker`: somebody else tries.
    #[error("too many requests")]
    BreakerBusy,
    /// The endpoint's `timeout` passed.
    #[error("context deadline exceeded")]
    Late,
    /// The exchange failed.
    #[error("{} \"{url}\": {error}", Verb(method))]
    Call {
        /// The method that was sent.
        method: Method,
        /// The URL that was called, or the `Location` that could not be.
        url: String,
        /// What went wrong.
        error: CallError,
    },
    /// The URL cannot be called: what a client put into it is no part of one.
    #[error("{0}")]
    Url(String),
    /// A value of the client's would change the path that was authorised: 400.
    #[error("a path parameter may not hold a dot segment")]
    DotSegment,
    /// The request lacks a header field or a parameter that `url_pattern` needs: 400.
    #[error("a header or query parameter of `url_pattern` is missing")]
    Missing,
    /// The client's body ended early: 400, 408 or 413.
    #[error(transparent)]
    Upload(UploadError),
    /// Neither 200 nor 201.
    #[error("invalid status code {} [{method} {pattern}]: {url}", status.as_u16())]
    Status {
        /// What the backend answered.
        status: StatusCode,
        /// The backend's method, as it is written.
        method: Method,
        /// Its `url_pattern`, as KrakenD rewrites it.
        pattern: Box<str>,
        /// What was called in the end, after redirects.
        url: String,
    },
    /// The same with `return_error_code`: the client gets the backend's status and, where errors are told, its
    /// body.
    #[error("{}", String::from_utf8_lossy(body))]
    Passed {
        /// What the backend answered.
        status: StatusCode,
        /// Its body.
        body: Bytes,
        /// What the body is; none where it is empty and nobody says.
        content_type: Option<HeaderValue>,
    },
    /// The client's body is not what `validation/json-schema` asks for: 400.
    #[error("{0}")]
    Schema(Box<str>),
    /// An expression of `validation/cel` does not hold, by its place among those that are evaluated.
    #[error("request aborted by evaluator #{0}")]
    Rejected(usize),
    /// A script stopped: what it says.
    #[error(transparent)]
    Script(Box<ScriptError>),
    /// The client's body has no variables for a mutation.
    #[error("{0}")]
    Variables(String),
    /// The body is not what `encoding` promises.
    #[error(transparent)]
    Decode(DecodeError),
    /// The body ended early.
    #[error(transparent)]
    Body(AnswerError),
    /// Every call of several failed, or some did.
    #[error("{}", Joined(_0))]
    Several(Box<[Self]>),
    /// An operation of `flatmap_filter` lacks what it is to work on: KrakenD panics.
    #[error("an operation of flatmap_filter lacks arguments")]
    Flatmap,
    /// The body is larger than what is held in memory.
    #[error("the answer is larger than {bytes_max} bytes")]
    TooLarge {
        /// The bound.
        bytes_max: u64,
    },
}

/// Failures one per line.
struct Joined<'a>(&'a [Failure]);

impl fmt::Display for Joined<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, failure) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{failure}")?;
        }
        Ok(())
    }
}

/// `Get`, `Post`: how Go begins an error of its HTTP client.
struct Verb<'a>(&'a Method);

impl fmt::Display for Verb<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut letters = self.0.as_str().chars();
        if let Some(first) = letters.next() {
            write!(f, "{first}{}", letters.as_str().to_ascii_lowercase())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::net::SocketAddr;

    use nix::errno::Errno;

    use super::*;
    use crate::backend::call_error::DialError;

    #[test]
    fn the_texts_are_those_of_go() {
        let error = CallError::Dial(DialError::Connect {
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            error: io::Error::from_raw_os_error(Errno::ECONNREFUSED as i32),
        });
        let failure =
            Failure::Call { method: Method::GET, url: "http://127.0.0.1:1/x".to_owned(), error };
        assert_eq!(
            failure.to_string(),
            "Get \"http://127.0.0.1:1/x\": dial tcp 127.0.0.1:1: connect: connection refused"
        );
        let error =
            CallError::Broken(io::Error::from_raw_os_error(Errno::ECONNRESET as i32).into());
        let failure = Failure::Call { method: Method::POST, url: "http://h/x".to_owned(), error };
        assert_eq!(failure.to_string(), "Post \"http://h/x\": read: connection reset by peer");
    }
}
