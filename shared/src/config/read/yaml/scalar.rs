//! What a YAML scalar is, by go-yaml's rules: integers keep all digits, `yes` and `no` are texts,
//! dates become texts in RFC 3339's form (which is how KrakenD answers with them).

use crate::config::node::Value;
use crate::config::number;

/// The value of a scalar; `tag` is a core tag without its `!!`.
pub(super) fn resolve(text: &str, is_plain: bool, tag: Option<&str>) -> Value {
    if tag.map_or(!is_plain, |tag| matches!(tag, "str" | "binary")) {
        return Value::String(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        _ => {},
    }
    let resolved = match text.as_bytes().first() {
        Some(b'+' | b'-' | b'.' | b'0'..=b'9') => {
            timestamp(text).map(Value::String).or_else(|| number(text).map(Value::Number))
        },
        Some(_) | None => None,
    };
    resolved.unwrap_or_else(|| Value::String(text.to_owned()))
}

/// An integer with all its digits, or a float as Go's JSON prints it. Infinities and NaN have no
/// form in an answer and stay texts.
fn number(text: &str) -> Option<String> {
    let plain = text.replace('_', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    if let Ok(size) = number::parse_uint(digits) {
        let is_small = i64::try_from(size).is_ok();
        if sign.is_empty() || is_small || size == 1 << 63 {
            return Some(if size == 0 { "0".to_owned() } else { format!("{sign}{size}") });
        }
    }
    if !is_float(digits) {
        return None;
    }
    let float: f64 = plain.parse().ok()?;
    float.is_finite().then(|| number::go_json(float))
}

/// Digits, a point and digits, an exponent: at least one digit in front or behind the point.
fn is_float(unsigned: &str) -> bool {
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_exponent = |text: &str| {
        let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
        !digits.is_empty() && is_digits(digits)
    };
    is_digits(whole)
        && is_digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(is_exponent)
}

/// `2001-1-2`, `2001-01-02T03:04:05.5Z`, `2001-01-02 03:04:05` → RFC 3339.
fn timestamp(text: &str) -> Option<String> {
    let (date, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (text.get(..at)?, Some((text.get(at..at + 1)?, text.get(at + 1..)?))),
        None => (text, None),
    };
    let mut parts = date.split('-');
    let year = field(parts.next()?, 4, 4, 9999)?;
    let month = field(parts.next()?, 1, 2, 12)?;
    let day = field(parts.next()?, 1, 2, 31)?;
    if parts.next().is_some() || month == 0 || day == 0 || day > days_in(year, month) {
        return None;
    }
    let clock = match time {
        None => "T00:00:00Z".to_owned(),
        Some((separator, time)) => clock(time, separator != " ")?,
    };
    Some(format!("{year:04}-{month:02}-{day:02}{clock}"))
}

/// `3:4:5.50Z` → `T03:04:05.5Z`; with `has_zone` it must end in `Z` or an offset, else it must not.
fn clock(time: &str, has_zone: bool) -> Option<String> {
    let (time, zone) = if has_zone {
        let at = time.find(['Z', '+', '-'])?;
        (time.get(..at)?, zone(time.get(at..)?)?)
    } else {
        (time, "Z")
    };
    let (whole, fraction) = time.split_once('.').unwrap_or((time, ""));
    let mut parts = whole.split(':');
    let hour = field(parts.next()?, 1, 2, 23)?;
    let minute = field(parts.next()?, 1, 2, 59)?;
    let second = field(parts.next()?, 1, 2, 59)?;
    let is_whole = parts.next().is_none() && !time.ends_with('.');
    if !is_whole || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let fraction = match fraction.trim_end_matches('0') {
        "" => String::new(),
        digits => format!(".{digits}"),
    };
    Some(format!("T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"))
}

/// `Z` or `+hh:mm`; an offset of nothing is `Z`.
fn zone(text: &str) -> Option<&str> {
    if text == "Z" {
        return Some(text);
    }
    let (hours, minutes) = text.get(1..)?.split_once(':')?;
    match (field(hours, 2, 2, 23)?, field(minutes, 2, 2, 59)?) {
        (0, 0) => Some("Z"),
        _ => Some(text),
    }
}

fn field(text: &str, digits_min: usize, digits_max: usize, value_max: u32) -> Option<u32> {
    let is_number = text.bytes().all(|b| b.is_ascii_digit());
    let fits = (digits_min..=digits_max).contains(&text.len());
    (is_number && fits).then(|| text.parse().ok())?.filter(|value| *value <= value_max)
}

const fn days_in(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => {
            29
        },
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_scalars_are_what_krakends_parser_makes_of_them() {
        let number = |text: &str| Value::Number(text.to_owned());
        let text = |text: &str| Value::String(text.to_owned());
        let cases = [
            ("12345678901234567", number("12345678901234567")),
            ("18446744073709551615", number("18446744073709551615")),
            ("-9223372036854775808", number("-9223372036854775808")),
            ("1_000", number("1000")),
            ("+5", number("5")),
            ("-0", number("0")),
            ("1.50", number("1.5")),
            ("1e3", number("1000")),
            (".5", number("0.5")),
            ("08", number("8")),
            ("0o17", number("15")),
            ("017", number("15")),
            ("0x1f", number("31")),
            ("-0x1f", number("-31")),
            ("0b11", number("3")),
            ("1e400", text("1e400")),
            (".inf", text(".inf")),
            ("1.2.3", text("1.2.3")),
            ("1e", text("1e")),
            (".", text(".")),
            ("-", text("-")),
            ("2s", text("2s")),
            ("yes", text("yes")),
            ("no", text("no")),
            ("on", text("on")),
            ("True", Value::Bool(true)),
            ("~", Value::Null),
            ("2001-01-02", text("2001-01-02T00:00:00Z")),
            ("2001-1-2", text("2001-01-02T00:00:00Z")),
            ("2001-02-30", text("2001-02-30")),
            ("2001-01-02T03:04:05.50+02:00", text("2001-01-02T03:04:05.5+02:00")),
            ("2001-01-02 03:04:05", text("2001-01-02T03:04:05Z")),
            ("2001-01-02 é", text("2001-01-02 é")),
        ];
        for (written, value) in cases {
            assert_eq!(resolve(written, true, None), value, "{written}");
        }
        assert_eq!(resolve("1", false, None), text("1"));
        assert_eq!(resolve("1", true, Some("str")), text("1"));
        assert_eq!(resolve("1", false, Some("int")), number("1"));
    }
}
