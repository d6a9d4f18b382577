//! `{name}` in endpoints and url patterns, as KrakenD finds and rewrites them.

/// Where a placeholder may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Syntax {
    /// Directly behind a slash, of letters, digits, `-` and `_`: endpoints.
    BehindSlash,
    /// Anywhere, also with `.`, `:` and `/` in the name: url patterns; endpoints with `disable_rest`.
    Anywhere,
}

impl Syntax {
    const fn names(self, byte: u8) -> bool {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_')
            || matches!(self, Self::Anywhere) && matches!(byte, b'.' | b':' | b'/')
    }
}

/// The names of the placeholders, in order of appearance.
#[must_use]
pub fn names(pattern: &str, syntax: Syntax) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = pattern;
    while let Some(open) = rest.find('{') {
        let is_place = match syntax {
            Syntax::BehindSlash => rest.get(..open).is_some_and(|before| before.ends_with('/')),
            Syntax::Anywhere => true,
        };
        let inner = rest.get(open + 1..).unwrap_or_default();
        let length = inner.bytes().take_while(|b| syntax.names(*b)).count();
        rest = inner;
        if is_place && length > 0 && inner.as_bytes().get(length) == Some(&b'}') {
            found.push(inner.get(..length).unwrap_or_default());
            rest = inner.get(length + 1..).unwrap_or_default();
        }
    }
    found
}

/// The endpoint in gin's form: `/a/:id`. Only the part before the first `?`.
#[must_use]
pub fn route(endpoint: &str, placeholders: &[String]) -> String {
    let (path, query) = match endpoint.find('?') {
        Some(mark) => endpoint.split_at(mark),
        None => (endpoint, ""),
    };
    let path = placeholders.iter().fold(path.to_owned(), |path, name| {
        path.replace(&format!("{{{name}}}"), &format!(":{name}"))
    });
    path + query
}

/// A url pattern in the form that KrakenD's texts show: `/b/{{.Id}}`. Each name once, sorted.
#[must_use]
pub fn template(url_pattern: &str) -> String {
    distinct(url_pattern).iter().fold(url_pattern.to_owned(), |text, name| {
        text.replace(&format!("{{{name}}}"), &format!("{{{{.{}}}}}", exported(name)))
    })
}

/// The names in a url pattern, sorted, each once.
#[must_use]
pub fn distinct(url_pattern: &str) -> Vec<&str> {
    let mut names = names(url_pattern, Syntax::Anywhere);
    names.sort_unstable();
    names.dedup();
    names
}

/// The name under which a placeholder's value is known in the pipe: the first letter in upper case.
#[must_use]
pub fn exported(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

/// Is `name` filled by something other than the endpoint's path: an earlier answer (`resp0_id`) or a
/// claim (`JWT.sub`)?
#[must_use]
pub fn is_filled_later(name: &str) -> bool {
    if let Some(claim) = name.strip_prefix("JWT.") {
        return !claim.is_empty();
    }
    let Some(index) = name.strip_prefix("resp") else { return false };
    let field = index.trim_start_matches(|c: char| c.is_ascii_digit());
    field.len() < index.len() && field.starts_with('_') && field.len() > 1
}

/// Is `name` a part of the request itself: a header field or a query parameter?
#[must_use]
pub fn is_of_request(name: &str) -> bool {
    let part =
        name.strip_prefix("input_headers.").or_else(|| name.strip_prefix("input_query_strings."));
    part.is_some_and(|part| !part.is_empty())
}

/// May `path` be an endpoint? No `*` but the last byte, no segment of KrakenD's own endpoints.
#[must_use]
pub fn is_endpoint_path(path: &str) -> bool {
    let has_inner_star = path.match_indices('*').any(|(at, _)| at + 1 < path.len());
    let is_reserved = |segment| matches!(segment, "__debug" | "__echo" | "__health");
    path.starts_with('/') && !has_inner_star && !path.split('/').any(is_reserved)
}

/// One leading slash is forced; further ones stay.
#[must_use]
pub fn with_slash(path: &str) -> String {
    format!("/{}", path.strip_prefix('/').unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_found_where_krakend_finds_them() {
        let cases: [(&str, Syntax, &[&str]); 9] = [
            ("/a/{x}/{y-1}", Syntax::BehindSlash, &["x", "y-1"]),
            ("/a/{x}.json", Syntax::BehindSlash, &["x"]),
            ("/a/f.{x}", Syntax::BehindSlash, &[]),
            ("/a/{x}-{y}", Syntax::BehindSlash, &["x"]),
            ("/a/{x.y}", Syntax::BehindSlash, &[]),
            ("/a/{x.y}-{z}", Syntax::Anywhere, &["x.y", "z"]),
            ("/{{x}}", Syntax::Anywhere, &["x"]),
            ("/{}{é}{", Syntax::Anywhere, &[]),
            ("/{a{b}", Syntax::Anywhere, &["b"]),
        ];
        for (pattern, syntax, wanted) in cases {
            assert_eq!(names(pattern, syntax), wanted, "{pattern}");
        }
    }

    #[test]
    fn patterns_are_rewritten_for_gin_and_for_texts() {
        assert_eq!(route("/a/{x}/b-{x}?q={x}", &["x".to_owned()]), "/a/:x/b-:x?q={x}");
        assert_eq!(template("/b/{id}/{JWT.sub}/{id}"), "/b/{{.Id}}/{{.JWT.sub}}/{{.Id}}");
        assert_eq!(exported("é"), "é");
    }

    #[test]
    fn what_later_stages_fill_needs_no_placeholder_of_the_endpoint() {
        for name in ["resp0_a", "resp12_a.b", "JWT.sub", "resp0__"] {
            assert!(is_filled_later(name), "{name}");
        }
        for name in ["resp0", "resp0_", "resp_a", "JWT.", "jwt.sub", "input_headers.X", ""] {
            assert!(!is_filled_later(name), "{name}");
        }
    }

    #[test]
    fn parts_of_the_request_have_a_name() {
        assert!(is_of_request("input_headers.X-A") && is_of_request("input_query_strings.q"));
        assert!(!is_of_request("input_headers.") && !is_of_request("input_headers"));
    }

    #[test]
    fn reserved_names_and_stars_are_refused_in_endpoints() {
        for path in ["/x/__health", "/__debug", "/__echo/a", "/a/*x", "/*/a", ""] {
            assert!(!is_endpoint_path(path), "{path}");
        }
        for path in ["/", "/a/*", "/__healthz", "/__health?x", "//a", "/__stats"] {
            assert!(is_endpoint_path(path), "{path}");
        }
    }
}
