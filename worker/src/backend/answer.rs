//! The head of a backend's answer, checked.
//!
//! What is said here of framing holds before anything of an answer is used: one framing or none, no protocol
//! switched, nothing hop-by-hop passed on (RFC 9110 §7.6.1).

use http::header::{
    CACHE_CONTROL, CONNECTION, CONTENT_LENGTH, HeaderName, PRAGMA, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderValue, StatusCode, Uri};
use smallvec::SmallVec;

use super::body::AnswerBody;
use super::call_error::CallError;
use super::source::Source;
use crate::plan::{Host, HostId, Plan};

/// The head of an answer and the body behind it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Never informational.
    pub(crate) status: StatusCode,
    /// Without framing and hop-by-hop fields.
    pub(crate) headers: HeaderMap,
    /// What follows.
    pub(crate) body: AnswerBody,
    /// What was called for it.
    pub(crate) called: Called,
}

/// What an answer is the answer of; shown in messages only.
#[derive(Debug)]
pub(crate) struct Called {
    pub(crate) host: CalledHost,
    pub(crate) uri: Uri,
}

/// A host of the plan, or one that a redirect named.
#[derive(Debug)]
pub(crate) enum CalledHost {
    Plan(HostId),
    Other(Box<Host>),
}

impl Called {
    pub(crate) fn new(host: &Host, uri: Uri) -> Self {
        let place = host.id.filter(|id| !id.is_found());
        let host =
            place.map_or_else(|| CalledHost::Other(Box::new(host.clone())), CalledHost::Plan);
        Self { host, uri }
    }

    pub(crate) fn host<'a>(&'a self, plan: &'a Plan) -> Option<&'a Host> {
        match &self.host {
            CalledHost::Plan(host) => plan.host(*host),
            CalledHost::Other(host) => Some(host),
        }
    }

    /// The whole URL.
    pub(crate) fn url(&self, plan: &Plan) -> String {
        self.host(plan).map_or_else(String::new, |host| format!("{host}{}", self.uri))
    }
}

impl Answer {
    /// Checks the head in front of `source`.
    pub(super) fn check(
        head: http::response::Parts,
        source: Source,
        called: Called,
    ) -> Result<Self, CallError> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(CallError::Upgrade);
        }
        let mut headers = head.headers;
        let found = hop_by_hop(&headers);
        if found.contains(&TRANSFER_ENCODING) {
            check_framing(&headers)?;
        }
        strip(&mut headers, &found);
        read_pragma(&mut headers);
        let body = AnswerBody::streamed(source);
        Ok(Self { status: head.status, headers, body, called })
    }
}

/// Exactly one framing, and of transfer codings only `chunked`: anything else can be read in two ways.
fn check_framing(headers: &HeaderMap) -> Result<(), CallError> {
    let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
    let Some(coding) = codings.next() else { return Ok(()) };
    let plain = coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked");
    if !plain || codings.next().is_some() || headers.contains_key(CONTENT_LENGTH) {
        return Err(CallError::Ambiguous);
    }
    Ok(())
}

/// Go reads the old word as the new one (RFC 9111 §5.4).
fn read_pragma(headers: &mut HeaderMap) {
    if headers.get(PRAGMA).is_some_and(|pragma| pragma == "no-cache")
        && !headers.contains_key(CACHE_CONTROL)
    {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    }
}

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const PROXY_AUTHENTICATE: HeaderName = HeaderName::from_static("proxy-authenticate");
const PROXY_AUTHORIZATION: HeaderName = HeaderName::from_static("proxy-authorization");

/// The connection to the client writes its own framing.
static HOP_BY_HOP: [HeaderName; 10] = [
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    UPGRADE,
];

/// Names of a head, few of them.
type Names = SmallVec<[HeaderName; 4]>;

/// The fields that end here. One look at each name: most answers have two of them.
pub(super) fn hop_by_hop(headers: &HeaderMap) -> Names {
    let is_one = |name: &&HeaderName| begins_like_one(name) && HOP_BY_HOP.contains(name);
    headers.keys().filter(is_one).cloned().collect()
}

/// Takes out `found`, and what `Connection` names.
pub(super) fn strip(headers: &mut HeaderMap, found: &Names) {
    if found.contains(&CONNECTION) && headers.get_all(CONNECTION).iter().any(names_more) {
        for name in named(headers) {
            headers.remove(name);
        }
    }
    for name in found {
        headers.remove(name);
    }
}

/// The letters that [`HOP_BY_HOP`] begins with: most names are told apart by the first.
fn begins_like_one(name: &HeaderName) -> bool {
    matches!(name.as_str().as_bytes().first(), Some(b'c' | b't' | b'k' | b'p' | b'u'))
}

fn names_more(connection: &HeaderValue) -> bool {
    let value = connection.as_bytes();
    !value.eq_ignore_ascii_case(b"keep-alive") && !value.eq_ignore_ascii_case(b"close")
}

/// The fields that `Connection` names.
fn named(headers: &HeaderMap) -> Vec<HeaderName> {
    let lines = headers.get_all(CONNECTION).iter();
    lines
        .flat_map(|line| line.as_bytes().split(|byte| *byte == b','))
        .filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok())
        .collect()
}
