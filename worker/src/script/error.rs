//! Why a script stopped, as KrakenD tells it: `custom_error(message, status, content type)`, or anything else.

use http::StatusCode;

/// What stands between the parts of a `custom_error`.
pub(super) const SEPARATOR: &str = " || ";

/// Why a script stopped.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ScriptError {
    /// What it says.
    pub text: String,
    /// The status it asks for; none: 500.
    pub status: Option<StatusCode>,
    /// What its text is.
    pub content_type: Option<String>,
}

impl ScriptError {
    pub(super) const fn plain(text: String) -> Self {
        Self { text, status: None, content_type: None }
    }

    /// Reads `message || status || content type`; none: it is another error.
    pub(super) fn custom(text: &str) -> Option<Self> {
        let mut parts = text.split(SEPARATOR);
        let message = parts.next()?;
        let code: i64 = parts.next()?.parse().unwrap_or(500);
        Some(Self {
            text: message.to_owned(),
            status: status(code),
            content_type: parts.next().map(str::to_owned).filter(|_| code != -1),
        })
    }
}

/// What KrakenD panics of, or what is no answer, is 500.
fn status(code: i64) -> Option<StatusCode> {
    match code {
        -1 => None,
        0 => Some(StatusCode::OK),
        200..=999 => u16::try_from(code).ok().and_then(|code| StatusCode::from_u16(code).ok()),
        _ => Some(StatusCode::INTERNAL_SERVER_ERROR),
    }
}
