//! Hosts as KrakenD cleans them: `[http[s]://]name[:port][/]`, found exactly once in the text.

/// The cleaned host, or `None` when KrakenD refuses it. What stands around the match falls away.
#[must_use]
pub(super) fn clean(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut found = None;
    let mut at = 0;
    while at < bytes.len() {
        match matched(bytes, at) {
            Some(_) if found.is_some() => return None,
            Some(host) => {
                at = host.end;
                found = Some(host);
            },
            None => at += 1,
        }
    }
    let Match { has_scheme, start, host_end, .. } = found?;
    let scheme = if has_scheme { "" } else { "http://" };
    Some(format!("{scheme}{}", text.get(start..host_end)?))
}

struct Match {
    has_scheme: bool,
    start: usize,
    /// Behind the port.
    host_end: usize,
    /// Behind the final slash.
    end: usize,
}

/// A host that begins exactly at `start`.
fn matched(bytes: &[u8], start: usize) -> Option<Match> {
    let is_name = |at: usize| {
        bytes.get(at).is_some_and(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-'))
    };
    let rest = bytes.get(start..)?;
    let scheme = ["http://", "https://"]
        .into_iter()
        .find(|scheme| rest.starts_with(scheme.as_bytes()) && is_name(start + scheme.len()))
        .map_or(0, str::len);
    let mut at = start + scheme;
    while is_name(at) {
        at += 1;
    }
    if at == start + scheme {
        return None;
    }
    if bytes.get(at) == Some(&b':') {
        let digits = bytes.iter().skip(at + 1).take(6).take_while(|b| b.is_ascii_digit()).count();
        if digits >= 2 {
            at += 1 + digits;
        }
    }
    let end = at + usize::from(bytes.get(at) == Some(&b'/'));
    Some(Match { has_scheme: scheme > 0, start, host_end: at, end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_cleaned_as_krakend_cleans_them() {
        let cases = [
            ("", None),
            ("ftp://x", None),
            ("HTTP://a", None),
            ("http://a/base", None),
            ("http://user:pass@a", None),
            ("http://[::1]:8080", None),
            ("a:1", None),
            ("a:1234567", None),
            ("a b", None),
            ("http://a,http://b", None),
            ("http://", Some("http://http")),
            ("a", Some("http://a")),
            ("127.0.0.1:8080/", Some("http://127.0.0.1:8080")),
            ("https://a-b_c.d:443", Some("https://a-b_c.d:443")),
            (" http://a", Some("http://a")),
            ("http://a//", Some("http://a")),
            ("a:80?", Some("http://a:80")),
        ];
        for (text, cleaned) in cases {
            assert_eq!(clean(text).as_deref(), cleaned, "{text:?}");
        }
    }
}
