//! Times read by Go's layouts.

use jiff::ZonedDateTime as Zoned;
use jiff::tz::{Offset, TimeZone};

use super::date::{DAYS, local};
use super::layout::{Part, next};
use crate::words::MONTHS;

/// Go's `time.ParseInLocation` in the local zone.
pub(super) fn read(layout: &[u8], written: &[u8]) -> Result<Zoned, String> {
    let (whole_layout, whole) = (layout, written);
    let wrong = |part: &[u8], at: &[u8]| {
        let quote = crate::template::go::quote;
        format!(
            "parsing time {} as {}: cannot parse {} as {}",
            quote(whole),
            quote(whole_layout),
            quote(at),
            quote(part)
        )
    };
    let mut found = Found::default();
    let (mut layout, mut rest) = (layout, written);
    loop {
        let (before, part, behind) = next(layout);
        rest = rest.strip_prefix(before).ok_or_else(|| wrong(before, rest))?;
        let Some(part) = part else { break };
        let length = layout.len() - before.len() - behind.len();
        let name = layout.get(before.len()..before.len() + length).unwrap_or_default();
        rest = found.take(part, rest, behind).ok_or_else(|| wrong(name, rest))?;
        layout = behind;
    }
    if !rest.is_empty() {
        let quote = crate::template::go::quote;
        return Err(format!("parsing time {}: extra text: {}", quote(whole), quote(rest)));
    }
    found.time().map_err(|what| {
        format!("parsing time {}: {what}out of range", crate::template::go::quote(whole))
    })
}

/// What was read so far.
#[derive(Debug, Default)]
struct Found {
    year: Option<i16>,
    month: Option<i8>,
    day: Option<i8>,
    hour: i8,
    minute: i8,
    second: i8,
    nanos: i32,
    is_pm: Option<bool>,
    offset: Option<i32>,
}

impl Found {
    /// Reads one part; what follows it.
    fn take<'a>(&mut self, part: Part, text: &'a [u8], behind: &[u8]) -> Option<&'a [u8]> {
        let mut rest = text;
        match part {
            Part::LongMonth | Part::Month => {
                let (at, left) = named(&MONTHS, text, part == Part::LongMonth)?;
                (self.month, rest) = (Some(at), left);
            },
            Part::LongWeekDay | Part::WeekDay => {
                (_, rest) = named(&DAYS, text, part == Part::LongWeekDay)?;
            },
            Part::NumMonth => self.month = Some(number(&mut rest, 1, 2)?),
            Part::ZeroMonth => self.month = Some(number(&mut rest, 2, 2)?),
            Part::Day => self.day = Some(number(&mut rest, 1, 2)?),
            Part::BlankDay => {
                rest = rest.strip_prefix(b" ").unwrap_or(rest);
                self.day = Some(number(&mut rest, 1, 2)?);
            },
            Part::ZeroDay => self.day = Some(number(&mut rest, 2, 2)?),
            Part::Hour | Part::Hour12 => self.hour = number(&mut rest, 1, 2)?,
            Part::ZeroHour12 => self.hour = number(&mut rest, 2, 2)?,
            Part::Minute => self.minute = number(&mut rest, 1, 2)?,
            Part::ZeroMinute => self.minute = number(&mut rest, 2, 2)?,
            Part::Second => self.second = number(&mut rest, 1, 2)?,
            Part::ZeroSecond => {
                self.second = number(&mut rest, 2, 2)?;
                // A fraction may follow though the layout has none.
                if !matches!(
                    next(behind),
                    (b"", Some(Part::Fraction { .. } | Part::ShortFraction { .. }), _)
                ) {
                    self.fraction(&mut rest);
                }
            },
            Part::LongYear => self.year = Some(number(&mut rest, 4, 4)?),
            Part::Year => {
                let year: i16 = number(&mut rest, 2, 2)?;
                self.year = Some(if year >= 69 { 1900 + year } else { 2000 + year });
            },
            Part::Pm | Part::SmallPm => {
                let (word, left) = text.split_at_checked(2)?;
                let is_pm = word.eq_ignore_ascii_case(b"pm");
                if !is_pm && !word.eq_ignore_ascii_case(b"am") {
                    return None;
                }
                (self.is_pm, rest) = (Some(is_pm), left);
            },
            Part::Zone => rest = self.zone(text)?,
            Part::Offset { is_z, has_colon, has_minutes, has_seconds } => {
                if let (true, Some(left)) = (is_z, text.strip_prefix(b"Z")) {
                    self.offset = Some(0);
                    return Some(left);
                }
                rest = self.offset(text, has_colon, has_minutes, has_seconds)?;
            },
            Part::Fraction { .. } | Part::ShortFraction { .. } => self.fraction(&mut rest),
            Part::BlankYearDay | Part::ZeroYearDay => return None,
        }
        Some(rest)
    }

    fn fraction(&mut self, rest: &mut &[u8]) {
        let Some((b'.' | b',', digits)) = rest.split_first() else { return };
        let count = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 {
            return;
        }
        let nanos: String = digits
            .iter()
            .take(count)
            .map(|byte| char::from(*byte))
            .chain(std::iter::repeat('0'))
            .take(9)
            .collect();
        self.nanos = nanos.parse().unwrap_or(0);
        *rest = digits.get(count..).unwrap_or_default();
    }

    /// Letters of a zone: what they mean depends on the place, only UTC is certain.
    fn zone<'a>(&mut self, text: &'a [u8]) -> Option<&'a [u8]> {
        let count = text.iter().take_while(|byte| byte.is_ascii_uppercase()).count();
        let (name, rest) = text.split_at_checked(count)?;
        if count < 3 {
            return None;
        }
        if name == b"UTC" {
            self.offset = Some(0);
        }
        Some(rest)
    }

    fn offset<'a>(
        &mut self,
        text: &'a [u8],
        has_colon: bool,
        has_minutes: bool,
        has_seconds: bool,
    ) -> Option<&'a [u8]> {
        let (sign, mut rest) = text.split_first()?;
        let sign = match sign {
            b'+' => 1,
            b'-' => -1,
            _ => return None,
        };
        let mut seconds = number::<i32>(&mut rest, 2, 2)? * 3600;
        for (is_wanted, unit) in [(has_minutes, 60), (has_seconds, 1)] {
            if is_wanted {
                if has_colon {
                    rest = rest.strip_prefix(b":")?;
                }
                seconds += number::<i32>(&mut rest, 2, 2)? * unit;
            }
        }
        self.offset = Some(sign * seconds);
        Some(rest)
    }

    /// The error is the part that is out of range.
    fn time(self) -> Result<Zoned, &'static str> {
        let hour = match self.is_pm {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            _ => self.hour,
        };
        // Without a year Go means the year 0.
        let (year, month, day) =
            (self.year.unwrap_or(0), self.month.unwrap_or(1), self.day.unwrap_or(1));
        let parts = [
            (self.month.is_none_or(|month| (1..=12).contains(&month)), "month "),
            (hour < 24, "hour "),
            (self.minute < 60, "minute "),
            (self.second < 60, "second "),
        ];
        if let Some((_, what)) = parts.iter().find(|(is_right, _)| !is_right) {
            return Err(what);
        }
        let civil = jiff::civil::DateTime::new(
            year,
            month,
            day,
            hour,
            self.minute,
            self.second,
            self.nanos,
        );
        let zone = match self.offset {
            Some(0) => TimeZone::UTC,
            Some(seconds) => Offset::from_seconds(seconds)
                .map_err(|_too_far| "time zone offset ")?
                .to_time_zone(),
            None => local(),
        };
        let civil = civil.map_err(|_no_such_day| "day ")?;
        civil.to_zoned_datetime(zone).map_err(|_too_far| "")
    }
}

/// A number of so many digits, taken off the front.
fn number<N: std::str::FromStr>(text: &mut &[u8], least: usize, most: usize) -> Option<N> {
    let count = text.iter().take(most).take_while(|byte| byte.is_ascii_digit()).count();
    if count < least {
        return None;
    }
    let (digits, rest) = text.split_at_checked(count)?;
    *text = rest;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// A month or day by name, in full or by its first three letters; counted from 1.
fn named<'a>(names: &[&str], text: &'a [u8], is_long: bool) -> Option<(i8, &'a [u8])> {
    for (at, name) in (1..).zip(names) {
        let name = if is_long { name } else { name.get(..3)? };
        if let Some((begin, rest)) = text.split_at_checked(name.len())
            && begin.eq_ignore_ascii_case(name.as_bytes())
        {
            return Some((at, rest));
        }
    }
    None
}
