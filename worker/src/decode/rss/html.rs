//! The `div` around XHTML in Atom: taken off, and what is in it written as Go's HTML writer does.
//!
//! Go reads all of HTML here; this reads what is well-formed, as XHTML in a feed is. Where that is not
//! so the text stays as it was.

/// Elements without an end.
const VOID: [&str; 14] = [
    "area", "base", "br", "col", "embed", "hr", "img", "input", "keygen", "link", "meta", "param",
    "source", "track",
];

/// A tag or what stands between two of them.
enum Piece<'a> {
    Text(&'a str),
    Comment(&'a str),
    Start { name: String, attributes: Vec<(String, String)>, closed: bool },
    End(String),
}

/// The inside of the `div`; `None` unless it is the only element.
pub(super) fn without_div(text: &str) -> Option<String> {
    let mut rest = text;
    let mut out = String::new();
    let mut open: Vec<String> = Vec::new();
    let mut is_over = false;
    while let Some((piece, behind)) = next(rest)? {
        rest = behind;
        match piece {
            Piece::Start { .. } if is_over => return None,
            Piece::Start { name, .. } if open.is_empty() && name != "div" => return None,
            Piece::Start { name, attributes, closed } => {
                if !open.is_empty() {
                    start(&name, &attributes, &mut out);
                }
                if VOID.contains(&name.as_str()) {
                    continue;
                }
                if closed {
                    // To HTML `<p/>` is the start of a paragraph: nothing for us.
                    return None;
                }
                open.push(name);
            },
            Piece::End(name) => {
                if open.pop()? != name {
                    return None;
                }
                if open.is_empty() {
                    is_over = true;
                } else {
                    out.extend(["</", &name, ">"]);
                }
            },
            Piece::Text(text) if !open.is_empty() => escape(&htmlize::unescape(text), &mut out),
            Piece::Comment(comment) if !open.is_empty() => out.extend(["<!--", comment, "-->"]),
            Piece::Text(_) | Piece::Comment(_) => {},
        }
    }
    is_over.then_some(out)
}

/// The next piece and what follows; the outer `None` is for what is not well-formed.
#[expect(clippy::option_option, reason = "an end and a fault are two things")]
fn next(text: &str) -> Option<Option<(Piece<'_>, &str)>> {
    if text.is_empty() {
        return Some(None);
    }
    let Some(tag) = text.strip_prefix('<') else {
        let end = text.find('<').unwrap_or(text.len());
        let (text, rest) = text.split_at_checked(end)?;
        return Some(Some((Piece::Text(text), rest)));
    };
    if let Some(comment) = tag.strip_prefix("!--") {
        let (comment, rest) = comment.split_once("-->")?;
        return Some(Some((Piece::Comment(comment), rest)));
    }
    if let Some(end) = tag.strip_prefix('/') {
        let (name, rest) = end.split_once('>')?;
        return Some(Some((Piece::End(name.trim_end().to_lowercase()), rest)));
    }
    if !tag.starts_with(|first: char| first.is_ascii_alphabetic()) {
        return None;
    }
    let end = tag.find(|one: char| one.is_ascii_whitespace() || matches!(one, '/' | '>'))?;
    let (name, rest) = tag.split_at_checked(end)?;
    let (attributes, closed, rest) = attributes(rest)?;
    Some(Some((Piece::Start { name: name.to_lowercase(), attributes, closed }, rest)))
}

type Attributes<'a> = (Vec<(String, String)>, bool, &'a str);

fn attributes(text: &str) -> Option<Attributes<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    loop {
        if let Some(rest) = rest.strip_prefix("/>") {
            return Some((found, true, rest));
        }
        if let Some(rest) = rest.strip_prefix('>') {
            return Some((found, false, rest));
        }
        let (name, value) = rest.split_once('=')?;
        let name = name.trim_end();
        if name.is_empty()
            || name.contains(|one: char| one.is_whitespace() || "<>/\"'".contains(one))
        {
            return None;
        }
        let value = value.trim_start();
        let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
        let (value, behind) = value.get(1..)?.split_once(quote)?;
        found.push((name.to_lowercase(), htmlize::unescape_attribute(value).into_owned()));
        rest = behind.trim_start();
    }
}

fn start(name: &str, attributes: &[(String, String)], out: &mut String) {
    out.extend(["<", name]);
    for (name, value) in attributes {
        out.extend([" ", name, "=\""]);
        escape(value, out);
        out.push('"');
    }
    out.push_str(if VOID.contains(&name) { "/>" } else { ">" });
}

fn escape(text: &str, out: &mut String) {
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '\'' => out.push_str("&#39;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\r' => out.push_str("&#13;"),
            other => out.push(other),
        }
    }
}
