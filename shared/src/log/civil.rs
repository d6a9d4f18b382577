//! Wall-clock time as people read it, in the machine's time zone (`TZ`, else `/etc/localtime`; the
//! zone is read once, as Go does).

use std::fmt;
use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A date and a time of day. `Display` gives `2026/01/02 15:04:05`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Civil {
    /// For example 2026.
    pub year: i16,
    /// 1 to 12.
    pub month: i8,
    /// 1 to 31.
    pub day: i8,
    /// 0 to 23.
    pub hour: i8,
    /// 0 to 59.
    pub minute: i8,
    /// 0 to 59.
    pub second: i8,
}

impl Civil {
    /// Local time `unix_s` seconds after 1970 UTC. Outside of years −9999 to 9999: the epoch.
    #[must_use]
    pub fn local(unix_s: i64) -> Self {
        Self::new(unix_s, zone())
    }

    /// The same in UTC.
    #[must_use]
    pub fn utc(unix_s: i64) -> Self {
        Self::new(unix_s, &TimeZone::UTC)
    }

    fn new(unix_s: i64, zone: &TimeZone) -> Self {
        let moment = Timestamp::from_second(unix_s).unwrap_or(Timestamp::UNIX_EPOCH);
        let at = zone.to_datetime(moment);
        Self {
            year: at.year(),
            month: at.month(),
            day: at.day(),
            hour: at.hour(),
            minute: at.minute(),
            second: at.second(),
        }
    }

    /// The form of KrakenD's access log: `2026/01/02 - 15:04:05`.
    #[must_use]
    pub fn access_log(self) -> String {
        let Self { year, month, day, hour, minute, second } = self;
        format!("{year:04}/{month:02}/{day:02} - {hour:02}:{minute:02}:{second:02}")
    }
}

impl fmt::Display for Civil {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second } = self;
        write!(f, "{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// `2026-01-02T15:04:05.123Z` (RFC 3339).
pub(super) fn rfc3339(at: SystemTime) -> String {
    let since = since_epoch(at);
    let Civil { year, month, day, hour, minute, second } = Civil::utc(unix_s(since));
    let ms = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{ms:03}Z")
}

/// `2026-01-02T15:04:05.1+02:00`: local time as Go's `2006-01-02T15:04:05.999Z07:00` has it.
#[must_use]
pub fn rfc3339_local(at: SystemTime) -> String {
    rfc3339_in(zone(), since_epoch(at))
}

fn rfc3339_in(zone: &TimeZone, since: Duration) -> String {
    let moment = Timestamp::from_second(unix_s(since)).unwrap_or(Timestamp::UNIX_EPOCH);
    let at = zone.to_datetime(moment);
    let mut text = at.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let ms = since.subsec_millis();
    if ms > 0 {
        text.push_str(format!(".{ms:03}").trim_end_matches('0'));
    }
    let minutes = zone.to_offset(moment).seconds() / 60;
    if minutes == 0 {
        return text + "Z";
    }
    let (sign, minutes) = if minutes < 0 { ('-', -minutes) } else { ('+', minutes) };
    format!("{text}{sign}{:02}:{:02}", minutes / 60, minutes % 60)
}

pub(super) fn local(at: SystemTime) -> Civil {
    Civil::local(unix_s(since_epoch(at)))
}

fn since_epoch(at: SystemTime) -> Duration {
    // A clock before 1970 is a clock that was never set: show the epoch.
    at.duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn unix_s(since: Duration) -> i64 {
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

fn zone() -> &'static TimeZone {
    static ZONE: OnceLock<TimeZone> = OnceLock::new();
    ZONE.get_or_init(TimeZone::system)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_out_of_range_are_the_epoch_and_never_panic() {
        assert_eq!(Civil::utc(i64::MAX), Civil::utc(0));
        assert_eq!(Civil::utc(i64::MIN), Civil::utc(0));
        assert_eq!(Civil::utc(0).to_string(), "1970/01/01 00:00:00");
    }

    #[test]
    fn a_leap_day_reads_as_such() {
        assert_eq!(Civil::utc(1_709_210_096).to_string(), "2024/02/29 12:34:56");
        assert_eq!(Civil::utc(1_709_210_096).access_log(), "2024/02/29 - 12:34:56");
    }

    #[test]
    fn a_zone_shifts_the_time_with_its_daylight_saving() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        assert_eq!(Civil::new(1_767_362_645, &zone).to_string(), "2026/01/02 15:04:05");
        assert_eq!(Civil::new(1_783_000_000, &zone).to_string(), "2026/07/02 15:46:40");
    }

    #[test]
    fn local_time_tells_its_offset_and_no_needless_digits() {
        let zone = TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap();
        let at = |ms: u64| Duration::from_millis(1_783_000_000_000 + ms);
        assert_eq!(rfc3339_in(&zone, at(100)), "2026-07-02T15:46:40.1+02:00");
        assert_eq!(rfc3339_in(&TimeZone::UTC, at(0)), "2026-07-02T13:46:40Z");
        let west = TimeZone::posix("<-0330>3:30").unwrap();
        assert_eq!(rfc3339_in(&west, at(120)), "2026-07-02T10:16:40.12-03:30");
    }

    #[test]
    fn milliseconds_stand_in_the_json_form() {
        let at = UNIX_EPOCH + Duration::from_millis(1_709_210_096_007);
        assert_eq!(rfc3339(at), "2024-02-29T12:34:56.007Z");
    }
}
