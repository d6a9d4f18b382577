//! Numbers as Go reads and writes them (`strconv`).

/// Go's `ParseInt(text, base, 64)`; base 0: a prefix may say it, and underscores may separate.
pub(super) fn parse_int(text: &str, base: u32) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, text.get(1..)?),
        b'+' => (false, text.get(1..)?),
        _ => (false, text),
    };
    let size = i128::from(parse_uint(digits, base)?);
    i64::try_from(if is_negative { -size } else { size }).ok()
}

/// As [`parse_int`], for callers that ignore the error: 0 when it is no number, the nearest when it
/// is too large.
pub(super) fn parse_int_or_nearest(text: &str, base: u32) -> i64 {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base.max(2)));
    match parse_int(text, base) {
        Some(int) => int,
        None if is_number && text.starts_with('-') => i64::MIN,
        None if is_number => i64::MAX,
        None => 0,
    }
}

/// Go's `ParseUint(text, base, 64)`.
pub(super) fn parse_uint(text: &str, base: u32) -> Option<u64> {
    if base != 0 {
        return parse_digits(text, base);
    }
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)?),
        [b'0', b'o', ..] => (8, lower.get(2..)?),
        [b'0', b'b', ..] => (2, lower.get(2..)?),
        [b'0', _, ..] => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if digits.ends_with('_') || digits.contains("__") || (base == 10 && digits.starts_with('_')) {
        return None;
    }
    parse_digits(&digits.replace('_', ""), base)
}

fn parse_digits(digits: &str, base: u32) -> Option<u64> {
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return None;
    }
    u64::from_str_radix(digits, base).ok()
}

/// Go's `ParseFloat(text, 64)`, without hexadecimal ones; what is too large is none.
pub(super) fn parse_float(text: &str) -> Option<f64> {
    let plain = text.replace('_', "");
    let text = if text.starts_with('_') || text.ends_with('_') { text } else { plain.as_str() };
    let unsigned = text.trim_start_matches(['+', '-']);
    let is_number = text.len() - unsigned.len() <= 1
        && !unsigned.is_empty()
        && (unsigned
            .chars()
            .all(|c| c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E' | '+' | '-'))
            || matches!(unsigned.to_ascii_lowercase().as_str(), "inf" | "infinity" | "nan"));
    let float = if is_number { text.parse::<f64>().ok() } else { None }?;
    let is_word = unsigned.starts_with(['i', 'I', 'n', 'N']);
    (float.is_finite() || is_word).then_some(float)
}

/// The integer that this float is, if it is one.
#[expect(clippy::cast_precision_loss, reason = "as Go converts")]
#[expect(clippy::float_cmp, reason = "the same to the last digit is meant")]
pub(super) fn exact_int(float: f64) -> Option<i64> {
    let int = to_int(float);
    (int as f64 == float).then_some(int)
}

/// Go's conversion on amd64: truncated; what does not fit is the smallest.
#[expect(clippy::cast_possible_truncation, reason = "the range is looked at")]
pub(super) fn to_int(float: f64) -> i64 {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    if (-BEYOND..BEYOND).contains(&float) { float as i64 } else { i64::MIN }
}

/// How digits are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// `%e`
    Exponent,
    /// `%f`
    Plain,
    /// `%g`
    Shorter,
}

/// Go's `FormatFloat(float, layout, digits, 64)`; no `digits`: as few as read back the same.
pub(super) fn format_float(float: f64, layout: Layout, digits: Option<usize>) -> String {
    if float.is_nan() {
        return "NaN".to_owned();
    }
    if float.is_infinite() {
        return if float > 0.0 { "+Inf".to_owned() } else { "-Inf".to_owned() };
    }
    match (layout, digits) {
        (Layout::Plain, None) => format!("{float}"),
        (Layout::Plain, Some(digits)) => format!("{float:.digits$}"),
        (Layout::Exponent, None) => two_digit_exponent(&format!("{float:e}")),
        (Layout::Exponent, Some(digits)) => two_digit_exponent(&format!("{float:.digits$e}")),
        (Layout::Shorter, digits) => shorter(float, digits),
    }
}

fn shorter(float: f64, digits: Option<usize>) -> String {
    let significant = digits.map(|digits| digits.max(1));
    let rounded = match significant {
        Some(digits) => format!("{float:.*e}", digits - 1),
        None => format!("{float:e}"),
    };
    let (mantissa, exponent) = rounded.split_once('e').unwrap_or((&rounded, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let mantissa = if mantissa.contains('.') {
        mantissa.trim_end_matches('0').trim_end_matches('.')
    } else {
        mantissa
    };
    let count = mantissa.bytes().filter(u8::is_ascii_digit).count();
    // With given digits, `%e` begins where they end, unless all of them are in front of the point.
    let bound = match significant {
        None => 6,
        Some(wanted) => {
            let before_point = usize::try_from(exponent + 1).unwrap_or(0);
            if wanted > count && count >= before_point { count } else { wanted }
        },
    };
    let bound = i32::try_from(bound).unwrap_or(i32::MAX);
    if exponent < -4 || exponent >= bound {
        return two_digit_exponent(&format!("{mantissa}e{exponent}"));
    }
    plain(mantissa, exponent)
}

/// `1.25`, 1 → `12.5`
fn plain(mantissa: &str, exponent: i32) -> String {
    let (sign, mantissa) = match mantissa.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", mantissa),
    };
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let Ok(before_point) = usize::try_from(exponent + 1) else {
        let zeros = "0".repeat(usize::try_from(-exponent - 1).unwrap_or(0));
        return format!("{sign}0.{zeros}{digits}");
    };
    if before_point == 0 {
        return format!("{sign}0.{digits}");
    }
    match (digits.get(..before_point), digits.get(before_point..)) {
        (Some(whole), Some("")) => format!("{sign}{whole}"),
        (Some(whole), Some(fraction)) => format!("{sign}{whole}.{fraction}"),
        _ => format!("{sign}{digits}{}", "0".repeat(before_point - digits.len())),
    }
}

/// `1e6` → `1e+06`
fn two_digit_exponent(text: &str) -> String {
    let Some((mantissa, exponent)) = text.split_once('e') else { return text.to_owned() };
    let (sign, digits) = match exponent.strip_prefix('-') {
        Some(digits) => ('-', digits),
        None => ('+', exponent),
    };
    format!("{mantissa}e{sign}{digits:0>2}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        let cases = [
            (8080.0, "8080"),
            (999_999.0, "999999"),
            (1_000_000.0, "1e+06"),
            (1_000_001.0, "1.000001e+06"),
            (12_345_678_901.0, "1.2345678901e+10"),
            (0.0001, "0.0001"),
            (-0.00001, "-1e-05"),
            (-0.0, "-0"),
            (1.5, "1.5"),
            (1e100, "1e+100"),
        ];
        for (float, text) in cases {
            assert_eq!(format_float(float, Layout::Shorter, None), text);
        }
        assert_eq!(format_float(123_456_789.0, Layout::Shorter, Some(3)), "1.23e+08");
        assert_eq!(format_float(100.0, Layout::Shorter, Some(6)), "100");
        assert_eq!(format_float(0.5, Layout::Exponent, Some(6)), "5.000000e-01");
    }

    #[test]
    fn integers_are_read_as_go_reads_them() {
        assert_eq!(parse_int("0x10", 0), Some(16));
        assert_eq!(parse_int("007", 10), Some(7));
        assert_eq!(parse_int("007", 0), Some(7));
        assert_eq!(parse_int("08", 0), None);
        assert_eq!(parse_int("", 0), None);
        assert_eq!(parse_int("1__0", 0), None);
        assert_eq!(to_int(1e30), i64::MIN);
        assert_eq!(parse_float("1e999"), None);
    }
}
