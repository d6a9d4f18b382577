//! Strings: trimming, cutting, joining, padding.

use super::{ANY, Outcome, any, case, functions, int, letters, lossy, string_of, strings_of, text};
use crate::template::function::{Context, Function, Type};
use crate::template::go;
use crate::template::value::{Element, Entries, List, Map, Value};

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Int, Text};
    functions! {
        "abbrev" [Int, Text] None => |_, args| Ok(Value::text(abbreviate(text(args, 1), 0, int(args, 0))));
        "abbrevboth" [Int, Int, Text] None => |_, args| Ok(Value::text(abbreviate_both(args)));
        "camelcase" [Text] None => |_, args| Ok(Value::text(case::camel(&letters(args, 0))));
        "cat" [] ANY => cat;
        "contains" [Text, Text] None => |_, args| Ok(Value::Bool(find(text(args, 1), text(args, 0)).is_some()));
        "hasPrefix" [Text, Text] None => |_, args| Ok(Value::Bool(text(args, 1).starts_with(text(args, 0))));
        "hasSuffix" [Text, Text] None => |_, args| Ok(Value::Bool(text(args, 1).ends_with(text(args, 0))));
        "hello" [] None => |_, _| Ok(Value::text("Hello!"));
        "indent" [Int, Text] None => |context, args| indent(context, int(args, 0), text(args, 1)).map(Value::text);
        "initials" [Text] None => |_, args| Ok(Value::text(initials(text(args, 0))));
        "join" [Text, Type::Any] None => join;
        "kebabcase" [Text] None => |_, args| Ok(Value::text(case::lower_words(&letters(args, 0), '-')));
        "lower" [Text] None => |_, args| Ok(Value::text(case::lower(&letters(args, 0))));
        "nindent" [Int, Text] None => |context, args| {
            let indented = indent(context, int(args, 0), text(args, 1))?;
            Ok(Value::text([b"\n".as_slice(), &indented].concat()))
        };
        "nospace" [Text] None => |_, args| Ok(Value::text(without_blanks(text(args, 0))));
        "plural" [Text, Text, Int] None => |_, args| Ok(Value::text(text(args, usize::from(int(args, 2) != 1))));
        "quote" [] ANY => |context, args| quote(context, args, |text| go::quote(text).into_bytes());
        "repeat" [Int, Text] None => repeat;
        "replace" [Text, Text, Text] None => replace;
        "snakecase" [Text] None => |_, args| Ok(Value::text(case::lower_words(&letters(args, 0), '_')));
        "sortAlpha" [Type::Any] None => sort;
        "split" [Text, Text] None => |context, args| numbered(context, &split(text(args, 1), text(args, 0), None));
        "splitList" [Text, Text] None => |context, args| {
            let parts = split(text(args, 1), text(args, 0), None);
            context.make_items(parts.len())?;
            Ok(Value::List(List::texts(parts)))
        };
        "splitn" [Text, Int, Text] None => |context, args| {
            let most = usize::try_from(int(args, 1)).ok();
            numbered(context, &split(text(args, 2), text(args, 0), most))
        };
        "squote" [] ANY => |context, args| quote(context, args, |text| [b"'", text, b"'"].concat());
        "substr" [Int, Int, Text] None => |_, args| substring(int(args, 0), int(args, 1), text(args, 2));
        "swapcase" [Text] None => |_, args| Ok(Value::text(case::swap(&letters(args, 0))));
        "title" [Text] None => |_, args| Ok(Value::text(case::title(&letters(args, 0))));
        "toString" [Type::Any] None => |context, args| string_of(context, any(args, 0)).map(Value::text);
        "toStrings" [Type::Any] None => |context, args| {
            Ok(match any(args, 0) {
                Value::List(list) if list.element == Element::Text => Value::List(list.clone()),
                other => Value::List(List::texts(strings_of(context, other)?)),
            })
        };
        "trim" [Text] None => |_, args| Ok(Value::text(trim_blanks(text(args, 0))));
        "trimAll" [Text, Text] None => |_, args| Ok(Value::text(trim(text(args, 1), &letters(args, 0))));
        "trimPrefix" [Text, Text] None => |_, args| {
            let whole = text(args, 1);
            Ok(Value::text(whole.strip_prefix(text(args, 0)).unwrap_or(whole)))
        };
        "trimSuffix" [Text, Text] None => |_, args| {
            let whole = text(args, 1);
            Ok(Value::text(whole.strip_suffix(text(args, 0)).unwrap_or(whole)))
        };
        "trimall" [Text, Text] None => |_, args| Ok(Value::text(trim(text(args, 1), &letters(args, 0))));
        "trunc" [Int, Text] None => |_, args| Ok(Value::text(truncate(int(args, 0), text(args, 1))));
        "untitle" [Text] None => |_, args| Ok(Value::text(case::untitle(&letters(args, 0))));
        "upper" [Text] None => |_, args| Ok(Value::text(case::upper(&letters(args, 0))));
        "wrap" [Int, Text] None => |context, args| wrap(context, int(args, 0), b"", text(args, 1), false);
        "wrapWith" [Int, Text, Text] None => |context, args| {
            wrap(context, int(args, 0), text(args, 1), text(args, 2), true)
        };
    }
};

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    memchr::memmem::find(text, part)
}

/// Shortened to `width` bytes with `...`, from about `offset` on.
fn abbreviate(text: &[u8], offset: i64, width: i64) -> Vec<u8> {
    let (Ok(width), Ok(offset)) = (usize::try_from(width), usize::try_from(offset)) else {
        return text.to_vec();
    };
    if width < 4 || text.len() <= width {
        return text.to_vec();
    }
    let kept = width - 3;
    let offset = offset.min(text.len()).min(text.len() - kept);
    let piece = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    if offset <= 4 {
        return [piece(0, kept), b"..."].concat();
    }
    if width < 7 {
        return Vec::new();
    }
    if offset + kept < text.len() {
        let rest = piece(offset, text.len());
        let kept = i64::try_from(kept).unwrap_or(i64::MAX);
        return [b"...".as_slice(), &abbreviate(rest, 0, kept)].concat();
    }
    [b"...", piece(text.len() - kept, text.len())].concat()
}

fn abbreviate_both(args: &[Value]) -> Vec<u8> {
    let (left, right, whole) = (int(args, 0), int(args, 1), text(args, 2));
    if right < 4 || left > 0 && right < 7 {
        return whole.to_vec();
    }
    abbreviate(whole, left.max(0), right)
}

fn cat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let shown: Result<Vec<Vec<u8>>, String> =
        args.iter().filter(|arg| !arg.is_nil()).map(|arg| string_of(context, arg)).collect();
    Ok(Value::text(shown?.join(&b' ')))
}

fn indent(context: &mut Context<'_>, spaces: i64, text: &[u8]) -> Result<Vec<u8>, String> {
    let spaces = usize::try_from(spaces).map_err(|_negative| NEGATIVE.to_owned())?;
    let lines = 1 + text.iter().filter(|byte| **byte == b'\n').count();
    context.make(spaces.saturating_mul(lines).saturating_add(text.len()))?;
    let pad = vec![b' '; spaces];
    let lines: Vec<Vec<u8>> =
        text.split(|byte| *byte == b'\n').map(|line| [&pad, line].concat()).collect();
    Ok(lines.join(&b'\n'))
}

const NEGATIVE: &str = "strings: negative Repeat count";

/// Bytes are taken for letters of Latin-1, as the library does.
fn initials(text: &[u8]) -> String {
    let mut was_gap = true;
    let mut out = String::new();
    for letter in text.iter().map(|byte| char::from(*byte)) {
        let is_gap = letter.is_whitespace();
        if was_gap && !is_gap {
            out.push(letter);
        }
        was_gap = is_gap;
    }
    out
}

fn join(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let parts = strings_of(context, any(args, 1))?;
    let between = text(args, 0);
    let length = parts.iter().map(Vec::len).sum::<usize>();
    context.make(length.saturating_add(between.len().saturating_mul(parts.len())))?;
    Ok(Value::text(parts.join(between)))
}

/// As [`initials`]; a text without blanks stays as it is.
fn without_blanks(text: &[u8]) -> Vec<u8> {
    let is_blank = |byte: &u8| char::from(*byte).is_whitespace();
    if !text.iter().any(is_blank) {
        return text.to_vec();
    }
    let kept: String =
        text.iter().filter(|byte| !is_blank(byte)).map(|byte| char::from(*byte)).collect();
    kept.into_bytes()
}

fn quote(context: &mut Context<'_>, args: &[Value], how: impl Fn(&[u8]) -> Vec<u8>) -> Outcome {
    let shown: Result<Vec<Vec<u8>>, String> = args
        .iter()
        .filter(|arg| !arg.is_nil())
        .map(|arg| string_of(context, arg).map(|text| how(&text)))
        .collect();
    Ok(Value::text(shown?.join(&b' ')))
}

fn repeat(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (count, text) = (int(args, 0), text(args, 1));
    let count = usize::try_from(count).map_err(|_negative| NEGATIVE.to_owned())?;
    context.make(text.len().saturating_mul(count))?;
    Ok(Value::text(text.repeat(count)))
}

fn replace(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    let (old, new, whole) = (text(args, 0), text(args, 1), text(args, 2));
    let parts = if old.is_empty() {
        // Before every letter, and at the end.
        let mut parts = vec![&[][..]];
        parts.extend(split(whole, b"", None));
        parts.push(&[]);
        if whole.is_empty() {
            parts.pop();
            parts.push(&[]);
        }
        parts
    } else {
        split(whole, old, None)
    };
    context.make(whole.len().saturating_add(new.len().saturating_mul(parts.len())))?;
    Ok(Value::text(parts.join(new)))
}

/// In place when it is a list of strings, as in Go.
fn sort(context: &mut Context<'_>, args: &[Value]) -> Outcome {
    match any(args, 0) {
        Value::List(list) if list.element == Element::Text => {
            if let Some(items) = &list.items {
                let key = |value: &Value| match value {
                    Value::Text(text) => text.to_vec(),
                    _ => Vec::new(),
                };
                items.borrow_mut().sort_by_cached_key(key);
            }
            Ok(Value::List(list.clone()))
        },
        other => {
            let mut texts = strings_of(context, other)?;
            if other.is_nil() {
                texts.push(b"<nil>".to_vec());
            }
            texts.sort_unstable();
            Ok(Value::List(List::texts(texts)))
        },
    }
}

/// Go's `strings.SplitN`; an empty separator cuts into letters.
fn split<'a>(text: &'a [u8], separator: &[u8], most: Option<usize>) -> Vec<&'a [u8]> {
    if most == Some(0) {
        return Vec::new();
    }
    let most = most.unwrap_or(usize::MAX);
    let (mut parts, mut rest) = (Vec::new(), text);
    if separator.is_empty() && text.is_empty() {
        return parts;
    }
    while parts.len() + 1 < most {
        let (end, skip) = if separator.is_empty() {
            match first_letter(rest) {
                length if length < rest.len() => (length, 0),
                _ => break,
            }
        } else {
            let Some(end) = find(rest, separator) else { break };
            (end, separator.len())
        };
        parts.push(rest.get(..end).unwrap_or_default());
        rest = rest.get(end + skip..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

fn first_letter(text: &[u8]) -> usize {
    let chunk = text.utf8_chunks().next();
    let letter = chunk.and_then(|chunk| chunk.valid().chars().next());
    letter.map_or_else(|| usize::from(!text.is_empty()), char::len_utf8)
}

/// `{_0: …, _1: …}`
fn numbered(context: &mut Context<'_>, parts: &[&[u8]]) -> Outcome {
    context.make_items(parts.len())?;
    let entry = |(index, part): (usize, &&[u8])| {
        (format!("_{index}").into_bytes().into(), Value::text(*part))
    };
    let entries: Entries = parts.iter().enumerate().map(entry).collect();
    Ok(Value::Map(Map::typed(Element::Text, entries)))
}

fn substring(start: i64, end: i64, text: &[u8]) -> Outcome {
    let length = i64::try_from(text.len()).unwrap_or(i64::MAX);
    let out_of_range =
        |what: String| Err(format!("runtime error: slice bounds out of range {what}"));
    let (from, to) = if start < 0 {
        (0, end)
    } else if end < 0 || end > length {
        (start, length)
    } else {
        (start, end)
    };
    if to < 0 {
        return out_of_range(format!("[:{to}]"));
    }
    if to > length {
        return out_of_range(format!("[:{to}] with length {length}"));
    }
    if from > to {
        return out_of_range(format!("[{from}:{to}]"));
    }
    let place = |at: i64| usize::try_from(at).unwrap_or(0);
    Ok(Value::text(text.get(place(from)..place(to)).unwrap_or_default()))
}

fn trim_blanks(bytes: &[u8]) -> Vec<u8> {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim().as_bytes().to_vec(),
        Err(_binary) => bytes.trim_ascii().to_vec(),
    }
}

fn trim(bytes: &[u8], letters: &str) -> Vec<u8> {
    let is_cut = |letter: char| letters.contains(letter);
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_matches(is_cut).as_bytes().to_vec(),
        Err(_binary) => lossy(bytes).trim_matches(is_cut).as_bytes().to_vec(),
    }
}

fn truncate(count: i64, text: &[u8]) -> &[u8] {
    let size = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if size >= text.len() {
        return text;
    }
    let part = if count < 0 { text.get(text.len() - size..) } else { text.get(..size) };
    part.unwrap_or(text)
}

/// Breaks at blanks; what is longer than a line is cut (`cuts`) or stands on a line of its own.
fn wrap(
    context: &mut Context<'_>,
    width: i64,
    new_line: &[u8],
    text: &[u8],
    cuts: bool,
) -> Outcome {
    let new_line = if new_line.is_empty() { b"\n" } else { new_line };
    let width = usize::try_from(width).unwrap_or(1).max(1);
    context
        .make(text.len().saturating_add((text.len() / width + 1).saturating_mul(new_line.len())))?;
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while rest.len() > width {
        if let Some(behind) = rest.strip_prefix(b" ") {
            rest = behind;
            continue;
        }
        let line = rest.get(..=width).unwrap_or(rest);
        let blank = line.iter().rposition(|byte| *byte == b' ');
        let (end, skip) = match blank {
            Some(at) => (at, 1),
            None if cuts => (width, 0),
            None => {
                let behind = rest.get(width..).unwrap_or_default();
                match behind.iter().position(|byte| *byte == b' ') {
                    Some(at) => (width + at, 1),
                    None => break,
                }
            },
        };
        out.extend_from_slice(rest.get(..end).unwrap_or_default());
        out.extend_from_slice(new_line);
        rest = rest.get(end + skip..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
    Ok(Value::text(out))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_as_go_cuts_them() {
        assert_eq!(split(b"a,b,c", b",", Some(2)), [b"a".as_slice(), b"b,c"]);
        assert_eq!(split("aé".as_bytes(), b"", None), [b"a".as_slice(), "é".as_bytes()]);
        assert_eq!(split(b"", b",", None), [b"".as_slice()]);
    }
}
