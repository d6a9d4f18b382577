//! One event as one line of text. Pure.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::time::SystemTime;

use super::{Format, Level, civil};

/// A message beyond this is cut; a line stays small enough for every log collector.
const MESSAGE_BYTES_MAX: usize = 16 * 1024;

/// The line of an event, without a line end.
#[must_use]
pub fn format_line(
    format: Format,
    at: SystemTime,
    level: Level,
    tag: &str,
    message: &str,
) -> String {
    let message = shorten(message);
    match format {
        Format::Krakend => krakend(at, level, &escape(tag), &escape(message)),
        Format::Json => json(at, level, tag, message),
    }
}

fn krakend(at: SystemTime, level: Level, tag: &str, message: &str) -> String {
    let (at, level) = (civil::local(at), level.as_str());
    if tag.is_empty() {
        format!("{at} KRAKEND {level}: {message}")
    } else {
        format!("{at} KRAKEND {level}: [{tag}] {message}")
    }
}

fn json(at: SystemTime, level: Level, tag: &str, message: &str) -> String {
    let event = Event {
        time: civil::rfc3339(at),
        level: level.as_str(),
        module: "KRAKEND",
        tag,
        message,
        pid: std::process::id(),
    };
    // Strings and one number: serialising them cannot fail.
    serde_json::to_string(&event).unwrap_or_default()
}

#[derive(serde::Serialize)]
struct Event<'a> {
    time: String,
    level: &'static str,
    module: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    tag: &'a str,
    message: &'a str,
    pid: u32,
}

/// `text` with everything that could end a line, move a cursor or hide characters written out:
/// `\n`, `\t`, `\u{1b}`. What is harmless comes back as it is.
#[must_use]
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_unsafe(c) {
            // Writing to a String cannot fail.
            let _written = write!(safe, "{}", c.escape_default());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Control characters, Unicode line ends, and the marks that reverse the direction of text.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

fn shorten(message: &str) -> &str {
    let end = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    message.get(..end).unwrap_or(message)
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    fn krakend_line(tag: &str, message: &str) -> String {
        let line = format_line(Format::Krakend, UNIX_EPOCH, Level::Info, tag, message);
        line.split_once(" KRAKEND ").unwrap().1.to_owned()
    }

    #[test]
    fn nothing_inside_a_message_can_forge_a_line() {
        let forged = "x\n2026/01/01 00:00:00 KRAKEND INFO: all is well\r\u{1b}[2J\u{85}\u{2028}";
        let line = krakend_line("evil\ntag", forged);
        assert!(!line.contains(['\n', '\r', '\u{1b}', '\u{85}', '\u{2028}']), "{line}");
        assert!(line.starts_with(r"INFO: [evil\ntag] x\n2026"), "{line}");
    }

    #[test]
    fn ordinary_text_is_left_alone() {
        assert_eq!(krakend_line("SERVICE: Gin", "é ü \\ \""), "INFO: [SERVICE: Gin] é ü \\ \"");
        assert!(matches!(escape("plain"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_line_without_a_tag_has_no_brackets() {
        assert_eq!(krakend_line("", "Signal intercepted: interrupt").find('['), None);
    }

    #[test]
    fn a_huge_message_is_cut_between_characters() {
        let line = krakend_line("", &"é".repeat(MESSAGE_BYTES_MAX));
        assert!(line.len() < MESSAGE_BYTES_MAX + 100);
    }

    #[test]
    fn json_lines_parse_and_keep_the_message() {
        let line = format_line(Format::Json, UNIX_EPOCH, Level::Error, "", "a\n\"b\"");
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["message"], "a\n\"b\"");
        assert_eq!(value["level"], "ERROR");
        assert_eq!(value["time"], "1970-01-01T00:00:00.000Z");
        assert!(value.get("tag").is_none());
        assert!(!line.contains('\n'));
    }
}
