//! `qos/http-cache`: answers of a backend, kept as its own header fields say.
//!
//! On the way: the last thing before the exchange, once for each request that is sent, redirects included.
//! KrakenD: a private cache (krakend/httpcache). The key is the URL, with the method in front unless it is GET; only GET and
//! HEAD without `Range` are looked up and stored, anything else forgets its own key. One answer per URL: `Vary` is
//! respected by asking anew. A stale answer is asked for with its validators; 304 renews it; `stale-if-error` hides errors.
//! An answer is stored when its body has been read to the end, gzip undone.
//! Here: bounded also where KrakenD is not ([`store`]); a 304 is never an entry of its own (it would answer those who
//! did not ask for one).

mod control;
mod date;
mod entry;
mod keep;
pub(crate) mod snapshot;
mod store;

use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use smallvec::SmallVec;

pub(crate) use entry::Entry;
pub(crate) use keep::Keep;
pub(crate) use store::{Bounds, Counts, Store};

use control::{Directives, Freshness, Unix, first};

use super::answer::{Answer, Called};
use super::body::AnswerBody;
use super::call_error::CallError;
use super::request::Asked;
use crate::plan::Host;

/// A backend's way to what is stored.
#[derive(Clone, Debug)]
pub(crate) struct Cache {
    pub(crate) store: Arc<Store>,
    /// Whose entries they are, where a store has several owners.
    pub(crate) owner: u32,
    /// The same in another plan's cache if the backend is the same.
    pub(crate) identity: u64,
}

/// The place of a request.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    cache: &'a Cache,
    key: SmallVec<[u8; 160]>,
    is_get: bool,
}

/// The fields of a request as Go's cache sees them: without those that only its transport would write.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fields<'a> {
    pub(crate) headers: &'a HeaderMap,
    pub(crate) gzip: Asked,
}

impl<'a> Fields<'a> {
    /// The first value of a field; empty without one.
    fn value(&self, name: &str) -> &'a [u8] {
        const TRANSPORTS: [&str; 4] = ["host", "connection", "transfer-encoding", "trailer"];
        let is_own = self.gzip == Asked::ByGateway && name.eq_ignore_ascii_case("accept-encoding");
        if is_own || TRANSPORTS.iter().any(|one| name.eq_ignore_ascii_case(one)) {
            return b"";
        }
        first(self.headers, name)
    }

    fn directives(&self) -> Directives<'a> {
        Directives::of(self.headers)
    }
}

/// What the cache says before the backend is asked.
#[derive(Debug)]
pub(crate) enum Found {
    /// Nothing: the backend is asked.
    Nothing,
    /// An answer, as it is.
    Answer(Arc<Entry>),
    /// An answer that may not be used as it is; the fields to ask with.
    Doubtful(Arc<Entry>, Validators),
    /// Nothing, and the request says that nobody may be asked: 504.
    Refused,
}

/// Fields that ask whether a stored answer is still right.
#[derive(Clone, Debug, Default)]
pub(crate) struct Validators {
    none_match: Option<HeaderValue>,
    modified_since: Option<HeaderValue>,
}

impl Cache {
    /// The question of a request; `None` for one that is not answered from here. Such a one forgets what is stored
    /// for it.
    pub(crate) fn question(
        &self,
        method: &Method,
        (host, uri): (&Host, &Uri),
        fields: Fields<'_>,
    ) -> Option<Question<'_>> {
        let mut key = SmallVec::new();
        key.extend_from_slice(&self.owner.to_le_bytes());
        if *method != Method::GET {
            key.extend_from_slice(method.as_str().as_bytes());
            key.push(b' ');
        }
        key.extend_from_slice(host.scheme.as_str().as_bytes());
        key.extend_from_slice(b"://");
        key.extend_from_slice(host.authority.as_bytes());
        key.extend_from_slice(uri.path().as_bytes());
        if let Some(query) = uri.query() {
            key.push(b'?');
            key.extend_from_slice(query.as_bytes());
        }
        let is_get = *method == Method::GET;
        if (is_get || *method == Method::HEAD) && first(fields.headers, RANGE).is_empty() {
            return Some(Question { cache: self, key, is_get });
        }
        self.store.remove(&key);
        None
    }
}

impl Question<'_> {
    /// Looks for a stored answer.
    pub(crate) fn ask(&self, fields: Fields<'_>) -> Found {
        let asked = fields.directives();
        let Some(entry) = self.cache.store.find(&self.key) else {
            return if asked.has("only-if-cached") { Found::Refused } else { Found::Nothing };
        };
        if !entry.fits(fields) {
            return Found::Doubtful(entry, Validators::default());
        }
        match entry.terms.freshness(asked, now()) {
            Freshness::Fresh => Found::Answer(entry),
            Freshness::Unwanted => Found::Doubtful(entry, Validators::default()),
            Freshness::Stale => {
                let validators = Validators::of(&entry, fields.headers);
                Found::Doubtful(entry, validators)
            },
        }
    }

    /// What becomes of the backend's answer, where `doubtful` was stored. `called` is what was asked.
    pub(crate) fn settle(
        &self,
        doubtful: Option<Arc<Entry>>,
        fields: Fields<'_>,
        said: Result<Answer, CallError>,
        called: impl FnOnce() -> Called,
    ) -> Result<Answer, CallError> {
        let Some(entry) = doubtful else { return said.map(|answer| self.keep(fields, answer)) };
        let hides = || self.is_get && entry.terms.hides_errors(fields.directives(), now());
        match said {
            Ok(answer) if self.is_get && answer.status == StatusCode::NOT_MODIFIED => {
                Ok(self.renewed(&entry, fields, answer))
            },
            Ok(answer) if answer.status.is_server_error() && hides() => {
                Ok(entry.answer(discard(answer)))
            },
            Ok(answer) => {
                if answer.status != StatusCode::OK {
                    self.forget();
                }
                Ok(self.keep(fields, answer))
            },
            // Who asked has no more time, or is gone.
            Err(error @ (CallError::Late | CallError::Upload(_))) => Err(error),
            Err(_hidden) if hides() => Ok(entry.answer(called())),
            Err(error) => {
                self.forget();
                Err(error)
            },
        }
    }

    /// Stores an answer, once it is read, unless one of both sides forbids it.
    fn keep(&self, fields: Fields<'_>, mut answer: Answer) -> Answer {
        let is_forbidden = fields.directives().has("no-store")
            || Directives::of(&answer.headers).has("no-store")
            || answer.status == StatusCode::NOT_MODIFIED;
        if is_forbidden {
            self.forget();
            return answer;
        }
        entry::note_request(&mut answer.headers, fields);
        if self.is_get {
            answer.body.keep(Keep::new(self, answer.status, &answer.headers));
        } else {
            self.put(Entry::new(answer.status, keep::compact(&answer.headers), Bytes::new()));
        }
        answer
    }

    /// The stored answer is right: it gets the fields of the 304, and a new life.
    fn renewed(&self, entry: &Entry, fields: Fields<'_>, confirmed: Answer) -> Answer {
        let mut merged = entry.headers.clone();
        for name in confirmed.headers.keys() {
            merged.remove(name);
        }
        for (name, value) in &confirmed.headers {
            merged.append(name, value.clone());
        }
        if fields.directives().has("no-store") || Directives::of(&merged).has("no-store") {
            self.forget();
        } else {
            entry::note_request(&mut merged, fields);
            merged = keep::compact(&merged);
            self.put(Entry::new(entry.status, merged.clone(), entry.body.clone()));
        }
        let called = discard(confirmed);
        let body = AnswerBody::held(entry.body.clone());
        Answer { status: entry.status, headers: merged, body, called }
    }

    fn put(&self, entry: Entry) {
        self.cache.store.put(&self.key, self.cache.identity, Arc::new(entry));
    }

    fn forget(&self) {
        self.cache.store.remove(&self.key);
    }
}

impl Entry {
    /// The stored answer as one of a backend.
    pub(crate) fn answer(&self, called: Called) -> Answer {
        let body = AnswerBody::held(self.body.clone());
        Answer { status: self.status, headers: self.headers.clone(), body, called }
    }
}

/// What KrakenD answers itself where only a stored answer is wanted and there is none.
pub(crate) fn refused(called: Called) -> Answer {
    let (status, headers) = (StatusCode::GATEWAY_TIMEOUT, HeaderMap::new());
    Answer { status, headers, body: AnswerBody::held(Bytes::new()), called }
}

impl Validators {
    /// KrakenD: a request that has a field `ETag` or `Last-Modified` of its own is not given them.
    fn of(entry: &Entry, asked: &HeaderMap) -> Self {
        let take = |name| {
            let value = entry.headers.get(&name).filter(|value| !value.is_empty());
            value.filter(|_| first(asked, name).is_empty()).cloned()
        };
        Self { none_match: take(ETAG), modified_since: take(LAST_MODIFIED) }
    }

    /// Puts them into a request, in place of the client's.
    pub(crate) fn apply(&self, headers: &mut HeaderMap) {
        if let Some(tag) = &self.none_match {
            headers.insert(IF_NONE_MATCH, tag.clone());
        }
        if let Some(date) = &self.modified_since {
            headers.insert(IF_MODIFIED_SINCE, date.clone());
        }
    }
}

/// What is here of an answer nobody wants is read, so that its connection can be used again.
fn discard(answer: Answer) -> Called {
    let Answer { mut body, called, .. } = answer;
    body.take_if_here();
    called
}

fn now() -> Unix {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Unix(i128::try_from(since.as_nanos()).unwrap_or(i128::MAX))
}
