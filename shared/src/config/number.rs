//! Numbers as Go prints and reads them.

/// A float64 in the form of Go's `encoding/json`: the shortest digits that read back, plain between
/// 1e-6 and 1e21, an exponent without padding outside.
#[must_use]
pub fn go_json(float: f64) -> String {
    let size = float.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) && float.is_finite() {
        let text = format!("{float:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => {
                format!("{digits}e+{exponent}")
            },
            Some(_) | None => text,
        };
    }
    format!("{float}")
}

/// Why a text is no integer, in the words of Go's `strconv`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntError {
    /// Not of the form.
    #[error("invalid syntax")]
    Syntax,
    /// Does not fit.
    #[error("value out of range")]
    Range,
}

/// Go's `strconv.ParseInt(text, 0, 64)`: a prefix `0x`, `0o`, `0b` or `0` gives the base; `_` may
/// separate digits.
///
/// # Errors
/// As Go's.
pub fn parse_int(text: &str) -> Result<i64, IntError> {
    let (is_negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, text.get(1..).unwrap_or_default()),
        Some(b'+') => (false, text.get(1..).unwrap_or_default()),
        Some(_) | None => (false, text),
    };
    let size = i128::from(parse_uint(digits)?);
    i64::try_from(if is_negative { -size } else { size }).map_err(|_too_large| IntError::Range)
}

/// Go's `strconv.ParseUint(text, 0, 64)`.
///
/// # Errors
/// As Go's.
pub fn parse_uint(text: &str) -> Result<u64, IntError> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, lower.get(2..)),
        [b'0', b'o', ..] => (8, lower.get(2..)),
        [b'0', b'b', ..] => (2, lower.get(2..)),
        [b'0', _, ..] => (8, lower.get(1..)),
        _ => (10, Some(lower.as_str())),
    };
    let digits = digits.unwrap_or_default();
    if base == 10 && digits.starts_with('_') || !underscores_separate(digits) {
        return Err(IntError::Syntax);
    }
    let plain: String = digits.chars().filter(|c| *c != '_').collect();
    if plain.is_empty() || !plain.chars().all(|c| c.is_digit(base)) {
        return Err(IntError::Syntax);
    }
    u64::from_str_radix(&plain, base).map_err(|_too_large| IntError::Range)
}

/// An underscore may stand between digits and behind the prefix, never last or twice.
fn underscores_separate(digits: &str) -> bool {
    !digits.ends_with('_') && !digits.contains("__")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_print_as_go_prints_them() {
        let cases = [
            (0.1, "0.1"),
            (1.50, "1.5"),
            (1e5, "100000"),
            (100_000_000_000_000_000_000.0, "100000000000000000000"),
            (1e21, "1e+21"),
            (-1.25e22, "-1.25e+22"),
            (1e-6, "0.000001"),
            (1e-7, "1e-7"),
            (-0.0, "-0"),
            (12_345_678_901_234_567.0, "12345678901234568"),
            (5e-324, "5e-324"),
        ];
        for (float, text) in cases {
            assert_eq!(go_json(float), text);
        }
    }

    #[test]
    fn integers_are_read_with_gos_prefixes() {
        let cases = [
            ("8080", Ok(8080)),
            ("0x1F", Ok(31)),
            ("-0b101", Ok(-5)),
            ("017", Ok(15)),
            ("0o17", Ok(15)),
            ("0x_1f", Ok(31)),
            ("0", Ok(0)),
            ("1_000", Ok(1000)),
            ("0_17", Ok(15)),
            ("_1", Err(IntError::Syntax)),
            ("1__0", Err(IntError::Syntax)),
            ("1_", Err(IntError::Syntax)),
            ("0x_", Err(IntError::Syntax)),
            ("08", Err(IntError::Syntax)),
            ("", Err(IntError::Syntax)),
            ("-", Err(IntError::Syntax)),
            ("--1", Err(IntError::Syntax)),
            ("1 ", Err(IntError::Syntax)),
            ("é", Err(IntError::Syntax)),
            ("9223372036854775807", Ok(i64::MAX)),
            ("-9223372036854775808", Ok(i64::MIN)),
            ("9223372036854775808", Err(IntError::Range)),
            ("99999999999999999999999", Err(IntError::Range)),
        ];
        for (text, value) in cases {
            assert_eq!(parse_int(text), value, "{text}");
        }
    }
}
