//! Why bytes of a client are refused before they are a request, and what the client is told.
//!
//! KrakenD (Go's server): status line and body carry the same text, the connection closes.

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
        let (status, body) = match self {
            Self::Bad("") => ("400 Bad Request", "400 Bad Request".to_owned()),
            Self::Bad(why) => ("400 Bad Request", format!("400 Bad Request: {why}")),
            Self::Coding => ("501 Not Implemented", "Unsupported transfer encoding".to_owned()),
            Self::Version => (
                "505 HTTP Version Not Supported: unsupported protocol version",
                "505 HTTP Version Not Supported: unsupported protocol version".to_owned(),
            ),
            Self::HeadTooLarge | Self::TooManyFields => (
                "431 Request Header Fields Too Large",
                "431 Request Header Fields Too Large".to_owned(),
            ),
            Self::TargetTooLong => ("414 URI Too Long", "414 URI Too Long".to_owned()),
            Self::BodyTooLarge => ("413 Content Too Large", "413 Content Too Large".to_owned()),
            Self::Expectation => {
                let head = format!(
                    "HTTP/1.1 417 Expectation Failed\r\nConnection: close\r\nDate: {date}\r\n\
                     Content-Length: 0\r\n\r\n"
                );
                return head.into_bytes();
            },
        };
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Connection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}
