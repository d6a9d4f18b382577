//! Why bytes of a client are refused before they are a request, and what the client is told.
//!
//! KrakenD (Go's server): status line and body carry the same text, the connection closes.

use http::StatusCode;

/// The reasons, each with its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// 400, with Go's reason where it gives one.
    Bad(&'static str),
    /// 501: a transfer coding that is not `chunked` (RFC 9112 §6.1).
    Coding,
    /// 505: neither HTTP/1.0 nor 1.x.
    Version,
    /// 431: the head is larger than allowed.
    HeadTooLarge,
    /// 431: more field lines than allowed.
    TooManyFields,
    /// 414: the request line is longer than allowed.
    TargetTooLong,
    /// 413: the body is announced larger than allowed.
    BodyTooLarge,
    /// 417: an expectation other than `100-continue`.
    Expectation,
}

impl Refusal {
    /// 400 without a reason.
    pub(crate) const BAD: Self = Self::Bad("");

    /// The whole answer, ready to send. `date` is the value of a Date field.
    pub(crate) fn answer(self, date: &str) -> Vec<u8> {
        let (_, body) = self.told();
        let line = match self {
            Self::Bad(_) => "400 Bad Request",
            Self::Coding => "501 Not Implemented",
            Self::Expectation => {
                let head = format!(
                    "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nDate: {date}\r\n\
                     Content-Length: 0\r\n\r\n"
                );
                return head.into_bytes();
            },
            Self::Version
            | Self::HeadTooLarge
            | Self::TooManyFields
            | Self::TargetTooLong
            | Self::BodyTooLarge => &body,
        };
        format!(
            "HTTP/1.1 {line}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }

    /// Status and body.
    pub(crate) fn told(self) -> (StatusCode, String) {
        let (status, body) = match self {
            Self::Bad("") => (StatusCode::BAD_REQUEST, "400 Bad Request"),
            Self::Bad(why) => {
                return (StatusCode::BAD_REQUEST, format!("400 Bad Request: {why}"));
            },
            Self::Coding => (StatusCode::NOT_IMPLEMENTED, "Unsupported transfer encoding"),
            Self::Version => (
                StatusCode::HTTP_VERSION_NOT_SUPPORTED,
                "505 HTTP Version Not Supported: unsupported protocol version",
            ),
            Self::HeadTooLarge | Self::TooManyFields => {
                (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "431 Request Header Fields Too Large")
            },
            Self::TargetTooLong => (StatusCode::URI_TOO_LONG, "414 URI Too Long"),
            Self::BodyTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "413 Content Too Large"),
            Self::Expectation => (StatusCode::EXPECTATION_FAILED, ""),
        };
        (status, body.to_owned())
    }
}
