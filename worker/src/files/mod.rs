//! Files of a folder as answers, as Go's `http.FileServer` gives them.
//!
//! `name → look (off the thread: the disk may be slow) → conditional → answer`. Small files are read
//! with the look, larger ones in pieces as the client takes them. Nothing outside of the folder is ever
//! opened, whatever a path or a link says; KrakenD follows links out of it.

mod body;
mod conditional;
mod listing;
mod look;
mod site;
mod types;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CONTENT_RANGE, CONTENT_TYPE, HeaderName, LAST_MODIFIED, LOCATION,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

pub(crate) use body::FileBody;
pub(crate) use site::{Claim, Site};

use self::conditional::{Span, Verdict};
use self::look::{Opened, Seen};
use crate::message::ResponseBody;
use crate::respond::sniff;

/// A folder that is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Folder {
    /// Relative to the working directory, or absolute. Opened anew for each request: it may be a link
    /// that is moved from one release of the content to the next.
    pub(crate) path: Arc<PathBuf>,
    pub(crate) listing: Listing,
}

/// Whether a folder without an `index.html` shows what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listing {
    /// `directory_listing`.
    Shown,
    /// It answers 404.
    Hidden,
}

/// How a name that is not quite right is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    /// By a redirect to the right one, as a web server does.
    Redirect,
    /// As if it were the right one: there is no client that could follow.
    Forgive,
}

/// What a request says of the file that it wants.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) method: &'a Method,
    /// Fields of the request, by name.
    pub(crate) field: &'a dyn Fn(&HeaderName) -> Option<&'a [u8]>,
    /// Kept in redirects.
    pub(crate) query: Option<&'a [u8]>,
}

/// An answer without what the gateway says of itself.
#[derive(Debug)]
pub(crate) struct FileAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: ResponseBody,
}

/// The answer for `name`: begins with a slash, is decoded, and has no dot segments.
pub(crate) async fn answer(
    folder: &Folder,
    name: &[u8],
    names: Names,
    wanted: &Wanted<'_>,
) -> FileAnswer {
    if names == Names::Redirect && name.ends_with(b"/index.html") {
        return redirect(b"./", wanted.query);
    }
    match look::look(folder, name, names).await {
        Seen::File(opened) => file(opened, name, wanted),
        Seen::Folder { entries, modified } => {
            if conditional::is_fresh(wanted, modified) {
                return bare(StatusCode::NOT_MODIFIED);
            }
            let mut headers = HeaderMap::new();
            set_modified(&mut headers, modified);
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            let body = ResponseBody::Full(listing::page(&entries));
            FileAnswer { status: StatusCode::OK, headers, body }
        },
        Seen::Elsewhere(target) => redirect(&target, wanted.query),
        Seen::Missing => error(StatusCode::NOT_FOUND, "404 page not found\n"),
        Seen::Forbidden => error(StatusCode::FORBIDDEN, "403 Forbidden\n"),
        Seen::Failed => error(StatusCode::INTERNAL_SERVER_ERROR, "500 Internal Server Error\n"),
    }
}

fn file(opened: Opened, name: &[u8], wanted: &Wanted<'_>) -> FileAnswer {
    let mut headers = HeaderMap::with_capacity(4);
    set_modified(&mut headers, opened.modified);
    let verdict = conditional::judge(wanted, opened.modified, opened.bytes);
    match &verdict {
        Verdict::NotModified => {
            return FileAnswer { headers, ..bare(StatusCode::NOT_MODIFIED) };
        },
        Verdict::Failed => return FileAnswer { headers, ..bare(StatusCode::PRECONDITION_FAILED) },
        Verdict::Malformed => {
            return error(StatusCode::RANGE_NOT_SATISFIABLE, "invalid range\n");
        },
        Verdict::Beyond => {
            let text = "invalid range: failed to overlap\n";
            let mut answer = error(StatusCode::RANGE_NOT_SATISFIABLE, text);
            let range = format!("bytes */{}", opened.bytes);
            answer.headers.insert(CONTENT_RANGE, value(&range));
            return answer;
        },
        Verdict::Whole | Verdict::Part(_) | Verdict::Parts(_) => {},
    }
    let kind = types::by_name(opened.name.as_deref().unwrap_or(name))
        .unwrap_or_else(|| sniff::content_type(&opened.first));
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    let bytes = opened.bytes;
    let (status, body) = match verdict {
        Verdict::Part(span) => {
            headers.insert(CONTENT_RANGE, value(&span.shown(bytes)));
            (StatusCode::PARTIAL_CONTENT, FileBody::of(opened, [span]))
        },
        Verdict::Parts(spans) => {
            let (kind, body) = FileBody::parts(opened, &spans, kind);
            headers.insert(CONTENT_TYPE, value(&kind));
            (StatusCode::PARTIAL_CONTENT, body)
        },
        _ => (StatusCode::OK, FileBody::of(opened, [Span { start: 0, bytes }])),
    };
    FileAnswer { status, headers, body: body.into_response_body() }
}

fn set_modified(headers: &mut HeaderMap, modified: Option<SystemTime>) {
    if let Some(modified) = modified {
        headers.insert(LAST_MODIFIED, value(&httpdate::fmt_http_date(modified)));
    }
}

/// Go's texts for people.
fn error(status: StatusCode, text: &'static str) -> FileAnswer {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let body = ResponseBody::Full(Bytes::from_static(text.as_bytes()));
    FileAnswer { status, headers, body }
}

fn bare(status: StatusCode) -> FileAnswer {
    FileAnswer { status, headers: HeaderMap::new(), body: ResponseBody::Full(Bytes::new()) }
}

/// To a name relative to the one that was asked for.
fn redirect(target: &[u8], query: Option<&[u8]>) -> FileAnswer {
    let mut target = target.to_vec();
    if let Some(query) = query {
        target.push(b'?');
        target.extend_from_slice(query);
    }
    let mut answer = bare(StatusCode::MOVED_PERMANENTLY);
    if let Ok(target) = HeaderValue::from_bytes(&target) {
        answer.headers.insert(LOCATION, target);
    }
    answer
}

/// Text of our own is always a value.
fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static(""))
}
