//! Texts: which need quotes, and how the others are written.

use super::{blanks, contains};

/// Words that are no texts without quotes: null, truth, infinity and no number, in YAML 1.1 or 1.2.
#[rustfmt::skip]
const RESERVED: [&[u8]; 26] = [
    b"null", b"Null", b"NULL", b"~", b"true", b"True", b"TRUE", b"false", b"False", b"FALSE",
    b"y", b"Y", b"yes", b"Yes", b"YES", b"n", b"N", b"no", b"No", b"NO", b"on", b"On", b"ON",
    b"off", b"Off", b"OFF",
];

/// First characters that mean something in YAML.
const MARKS: &[u8] = b"*&[{}],!|>%'\"@ `";

/// Whether the text would be read as something else.
pub(super) fn needs_quotes(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first(), text.last()) else { return true };
    let is_mark = MARKS.contains(first) || matches!(last, b':' | b' ') || text == b"-";
    if is_mark || RESERVED.contains(&text) || is_number(text) || is_timestamp(text) {
        return true;
    }
    memchr::memchr2(b'#', b'\\', text).is_some() || contains(text, b": ") || contains(text, b"- ")
}

/// What goccy reads as a number, or would if it were not too large.
fn is_number(text: &[u8]) -> bool {
    if !matches!(text.first(), Some(b'0'..=b'9' | b'+' | b'-' | b'.')) {
        return false;
    }
    let dots = memchr::memchr_iter(b'.', text).count();
    let is_negative = text.starts_with(b"-");
    let unsigned = text.strip_prefix(b"+").unwrap_or(text);
    let unsigned = unsigned.strip_prefix(b"-").unwrap_or(unsigned);
    let digits: Vec<u8> = unsigned.iter().copied().filter(|byte| *byte != b'_').collect();
    match digits.as_slice() {
        _ if dots > 1 => false,
        [b'0', b'x', rest @ ..] => is_integer(rest, 16),
        [b'0', b'o', rest @ ..] => is_integer(rest, 8),
        [b'0', b'b', rest @ ..] => is_integer(rest, 2),
        [b'0', _, ..] if dots == 0 => is_integer(&digits, 8),
        // The minus comes back, and two signs are too many.
        [b'-' | b'+', ..] if is_negative => false,
        all if dots == 1 => is_float(all),
        all => is_integer(all, 10),
    }
}

/// What Go's `strconv.ParseUint` takes; it does not look at what follows once a number is too large.
fn is_integer(digits: &[u8], radix: u32) -> bool {
    let mut number = 0_u64;
    for byte in digits {
        let Some(digit) = char::from(*byte).to_digit(radix) else { return false };
        let more = number.checked_mul(radix.into()).and_then(|n| n.checked_add(digit.into()));
        let Some(more) = more else { return true };
        number = more;
    }
    !digits.is_empty()
}

/// What Go's `strconv.ParseFloat` takes, or finds too large.
fn is_float(text: &[u8]) -> bool {
    let of_numbers = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let text = std::str::from_utf8(text).ok().filter(|text| text.as_bytes().iter().all(of_numbers));
    text.is_some_and(|text| text.parse::<f64>().is_ok())
}

/// The forms in which goccy knows a point in time, and `15:4`.
fn is_timestamp(text: &[u8]) -> bool {
    let Some(rest) = digits(text, 4, 4).map(|(_, rest)| rest) else { return is_clock(text) };
    date_and_more(text, rest).unwrap_or_else(|| is_clock(text))
}

/// `15:4`
fn is_clock(text: &[u8]) -> bool {
    let Some((hour, rest)) = digits(text, 1, 2) else { return false };
    let Some((minute, b"")) = rest.strip_prefix(b":").and_then(|rest| digits(rest, 1, 2)) else {
        return false;
    };
    hour < 24 && minute < 60
}

/// `2006-01-02`, `2006-01-02 15:04:05`, and with `T` also a zone.
fn date_and_more(text: &[u8], rest: &[u8]) -> Option<bool> {
    let (year, _) = digits(text, 4, 4)?;
    let (month, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    let (day, rest) = digits(rest.strip_prefix(b"-")?, 2, 2)?;
    if !(1..=12).contains(&month) || !(1..=days(year, month)).contains(&day) {
        return Some(false);
    }
    let (mark, rest) = match rest {
        [] => return Some(true),
        [mark @ (b' ' | b'T' | b't'), rest @ ..] => (*mark, rest),
        _ => return Some(false),
    };
    let (hour, rest) = digits(rest, 1, 2)?;
    let (minute, rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    let (second, mut rest) = digits(rest.strip_prefix(b":")?, 2, 2)?;
    if let [b'.' | b',', fraction @ ..] = rest
        && fraction.first().is_some_and(u8::is_ascii_digit)
    {
        let length = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        rest = fraction.get(length..).unwrap_or_default();
    }
    let is_time = hour < 24 && minute < 60 && second < 60;
    Some(is_time && if mark == b' ' { rest.is_empty() } else { is_zone(rest) })
}

fn is_zone(text: &[u8]) -> bool {
    let [b'+' | b'-', rest @ ..] = text else { return text == b"Z" };
    let Some((hour, rest)) = digits(rest, 2, 2) else { return false };
    let Some((minute, b"")) = rest.strip_prefix(b":").and_then(|rest| digits(rest, 2, 2)) else {
        return false;
    };
    hour <= 24 && minute <= 60
}

/// A number of at least and at most so many digits, and what follows.
fn digits(text: &[u8], least: usize, most: usize) -> Option<(u32, &[u8])> {
    let length = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = text.split_at_checked(length).filter(|_| length >= least)?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'));
    Some((number, rest))
}

const fn days(year: u32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        },
        2 => 28,
        _ => 31,
    }
}

/// A text without quotes: as it is, or as a literal if it has several lines.
pub(super) fn plain_or_literal(text: &[u8], indent: usize, out: &mut Vec<u8>) {
    let line_end = line_end(text);
    if !contains(text, line_end) {
        out.extend_from_slice(text);
        return;
    }
    out.extend_from_slice(header(text, line_end));
    out.extend_from_slice(line_end);
    let start = out.len();
    let mut rest = text;
    loop {
        let found = memchr::memmem::find(rest, line_end);
        blanks(indent + 2, out);
        out.extend_from_slice(rest.get(..found.unwrap_or(rest.len())).unwrap_or_default());
        let Some(found) = found else { break };
        out.extend_from_slice(line_end);
        rest = rest.get(found + line_end.len()..).unwrap_or_default();
    }
    cut_last_line(start, indent + 2, line_end, out);
}

/// The last line of a literal is not written if it is empty, nor are blanks that look like that.
fn cut_last_line(start: usize, indent: usize, line_end: &[u8], out: &mut Vec<u8>) {
    let block = out.get(start..).unwrap_or_default();
    let blanks = vec![b' '; indent];
    let cut = block.strip_suffix(blanks.as_slice());
    let cut = cut.and_then(|cut| cut.strip_suffix(line_end)).unwrap_or(block);
    let cut = cut.strip_suffix(blanks.as_slice()).unwrap_or(cut);
    let end = start + cut.len();
    out.truncate(end);
}

/// The line end that the text uses most.
fn line_end(text: &[u8]) -> &'static [u8] {
    let feeds = memchr::memchr_iter(b'\n', text).count();
    let returns = memchr::memchr_iter(b'\r', text).count();
    let both = if returns == 0 { 0 } else { memchr::memmem::find_iter(text, b"\r\n").count() };
    if feeds == both && returns == both {
        b"\r\n"
    } else if returns > feeds {
        b"\r"
    } else {
        b"\n"
    }
}

fn header(text: &[u8], line_end: &[u8]) -> &'static [u8] {
    match text.strip_suffix(line_end) {
        Some(rest) if rest.ends_with(line_end) => b"|+",
        Some(_) => b"|",
        None => b"|-",
    }
}
