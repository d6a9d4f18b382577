//! When a stored answer may be used: `Cache-Control`, `Date`, `Expires`.
//!
//! Pure: fields and the time in, a verdict out. KrakenD: the rules of a private cache, read with Go's parsers:
//! names of directives are case-sensitive, only the first `Cache-Control` line counts, a number of seconds is
//! whatever `time.ParseDuration` takes once an `s` is put behind it, and without a `Date` nothing is fresh.

use baton_shared::config::model::GoDuration;
use http::header::{AsHeaderName, CACHE_CONTROL, DATE, EXPIRES};
use http::{HeaderMap, HeaderValue};

use super::date;

/// A point in time, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Unix(pub(crate) i128);

/// What an answer says about its use, read once when it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terms {
    no_cache: bool,
    /// `no-store`.
    pub(crate) no_store: bool,
    date: Option<Unix>,
    /// `max-age`, else `Expires`, from the `Date` on.
    lifetime: i64,
    stale_if_error: Option<Seconds>,
}

/// The value of a directive that takes seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seconds {
    /// The directive stands alone.
    Any,
    /// So many nanoseconds.
    Nanos(i64),
    /// No number.
    Broken,
}

/// What becomes of a stored answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Freshness {
    /// It is the answer.
    Fresh,
    /// The backend is asked whether it still is.
    Stale,
    /// The backend is asked as if nothing was stored.
    Unwanted,
}

/// The directives of a request or an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Directives<'a>(&'a [u8]);

impl<'a> Directives<'a> {
    pub(crate) fn of(headers: &'a HeaderMap) -> Self {
        Self(first(headers, CACHE_CONTROL))
    }

    /// The value of the last directive of this name; empty if it stands alone.
    fn get(&self, name: &str) -> Option<&'a [u8]> {
        if self.0.is_empty() {
            return None;
        }
        let parts = self.0.split(|byte| *byte == b',').map(trim_blanks);
        let mut pairs = parts.map(|part| {
            let mut pieces = part.split(|byte| *byte == b'=');
            let key = pieces.next().unwrap_or_default();
            // A name is trimmed only where a value follows.
            pieces.next().map_or((key, b"".as_slice()), |value| (trim_blanks(key), value))
        });
        pairs.rfind(|(key, _)| *key == name.as_bytes()).map(|(_, value)| value)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    fn seconds(&self, name: &str) -> Option<Seconds> {
        let value = self.get(name)?;
        Some(match value {
            b"" => Seconds::Any,
            value => nanos(value).map_or(Seconds::Broken, Seconds::Nanos),
        })
    }
}

impl Terms {
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let said = Directives::of(headers);
        let date = date::parse(first(headers, DATE));
        let lifetime = match said.get("max-age") {
            Some(value) => nanos(value).unwrap_or(0),
            None => match (date, date::parse(first(headers, EXPIRES))) {
                (Some(date), Some(expires)) => between(date, expires),
                (Some(_) | None, None) | (None, Some(_)) => 0,
            },
        };
        Self {
            no_cache: said.has("no-cache"),
            no_store: said.has("no-store"),
            date,
            lifetime,
            stale_if_error: said.seconds("stale-if-error"),
        }
    }

    /// What becomes of the stored answer, for a request that says `asked`.
    pub(crate) fn freshness(&self, asked: Directives<'_>, now: Unix) -> Freshness {
        if asked.has("no-cache") {
            return Freshness::Unwanted;
        }
        if self.no_cache {
            return Freshness::Stale;
        }
        if asked.has("only-if-cached") {
            return Freshness::Fresh;
        }
        let Some(date) = self.date else { return Freshness::Stale };
        let lifetime = match asked.get("max-age") {
            Some(value) => nanos(value).unwrap_or(0),
            None => self.lifetime,
        };
        let mut age = between(date, now);
        if let Some(least) = asked.get("min-fresh").and_then(nanos) {
            age = age.wrapping_add(least);
        }
        match asked.seconds("max-stale") {
            Some(Seconds::Any) => return Freshness::Fresh,
            Some(Seconds::Nanos(most)) => age = age.wrapping_sub(most),
            Some(Seconds::Broken) | None => {},
        }
        if lifetime > age { Freshness::Fresh } else { Freshness::Stale }
    }

    /// Whether the stored answer hides an error of the backend (RFC 5861). The request's word beats the answer's.
    pub(crate) fn hides_errors(&self, asked: Directives<'_>, now: Unix) -> bool {
        let mut lifetime = -1;
        for said in [self.stale_if_error, asked.seconds("stale-if-error")] {
            match said {
                None => {},
                Some(Seconds::Any) => return true,
                Some(Seconds::Broken) => return false,
                Some(Seconds::Nanos(nanos)) => lifetime = nanos,
            }
        }
        lifetime >= 0 && self.date.is_some_and(|date| lifetime > between(date, now))
    }
}

/// The first value of a field, as Go's `Header.Get`; empty without one.
pub(super) fn first(headers: &HeaderMap, name: impl AsHeaderName) -> &[u8] {
    headers.get(name).map(HeaderValue::as_bytes).unwrap_or_default()
}

/// Seconds in Go's grammar of durations.
fn nanos(value: &[u8]) -> Option<i64> {
    // `max-age=60,`: Go trims commas that cannot be there any more.
    let text = std::str::from_utf8(value).ok()?;
    GoDuration::parse(&format!("{text}s")).ok().map(|duration| duration.0)
}

/// Go's `Time.Sub`: stops at the largest `Duration`.
fn between(from: Unix, to: Unix) -> i64 {
    let limit = if to >= from { i64::MAX } else { i64::MIN };
    i64::try_from(to.0 - from.0).unwrap_or(limit)
}

fn trim_blanks(text: &[u8]) -> &[u8] {
    let start = text.iter().position(|byte| *byte != b' ').unwrap_or(text.len());
    let end = text.iter().rposition(|byte| *byte != b' ').map_or(start, |last| last + 1);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE_0: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

    fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    /// The verdict `age_s` seconds after the answer's date.
    fn verdict(answer: &[(&'static str, &str)], asked: &str, age_s: i128) -> Freshness {
        let answer = headers(answer);
        let asked = headers(&[("cache-control", asked)]);
        Terms::of(&answer).freshness(Directives::of(&asked), Unix(age_s * 1_000_000_000))
    }

    fn with_max_age(control: &str, asked: &str, age_s: i128) -> Freshness {
        verdict(&[("date", DATE_0), ("cache-control", control)], asked, age_s)
    }

    #[test]
    fn an_answer_is_fresh_for_as_long_as_it_says() {
        use Freshness::{Fresh, Stale};
        for (control, age_s, expected) in [
            ("max-age=10", 9, Fresh),
            ("max-age=10", 10, Stale),
            ("private, max-age=10", 9, Fresh),
            ("public,max-age=10,x", 9, Fresh),
            ("s-maxage=10", 1, Stale),
            ("max-age=abc", 0, Stale),
            ("max-age= 10", 0, Stale),
            ("max-age=\"10\"", 0, Stale),
            ("max-age =10", 9, Fresh),
            ("max-age=1.5", 1, Fresh),
            ("max-age=1m1", 60, Fresh),
            ("max-age=-1", 0, Stale),
            ("max-age=99999999999", 0, Stale),
            ("Max-Age=10", 0, Stale),
            ("max-age=1, max-age=10", 9, Fresh),
            ("max-age=10, no-cache", 1, Stale),
            ("max-age=0", -1, Fresh),
            ("max-age", 0, Stale),
            ("", 0, Stale),
        ] {
            assert_eq!(with_max_age(control, "", age_s), expected, "{control} {age_s}");
        }
    }

    #[test]
    fn without_a_date_nothing_is_fresh_and_max_age_beats_expires() {
        use Freshness::{Fresh, Stale};
        assert_eq!(verdict(&[("cache-control", "max-age=10")], "", 0), Stale);
        let later = "Thu, 01 Jan 1970 00:01:00 GMT";
        assert_eq!(verdict(&[("date", DATE_0), ("expires", later)], "", 59), Fresh);
        assert_eq!(verdict(&[("date", DATE_0), ("expires", later)], "", 60), Stale);
        assert_eq!(verdict(&[("date", DATE_0), ("expires", "0")], "", 0), Stale);
        let both = [("date", DATE_0), ("expires", later), ("cache-control", "max-age=1")];
        assert_eq!(verdict(&both, "", 30), Stale);
        let two = [("date", DATE_0), ("cache-control", "x"), ("cache-control", "max-age=9")];
        assert_eq!(verdict(&two, "", 0), Stale);
    }

    #[test]
    fn a_request_may_ask_for_more_or_less_freshness() {
        use Freshness::{Fresh, Stale, Unwanted};
        for (asked, age_s, expected) in [
            ("no-cache", 1, Unwanted),
            ("no-store", 1, Fresh),
            ("only-if-cached", 99, Fresh),
            ("max-age=5", 4, Fresh),
            ("max-age=5", 6, Stale),
            ("max-age=99", 50, Fresh),
            ("max-age=x", 1, Stale),
            ("min-fresh=5", 4, Fresh),
            ("min-fresh=5", 6, Stale),
            ("min-fresh=x", 6, Fresh),
            ("max-stale", 9999, Fresh),
            ("max-stale=5", 14, Fresh),
            ("max-stale=5", 15, Stale),
            ("max-stale=x", 15, Stale),
        ] {
            assert_eq!(with_max_age("max-age=10", asked, age_s), expected, "{asked} {age_s}");
        }
        assert_eq!(with_max_age("no-cache", "only-if-cached", 0), Stale);
    }

    #[test]
    fn errors_are_hidden_where_one_side_says_so() {
        let hides = |control: &str, asked: &str, age_s: i128| {
            let answer = headers(&[("date", DATE_0), ("cache-control", control)]);
            let asked = headers(&[("cache-control", asked)]);
            Terms::of(&answer).hides_errors(Directives::of(&asked), Unix(age_s * 1_000_000_000))
        };
        assert!(hides("stale-if-error=10", "", 9));
        assert!(!hides("stale-if-error=10", "", 10));
        assert!(hides("stale-if-error", "", 9999));
        assert!(hides("", "stale-if-error=10", 9));
        assert!(!hides("stale-if-error=10", "stale-if-error=5", 7));
        assert!(!hides("stale-if-error=x", "stale-if-error", 0));
        assert!(!hides("max-age=10", "", 0));
    }
}
