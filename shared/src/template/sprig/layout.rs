//! Go's layouts of times: `2006-01-02T15:04:05Z07:00` cut into its parts.

/// A part of a layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// `January`
    LongMonth,
    /// `Jan`
    Month,
    /// `1`
    NumMonth,
    /// `01`
    ZeroMonth,
    /// `Monday`
    LongWeekDay,
    /// `Mon`
    WeekDay,
    /// `2`
    Day,
    /// `_2`
    BlankDay,
    /// `02`
    ZeroDay,
    /// `__2`
    BlankYearDay,
    /// `002`
    ZeroYearDay,
    /// `15`
    Hour,
    /// `3`
    Hour12,
    /// `03`
    ZeroHour12,
    /// `4`
    Minute,
    /// `04`
    ZeroMinute,
    /// `5`
    Second,
    /// `05`
    ZeroSecond,
    /// `2006`
    LongYear,
    /// `06`
    Year,
    /// `PM`
    Pm,
    /// `pm`
    SmallPm,
    /// `MST`
    Zone,
    /// `Z07:00`, `-0700` and their kin.
    Offset { is_z: bool, has_colon: bool, has_minutes: bool, has_seconds: bool },
    /// `.000`: so many digits, always.
    Fraction { separator: u8, digits: usize },
    /// `.999`: at most so many digits, without trailing zeros.
    ShortFraction { separator: u8, digits: usize },
}

#[expect(clippy::fn_params_excessive_bools, reason = "what a spelling of an offset shows")]
const fn offset(is_z: bool, has_colon: bool, has_minutes: bool, has_seconds: bool) -> Part {
    Part::Offset { is_z, has_colon, has_minutes, has_seconds }
}

/// Longer ones first, where one begins like another.
const PARTS: [(&str, Part); 35] = [
    ("January", Part::LongMonth),
    ("Jan", Part::Month),
    ("Monday", Part::LongWeekDay),
    ("Mon", Part::WeekDay),
    ("MST", Part::Zone),
    ("01", Part::ZeroMonth),
    ("002", Part::ZeroYearDay),
    ("02", Part::ZeroDay),
    ("03", Part::ZeroHour12),
    ("04", Part::ZeroMinute),
    ("05", Part::ZeroSecond),
    ("06", Part::Year),
    ("15", Part::Hour),
    ("1", Part::NumMonth),
    ("2006", Part::LongYear),
    ("2", Part::Day),
    ("_2006", Part::LongYear),
    ("__2", Part::BlankYearDay),
    ("_2", Part::BlankDay),
    ("3", Part::Hour12),
    ("4", Part::Minute),
    ("5", Part::Second),
    ("PM", Part::Pm),
    ("pm", Part::SmallPm),
    ("-070000", offset(false, false, true, true)),
    ("-07:00:00", offset(false, true, true, true)),
    ("-0700", offset(false, false, true, false)),
    ("-07:00", offset(false, true, true, false)),
    ("-07", offset(false, false, false, false)),
    ("Z070000", offset(true, false, true, true)),
    ("Z07:00:00", offset(true, true, true, true)),
    ("Z0700", offset(true, false, true, false)),
    ("Z07:00", offset(true, true, true, false)),
    ("Z07", offset(true, false, false, false)),
    ("\u{0}", Part::Zone),
];

/// The text before the first part of `layout`, the part, and what follows.
pub(super) fn next(layout: &[u8]) -> (&[u8], Option<Part>, &[u8]) {
    for at in 0..layout.len() {
        let (before, rest) = layout.split_at(at);
        if let Some((part, length)) = begin(rest) {
            // `_2006` is a blank... and a year.
            let skipped = usize::from(rest.starts_with(b"_2006"));
            let before = layout.get(..at + skipped).unwrap_or(before);
            return (before, Some(part), rest.get(length..).unwrap_or_default());
        }
    }
    (layout, None, &[])
}

/// The part with which `text` begins, and its length.
fn begin(text: &[u8]) -> Option<(Part, usize)> {
    if let Some(found) = fraction(text) {
        return Some(found);
    }
    let (name, part) = PARTS.iter().find(|(name, _)| text.starts_with(name.as_bytes()))?;
    // `Jane` is no month.
    if *part == Part::Month && text.get(3).is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    if *part == Part::WeekDay && text.get(3).is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    Some((*part, name.len()))
}

/// `.000`, `,999` and the like, unless more digits follow.
fn fraction(text: &[u8]) -> Option<(Part, usize)> {
    let (separator, rest) = text.split_first()?;
    let digit = rest.first().filter(|digit| matches!(digit, b'0' | b'9'))?;
    if !matches!(separator, b'.' | b',') {
        return None;
    }
    let digits = rest.iter().take_while(|byte| *byte == digit).count();
    if rest.get(digits).is_some_and(u8::is_ascii_digit) {
        return None;
    }
    let separator = *separator;
    let part = if *digit == b'0' {
        Part::Fraction { separator, digits }
    } else {
        Part::ShortFraction { separator, digits }
    };
    Some((part, digits + 1))
}
