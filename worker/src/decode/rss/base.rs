//! `xml:base`: what relative URLs are relative to (RFC 3986 §5.2).

use crate::decode::xml::Scanner;

/// Attributes that hold URLs.
const URLS: [&str; 4] = ["href", "scheme", "src", "uri"];

/// Bases in force, innermost last. Any end of an element takes one, whosever it was, as in `goxpp`.
#[derive(Debug, Default)]
pub(super) struct Base(Vec<String>);

impl Base {
    /// Takes up the base of the element that the scanner has just read.
    pub(super) fn push(&mut self, scanner: &Scanner) {
        let is_base = |one: &&crate::decode::xml::Attribute| {
            (scanner.spelled(one.name.prefix), scanner.spelled(one.name.local)) == (b"xml", b"base")
        };
        let Some(attribute) = scanner.attributes.iter().find(is_base) else { return };
        let url = String::from_utf8_lossy(scanner.of(attribute.value)).into_owned();
        if !url.is_empty() {
            let url = self.0.last().map(|base| join(base, &url)).unwrap_or(url);
            self.0.push(url);
        }
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }

    /// The URL as seen from here; `None` if there is no base.
    pub(super) fn resolve(&mut self, url: &str) -> Option<String> {
        let base = self.0.last_mut()?;
        let path = Url::cut(base).path;
        // A base is meant to be a folder.
        if !path.is_empty() && !url.is_empty() && !path.ends_with('/') {
            let cut = Url::cut(base);
            *base = Url { path: &format!("{path}/"), ..cut }.whole();
        }
        Some(join(base, url))
    }

    pub(super) fn resolve_all(&mut self, attributes: &mut [(String, String)]) {
        if self.0.is_empty() {
            return;
        }
        for (name, value) in attributes {
            if URLS.contains(&name.to_lowercase().as_str())
                && let Some(resolved) = self.resolve(value)
            {
                *value = resolved;
            }
        }
    }
}

/// An URL in its parts, none of them interpreted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Url<'a> {
    scheme: Option<&'a str>,
    authority: Option<&'a str>,
    path: &'a str,
    query: Option<&'a str>,
    fragment: Option<&'a str>,
}

impl<'a> Url<'a> {
    fn cut(url: &'a str) -> Self {
        let (rest, fragment) = cut_last(url, '#');
        let (rest, query) = cut_last(rest, '?');
        let is_scheme = |scheme: &str| {
            scheme.starts_with(|first: char| first.is_ascii_alphabetic())
                && scheme.chars().all(|one| one.is_ascii_alphanumeric() || "+-.".contains(one))
        };
        let (scheme, rest) = match rest.split_once(':') {
            Some((scheme, rest)) if is_scheme(scheme) => (Some(scheme), rest),
            _ => (None, rest),
        };
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => {
                let end = rest.find('/').unwrap_or(rest.len());
                let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
                (Some(authority), path)
            },
            None => (None, rest),
        };
        Self { scheme, authority, path, query, fragment }
    }

    fn whole(&self) -> String {
        let mut url = String::new();
        for (before, part, behind) in [
            ("", self.scheme, ":"),
            ("//", self.authority, ""),
            ("", Some(self.path), ""),
            ("?", self.query, ""),
            ("#", self.fragment, ""),
        ] {
            if let Some(part) = part {
                url.extend([before, part, behind]);
            }
        }
        url
    }
}

fn cut_last(url: &str, mark: char) -> (&str, Option<&str>) {
    url.split_once(mark).map_or((url, None), |(rest, part)| (rest, Some(part)))
}

fn join(base: &str, url: &str) -> String {
    let (base, url) = (Url::cut(base), Url::cut(url));
    if url.scheme.is_some() {
        return Url { path: &without_dots(url.path), ..url }.whole();
    }
    let url = Url { scheme: base.scheme, ..url };
    if url.authority.is_some() {
        return Url { path: &without_dots(url.path), ..url }.whole();
    }
    let url = Url { authority: base.authority, ..url };
    if url.path.is_empty() {
        return Url { path: base.path, query: url.query.or(base.query), ..url }.whole();
    }
    if url.path.starts_with('/') {
        return Url { path: &without_dots(url.path), ..url }.whole();
    }
    let folder = base.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let path = without_dots(&format!("{folder}/{}", url.path));
    let path = if path.starts_with('/') { path } else { format!("/{path}") };
    Url { path: &path, ..url }.whole()
}

/// `/a/./b/../c` → `/a/c`
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." if is_last => kept.push(""),
            "." => {},
            ".." => {
                if kept.len() > 1 {
                    kept.pop();
                }
                if is_last {
                    kept.push("");
                }
            },
            part => kept.push(part),
        }
    }
    kept.join("/")
}
