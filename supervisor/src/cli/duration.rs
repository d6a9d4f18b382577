//! Durations on the command line, in Go's notation as everywhere in a configuration: `90s`,
//! `1m30s`, `1.5h`, `250ms`.

use std::time::Duration;

/// The longest that can be asked for: a typing error must not wait for ever.
const DAYS_MAX: u64 = 30;

const UNITS: [(&str, f64); 7] = [
    ("ns", 1e-9),
    ("us", 1e-6),
    ("\u{b5}s", 1e-6),
    ("ms", 1e-3),
    ("s", 1.0),
    ("m", 60.0),
    ("h", 3600.0),
];

pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is not a duration: write 500ms, 30s or 1m30s");
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let (number, after) = split(rest, |c| c.is_ascii_digit() || c == '.').ok_or_else(wrong)?;
        let (unit, after) = split(after, |c| c.is_alphabetic()).ok_or_else(wrong)?;
        let number: f64 = number.parse().map_err(|_no_number| wrong())?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        seconds += number * factor;
        rest = after;
    }
    if text.is_empty() {
        return Err(wrong());
    }
    match Duration::try_from_secs_f64(seconds) {
        Ok(duration) if duration.as_secs() <= DAYS_MAX * 24 * 3600 => Ok(duration),
        _ => Err(format!("`{text}` is too long: at most {DAYS_MAX} days")),
    }
}

/// What of `text` begins with characters that `belong` (at least one), and what follows.
fn split(text: &str, belong: impl Fn(char) -> bool) -> Option<(&str, &str)> {
    let end = text.find(|c| !belong(c)).unwrap_or(text.len());
    if end == 0 { None } else { text.split_at_checked(end) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for wrong in ["", "5", "s", "5x", "-5s", "1.2.3s", "5s5", " 5s", "\u{b5}", "1e9s"] {
            assert!(parse(wrong).unwrap_err().contains("write 500ms"), "{wrong}");
        }
        assert!(parse("721h").unwrap_err().contains("30 days"));
        assert!(parse(&format!("{}h", "9".repeat(400))).is_err());
    }

    #[test]
    fn gos_notation_is_understood() {
        assert_eq!(parse("1m30s"), Ok(Duration::from_secs(90)));
        assert_eq!(parse("0.5h"), Ok(Duration::from_secs(1800)));
        assert_eq!(parse("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(parse("0s"), Ok(Duration::ZERO));
    }
}
