//! Dates of feeds, in whatever form their writers found.
//!
//! `gofeed` tries a list of Go's layouts one after the other; the first that fits counts, also where
//! a later one would have been meant.

mod layout;
mod list;
mod piece;

use std::fmt;

use layout::parse;

/// A point in time and the offset in which it was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    /// Local, since year 0.
    days: i64,
    second_of_day: i64,
    nanos: u32,
    offset_s: i64,
}

const DAY_S: i64 = 24 * 60 * 60;

impl Moment {
    /// The same point in UTC.
    pub(super) const fn utc(self) -> Self {
        let offset_s = self.offset_s;
        Self { offset_s: 0, ..self }.moved(-offset_s)
    }

    /// The same point, which is in UTC, as told elsewhere.
    const fn shown_at(self, offset_s: i64) -> Self {
        if offset_s == 0 { self } else { Self { offset_s, ..self }.moved(offset_s) }
    }

    const fn moved(self, seconds: i64) -> Self {
        let seconds = self.days * DAY_S + self.second_of_day + seconds;
        Self { days: seconds.div_euclid(DAY_S), second_of_day: seconds.rem_euclid(DAY_S), ..self }
    }
}

/// Reads a date; `None` if it has none of the known forms.
pub(super) fn date(text: &str) -> Option<Moment> {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return None;
    }
    let plain = list::LAYOUTS.iter().find_map(|layout| parse(layout, trimmed));
    let named = || {
        let (layout, found) =
            list::WITH_ZONE.iter().find_map(|layout| Some((layout, parse(layout, trimmed)?)))?;
        // A zone that the database knows is looked up, and the text is read once more as it was.
        match found.zone_offset_s() {
            Some(offset_s) if trimmed.len() == text.len() => {
                Some(Moment { offset_s, ..found.moment })
            },
            Some(_) => None,
            None => Some(layout).map(|_| found.moment),
        }
    };
    plain.map(|found| found.moment).or_else(named)
}

/// RFC 3339, with as many digits of a second as needed.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.days);
        let second = self.second_of_day;
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")?;
        if self.nanos > 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        if self.offset_s == 0 {
            return f.write_str("Z");
        }
        let sign = if self.offset_s < 0 { '-' } else { '+' };
        let minutes = self.offset_s.abs() / 60;
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

/// Days since the first of March of year 0, in a calendar without end.
const fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year
}

const fn civil(days: i64) -> (i64, i64, i64) {
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year_of_era + era * 400 + if month <= 2 { 1 } else { 0 }, month, day)
}

const fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}
