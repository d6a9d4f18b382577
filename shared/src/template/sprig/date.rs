//! Times: formatted and read by Go's layouts, moved, compared.

use std::fmt::Write as _;
use std::rc::Rc;

use jiff::tz::TimeZone;
use jiff::{Timestamp, ZonedDateTime as Zoned};

use super::date_read::read;
use super::layout::{Part, next};
use super::{Outcome, any, functions, letters, lossy, text};
use crate::config::duration::GoDuration;
use crate::template::function::{Context, Function, Type};
use crate::template::numbers;
use crate::template::value::Value;
use crate::words::MONTHS;

pub(super) const FUNCTIONS: &[Function] = {
    use Type::{Any, Text, Time};
    functions! {
        "ago" [Any] None => |_, args| Ok(Value::text(ago(any(args, 0))));
        "date" [Text, Any] None => |_, args| Ok(in_zone(text(args, 0), any(args, 1), "Local"));
        "dateInZone" [Text, Any, Text] None => date_in_zone;
        "dateModify" [Text, Time] None => |_, args| moved(args).or_else(|_wrong| Ok(any(args, 1).clone()));
        "date_in_zone" [Text, Any, Text] None => date_in_zone;
        "date_modify" [Text, Time] None => |_, args| moved(args).or_else(|_wrong| Ok(any(args, 1).clone()));
        "duration" [Any] None => |_, args| Ok(Value::text(seconds(any(args, 0))));
        "durationRound" [Any] None => |_, args| Ok(Value::text(rounded(any(args, 0))));
        "htmlDate" [Any] None => |_, args| Ok(in_zone(b"2006-01-02", any(args, 0), "Local"));
        "htmlDateInZone" [Any, Text] None => |_, args| {
            Ok(in_zone(b"2006-01-02", any(args, 0), &letters(args, 1)))
        };
        "mustDateModify" [Text, Time] None => |_, args| moved(args);
        "mustToDate" [Text, Text] None => |_, args| read(text(args, 0), text(args, 1)).map(value);
        "must_date_modify" [Text, Time] None => |_, args| moved(args);
        "now" [] None => |_, _| Ok(value(now()));
        "toDate" [Text, Text] None => |_, args| {
            Ok(value(read(text(args, 0), text(args, 1)).unwrap_or_else(|_wrong| zero())))
        };
        "unixEpoch" [Time] None => |_, args| match any(args, 0) {
            Value::Time(time) => Ok(Value::text(time.timestamp().as_second().to_string())),
            _ => Ok(Value::Nil),
        };
    }
};

fn value(time: Zoned) -> Value {
    Value::Time(Rc::new(time))
}

pub(super) fn local() -> TimeZone {
    match std::env::var("TZ") {
        Ok(name) if name.is_empty() => TimeZone::UTC,
        Ok(name) => TimeZone::get(name.trim_start_matches(':')).unwrap_or(TimeZone::UTC),
        Err(_unset) => TimeZone::try_system().unwrap_or(TimeZone::UTC),
    }
}

fn zone(name: &str) -> TimeZone {
    match name {
        "" | "UTC" => TimeZone::UTC,
        "Local" => local(),
        name => TimeZone::get(name).unwrap_or(TimeZone::UTC),
    }
}

fn now() -> Zoned {
    Timestamp::now().to_zoned_datetime(local())
}

/// Go's zero time: the first of January of the year 1.
fn zero() -> Zoned {
    let first = Timestamp::from_second(-62_135_596_800).unwrap_or(Timestamp::UNIX_EPOCH);
    first.to_zoned_datetime(TimeZone::UTC)
}

/// A time, or seconds since 1970; anything else is now.
fn time_of(of: &Value) -> Zoned {
    match of {
        Value::Time(time) => time.as_ref().clone(),
        Value::Int(seconds, kind) if kind.is_signed() => Timestamp::from_second(*seconds)
            .map_or_else(|_| now(), |time| time.to_zoned_datetime(local())),
        _ => now(),
    }
}

fn in_zone(layout: &[u8], of: &Value, zone_name: &str) -> Value {
    let time = time_of(of).with_time_zone(zone(zone_name));
    Value::text(format(&time, layout))
}

fn date_in_zone(_: &mut Context<'_>, args: &[Value]) -> Outcome {
    Ok(in_zone(text(args, 0), any(args, 1), &letters(args, 2)))
}

fn moved(args: &[Value]) -> Outcome {
    let written = lossy(text(args, 0));
    let by = GoDuration::parse(&written).map_err(|error| {
        format!("time: {error} {}", crate::template::go::quote(written.as_bytes()))
    })?;
    let Value::Time(time) = any(args, 1) else { return Ok(Value::Nil) };
    let moved = time.timestamp().checked_add(jiff::SignedDuration::from_nanos(by.0));
    let moved = moved.map_err(|error| error.to_string())?;
    Ok(value(moved.to_zoned_datetime(time.time_zone().clone())))
}

fn since(time: &Zoned) -> i64 {
    let nanos = Timestamp::now().as_nanosecond() - time.timestamp().as_nanosecond();
    i64::try_from(nanos).unwrap_or(if nanos < 0 { i64::MIN } else { i64::MAX })
}

fn ago(of: &Value) -> String {
    const SECOND: i64 = 1_000_000_000;
    let nanos = since(&time_of(of));
    let half = if nanos < 0 { -SECOND / 2 } else { SECOND / 2 };
    GoDuration(nanos.saturating_add(half) / SECOND * SECOND).to_string()
}

/// Only an int64 or a text counts; others are no seconds at all.
fn seconds(of: &Value) -> String {
    let seconds = match of {
        Value::Int(seconds, crate::template::value::IntType::Int64) => *seconds,
        Value::Text(text) => numbers::parse_int_or_nearest(&lossy(text), 10),
        _ => 0,
    };
    GoDuration(seconds.wrapping_mul(1_000_000_000)).to_string()
}

fn rounded(of: &Value) -> String {
    let nanos = match of {
        Value::Text(text) => GoDuration::parse(&lossy(text)).map_or(0, |duration| duration.0),
        Value::Int(nanos, crate::template::value::IntType::Int64) => *nanos,
        Value::Time(time) => since(time),
        _ => 0,
    };
    const SECOND: u64 = 1_000_000_000;
    const HOUR: u64 = 3_600 * SECOND;
    const UNITS: [(u64, &str); 6] = [
        (HOUR * 24 * 365, "y"),
        (HOUR * 24 * 30, "mo"),
        (HOUR * 24, "d"),
        (HOUR, "h"),
        (60 * SECOND, "m"),
        (SECOND, "s"),
    ];
    let size = nanos.unsigned_abs();
    let unit = UNITS.iter().find(|(unit, _)| size > *unit);
    unit.map_or_else(|| "0s".to_owned(), |(unit, name)| format!("{}{name}", size / unit))
}

pub(super) const DAYS: [&str; 7] =
    ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];

/// Go's `time.Time.String`.
pub(in crate::template) fn long(time: &Zoned) -> String {
    lossy(&format(time, b"2006-01-02 15:04:05.999999999 -0700 MST"))
}

pub(super) fn rfc3339(time: &Zoned) -> String {
    lossy(&format(time, b"2006-01-02T15:04:05.999999999Z07:00"))
}

/// Go's `time.Time.Format`.
pub(in crate::template) fn format(time: &Zoned, layout: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = layout;
    while !rest.is_empty() {
        let (before, part, behind) = next(rest);
        out.extend_from_slice(before);
        if let Some(part) = part {
            out.extend_from_slice(shown(time, part).as_bytes());
        }
        rest = behind;
    }
    out
}

fn shown(time: &Zoned, part: Part) -> String {
    let name = |names: &[&str], number: i8| {
        let at = usize::try_from(number - 1).unwrap_or(0);
        names.get(at).copied().unwrap_or_default().to_owned()
    };
    let hour12 = match time.hour() % 12 {
        0 => 12,
        hour => hour,
    };
    match part {
        Part::LongMonth => name(&MONTHS, time.month()),
        Part::Month => name(&MONTHS, time.month()).chars().take(3).collect(),
        Part::NumMonth => time.month().to_string(),
        Part::ZeroMonth => format!("{:02}", time.month()),
        Part::LongWeekDay => name(&DAYS, time.weekday().to_monday_one_offset()),
        Part::WeekDay => {
            name(&DAYS, time.weekday().to_monday_one_offset()).chars().take(3).collect()
        },
        Part::Day => time.day().to_string(),
        Part::BlankDay => format!("{:2}", time.day()),
        Part::ZeroDay => format!("{:02}", time.day()),
        Part::BlankYearDay => format!("{:3}", time.day_of_year()),
        Part::ZeroYearDay => format!("{:03}", time.day_of_year()),
        Part::Hour => format!("{:02}", time.hour()),
        Part::Hour12 => hour12.to_string(),
        Part::ZeroHour12 => format!("{hour12:02}"),
        Part::Minute => time.minute().to_string(),
        Part::ZeroMinute => format!("{:02}", time.minute()),
        Part::Second => time.second().to_string(),
        Part::ZeroSecond => format!("{:02}", time.second()),
        Part::LongYear => format!("{:04}", time.year()),
        Part::Year => format!("{:02}", time.year().rem_euclid(100)),
        Part::Pm => if time.hour() >= 12 { "PM" } else { "AM" }.to_owned(),
        Part::SmallPm => if time.hour() >= 12 { "pm" } else { "am" }.to_owned(),
        Part::Zone => zone_name(time),
        Part::Offset { is_z, has_colon, has_minutes, has_seconds } => {
            let seconds = time.offset().seconds();
            if is_z && seconds == 0 {
                return "Z".to_owned();
            }
            offset_text(seconds, has_colon, has_minutes, has_seconds)
        },
        Part::Fraction { separator, digits } => {
            let nanos = format!("{:09}", time.subsec_nanosecond());
            let fraction: String =
                nanos.chars().chain(std::iter::repeat('0')).take(digits).collect();
            format!("{}{fraction}", char::from(separator))
        },
        Part::ShortFraction { separator, digits } => {
            let nanos = format!("{:09}", time.subsec_nanosecond());
            let fraction: String = nanos.chars().take(digits).collect();
            match fraction.trim_end_matches('0') {
                "" => String::new(),
                digits => format!("{}{digits}", char::from(separator)),
            }
        },
    }
}

fn offset_text(seconds: i32, has_colon: bool, has_minutes: bool, has_seconds: bool) -> String {
    let sign = if seconds < 0 { '-' } else { '+' };
    let size = seconds.unsigned_abs();
    let between = if has_colon { ":" } else { "" };
    let mut text = format!("{sign}{:02}", size / 3600);
    let numbers = [(has_minutes, size / 60 % 60), (has_seconds, size % 60)];
    for (_, number) in numbers.iter().filter(|(is_wanted, _)| *is_wanted) {
        let _infallible = write!(text, "{between}{number:02}");
    }
    text
}

/// `UTC`, `CET`; where a zone has no letters, its offset.
fn zone_name(time: &Zoned) -> String {
    if *time.time_zone() == TimeZone::UTC {
        return "UTC".to_owned();
    }
    let name = time.strftime("%Z").to_string();
    if name.starts_with(['+', '-']) || name.is_empty() {
        return offset_text(
            time.offset().seconds(),
            false,
            time.offset().seconds() % 3600 != 0,
            false,
        );
    }
    name
}
