//! `input_query_strings` of endpoint and backend: which parameters of the client reach the backend.
//!
//! On the way: when the target of a backend call is written. Nothing is done for a request without a
//! query, or when nothing is listed.
//! KrakenD: names are case-sensitive, `*` in the endpoint's list is all; what passes is re-encoded,
//! sorted by name and put behind the pattern's own query; a pair with a bad escape or a `;` vanishes.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::route::percent;

/// Which parameters pass: both levels in one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryFilter {
    /// None: the default.
    Nothing,
    /// All.
    Everything,
    /// These, sorted.
    Listed(Box<[Box<[u8]>]>),
}

/// Name and value of a parameter, decoded.
pub(crate) type Pair<'q> = (Cow<'q, [u8]>, Cow<'q, [u8]>);

/// The parameters of a query.
pub type Pairs<'q> = SmallVec<[Pair<'q>; 8]>;

/// Whether the target so far has a query: how more is joined to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryState {
    /// No `?` yet.
    Absent,
    /// A `?` and nothing behind it.
    Empty,
    /// A `?` and something behind it.
    Present,
}

impl QueryFilter {
    /// Joins both levels: what the endpoint lets in, and of that what the backend takes. An empty
    /// list of the backend is no second level; `*` is a plain name there.
    #[must_use]
    pub fn new(endpoint: &[String], backend: &[String]) -> Self {
        let all = endpoint.iter().any(|name| name == "*");
        let mut listed: Vec<&String> = match (all, backend) {
            (true, []) => return Self::Everything,
            (true, backend) => backend.iter().collect(),
            (false, []) => endpoint.iter().collect(),
            (false, backend) => endpoint.iter().filter(|name| backend.contains(name)).collect(),
        };
        if listed.is_empty() {
            return Self::Nothing;
        }
        listed.sort_unstable();
        listed.dedup();
        Self::Listed(listed.into_iter().map(|name| name.as_bytes().into()).collect())
    }

    /// Puts the parameters that pass behind a target.
    pub fn append(&self, query: Option<&[u8]>, state: QueryState, target: &mut Vec<u8>) {
        self.append_with(query, Vec::new(), state, target);
    }

    /// The same, with parameters of the gateway's among them.
    pub(crate) fn append_with<'q>(
        &self,
        query: Option<&'q [u8]>,
        own: Vec<Pair<'q>>,
        state: QueryState,
        target: &mut Vec<u8>,
    ) {
        let mut pairs = match (self, query) {
            (Self::Nothing, _) | (_, None) => Pairs::new(),
            (Self::Everything | Self::Listed(_), Some(query)) => pairs(query),
        };
        if let Self::Listed(listed) = self {
            pairs.retain(|(name, _)| listed.binary_search_by(|one| (**one).cmp(name)).is_ok());
        }
        if !own.is_empty() {
            pairs.extend(own);
            pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
        }
        if pairs.is_empty() {
            return;
        }
        match state {
            QueryState::Absent => target.push(b'?'),
            QueryState::Present => target.push(b'&'),
            QueryState::Empty => {},
        }
        write_pairs(&pairs, target);
    }
}

/// The parameters of a query, sorted by name; values of one name keep their order. Faulty pairs are
/// left out, as are empty ones.
#[must_use]
pub fn pairs(query: &[u8]) -> Pairs<'_> {
    let mut pairs: Pairs<'_> = query.split(|byte| *byte == b'&').filter_map(pair).collect();
    pairs.sort_by(|(one, _), (other, _)| one.cmp(other));
    pairs
}

fn pair(pair: &[u8]) -> Option<Pair<'_>> {
    if pair.is_empty() || memchr::memchr(b';', pair).is_some() {
        return None;
    }
    let (name, value) = match memchr::memchr(b'=', pair) {
        Some(at) => (pair.get(..at)?, pair.get(at + 1..)?),
        None => (pair, b"".as_slice()),
    };
    Some((percent::decode_query(name).ok()?, percent::decode_query(value).ok()?))
}

/// Writes parameters as a form: `a=1&b=`.
pub fn write_pairs(pairs: &Pairs<'_>, out: &mut Vec<u8>) {
    for (nth, (name, value)) in pairs.iter().enumerate() {
        if nth > 0 {
            out.push(b'&');
        }
        percent::escape_query(name, out);
        out.push(b'=');
        percent::escape_query(value, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[track_caller]
    fn check(endpoint: &[&str], backend: &[&str], query: &str, expected: &str) {
        let filter = QueryFilter::new(&list(endpoint), &list(backend));
        let mut target = b"/b".to_vec();
        filter.append(Some(query.as_bytes()), QueryState::Absent, &mut target);
        assert_eq!(String::from_utf8_lossy(&target), expected, "{endpoint:?} {backend:?} {query}");
    }

    #[test]
    fn all_parameters_are_sorted_and_encoded_anew() {
        for (query, expected) in [
            (
                "x=1&y=2&x=3&z=%20a&e=&q=a+b&*=s&u=%C3%A9",
                "/b?%2A=s&e=&q=a+b&u=%C3%A9&x=1&x=3&y=2&z=+a",
            ),
            ("a=%zz&b=1", "/b?b=1"),
            ("a;b=1", "/b"),
            ("a=1&b=2;c=3&d=4", "/b?a=1&d=4"),
            ("=v&k", "/b?=v&k="),
            ("", "/b"),
            ("&&a=1&&", "/b?a=1"),
            ("a=b=c", "/b?a=b%3Dc"),
            ("a%20b=%2B&c=%26%3D", "/b?a+b=%2B&c=%26%3D"),
            ("a[]=1&a[]=2&a[x]=3", "/b?a%5B%5D=1&a%5B%5D=2&a%5Bx%5D=3"),
            ("A=1&a=2", "/b?A=1&a=2"),
            ("%zz=1&a=1", "/b?a=1"),
            ("a=%00", "/b?a=%00"),
            ("a=~*-_.!'()", "/b?a=~%2A-_.%21%27%28%29"),
            ("?a=1", "/b?%3Fa=1"),
            ("a=\\\"<>|^`{}", "/b?a=%5C%22%3C%3E%7C%5E%60%7B%7D"),
        ] {
            check(&["*"], &[], query, expected);
        }
        let mut target = Vec::new();
        QueryFilter::Everything.append(Some(b"a=\xE9"), QueryState::Absent, &mut target);
        assert_eq!(target, b"?a=%E9");
    }

    #[test]
    fn only_listed_names_pass_and_the_backend_may_list_fewer() {
        let query = "x=1&y=2&x=3&z=4";
        check(&[], &[], query, "/b");
        check(&[], &["x"], query, "/b");
        check(&["x", "y"], &[], query, "/b?x=1&x=3&y=2");
        check(&["x", "x"], &[], query, "/b?x=1&x=3");
        check(&["x", "y"], &["x"], query, "/b?x=1&x=3");
        check(&["*"], &["a", "x"], "z=9&a=7&x=1", "/b?a=7&x=1");
        check(&["x", "*"], &[], "z=9", "/b?z=9");
        check(&["*"], &["*"], "z=9&*=1", "/b?%2A=1");
        check(&["X"], &[], query, "/b");
    }

    #[test]
    fn a_pattern_with_its_own_query_keeps_it_in_front() {
        let filter = QueryFilter::new(&list(&["q"]), &[]);
        for (state, expected) in [
            (QueryState::Absent, "?q=1"),
            (QueryState::Empty, "q=1"),
            (QueryState::Present, "&q=1"),
        ] {
            let mut target = Vec::new();
            filter.append(Some(b"q=1"), state, &mut target);
            assert_eq!(String::from_utf8_lossy(&target), expected);
        }
    }

    #[test]
    fn without_a_query_nothing_is_written() {
        let mut target = Vec::new();
        QueryFilter::Everything.append(None, QueryState::Absent, &mut target);
        QueryFilter::Everything.append(Some(b""), QueryState::Absent, &mut target);
        assert!(target.is_empty());
    }
}
