//! `If-*` and `Range` against a file (RFC 9110 §13, §14), with Go's decisions.
//!
//! Pure. A file has no entity tag: only its time can match.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::Method;
use http::header::{
    HeaderName, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE,
};

use super::Wanted;

/// Ranges of one request; more than that are ignored (RFC 9110 §14.2).
const SPANS_MAX: usize = 64;

/// A piece of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u64,
    pub(super) bytes: u64,
}

impl Span {
    /// As `Content-Range` shows it.
    pub(super) fn shown(self, of: u64) -> String {
        let last = (self.start + self.bytes).saturating_sub(1);
        format!("bytes {}-{last}/{of}", self.start)
    }
}

/// What of a file is sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Whole,
    Part(Span),
    Parts(Vec<Span>),
    /// 304.
    NotModified,
    /// 412.
    Failed,
    /// 416: a `Range` that cannot be read.
    Malformed,
    /// 416: a range behind the end.
    Beyond,
}

/// The decision, in Go's order.
pub(super) fn judge(wanted: &Wanted<'_>, modified: Option<SystemTime>, bytes: u64) -> Verdict {
    let holds = match (wanted.field)(&IF_MATCH) {
        Some(list) if !list.is_empty() => is_any(list),
        _ => time(wanted, &IF_UNMODIFIED_SINCE)
            .zip(seconds(modified))
            .is_none_or(|(since, modified)| modified <= since),
    };
    if !holds {
        return Verdict::Failed;
    }
    // A tag beats a time.
    let is_known = match (wanted.field)(&IF_NONE_MATCH).filter(|list| !list.is_empty()) {
        Some(list) => is_any(list),
        None => is_fresh(wanted, modified),
    };
    if is_known {
        return if is_read(wanted) { Verdict::NotModified } else { Verdict::Failed };
    }
    let range = (wanted.field)(&RANGE).filter(|range| !range.is_empty());
    match range {
        Some(range) if range_applies(wanted, modified) => spans(range, bytes),
        Some(_) | None => Verdict::Whole,
    }
}

/// Whether `If-Modified-Since` says that the client has it already.
pub(super) fn is_fresh(wanted: &Wanted<'_>, modified: Option<SystemTime>) -> bool {
    let since = time(wanted, &IF_MODIFIED_SINCE).filter(|_| is_read(wanted));
    since.zip(seconds(modified)).is_some_and(|(since, modified)| modified <= since)
}

fn is_read(wanted: &Wanted<'_>) -> bool {
    matches!(*wanted.method, Method::GET | Method::HEAD)
}

/// Without an entity tag only `*` matches, if it comes before what is no tag.
fn is_any(list: &[u8]) -> bool {
    let mut rest = list.trim_ascii_start();
    loop {
        rest = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
        if rest.first() == Some(&b'*') {
            return true;
        }
        let tag = rest.strip_prefix(b"W/").unwrap_or(rest);
        let Some(tag) = tag.strip_prefix(b"\"") else { return false };
        let Some(end) = memchr::memchr(b'"', tag) else { return false };
        rest = tag.get(end + 1..).unwrap_or_default().trim_ascii_start();
    }
}

/// `If-Range`: only the exact time matches.
fn range_applies(wanted: &Wanted<'_>, modified: Option<SystemTime>) -> bool {
    let stated = (wanted.field)(&IF_RANGE).is_some_and(|value| !value.is_empty());
    if !stated || !is_read(wanted) {
        return true;
    }
    time(wanted, &IF_RANGE).is_some_and(|time| Some(time) == seconds(modified))
}

fn time(wanted: &Wanted<'_>, name: &HeaderName) -> Option<u64> {
    let text = std::str::from_utf8((wanted.field)(name)?).ok()?;
    seconds(httpdate::parse_http_date(text).ok())
}

/// Fields know no fractions of a second.
fn seconds(time: Option<SystemTime>) -> Option<u64> {
    time?.duration_since(UNIX_EPOCH).ok().as_ref().map(Duration::as_secs)
}

fn spans(range: &[u8], bytes: u64) -> Verdict {
    let list = std::str::from_utf8(range).ok().and_then(|text| text.strip_prefix("bytes="));
    let Some(list) = list else { return Verdict::Malformed };
    let (mut spans, mut is_beyond) = (Vec::new(), false);
    for item in list.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        match span(item, bytes) {
            Some(Some(span)) => spans.push(span),
            Some(None) => is_beyond = true,
            None => return Verdict::Malformed,
        }
    }
    if is_beyond && spans.is_empty() {
        // An empty file has no range that could be served.
        return if bytes == 0 { Verdict::Whole } else { Verdict::Beyond };
    }
    let sum = spans.iter().fold(0_u64, |sum, span| sum.saturating_add(span.bytes));
    match &*spans {
        // More than the whole file is what an attacker asks for.
        [] => Verdict::Whole,
        _ if sum > bytes || spans.len() > SPANS_MAX => Verdict::Whole,
        [only] => Verdict::Part(*only),
        _ => Verdict::Parts(spans),
    }
}

/// `None`: no range. `Some(None)`: one behind the end.
fn span(item: &str, bytes: u64) -> Option<Option<Span>> {
    let (first, last) = item.split_once('-')?;
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u64>().ok().filter(|n| *n <= i64::MAX.unsigned_abs()))?
    };
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let bytes_wanted = number(last)?.min(bytes);
        return Some(Some(Span { start: bytes - bytes_wanted, bytes: bytes_wanted }));
    }
    let start = number(first)?;
    if start >= bytes {
        return Some(None);
    }
    let end = match last {
        "" => bytes,
        last => match number(last)? {
            last if last < start => return None,
            last => last.saturating_add(1).min(bytes),
        },
    };
    Some(Some(Span { start, bytes: end - start }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of ten bytes, changed at 1,000,000,000 and a half.
    fn verdict(method: &Method, fields: &[(HeaderName, &str)]) -> Verdict {
        let field = |name: &HeaderName| {
            fields.iter().find(|(one, _)| one == name).map(|(_, value)| value.as_bytes())
        };
        let wanted = Wanted { method, field: &field, query: None };
        let modified = UNIX_EPOCH + Duration::from_millis(1_000_000_000_500);
        judge(&wanted, Some(modified), 10)
    }

    const THEN: &str = "Sun, 09 Sep 2001 01:46:40 GMT";
    const BEFORE: &str = "Sun, 09 Sep 2001 01:46:39 GMT";

    #[test]
    fn ranges_are_read_as_go_reads_them() {
        let part = |start, bytes| Verdict::Part(Span { start, bytes });
        let parts = |spans: &[(u64, u64)]| {
            Verdict::Parts(spans.iter().map(|&(start, bytes)| Span { start, bytes }).collect())
        };
        for (range, expected) in [
            ("bytes=0-4", part(0, 5)),
            ("bytes=2-", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-30", part(0, 10)),
            ("bytes=8-20", part(8, 2)),
            ("bytes= 0 - 4 ", part(0, 5)),
            ("bytes=0-0,-1", parts(&[(0, 1), (9, 1)])),
            ("bytes=0-0,20-30", part(0, 1)),
            ("bytes=0-,0-", Verdict::Whole),
            ("bytes=,", Verdict::Whole),
            ("bytes=10-", Verdict::Beyond),
            ("bytes=4-2", Verdict::Malformed),
            ("bytes=x-2", Verdict::Malformed),
            ("bytes=+1-2", Verdict::Malformed),
            ("bytes=--2", Verdict::Malformed),
            ("bytes=5", Verdict::Malformed),
            ("lines=0-1", Verdict::Malformed),
            ("bytes=99999999999999999999-", Verdict::Malformed),
        ] {
            assert_eq!(verdict(&Method::GET, &[(RANGE, range)]), expected, "{range}");
        }
        let many = format!("bytes={}", "0-0,".repeat(65));
        assert_eq!(verdict(&Method::GET, &[(RANGE, &many)]), Verdict::Whole);
    }

    #[test]
    fn conditions_are_judged_in_the_order_of_the_rfc() {
        let get = |fields: &[(HeaderName, &str)]| verdict(&Method::GET, fields);
        assert_eq!(get(&[(IF_MODIFIED_SINCE, THEN)]), Verdict::NotModified);
        assert_eq!(get(&[(IF_MODIFIED_SINCE, BEFORE)]), Verdict::Whole);
        assert_eq!(get(&[(IF_MODIFIED_SINCE, "yesterday")]), Verdict::Whole);
        assert_eq!(verdict(&Method::POST, &[(IF_MODIFIED_SINCE, THEN)]), Verdict::Whole);
        assert_eq!(get(&[(IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Failed);
        assert_eq!(get(&[(IF_UNMODIFIED_SINCE, THEN)]), Verdict::Whole);
        assert_eq!(get(&[(IF_MATCH, "\"x\"")]), Verdict::Failed);
        assert_eq!(get(&[(IF_MATCH, "\"x\", *")]), Verdict::Whole);
        assert_eq!(get(&[(IF_MATCH, "*"), (IF_UNMODIFIED_SINCE, BEFORE)]), Verdict::Whole);
        assert_eq!(get(&[(IF_NONE_MATCH, "*")]), Verdict::NotModified);
        assert_eq!(verdict(&Method::PUT, &[(IF_NONE_MATCH, "*")]), Verdict::Failed);
        let both = [(IF_NONE_MATCH, "W/\"x\""), (IF_MODIFIED_SINCE, THEN)];
        assert_eq!(get(&both), Verdict::Whole, "a tag beats a time");
    }

    #[test]
    fn a_range_applies_only_to_the_file_that_the_client_knows() {
        let with =
            |if_range: &str| verdict(&Method::GET, &[(RANGE, "bytes=0-0"), (IF_RANGE, if_range)]);
        assert!(matches!(with(THEN), Verdict::Part(_)));
        assert_eq!(with(BEFORE), Verdict::Whole);
        assert_eq!(with("\"tag\""), Verdict::Whole);
    }
}
