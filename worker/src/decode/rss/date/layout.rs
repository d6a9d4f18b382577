//! Go's `time.Parse`: a layout is the date of one known moment, written as others are to be read.

use baton_shared::words::MONTHS;

use super::piece::{Form, Piece, next};
use super::{Moment, days, days_in};

const WEEK_DAYS: [&str; 7] =
    ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A date and the name of its zone, if it has one.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) moment: Moment,
    zone: &'a [u8],
}

impl Found<'_> {
    /// The offset of a zone that the time zone database knows by this name. Those with summer time
    /// are left out.
    pub(super) fn zone_offset_s(&self) -> Option<i64> {
        match self.zone {
            b"GMT" | b"UTC" | b"UCT" => Some(0),
            b"PRC" | b"ROC" => Some(8 * 3600),
            b"ROK" => Some(9 * 3600),
            b"EST" => Some(-5 * 3600),
            b"MST" => Some(-7 * 3600),
            b"HST" => Some(-10 * 3600),
            _ => None,
        }
    }
}

/// What is known so far.
#[derive(Default)]
struct Parts<'a> {
    year: i64,
    month: Option<i64>,
    day: Option<i64>,
    hour: i64,
    minute: i64,
    second: i64,
    nanos: u32,
    afternoon: Option<bool>,
    offset_s: Option<i64>,
    /// Of `GMT+2`: Go shows the time there, but has read it as UTC.
    shown_offset_s: i64,
    zone: &'a [u8],
}

/// Reads `value` as `layout` says.
pub(super) fn parse<'a>(layout: &str, value: &'a str) -> Option<Found<'a>> {
    let (mut layout, mut value) = (layout.as_bytes(), value.as_bytes());
    let mut parts = Parts::default();
    loop {
        let (literal, piece, rest) = next(layout);
        value = skip(value, literal)?;
        let Some(piece) = piece else { break };
        layout = rest;
        value = parts.read(piece, value, layout)?;
    }
    if value.is_empty() { parts.finish() } else { None }
}

/// Blanks of a layout stand for any number of blanks, also for none at the end.
fn skip<'a>(mut value: &'a [u8], mut literal: &[u8]) -> Option<&'a [u8]> {
    while let [first, rest @ ..] = literal {
        if *first == b' ' {
            if value.first().is_some_and(|byte| *byte != b' ') {
                return None;
            }
            let no_blanks = |text: &[u8]| text.iter().take_while(|byte| **byte == b' ').count();
            literal = literal.get(no_blanks(literal)..)?;
            value = value.get(no_blanks(value)..)?;
            continue;
        }
        value = value.strip_prefix(std::slice::from_ref(first))?;
        literal = rest;
    }
    Some(value)
}

impl<'a> Parts<'a> {
    /// Reads a part; what follows it.
    fn read(&mut self, piece: Piece, value: &'a [u8], layout: &[u8]) -> Option<&'a [u8]> {
        let rest;
        match piece {
            Piece::Year => {
                let digits = value.get(..2).filter(|two| two.iter().all(u8::is_ascii_digit))?;
                let year = number(digits);
                self.year = if year >= 69 { 1900 + year } else { 2000 + year };
                rest = value.get(2..)?;
            },
            Piece::LongYear => {
                let digits = value.get(..4).filter(|four| four.iter().all(u8::is_ascii_digit))?;
                self.year = number(digits);
                rest = value.get(4..)?;
            },
            Piece::Month | Piece::LongMonth => {
                let (index, behind) = lookup(&MONTHS, piece == Piece::LongMonth, value)?;
                (self.month, rest) = (Some(index + 1), behind);
            },
            Piece::WeekDay | Piece::LongWeekDay => {
                (_, rest) = lookup(&WEEK_DAYS, piece == Piece::LongWeekDay, value)?;
            },
            Piece::NumMonth { zero } => {
                let (month, behind) = one_or_two(value, zero)?;
                (1..=12).contains(&month).then_some(())?;
                (self.month, rest) = (Some(month), behind);
            },
            Piece::Day { zero } => {
                let (day, behind) = one_or_two(value, zero)?;
                (self.day, rest) = (Some(day), behind);
            },
            Piece::PaddedDay => {
                let (day, behind) = one_or_two(value.strip_prefix(b" ").unwrap_or(value), false)?;
                (self.day, rest) = (Some(day), behind);
            },
            Piece::Hour => (self.hour, rest) = below(24, one_or_two(value, false)?)?,
            Piece::Hour12 { zero } => (self.hour, rest) = below(13, one_or_two(value, zero)?)?,
            Piece::Minute { zero } => (self.minute, rest) = below(60, one_or_two(value, zero)?)?,
            Piece::Second { zero } => {
                let (second, behind) = below(60, one_or_two(value, zero)?)?;
                (self.second, rest) = (second, self.unasked_fraction(behind, layout));
            },
            Piece::Noon { upper } => {
                let two: [u8; 2] = value.get(..2)?.try_into().ok()?;
                let two = if upper { two } else { two.map(|byte| byte.to_ascii_uppercase()) };
                let is_cased = upper || value.iter().take(2).all(u8::is_ascii_lowercase);
                self.afternoon = match &two {
                    b"PM" if is_cased => Some(true),
                    b"AM" if is_cased => Some(false),
                    _ => return None,
                };
                rest = value.get(2..)?;
            },
            Piece::Offset { zulu: true, .. } if value.first() == Some(&b'Z') => {
                self.offset_s = Some(0);
                rest = value.get(1..)?;
            },
            Piece::Offset { form, .. } => {
                let (offset_s, behind) = offset(value, form)?;
                (self.offset_s, rest) = (Some(offset_s), behind);
            },
            Piece::ZoneName => rest = self.zone(value)?,
            Piece::Fraction { digits } => {
                self.nanos = nanos(value.get(..=digits)?)?;
                rest = value.get(digits + 1..)?;
            },
            Piece::AnyFraction => rest = self.fraction(value),
        }
        Some(rest)
    }

    /// Digits of a second that the layout does not mention are read all the same.
    fn unasked_fraction(&mut self, value: &'a [u8], layout: &[u8]) -> &'a [u8] {
        match next(layout).1 {
            Some(Piece::Fraction { .. } | Piece::AnyFraction) => value,
            _ => self.fraction(value),
        }
    }

    fn fraction(&mut self, value: &'a [u8]) -> &'a [u8] {
        let [b'.' | b',', digits @ ..] = value else { return value };
        let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let Some((fraction, rest)) = value.split_at_checked(length + 1).filter(|_| length > 0)
        else {
            return value;
        };
        self.nanos = nanos(fraction).unwrap_or(0);
        rest
    }

    fn zone(&mut self, value: &'a [u8]) -> Option<&'a [u8]> {
        if let Some(rest) = value.strip_prefix(b"UTC") {
            self.offset_s = Some(0);
            return Some(rest);
        }
        let length = zone_length(value)?;
        let (zone, rest) = value.split_at_checked(length)?;
        self.zone = zone;
        if let Some(hours @ [sign, digits @ ..]) = zone.strip_prefix(b"GMT")
            && !hours.is_empty()
        {
            let hours = number(digits);
            self.shown_offset_s = 3600 * if *sign == b'-' { -hours } else { hours };
        }
        Some(rest)
    }

    fn finish(self) -> Option<Found<'a>> {
        let hour = match self.afternoon {
            Some(true) if self.hour < 12 => self.hour + 12,
            Some(false) if self.hour == 12 => 0,
            Some(_) | None => self.hour,
        };
        let (month, day) = (self.month.unwrap_or(1), self.day.unwrap_or(1));
        if !(1..=days_in(self.year, month)).contains(&day) {
            return None;
        }
        let second_of_day = hour * 3600 + self.minute * 60 + self.second;
        let moment = Moment {
            days: days(self.year, month, day),
            second_of_day,
            nanos: self.nanos,
            offset_s: self.offset_s.unwrap_or(0),
        };
        let moment = moment.shown_at(self.shown_offset_s);
        Some(Found { moment, zone: self.zone })
    }
}

/// How much of the text is the name of a zone, as far as Go can tell.
fn zone_length(value: &[u8]) -> Option<usize> {
    if value.len() < 3 {
        return None;
    }
    match value {
        [b'C' | b'M', b'h' | b'e', b'S', b'T', ..] => return Some(4),
        [b'G', b'M', b'T', rest @ ..] => return Some(3 + signed_length(rest)),
        [b'+' | b'-', ..] => return Some(signed_length(value)).filter(|length| *length > 0),
        _ => {},
    }
    let upper = value.iter().take(6).take_while(|byte| byte.is_ascii_uppercase()).count();
    match (upper, value) {
        (5, [_, _, _, _, b'T', ..]) => Some(5),
        (4, [_, _, _, b'T', ..] | [b'W', b'I', b'T', b'A', ..]) => Some(4),
        (3, _) => Some(3),
        _ => None,
    }
}

/// The length of `+3` or `-11`; none beyond 23.
fn signed_length(value: &[u8]) -> usize {
    let [b'+' | b'-', digits @ ..] = value else { return 0 };
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let hours = number(digits.get(..length).unwrap_or_default());
    if length == 0 || hours > 23 { 0 } else { length + 1 }
}

fn offset(value: &[u8], form: Form) -> Option<(i64, &[u8])> {
    let is_colon = matches!(form, Form::ColonMinutes | Form::ColonSeconds);
    let (sign, mut rest) = value.split_first()?;
    let pairs = match form {
        Form::Hours => 1,
        Form::Minutes | Form::ColonMinutes => 2,
        Form::Seconds | Form::ColonSeconds => 3,
    };
    let mut seconds = 0;
    for (index, (unit, most)) in [(3600, 24), (60, 60), (1, 60)].into_iter().take(pairs).enumerate()
    {
        if index > 0 && is_colon {
            rest = rest.strip_prefix(b":")?;
        }
        let (number, behind) = one_or_two(rest, true)?;
        if number > most {
            return None;
        }
        seconds += number * unit;
        rest = behind;
    }
    match sign {
        b'+' => Some((seconds, rest)),
        b'-' => Some((-seconds, rest)),
        _ => None,
    }
}

fn lookup<'a>(names: &[&str], long: bool, value: &'a [u8]) -> Option<(i64, &'a [u8])> {
    (0..).zip(names).find_map(|(index, name)| {
        let name = if long { name.as_bytes() } else { name.as_bytes().get(..3)? };
        let (found, rest) = value.split_at_checked(name.len())?;
        found.eq_ignore_ascii_case(name).then_some((index, rest))
    })
}

/// A number of two digits, or of one where that is allowed.
fn one_or_two(value: &[u8], two: bool) -> Option<(i64, &[u8])> {
    let length = value.iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
    let (digits, rest) = value.split_at_checked(length)?;
    (length == 2 || (length == 1 && !two)).then(|| (number(digits), rest))
}

fn below(bound: i64, (number, rest): (i64, &[u8])) -> Option<(i64, &[u8])> {
    (number < bound).then_some((number, rest))
}

fn number(digits: &[u8]) -> i64 {
    let digit = |number: i64, digit: &u8| {
        number.saturating_mul(10).saturating_add(i64::from(digit.saturating_sub(b'0')))
    };
    digits.iter().fold(0, digit)
}

/// `.5`: nine digits count.
fn nanos(fraction: &[u8]) -> Option<u32> {
    let [b'.' | b',', digits @ ..] = fraction else { return None };
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let nine =
        digits.iter().map(|digit| u32::from(digit - b'0')).chain(std::iter::repeat(0)).take(9);
    Some(nine.fold(0, |number, digit| number * 10 + digit))
}
