//! Go's `time.Duration`: what KrakenD's times are read into and printed as.

use std::fmt;
use std::time::Duration;

/// Nanoseconds as Go's `time.Duration`: may be negative (`timeout: "-1s"` is legal and fails at once).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct GoDuration(pub i64);

impl GoDuration {
    /// This many whole seconds.
    #[must_use]
    pub const fn seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(1_000_000_000))
    }

    /// The duration, unless it is zero or negative.
    #[must_use]
    pub fn positive(self) -> Option<Duration> {
        u64::try_from(self.0).ok().filter(|nanos| *nanos > 0).map(Duration::from_nanos)
    }

    /// Go's `time.ParseDuration`: `300ms`, `-1.5h`, `1h2m3.5s`, `0`.
    ///
    /// # Errors
    /// As Go's.
    pub fn parse(text: &str) -> Result<Self, DurationError> {
        let (is_negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            Some(_) | None => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(DurationError::Invalid);
        }
        let mut nanos: u64 = 0;
        while !rest.is_empty() {
            let part;
            (part, rest) = one_part(rest)?;
            nanos =
                nanos.checked_add(part).filter(|n| *n <= 1 << 63).ok_or(DurationError::Invalid)?;
        }
        // One more fits below zero than above.
        match i64::try_from(nanos) {
            Ok(nanos) => Ok(Self(if is_negative { -nanos } else { nanos })),
            Err(_too_large) if is_negative => Ok(Self(i64::MIN)),
            Err(_too_large) => Err(DurationError::Invalid),
        }
    }
}

/// Why a text is no duration, in the words of Go's `time.ParseDuration`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// Not of the form, or out of range.
    #[error("invalid duration")]
    Invalid,
    /// A number without a unit.
    #[error("missing unit in duration")]
    MissingUnit,
    /// A unit that is none of `ns us µs ms s m h`.
    #[error("unknown unit")]
    UnknownUnit,
}

/// The nanoseconds of a number with its unit at the start of `text`, and what follows.
fn one_part(text: &str) -> Result<(u64, &str), DurationError> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(behind) => digits(behind),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return Err(DurationError::Invalid);
    }
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().map_err(|_too_large| DurationError::Invalid)?
    };
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let unit_nanos: u64 = match unit {
        "" => return Err(DurationError::MissingUnit),
        "ns" => 1,
        "us" | "\u{b5}s" | "\u{3bc}s" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return Err(DurationError::UnknownUnit),
    };
    let nanos = whole.checked_mul(unit_nanos).ok_or(DurationError::Invalid)?;
    let nanos = nanos.checked_add(part_of(fraction, unit_nanos)).ok_or(DurationError::Invalid)?;
    if nanos > 1 << 63 { Err(DurationError::Invalid) } else { Ok((nanos, rest)) }
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

/// `0.fraction` of a unit in whole nanoseconds; digits beyond the eighteenth are too small to count.
fn part_of(fraction: &str, unit_nanos: u64) -> u64 {
    let digits = fraction.get(..18).unwrap_or(fraction);
    let Ok(value) = digits.parse::<u128>() else { return 0 };
    let scale = digits.bytes().fold(1u128, |scale, _digit| scale * 10);
    u64::try_from(value * u128::from(unit_nanos) / scale).unwrap_or(0)
}

/// Go's `Duration.String`: `1h2m3.5s`, `1.5s`, `2ms`, `0s`.
impl fmt::Display for GoDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.unsigned_abs();
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match nanos {
            0 => f.write_str("0s"),
            1..1_000 => write!(f, "{nanos}ns"),
            1_000..1_000_000 => write!(f, "{}\u{b5}s", Fraction(nanos, 1_000)),
            1_000_000..1_000_000_000 => write!(f, "{}ms", Fraction(nanos, 1_000_000)),
            _ => {
                const MINUTE: u64 = 60_000_000_000;
                let minutes = nanos / MINUTE;
                match (minutes / 60, minutes % 60) {
                    (0, 0) => {},
                    (0, minutes) => write!(f, "{minutes}m")?,
                    (hours, minutes) => write!(f, "{hours}h{minutes}m")?,
                }
                write!(f, "{}s", Fraction(nanos % MINUTE, 1_000_000_000))
            },
        }
    }
}

/// The first in units of the second, without trailing zeros.
struct Fraction(u64, u64);

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0 / self.1)?;
        match self.0 % self.1 {
            0 => Ok(()),
            part => {
                let width = self.1.ilog10() as usize;
                f.write_str(".")?;
                f.write_str(format!("{part:0width$}").trim_end_matches('0'))
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("", Err(DurationError::Invalid)),
            ("-", Err(DurationError::Invalid)),
            ("abc", Err(DurationError::Invalid)),
            (" 1s", Err(DurationError::Invalid)),
            (".s", Err(DurationError::Invalid)),
            ("1.", Err(DurationError::MissingUnit)),
            ("3", Err(DurationError::MissingUnit)),
            ("00", Err(DurationError::MissingUnit)),
            ("1 s", Err(DurationError::UnknownUnit)),
            ("1S", Err(DurationError::UnknownUnit)),
            ("1sé", Err(DurationError::UnknownUnit)),
            ("9223372036854775808ns", Err(DurationError::Invalid)),
            ("99999999999999999999s", Err(DurationError::Invalid)),
            ("3000000h", Err(DurationError::Invalid)),
            ("0", Ok(0)),
            ("-0", Ok(0)),
            ("+5s", Ok(5_000_000_000)),
            (".5s", Ok(500_000_000)),
            ("1.s", Ok(1_000_000_000)),
            ("1h2m3.5s", Ok(3_723_500_000_000)),
            ("-1.5h", Ok(-5_400_000_000_000)),
            ("100\u{b5}s", Ok(100_000)),
            ("1.0000000000000000000000001ns", Ok(1)),
            ("-9223372036854775808ns", Ok(i64::MIN)),
        ];
        for (text, nanos) in cases {
            assert_eq!(GoDuration::parse(text).map(|d| d.0), nanos, "{text:?}");
        }
    }

    #[test]
    fn durations_print_as_go_prints_them() {
        let cases = [
            ("0", "0s"),
            ("1ns", "1ns"),
            ("1500ns", "1.5\u{b5}s"),
            ("2ms", "2ms"),
            ("1500ms", "1.5s"),
            ("90s", "1m30s"),
            ("2h", "2h0m0s"),
            ("-1h2m3.05s", "-1h2m3.05s"),
        ];
        for (text, printed) in cases {
            assert_eq!(GoDuration::parse(text).unwrap().to_string(), printed);
        }
        assert_eq!(GoDuration(i64::MIN).to_string(), "-2562047h47m16.854775808s");
    }
}
