//! The `Date` field (RFC 9110 §6.6.1), formatted once a second and thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

/// The last second that was asked for, and its text.
#[derive(Debug, Default)]
pub(crate) struct DateClock {
    last: RefCell<(u64, String)>,
}

impl DateClock {
    /// Gives the date of now to `use_it`.
    pub(crate) fn with<T>(&self, use_it: impl FnOnce(&str) -> T) -> T {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let second = since.unwrap_or(Duration::ZERO).as_secs();
        let mut last = self.last.borrow_mut();
        if last.0 != second || last.1.is_empty() {
            *last = (second, format(second));
        }
        use_it(&last.1)
    }
}

/// Seconds since 1970 as an IMF-fixdate.
fn format(second: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, rest) = (second / 86_400, second % 86_400);
    let (year, month, day) = civil(days);
    let weekday = usize::try_from(days % 7).ok().and_then(|at| DAYS.get(at)).unwrap_or(&"Thu");
    let month = MONTHS.get(month - 1).unwrap_or(&"Jan");
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// Days since 1970 as year, month (from 1) and day: counts from 1 March of year 0, so that the leap
/// day is the last of its year.
fn civil(days: u64) -> (u64, usize, u64) {
    let days = days + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, usize::try_from(month).unwrap_or(1), day)
}

#[cfg(test)]
mod tests {
    use super::format;

    #[test]
    fn dates_of_all_kinds_of_years() {
        let cases = [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (1_795_548_901, "Tue, 24 Nov 2026 19:35:01 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ];
        for (second, text) in cases {
            assert_eq!(format(second), text);
        }
    }
}
