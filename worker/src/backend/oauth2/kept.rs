//! A token that serves until it ends, and how it came: kept here, and written down for later workers.

use std::fmt;

use baton_shared::words::Monotonic;
use bytes::Bytes;
use http::HeaderValue;

#[derive(Debug, Default)]
pub(super) struct Kept {
    pub(super) token: Option<Token>,
    /// Which way worked.
    pub(super) style: Option<Style>,
}

/// Where credentials stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    Header,
    Form,
}

/// The value of `Authorization`, until it ends.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) value: HeaderValue,
    pub(super) ends: Option<Monotonic>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(token, ends {:?})", self.ends)
    }
}

/// A token for a later worker: when it ends, how it was asked for, itself.
pub(super) fn written_down(token: &Token, style: Style) -> Bytes {
    let ends = token.ends.map_or(0, Monotonic::as_nanos).to_le_bytes();
    let style = [u8::from(style == Style::Form)];
    [&ends[..], &style, token.value.as_bytes()].concat().into()
}

impl Kept {
    /// The same, read.
    pub(super) fn read(content: &[u8]) -> Option<Self> {
        let (ends, rest) = content.split_first_chunk::<8>()?;
        let (style, value) = rest.split_first().filter(|(_, value)| !value.is_empty())?;
        let mut value = HeaderValue::from_bytes(value).ok()?;
        value.set_sensitive(true);
        let ends = Some(u64::from_le_bytes(*ends)).filter(|nanos| *nanos != 0);
        let token = Token { value, ends: ends.map(Monotonic::from_nanos) };
        let style = if *style == 0 { Style::Header } else { Style::Form };
        Some(Self { token: Some(token), style: Some(style) })
    }
}
