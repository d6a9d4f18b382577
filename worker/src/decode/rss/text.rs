//! Texts of feeds: character data, entities, names with addresses.

const CDATA: &str = "<![CDATA[";
const CDATA_END: &str = "]]>";

/// Without blanks around it.
pub(super) fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0x0B;
    let start = bytes.iter().position(|byte| !is_blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !is_blank(byte)).map_or(start, |last| last + 1);
    bytes.get(start..end).unwrap_or_default()
}

/// What stands between the tags of a text element, as text.
pub(super) fn plain(inside: &str) -> String {
    if inside.contains(CDATA) { without_cdata(inside) } else { without_entities(inside) }
}

pub(super) fn has_cdata(inside: &str) -> bool {
    inside.contains(CDATA)
}

/// Sections are taken as they stand, entities around them are written out.
///
/// Behind a section `gofeed` goes on too far, by as much as it had read before: so it does here.
pub(super) fn without_cdata(text: &str) -> String {
    let mut plain = String::new();
    let mut at = 0;
    while at < text.len() {
        let rest = text.get(at..).unwrap_or_default();
        let Some(start) = rest.find(CDATA).map(|found| at + found) else {
            plain += &without_entities(rest);
            break;
        };
        let Some(end) =
            text.get(start..).and_then(|rest| rest.find(CDATA_END)).map(|end| start + end)
        else {
            plain += &without_entities(rest);
            break;
        };
        plain += text.get(start + CDATA.len()..end).unwrap_or_default();
        at += end + CDATA_END.len();
        while at < text.len() && !text.is_char_boundary(at) {
            at += 1;
        }
    }
    plain
}

/// Entities of HTML are written out, up to the first thing that looks like one and is none.
pub(super) fn without_entities(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, entity)) = rest.split_once('&') {
        plain += before;
        let end = entity
            .find(';')
            .filter(|end| !entity.get(..*end).is_some_and(|name| name.contains(' ')));
        let Some((name, behind)) = end.and_then(|end| entity.split_at_checked(end + 1)) else {
            plain.push('&');
            plain += entity;
            return plain;
        };
        plain += &htmlize::unescape(format!("&{name}"));
        rest = behind;
    }
    plain + rest
}

/// A person: `Name (mail@address)` and what else is common. First the name, then the address.
pub(super) fn person(text: &str) -> (String, String) {
    let parts = address_then_name(text)
        .or_else(|| name_then_address(text))
        .or_else(|| alone(text))
        .unwrap_or_default();
    (parts.0.to_owned(), parts.1.to_owned())
}

/// `^([^@]+@[^\s]+)\s+\(([^@]+)\)$`
fn address_then_name(text: &str) -> Option<(&str, &str)> {
    let (local, rest) = text.split_once('@').filter(|(local, _)| !local.is_empty())?;
    let domain = rest.find(is_blank).filter(|length| *length > 0)?;
    let address = text.get(..local.len() + 1 + domain)?;
    let name = in_brackets(rest.get(domain..)?)?;
    (!name.is_empty() && !name.contains('@')).then_some((name, address))
}

/// `^([^@]+)\s+\(([^@]+@[^)]+)\)$`
fn name_then_address(text: &str) -> Option<(&str, &str)> {
    let open = text.find('@').and_then(|at| text.get(..at)?.rfind('('))?;
    let before = text.get(..open)?;
    let name = before.trim_end_matches(is_blank);
    // One blank is enough; the others belong to the name.
    let name =
        before.get(..before.char_indices().next_back()?.0).filter(|_| name.len() < before.len())?;
    let address = text.get(open + 1..)?.strip_suffix(')')?;
    let (local, domain) = address.split_once('@')?;
    let fits = !name.is_empty() && !local.is_empty() && !domain.is_empty() && !domain.contains(')');
    fits.then_some((name, address))
}

/// Only a name, or only an address.
fn alone(text: &str) -> Option<(&str, &str)> {
    if text.is_empty() || text.contains(['(', ')']) {
        return None;
    }
    match text.split_once('@') {
        None => Some((text, "")),
        Some((local, domain)) => {
            let fits = !local.is_empty() && !domain.is_empty() && !domain.contains('@');
            fits.then_some(("", text))
        },
    }
}

fn in_brackets(text: &str) -> Option<&str> {
    text.trim_start_matches(is_blank).strip_prefix('(')?.strip_suffix(')')
}

/// Go's `\s`.
const fn is_blank(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\u{C}' | '\r' | ' ')
}
