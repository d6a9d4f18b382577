//! The `Date` field (RFC 9110 §6.6.1), formatted once a second and thread.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use baton_shared::log::Civil;

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
    const DAY_SECONDS: u64 = 86_400;
    /// The epoch was a Thursday.
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let at = Civil::utc(i64::try_from(second).unwrap_or_default());
    let Civil { year, day, hour, minute, second: seconds, .. } = at;
    let of = |names: &[&'static str], index: usize| names.get(index).copied().unwrap_or_default();
    let weekday = of(&DAYS, usize::try_from(second / DAY_SECONDS % 7).unwrap_or_default());
    let month = of(&MONTHS, usize::try_from(at.month - 1).unwrap_or_default());
    format!("{weekday}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{seconds:02} GMT")
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
