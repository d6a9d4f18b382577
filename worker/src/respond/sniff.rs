//! The `Content-Type` of a body that names none, guessed from its first bytes.
//!
//! KrakenD: Go's HTTP server does it for every answer without the field, by the WHATWG's algorithm
//! (MIME Sniffing, §7) with tables of its own. Total: any bytes have a type.

/// How far into the body is looked.
pub(crate) const SNIFF_BYTES_MAX: usize = 512;

/// Tags that make HTML when a blank or `>` follows, in any case.
const HTML: &[&str] = &[
    "<!DOCTYPE HTML",
    "<HTML",
    "<HEAD",
    "<SCRIPT",
    "<IFRAME",
    "<H1",
    "<DIV",
    "<FONT",
    "<TABLE",
    "<A",
    "<STYLE",
    "<TITLE",
    "<B",
    "<BODY",
    "<BR",
    "<P",
    "<!--",
];

/// Beginnings, and what begins so; the first that fits counts.
const BEGINNINGS: &[(&[u8], &str)] = &[
    (b"%PDF-", "application/pdf"),
    (b"%!PS-Adobe-", "application/postscript"),
    (b"\xEF\xBB\xBF", "text/plain; charset=utf-8"),
    (b"\0\0\x01\0", "image/x-icon"),
    (b"\0\0\x02\0", "image/x-icon"),
    (b"BM", "image/bmp"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"\x89PNG\r\n\x1A\n", "image/png"),
    (b"\xFF\xD8\xFF", "image/jpeg"),
    (b"ID3", "audio/mpeg"),
    (b"OggS\0", "application/ogg"),
    (b"MThd\0\0\0\x06", "audio/midi"),
    (b"\x1A\x45\xDF\xA3", "video/webm"),
    (b"\0\x01\0\0", "font/ttf"),
    (b"OTTO", "font/otf"),
    (b"ttcf", "font/collection"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"\x1F\x8B\x08", "application/x-gzip"),
    (b"PK\x03\x04", "application/zip"),
    (b"Rar!\x1A\x07\0", "application/x-rar-compressed"),
    (b"Rar!\x1A\x07\x01\0", "application/x-rar-compressed"),
    (b"\0asm", "application/wasm"),
];

/// Containers: a beginning, and what stands eight bytes in.
const CONTAINERS: &[(&[u8], &[u8], &str)] = &[
    (b"RIFF", b"WEBPVP", "image/webp"),
    (b"FORM", b"AIFF", "audio/aiff"),
    (b"RIFF", b"AVI ", "video/avi"),
    (b"RIFF", b"WAVE", "audio/wave"),
];

const PLAIN: &str = "text/plain; charset=utf-8";
const BINARY: &str = "application/octet-stream";

/// The type of a body that begins so.
pub(crate) fn content_type(body: &[u8]) -> &'static str {
    let body = body.get(..SNIFF_BYTES_MAX).unwrap_or(body);
    let text = body.trim_ascii_start();
    if HTML.iter().any(|tag| is_html(text, tag.as_bytes())) {
        return "text/html; charset=utf-8";
    }
    if text.starts_with(b"<?xml") {
        return "text/xml; charset=utf-8";
    }
    let begins = BEGINNINGS.iter().find(|(begins, _)| body.starts_with(begins));
    begins
        .map(|(_, found)| *found)
        .or_else(|| utf16(body))
        .or_else(|| container(body))
        .or_else(|| is_mp4(body).then_some("video/mp4"))
        .unwrap_or_else(|| if body.iter().all(|byte| is_text(*byte)) { PLAIN } else { BINARY })
}

fn is_html(text: &[u8], tag: &[u8]) -> bool {
    let Some((begins, behind)) = text.split_at_checked(tag.len()) else { return false };
    begins.eq_ignore_ascii_case(tag) && matches!(behind.first(), Some(b' ' | b'>'))
}

/// A byte order mark and one character at least.
fn utf16(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xFE, 0xFF, _, _, ..] => Some("text/plain; charset=utf-16be"),
        [0xFF, 0xFE, _, _, ..] => Some("text/plain; charset=utf-16le"),
        _ => None,
    }
}

fn container(body: &[u8]) -> Option<&'static str> {
    let inner = body.get(8..)?;
    let is_it = |(outer, kind, _): &&(&[u8], &[u8], &str)| {
        body.starts_with(outer) && inner.starts_with(kind)
    };
    CONTAINERS.iter().find(is_it).map(|(_, _, found)| *found)
}

/// `ftyp` box with a brand that begins with `mp4` (MIME Sniffing, §6.2.1).
fn is_mp4(body: &[u8]) -> bool {
    let Some((size, rest)) = body.split_first_chunk::<4>() else { return false };
    let size = usize::try_from(u32::from_be_bytes(*size)).unwrap_or(usize::MAX);
    if body.len() < 12 || body.len() < size || !size.is_multiple_of(4) || !rest.starts_with(b"ftyp")
    {
        return false;
    }
    // The version of the first brand stands where a third brand would.
    let brands = (8..size).step_by(4).filter(|at| *at != 12);
    brands.filter_map(|at| body.get(at..at + 3)).any(|brand| brand == b"mp4")
}

const fn is_text(byte: u8) -> bool {
    !matches!(byte, 0x00..=0x08 | 0x0B | 0x0E..=0x1A | 0x1C..=0x1F)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_what_they_begin_with() {
        let cases: &[(&[u8], &str)] = &[
            (b"", PLAIN),
            (b"x", PLAIN),
            (b"\0", BINARY),
            (b"{\"a\":1}", PLAIN),
            (b" \n<HtMl>", "text/html; charset=utf-8"),
            (b"<p >", "text/html; charset=utf-8"),
            (b"<pre>", PLAIN),
            (b"<br", PLAIN),
            (b"\n<?xml version", "text/xml; charset=utf-8"),
            (b"GIF89a...", "image/gif"),
            (b"RIFF\x01\x02\x03\x04WEBPVP8 ", "image/webp"),
            (b"RIFF\x01\x02\x03\x04WAVE", "audio/wave"),
            (b"\0\0\0\x10ftypmp42\0\0\0\0", "video/mp4"),
            (b"\xFE\xFF\0a", "text/plain; charset=utf-16be"),
            (b"\xFE\xFF", PLAIN),
            (b"\x1F\x8B\x08\0", "application/x-gzip"),
        ];
        for (body, expected) in cases {
            assert_eq!(content_type(body), *expected, "{body:?}");
        }
    }

    #[test]
    fn cut_at_every_byte_it_still_has_a_type() {
        let whole = b"\0\0\0\x14ftypisom\0\0\0\0mp41RIFF....WEBPVP";
        for end in 0..whole.len() {
            content_type(&whole[..end]);
        }
        content_type(&[0xFF; 4096]);
    }
}
