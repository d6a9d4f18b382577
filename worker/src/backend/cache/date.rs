//! A field's date, as Go reads it (`time.RFC1123`): `Mon, 02 Jan 2006 15:04:05 GMT`.
//!
//! KrakenD: the name of the weekday must be one and need not fit; a zone is `GMT` with or without hours, or three
//! to five capitals that count as `GMT`; other forms of HTTP dates (RFC 850, asctime) are none.

use super::control::Unix;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// The moment that `text` names.
pub(super) fn parse(text: &[u8]) -> Option<Unix> {
    let text = std::str::from_utf8(text).ok()?;
    let (weekday, rest) = text.split_once(", ")?;
    named(&DAYS, weekday)?;
    let mut parts = rest.splitn(5, ' ');
    let day = digits(parts.next()?, 2..=2)?;
    let month = named(&MONTHS, parts.next()?)? + 1;
    let year = digits(parts.next()?, 4..=4)?;
    let time = time_of_day(parts.next()?)?;
    let offset = zone(parts.next()?)?;
    if day == 0 || day > days_in(year, month) {
        return None;
    }
    let seconds = days_before(year, month, day) * 86_400 - offset;
    Some(Unix(i128::from(seconds) * 1_000_000_000 + time))
}

fn named(names: &[&str], name: &str) -> Option<i64> {
    let place = names.iter().position(|one| one.eq_ignore_ascii_case(name))?;
    i64::try_from(place).ok()
}

fn digits(text: &str, length: std::ops::RangeInclusive<usize>) -> Option<i64> {
    let is_number = length.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

/// Nanoseconds since midnight; a fraction of the second may stand behind it.
fn time_of_day(text: &str) -> Option<i128> {
    let mut parts = text.splitn(3, ':');
    let hour = digits(parts.next()?, 1..=2).filter(|hour| *hour < 24)?;
    let minute = digits(parts.next()?, 2..=2).filter(|minute| *minute < 60)?;
    let second = parts.next()?;
    let (second, fraction) = second.split_once(['.', ',']).unwrap_or((second, "0"));
    let second = digits(second, 2..=2).filter(|second| *second < 60)?;
    let fraction = format!("{:0<9}", digits(fraction, 1..=9).map(|_| fraction)?);
    let nanos: i128 = fraction.parse().ok()?;
    Some(i128::from(hour * 3600 + minute * 60 + second) * 1_000_000_000 + nanos)
}

/// Seconds east of Greenwich.
fn zone(text: &str) -> Option<i64> {
    if let Some(hours) = text.strip_prefix("GMT").filter(|hours| !hours.is_empty()) {
        let hours: i64 = hours.strip_prefix('+').unwrap_or(hours).parse().ok()?;
        return (-23..=23).contains(&hours).then_some(hours * 3600);
    }
    let is_name = (3..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
    is_name.then_some(0)
}

const fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to a date, in the calendar of today.
fn days_before(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let years = before * 365 + before / 4 - before / 100 + before / 400;
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    /// From the year 1 to 1970.
    const EPOCH_DAYS: i64 = 719_162;
    years + months + day - 1 - EPOCH_DAYS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, seconds: Option<i128>) {
        let expected = seconds.map(|seconds| Unix(seconds * 1_000_000_000));
        assert_eq!(parse(text.as_bytes()), expected, "{text}");
    }

    #[test]
    fn dates_as_backends_write_them() {
        check("Thu, 01 Jan 1970 00:00:00 GMT", Some(0));
        check("Tue, 29 Feb 2000 00:00:00 GMT", Some(951_782_400));
        check("Tue, 24 Nov 2026 19:35:01 GMT", Some(1_795_548_901));
        check("Mon, 01 Mar 2100 00:00:00 UTC", Some(4_107_542_400));
        check("Wed, 31 Dec 1969 23:59:59 GMT", Some(-1));
        check("mon, 01 jan 1970 0:00:00 EST", Some(0));
        check("Thu, 01 Jan 1970 02:00:00 GMT+2", Some(0));
        assert_eq!(parse(b"Thu, 01 Jan 1970 00:00:00.5 GMT"), Some(Unix(500_000_000)));
    }

    #[test]
    fn other_texts_are_no_dates() {
        for text in [
            "",
            "0",
            "Thursday, 01-Jan-70 00:00:00 GMT",
            "Thu Jan  1 00:00:00 1970",
            "Thu, 1 Jan 1970 00:00:00 GMT",
            "Thu, 30 Feb 2000 00:00:00 GMT",
            "Thu, 00 Jan 1970 00:00:00 GMT",
            "Thu, 01 Jan 1970 24:00:00 GMT",
            "Thu, 01 Jan 1970 00:00:60 GMT",
            "Thu, 01 Jan 1970 00:00:00",
            "Thu, 01 Jan 1970 00:00:00 +0000",
            "Thu, 01 Jan 1970 00:00:00 GMT+99",
            "Thu, 01 Jan 1970 00:00:00 GMT ",
            "Xyz, 01 Jan 1970 00:00:00 GMT",
        ] {
            check(text, None);
        }
    }
}
