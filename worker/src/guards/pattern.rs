//! Regular expressions of a configuration: Go's dialect (RE2), put into the words of the library that is here.
//!
//! Both look at each byte once. What differs: `\d`, `\s`, `\w` and `\b` know ASCII only in Go, `\Q…\E` is plain text there,
//! and in a class `&`, `~`, `[` and a second `-` are letters like any other.

use std::iter::Peekable;
use std::str::Chars;

use regex::bytes::{Regex, RegexBuilder};

/// Memory that one expression may take.
const BYTES_MAX: usize = 10 << 20;

/// Compiles an expression; the error is one line.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    RegexBuilder::new(&translate(pattern)).size_limit(BYTES_MAX).build().map_err(|error| {
        let whole = error.to_string();
        let words = whole.lines().last().unwrap_or_default().trim();
        words.strip_prefix("error: ").unwrap_or(words).to_owned()
    })
}

fn translate(pattern: &str) -> String {
    let mut letters = pattern.chars().peekable();
    let mut out = String::with_capacity(pattern.len() + 16);
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => escape(&mut letters, &mut out),
            '[' => class(&mut letters, &mut out),
            other => out.push(other),
        }
    }
    out
}

/// What follows a backslash outside of a class.
fn escape(letters: &mut Peekable<Chars<'_>>, out: &mut String) {
    match letters.next() {
        Some('Q') => quoted(letters, out),
        Some('C') => out.push_str("(?s-u:.)"),
        Some(edge @ ('b' | 'B')) => {
            out.push_str("(?-u:\\");
            out.push(edge);
            out.push(')');
        },
        Some(letter) => one(letter, out),
        None => out.push('\\'),
    }
}

/// Plain text up to `\E`, or to the end.
fn quoted(letters: &mut Peekable<Chars<'_>>, out: &mut String) {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        if letter == '\\' && letters.next_if_eq(&'E').is_some() {
            break;
        }
        text.push(letter);
    }
    out.push_str(&regex::escape(&text));
}

/// An escape that stands for letters; as a class of its own it may also stand within one.
fn one(letter: char, out: &mut String) {
    match letter {
        'd' => out.push_str("[0-9]"),
        'D' => out.push_str("[^0-9]"),
        's' => out.push_str("[\\t\\n\\f\\r ]"),
        'S' => out.push_str("[^\\t\\n\\f\\r ]"),
        'w' => out.push_str("[0-9A-Za-z_]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        other => {
            out.push('\\');
            out.push(other);
        },
    }
}

/// A class, behind its bracket.
fn class(letters: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    if letters.next_if_eq(&'^').is_some() {
        out.push('^');
    }
    // The first one is a letter.
    if letters.next_if_eq(&']').is_some() {
        out.push_str("\\]");
    }
    while let Some(letter) = letters.next() {
        match letter {
            ']' => {
                out.push(']');
                return;
            },
            '[' if letters.peek() == Some(&':') => named(letters, out),
            '\\' => match letters.next() {
                Some(letter) => one(letter, out),
                None => out.push('\\'),
            },
            '[' | '&' | '~' => {
                out.push('\\');
                out.push(letter);
            },
            '-' if letters.next_if_eq(&'-').is_some() => out.push_str("-\\-"),
            other => out.push(other),
        }
    }
}

/// `[:alpha:]`, from its colon on.
fn named(letters: &mut Peekable<Chars<'_>>, out: &mut String) {
    out.push('[');
    for letter in letters.by_ref() {
        out.push(letter);
        if letter == ']' {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pattern: &str, text: &str, matches: bool) {
        let regex = compile(pattern).unwrap();
        assert_eq!(regex.is_match(text.as_bytes()), matches, "{pattern} on {text}: {regex}");
    }

    #[test]
    fn classes_know_ascii_only() {
        for (pattern, text, matches) in [
            (r"^\d$", "7", true),
            (r"^\d$", "\u{663}", false),
            (r"^[\dx]+$", "7x", true),
            (r"^[^\d]$", "\u{663}", true),
            (r"^\w+$", "é", false),
            (r"^\W$", "é", true),
            (r"^\s$", "\u{A0}", false),
            (r"^\S$", "\u{A0}", true),
            (r"\bé", "aé", true),
        ] {
            check(pattern, text, matches);
        }
    }

    #[test]
    fn what_is_quoted_or_in_a_class_is_plain() {
        for (pattern, text, matches) in [
            (r"^\Qa.b*\E+$", "a.b**", true),
            (r"^\Qa.b", "axb", false),
            ("^[a&&b]$", "&", true),
            ("^[[]$", "[", true),
            ("^[]a]$", "]", true),
            ("^[^]a]$", "]", false),
            ("^[+--]$", "-", true),
            ("^[[:alpha:]]$", "q", true),
            (r"^\[\]$", "[]", true),
            ("(?i)^curl/", "CURL/8", true),
        ] {
            check(pattern, text, matches);
        }
    }

    #[test]
    fn what_go_refuses_is_refused_in_one_line() {
        for pattern in ["(", "(?!x)", "[b-a]", "*", "\\", "[a"] {
            let error = compile(pattern).expect_err(pattern);
            assert!(!error.is_empty() && !error.contains('\n'), "{pattern}: {error}");
        }
    }
}
