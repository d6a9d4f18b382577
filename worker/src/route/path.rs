//! Paths in one form: cleaned as gin and Go clean them.
//!
//! On the way: only when the configuration is read, when nothing matches, or when extra slashes are to
//! be removed. A path that matches is never copied.

/// Removes empty, `.` and `..` segments; no slash at the end except for the root.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(path.len() + 1);
    for segment in path.split(|byte| *byte == b'/') {
        match segment {
            b"" | b"." => {},
            b".." => {
                let parent = out.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
                out.truncate(parent);
            },
            _ => {
                out.push(b'/');
                out.extend_from_slice(segment);
            },
        }
    }
    if out.is_empty() {
        out.push(b'/');
    }
    out
}

fn with_slash(mut path: Vec<u8>, slash: bool) -> Vec<u8> {
    if slash && path.last() != Some(&b'/') {
        path.push(b'/');
    }
    path
}

/// As gin cleans a request's path: a final `/` stays, and a final `.` becomes one.
pub(super) fn clean_request(path: &[u8]) -> Vec<u8> {
    let slash = path.len() > 1 && (path.ends_with(b"/") || path.ends_with(b"/.")) || path == b".";
    with_slash(cleaned(path), slash)
}

/// As gin joins a registered path to its root, and Go cleans the target of a redirect: only a final
/// `/` stays.
pub(super) fn clean_keeping_slash(path: &[u8]) -> Vec<u8> {
    with_slash(cleaned(path), path.ends_with(b"/"))
}

/// `X-Forwarded-Prefix` as far as it is believed: letters, digits, `-` and slashes, after cleaning.
pub(super) fn forwarded_prefix(value: &[u8]) -> Vec<u8> {
    let mut prefix = cleaned(value);
    prefix.retain(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-'));
    prefix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(clean: fn(&[u8]) -> Vec<u8>, cases: &[(&str, &str)]) {
        for (path, expected) in cases {
            assert_eq!(String::from_utf8(clean(path.as_bytes())).unwrap(), *expected, "{path}");
        }
    }

    #[test]
    fn a_request_path_loses_dots_and_doubled_slashes() {
        check(
            clean_request,
            &[
                ("", "/"),
                ("/", "/"),
                ("//", "/"),
                ("a", "/a"),
                ("/a/", "/a/"),
                ("/a//b", "/a/b"),
                ("/a/.", "/a/"),
                ("/a/..", "/"),
                ("/a/b/..", "/a"),
                ("/../../a", "/a"),
                ("/a/./b/../c/", "/a/c/"),
                ("/...", "/..."),
                ("/.", "/"),
            ],
        );
    }

    #[test]
    fn a_redirect_target_keeps_only_a_real_final_slash() {
        check(clean_keeping_slash, &[("/a/.", "/a"), ("//evil/x/", "/evil/x/"), ("/", "/")]);
    }

    #[test]
    fn a_forged_prefix_cannot_name_a_host() {
        let prefix = |text: &str| String::from_utf8(forwarded_prefix(text.as_bytes())).unwrap();
        assert_eq!(prefix("//evil.com"), "/evilcom");
        assert_eq!(prefix("/pre"), "/pre");
        assert_eq!(prefix("https://x/"), "/https/x");
        assert_eq!(prefix("/a/../b//c"), "/b/c");
        assert_eq!(prefix(""), "/");
    }
}
