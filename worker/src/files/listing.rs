//! The page that shows a folder, as Go writes it.

use baton_shared::os::beneath::Entry;
use bytes::Bytes;

use crate::route::percent;

/// `<a href="name">name</a>` per entry, in order.
pub(super) fn page(entries: &[Entry]) -> Bytes {
    let mut out = b"<!doctype html>\n\
                    <meta name=\"viewport\" content=\"width=device-width\">\n<pre>\n"
        .to_vec();
    for entry in entries {
        let mut name = entry.name.clone();
        if entry.is_folder {
            name.push(b'/');
        }
        let mut link = Vec::with_capacity(name.len());
        // A colon in the first segment would be read as a scheme.
        if name.contains(&b':') {
            link.extend_from_slice(b"./");
        }
        percent::escape_path(&name, &mut link);
        out.extend_from_slice(b"<a href=\"");
        put_html(&link, &mut out);
        out.extend_from_slice(b"\">");
        put_html(&name, &mut out);
        out.extend_from_slice(b"</a>\n");
    }
    out.extend_from_slice(b"</pre>\n");
    out.into()
}

fn put_html(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        match byte {
            b'&' => out.extend_from_slice(b"&amp;"),
            b'<' => out.extend_from_slice(b"&lt;"),
            b'>' => out.extend_from_slice(b"&gt;"),
            b'"' => out.extend_from_slice(b"&#34;"),
            b'\'' => out.extend_from_slice(b"&#39;"),
            _ => out.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_can_neither_break_out_of_a_link_nor_name_a_scheme() {
        let entry = |name: &str, is_folder| Entry { name: name.into(), is_folder };
        let page =
            page(&[entry("a b?\"<", false), entry("javascript:x", false), entry("sub", true)]);
        let text = String::from_utf8_lossy(&page);
        assert!(text.contains("<a href=\"a%20b%3F%22%3C\">a b?&#34;&lt;</a>\n"), "{text}");
        assert!(text.contains("<a href=\"./javascript:x\">"), "{text}");
        assert!(text.contains("<a href=\"sub/\">sub/</a>\n"), "{text}");
    }
}
