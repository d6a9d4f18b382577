//! `auth/client-credentials`: a backend gets a token that the gateway fetched for itself (RFC 6749 §4.4).
//!
//! On the way: before an exchange, behind the cache. One token for all threads, one fetch at a time; who waits, waits no
//! longer than its own deadline. KrakenD: credentials in a header first, in the form if that fails, and what worked is
//! remembered. Here besides: a 401 of the backend drops the token and is tried once more with a new one, and the token goes to
//! the hosts of its backend only, as credentials go to the token server's.

mod answer;
mod ask;
mod kept;

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{Context, SHA256};
use baton_shared::words::{Monotonic, hex};
use bytes::Bytes;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderValue, StatusCode, Uri};
use http_body::Body as _;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, timeout_at};

use ask::First;
use kept::{Kept, Style, Token, written_down};

use super::answer::Answer;
use super::body::AnswerError;
use super::call_error::CallError;
use super::via::basic;
use crate::life::keep::{Fetched, Keeper};
use crate::plan::{Host, HostError, ThreadState};
use crate::route::percent::GoQuoted;

/// The largest answer of a token server.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// What Go's `url.QueryEscape` leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A backend's credentials and the token that they gave last.
#[derive(Debug)]
pub(crate) struct ClientCredentials {
    request: Request,
    /// What its token is kept by for a later worker; tells nothing of the credentials.
    name: Box<str>,
    keeper: Keeper,
    kept: Mutex<Kept>,
    /// Held while a token is fetched.
    fetching: tokio::sync::Mutex<()>,
}

/// What is asked of the token server.
#[expect(clippy::large_enum_variant, reason = "one stands in a backend's plan")]
pub(crate) enum Request {
    /// Nothing can be, and why.
    Impossible(String),
    Possible {
        url: Box<str>,
        host: Host,
        uri: Uri,
        /// Credentials in the header, and the form beside it.
        header: (HeaderValue, Bytes),
        /// All in the form.
        form: Bytes,
    },
}

/// How old a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// It served before: the backend may have forgotten it since.
    Kept,
    New,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The settings are at fault.
    #[error("{0}")]
    Impossible(String),
    /// The server could not be asked.
    #[error("Post \"{url}\": {error}")]
    Call {
        /// Whom was asked.
        url: Box<str>,
        /// What went wrong.
        error: CallError,
    },
    /// Its answer broke off.
    #[error("oauth2: cannot fetch token: {0}")]
    Body(AnswerError),
    /// It says no, in the words of RFC 6749 §5.2.
    #[error("oauth2: {}", Quoted(_0))]
    Refused(Box<[String]>),
    /// It says no in other words.
    #[error("oauth2: cannot fetch token: {status}\nResponse: {body}")]
    Status {
        /// Its status.
        status: StatusCode,
        /// Its words.
        body: String,
    },
    /// It says yes in words that are not understood.
    #[error("oauth2: cannot parse json: {0}")]
    Json(String),
    /// Its answer holds no token.
    #[error("oauth2: server response missing access_token")]
    Missing,
    /// Its token cannot be sent.
    #[error("oauth2: the token is no value of a header field")]
    Unsendable,
}

struct Quoted<'a>(&'a [String]);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, text) in self.0.iter().enumerate() {
            let blank = if nth == 0 { "" } else { " " };
            write!(f, "{blank}{}", GoQuoted(text.as_bytes()))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Impossible(why) => write!(f, "Impossible({why:?})"),
            Self::Possible { url, .. } => write!(f, "Possible({url:?})"),
        }
    }
}

impl Request {
    /// `form`: its fields, sorted.
    pub(crate) fn new(
        url: &str,
        (id, secret): (&str, &str),
        form: &BTreeMap<&str, Vec<&str>>,
    ) -> Self {
        let unsendable = |error: HostError| Self::Impossible(format!("Post \"{url}\": {error}"));
        let (host, path) = match Host::parse(url) {
            Ok(parsed) => parsed,
            Err(error) => return unsendable(error),
        };
        let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
        let Ok(uri) = Uri::try_from(path.split('#').next().unwrap_or_default()) else {
            return unsendable(HostError::Authority(url.to_owned()));
        };
        let Some(basic) = basic(escaped(id).as_bytes(), escaped(secret).as_bytes()) else {
            return unsendable(HostError::Credentials);
        };
        let mut whole = form.clone();
        if !id.is_empty() {
            whole.insert("client_id", vec![id]);
        }
        if !secret.is_empty() {
            whole.insert("client_secret", vec![secret]);
        }
        let header = (basic, written(form));
        Self::Possible { url: url.into(), host, uri, header, form: written(&whole) }
    }

    /// Who asks whom for what.
    fn hash(&self) -> String {
        let mut hash = Context::new(&SHA256);
        if let Self::Possible { url, form, .. } = self {
            hash.update(url.as_bytes());
            hash.update(&[0]);
            hash.update(form);
        }
        hex(hash.finish().as_ref())
    }
}

impl ClientCredentials {
    pub(crate) fn new(request: Request) -> Self {
        let name = format!("oauth2 {}", request.hash()).into();
        let (kept, fetching) = (Mutex::default(), tokio::sync::Mutex::default());
        Self { request, name, keeper: Keeper::default(), kept, fetching }
    }

    /// What later workers ask for.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whom to tell of tokens from now on.
    pub(crate) fn tell_of(&self, keeper: UnboundedSender<Fetched>) {
        self.keeper.set(keeper);
    }

    /// An earlier worker fetched this; what cannot be read is fetched anew.
    pub(crate) fn remember(&self, content: &[u8]) {
        let Some(earlier) = Kept::read(content) else { return };
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = earlier;
    }

    /// The value of `Authorization`; fetched if there is none, at most until `deadline`.
    pub(crate) async fn token(
        &self,
        thread: &ThreadState,
        deadline: Instant,
    ) -> Result<(HeaderValue, Age), CallError> {
        if let Some(value) = self.kept_token() {
            return Ok((value, Age::Kept));
        }
        let fetched = async {
            let _alone = self.fetching.lock().await;
            match self.kept_token() {
                // Somebody else was faster.
                Some(value) => Ok(value),
                None => self.fetch(thread, deadline).await,
            }
        };
        match timeout_at(deadline, fetched).await {
            Err(_) | Ok(Err(TokenError::Call { error: CallError::Late, .. })) => {
                Err(CallError::Late)
            },
            Ok(Err(error)) => Err(CallError::Token(Box::new(error))),
            Ok(Ok(value)) => Ok((value, Age::New)),
        }
    }

    /// The backend does not take it.
    pub(crate) fn forget(&self, value: &HeaderValue) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.token.as_ref().is_some_and(|token| token.value == *value) {
            kept.token = None;
        }
    }

    fn kept_token(&self) -> Option<HeaderValue> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let token = kept.token.as_ref()?;
        let is_over = token.ends.is_some_and(|ends| ends <= Monotonic::now());
        (!is_over).then(|| token.value.clone())
    }

    async fn fetch(
        &self,
        thread: &ThreadState,
        deadline: Instant,
    ) -> Result<HeaderValue, TokenError> {
        let style = self.kept.lock().unwrap_or_else(PoisonError::into_inner).style;
        let first = style.unwrap_or(Style::Header);
        let (style, outcome) = match (self.ask(thread, first, deadline).await, style) {
            (Err(_other_way), None) => (Style::Form, self.ask(thread, Style::Form, deadline).await),
            (outcome, _) => (first, outcome),
        };
        let token = outcome?;
        let value = token.value.clone();
        self.keeper.keep(|| self.name.to_string(), Monotonic::now(), written_down(&token, style));
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Kept { token: Some(token), style: Some(style) };
        Ok(value)
    }

    async fn ask(
        &self,
        thread: &ThreadState,
        style: Style,
        deadline: Instant,
    ) -> Result<Token, TokenError> {
        let Request::Possible { url, host, uri, header, form } = &self.request else {
            let Request::Impossible(why) = &self.request else { return Err(TokenError::Missing) };
            return Err(TokenError::Impossible(why.clone()));
        };
        let (basic, body) = match style {
            Style::Header => (Some(&header.0), &header.1),
            Style::Form => (None, form),
        };
        let first = First { host, uri, basic, body };
        let answer = ask::ask(thread, &first, deadline).await;
        let mut answer = answer.map_err(|error| TokenError::Call { url: url.clone(), error })?;
        if answer.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding == "gzip") {
            answer.body.gunzip();
        }
        let status = answer.status;
        let content_type = answer.headers.get(CONTENT_TYPE).cloned();
        let body = collect(answer).await?;
        answer::understood(status, content_type.as_ref(), &body)
    }
}

/// The whole body; what is beyond the bound is not read.
async fn collect(answer: Answer) -> Result<Vec<u8>, TokenError> {
    let (mut body, mut whole) = (answer.body, Vec::new());
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        if let Ok(data) = frame.map_err(TokenError::Body)?.into_data() {
            whole.extend_from_slice(&data);
        }
        if whole.len() > ANSWER_BYTES_MAX {
            whole.truncate(ANSWER_BYTES_MAX);
            break;
        }
    }
    Ok(whole)
}

/// Go's `url.QueryEscape`.
fn escaped(text: &str) -> String {
    utf8_percent_encode(text, FORM).to_string().replace("%20", "+")
}

/// Go's `url.Values.Encode`: sorted by name.
fn written(form: &BTreeMap<&str, Vec<&str>>) -> Bytes {
    let pairs =
        form.iter().flat_map(|(name, values)| values.iter().map(move |value| (name, value)));
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
    pairs.join("&").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base64;

    #[test]
    fn forms_and_credentials_are_written_as_go_writes_them() {
        let form =
            BTreeMap::from([("z", vec!["1", "2"]), ("a", vec!["q w", "&="]), ("s", vec![""])]);
        assert_eq!(written(&form), "a=q+w&a=%26%3D&s=&z=1&z=2");
        assert_eq!(base64::encode(b"id%2Fx:se+cret"), "aWQlMkZ4OnNlK2NyZXQ=");
        assert_eq!(base64::encode(b":"), "Og==");
    }

    #[test]
    fn a_token_is_handed_on_to_whoever_asks_the_same() {
        let asks = |secret, scope| {
            let form = BTreeMap::from([("scope", vec![scope])]);
            ClientCredentials::new(Request::new("http://t/x", ("id", secret), &form))
        };
        let (one, same) = (asks("s", "a"), asks("s", "a"));
        assert_eq!(one.name(), same.name());
        assert!(one.name() != asks("other", "a").name() && one.name() != asks("s", "b").name());
        let token = |ends| Token { value: HeaderValue::from_static("Bearer T"), ends };
        same.remember(&written_down(&token(None), Style::Form));
        assert_eq!(same.kept_token(), Some(HeaderValue::from_static("Bearer T")));
        same.remember(&written_down(&token(Some(Monotonic::from_nanos(1))), Style::Header));
        assert_eq!(same.kept_token(), None, "it is over");
        let content = written_down(&token(None), Style::Header);
        for end in 0..9 {
            one.remember(&content[..end]);
            assert_eq!(one.kept_token(), None, "{end}");
        }
    }

    #[test]
    fn neither_secrets_nor_tokens_are_shown() {
        let request = Request::new("http://t/x", ("id", "se cret"), &BTreeMap::new());
        let shown = format!("{:?}", ClientCredentials::new(request));
        assert!(!shown.contains("cret") && !shown.contains("Basic"), "{shown}");
    }
}
