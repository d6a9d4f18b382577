//! Integers, floats and strings under their verbs.

use std::fmt::Write as _;

use super::{Spec, go, numbers};
use crate::template::numbers::Layout;
use crate::template::value::IntType;

pub(super) const fn is_int_verb(verb: char) -> bool {
    matches!(verb, 'v' | 'd' | 'b' | 'o' | 'O' | 'x' | 'X' | 'c' | 'q' | 'U')
}

pub(super) const fn is_float_verb(verb: char) -> bool {
    matches!(verb, 'v' | 'e' | 'E' | 'f' | 'F' | 'g' | 'G')
}

pub(super) fn int(out: &mut Vec<u8>, int: i64, kind: IntType, spec: &Spec) {
    let letter = || u32::try_from(int).ok().and_then(char::from_u32).unwrap_or('\u{fffd}');
    match spec.verb {
        'c' => spec.pad(out, letter().encode_utf8(&mut [0; 4]).as_bytes(), true),
        'q' => spec.pad(out, go::quote_char(letter(), spec.plus).as_bytes(), true),
        'U' => {
            let digits = spec.precision.unwrap_or(4).max(4);
            let mut text = format!("U+{int:0digits$X}");
            let shown = u32::try_from(int).ok().and_then(char::from_u32);
            if let Some(shown) = shown.filter(|c| spec.sharp && go::is_printable(*c)) {
                let _infallible = write!(text, " '{shown}'");
            }
            spec.pad(out, text.as_bytes(), false);
        },
        'v' if spec.go_syntax && !kind.is_signed() => {
            let hex = Spec { sharp: true, ..spec.clone() };
            spec.pad(out, digits(int, 16, false, &hex).as_bytes(), false);
        },
        'b' => number(out, int, 2, spec),
        'o' | 'O' => number(out, int, 8, spec),
        'x' | 'X' => number(out, int, 16, spec),
        _ => number(out, int, 10, spec),
    }
}

fn number(out: &mut Vec<u8>, int: i64, base: u32, spec: &Spec) {
    if spec.precision == Some(0) && int == 0 {
        return spec.pad(out, b"", false);
    }
    spec.pad(out, digits(int, base, spec.verb == 'X', spec).as_bytes(), false);
}

/// With sign, prefix and leading zeros.
fn digits(int: i64, base: u32, is_upper: bool, spec: &Spec) -> String {
    let size = int.unsigned_abs();
    let mut digits = match base {
        2 => format!("{size:b}"),
        8 => format!("{size:o}"),
        16 if is_upper => format!("{size:X}"),
        16 => format!("{size:x}"),
        _ => size.to_string(),
    };
    let sign = if int < 0 {
        "-"
    } else if spec.plus {
        "+"
    } else if spec.space {
        " "
    } else {
        ""
    };
    let wanted = match (spec.precision, spec.width) {
        (Some(precision), _) => precision,
        (None, Some(width)) if spec.zero && !spec.minus => width.saturating_sub(sign.len()),
        (None, _) => 0,
    };
    if digits.len() < wanted {
        digits.insert_str(0, &"0".repeat(wanted - digits.len()));
    }
    let prefix = match (spec.verb, base, spec.sharp) {
        ('O', ..) => "0o",
        (_, 2, true) => "0b",
        (_, 8, true) if !digits.starts_with('0') => "0",
        (_, 16, true) if is_upper => "0X",
        (_, 16, true) => "0x",
        _ => "",
    };
    format!("{sign}{prefix}{digits}")
}

pub(super) fn float(out: &mut Vec<u8>, float: f64, spec: &Spec) {
    let (layout, default) = match spec.verb {
        'e' | 'E' => (Layout::Exponent, Some(6)),
        'f' | 'F' => (Layout::Plain, Some(6)),
        _ => (Layout::Shorter, None),
    };
    let mut text = numbers::format_float(float, layout, spec.precision.or(default));
    if matches!(spec.verb, 'E' | 'G') {
        text = text.replace('e', "E");
    }
    if !text.starts_with(['+', '-']) {
        text.insert(0, '+');
    }
    if spec.space && text.starts_with('+') && !spec.plus {
        text.replace_range(..1, " ");
    }
    let is_number = float.is_finite();
    let shows_sign = spec.plus || !text.starts_with('+');
    if !is_number {
        let hides =
            (float.is_nan() && !spec.space && !spec.plus) || !shows_sign && !float.is_infinite();
        let text = if hides { text.get(1..).unwrap_or_default() } else { &text };
        return spec.pad(out, text.as_bytes(), false);
    }
    if spec.sharp {
        text = sharp(&text, spec);
    }
    if shows_sign {
        if let (true, false, Some(width)) = (spec.zero, spec.minus, spec.width)
            && width > text.len()
        {
            // The sign stands before the zeros.
            let (sign, digits) = text.split_at(1);
            let text = format!("{sign}{digits:0>fill$}", fill = width - 1);
            out.extend_from_slice(text.as_bytes());
            return;
        }
        return spec.pad(out, text.as_bytes(), true);
    }
    spec.pad(out, text.get(1..).unwrap_or_default().as_bytes(), true);
}

/// `%#g`: a point always, and no trailing zeros taken away.
fn sharp(text: &str, spec: &Spec) -> String {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => text.split_at(at),
        None => (text, ""),
    };
    let mut mantissa = mantissa.to_owned();
    let has_point = mantissa.contains('.');
    if matches!(spec.verb, 'g' | 'G' | 'v') {
        let wanted = spec.precision.unwrap_or(6);
        let digits = mantissa.chars().filter(char::is_ascii_digit);
        let count = digits.skip_while(|digit| *digit == '0').count().max(1);
        if !has_point {
            mantissa.push('.');
        }
        mantissa.push_str(&"0".repeat(wanted.saturating_sub(count)));
    } else if !has_point {
        mantissa.push('.');
    }
    format!("{mantissa}{exponent}")
}

pub(super) fn text(out: &mut Vec<u8>, text: &[u8], spec: &Spec) {
    match spec.verb {
        'x' | 'X' => return hex(out, text, spec),
        'q' => {
            let text = cut(text, spec.precision);
            let quoted = if spec.sharp && go::can_backquote(text) {
                format!("`{}`", String::from_utf8_lossy(text))
            } else if spec.plus {
                go::quote_ascii(text)
            } else {
                go::quote(text)
            };
            return spec.pad(out, quoted.as_bytes(), true);
        },
        'v' if spec.go_syntax => return spec.pad(out, go::quote(text).as_bytes(), true),
        _ => {},
    }
    spec.pad(out, cut(text, spec.precision), true);
}

/// The first letters.
fn cut(text: &[u8], letters: Option<usize>) -> &[u8] {
    let Some(mut left) = letters else { return text };
    let mut end = 0;
    for chunk in text.utf8_chunks() {
        let lengths = chunk.valid().chars().map(char::len_utf8);
        for length in lengths.chain(chunk.invalid().iter().map(|_| 1)) {
            let Some(fewer) = left.checked_sub(1) else { return text.get(..end).unwrap_or(text) };
            left = fewer;
            end += length;
        }
    }
    text
}

fn hex(out: &mut Vec<u8>, text: &[u8], spec: &Spec) {
    let text = text.get(..spec.precision.unwrap_or(text.len())).unwrap_or(text);
    let is_upper = spec.verb == 'X';
    let prefix = match (spec.sharp, is_upper) {
        (true, true) => "0X",
        (true, false) => "0x",
        (false, _) => "",
    };
    let mut hex = String::new();
    for (index, byte) in text.iter().enumerate() {
        if spec.space && index > 0 {
            hex.push(' ');
        }
        if index == 0 || spec.space {
            hex.push_str(prefix);
        }
        let digits = if is_upper { format!("{byte:02X}") } else { format!("{byte:02x}") };
        hex.push_str(&digits);
    }
    spec.pad(out, hex.as_bytes(), true);
}
