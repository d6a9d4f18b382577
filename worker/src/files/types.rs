//! The content type of a name, as Go's table has it; other types are read off the content.
//!
//! KrakenD's answers depend on the `mime.types` of its machine besides; these never do.

/// By the last extension, in any case.
pub(super) fn by_name(name: &[u8]) -> Option<&'static str> {
    let file = name.rsplit(|byte| *byte == b'/').next()?;
    let dot = memchr::memrchr(b'.', file)?;
    let extension = file.get(dot + 1..)?;
    let is_it = |(known, _): &&(&str, &str)| extension.eq_ignore_ascii_case(known.as_bytes());
    TYPES.iter().find(is_it).map(|(_, kind)| *kind)
}

const TYPES: [(&str, &str); 17] = [
    ("html", "text/html; charset=utf-8"),
    ("css", "text/css; charset=utf-8"),
    ("js", "text/javascript; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("svg", "image/svg+xml"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("gif", "image/gif"),
    ("wasm", "application/wasm"),
    ("xml", "text/xml; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("htm", "text/html; charset=utf-8"),
    ("webmanifest", "application/manifest+json"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_extension_of_the_last_segment_decides() {
        for (name, expected) in [
            ("/a.html", Some("text/html; charset=utf-8")),
            ("/a.tar.JSON", Some("application/json")),
            ("/a.css/b", None),
            ("/a.", None),
            ("/.js", Some("text/javascript; charset=utf-8")),
            ("/a.unknown", None),
        ] {
            assert_eq!(by_name(name.as_bytes()), expected, "{name}");
        }
    }
}
