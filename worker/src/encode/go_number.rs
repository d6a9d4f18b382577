//! A number of the configuration as Go writes a `float64`: in JSON, and elsewhere.

use std::borrow::Cow;

use crate::decode::Numbers;

/// Shortest digits that read back the same; exponents below 1e-6 and from 1e21 on. Infinity and NaN
/// have no JSON: `None`.
pub(crate) fn float64(number: f64) -> Option<String> {
    if !number.is_finite() {
        return None;
    }
    let size = number.abs();
    if size == 0.0 || (1e-6..1e21).contains(&size) {
        return Some(number.to_string());
    }
    let text = format!("{number:e}");
    Some(if size < 1.0 { text } else { text.replace('e', "e+") })
}

/// A number of the configuration as Go's `%v` shows it: exponents below 1e-4 and from 1e6
/// on. What is no `float64` is its text.
pub(super) fn shown(text: &[u8], numbers: Numbers) -> Cow<'_, [u8]> {
    let is_integer = || text.iter().all(|byte| byte.is_ascii_digit() || *byte == b'-');
    let is_float = match numbers {
        Numbers::Text => false,
        Numbers::Float => true,
        Numbers::Exact => !is_integer(),
    };
    let float = std::str::from_utf8(text).ok().filter(|_| is_float);
    match float.and_then(|text| text.parse::<f64>().ok()) {
        Some(float) => Cow::Owned(shortest(float).into_bytes()),
        None => Cow::Borrowed(text),
    }
}

/// `strconv.FormatFloat(number, 'g', -1, 64)`.
pub(crate) fn shortest(number: f64) -> String {
    let scientific = format!("{number:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else { return scientific };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..6).contains(&exponent) {
        return number.to_string();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: f64, text: &str) {
        assert_eq!(float64(number).as_deref(), Some(text));
    }

    #[test]
    fn what_json_cannot_say_is_refused() {
        assert_eq!(float64(f64::NAN), None);
        assert_eq!(float64(f64::NEG_INFINITY), None);
    }

    #[test]
    fn exponents_begin_where_go_begins_them() {
        check(1e20, "100000000000000000000");
        check(1e21, "1e+21");
        check(-1.5e300, "-1.5e+300");
        check(1e-6, "0.000001");
        check(1e-7, "1e-7");
        check(1.25e-10, "1.25e-10");
        check(5e-324, "5e-324");
    }

    #[test]
    fn digits_are_the_fewest_that_read_back() {
        check(0.1, "0.1");
        check(12_345_678_901_234_567.0, "12345678901234568");
        check(1.0, "1");
        check(-0.0, "-0");
        check(0.0, "0");
    }
}
