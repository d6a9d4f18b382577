//! What a layout consists of: pieces that stand for parts of the date, and what stands between them.

/// A piece of a layout that stands for a part of the date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    LongMonth,
    Month,
    NumMonth { zero: bool },
    LongWeekDay,
    WeekDay,
    Day { zero: bool },
    PaddedDay,
    Hour,
    Hour12 { zero: bool },
    Minute { zero: bool },
    Second { zero: bool },
    LongYear,
    Year,
    Noon { upper: bool },
    ZoneName,
    Offset { zulu: bool, form: Form },
    Fraction { digits: usize },
    AnyFraction,
}

/// How an offset is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `-07`
    Hours,
    /// `-0700`
    Minutes,
    /// `-07:00`
    ColonMinutes,
    /// `-070000`
    Seconds,
    /// `-07:00:00`
    ColonSeconds,
}

/// The next piece of a layout, what stands before it and what follows.
pub(super) fn next(layout: &[u8]) -> (&[u8], Option<Piece>, &[u8]) {
    for index in 0..layout.len() {
        let rest = layout.get(index..).unwrap_or_default();
        if let Some((piece, skipped, length)) = piece(rest) {
            let literal = layout.get(..index + skipped).unwrap_or_default();
            return (literal, Some(piece), rest.get(length..).unwrap_or_default());
        }
    }
    (layout, None, b"")
}

/// The piece that begins here, how much of a literal is before it, and where it ends.
fn piece(rest: &[u8]) -> Option<(Piece, usize, usize)> {
    let is_lower = |at: usize| rest.get(at).is_some_and(u8::is_ascii_lowercase);
    let (piece, length) = match rest {
        [b'J', b'a', b'n', b'u', b'a', b'r', b'y', ..] => (Piece::LongMonth, 7),
        [b'J', b'a', b'n', ..] if !is_lower(3) => (Piece::Month, 3),
        [b'M', b'o', b'n', b'd', b'a', b'y', ..] => (Piece::LongWeekDay, 6),
        [b'M', b'o', b'n', ..] if !is_lower(3) => (Piece::WeekDay, 3),
        [b'M', b'S', b'T', ..] => (Piece::ZoneName, 3),
        [b'0', b'1', ..] => (Piece::NumMonth { zero: true }, 2),
        [b'0', b'2', ..] => (Piece::Day { zero: true }, 2),
        [b'0', b'3', ..] => (Piece::Hour12 { zero: true }, 2),
        [b'0', b'4', ..] => (Piece::Minute { zero: true }, 2),
        [b'0', b'5', ..] => (Piece::Second { zero: true }, 2),
        [b'0', b'6', ..] => (Piece::Year, 2),
        [b'1', b'5', ..] => (Piece::Hour, 2),
        [b'1', ..] => (Piece::NumMonth { zero: false }, 1),
        [b'2', b'0', b'0', b'6', ..] => (Piece::LongYear, 4),
        [b'2', ..] => (Piece::Day { zero: false }, 1),
        [b'_', b'2', b'0', b'0', b'6', ..] => return Some((Piece::LongYear, 1, 5)),
        [b'_', b'2', ..] => (Piece::PaddedDay, 2),
        [b'3', ..] => (Piece::Hour12 { zero: false }, 1),
        [b'4', ..] => (Piece::Minute { zero: false }, 1),
        [b'5', ..] => (Piece::Second { zero: false }, 1),
        [b'P', b'M', ..] => (Piece::Noon { upper: true }, 2),
        [b'p', b'm', ..] => (Piece::Noon { upper: false }, 2),
        [sign @ (b'-' | b'Z'), rest @ ..] => {
            let (form, length) = form(rest)?;
            (Piece::Offset { zulu: *sign == b'Z', form }, length + 1)
        },
        [b'.' | b',', digit @ (b'0' | b'9'), ..] => {
            let digits = rest.iter().skip(1).take_while(|byte| *byte == digit).count();
            if rest.get(digits + 1).is_some_and(u8::is_ascii_digit) {
                return None;
            }
            let zeros = *digit == b'0';
            let piece = if zeros { Piece::Fraction { digits } } else { Piece::AnyFraction };
            (piece, digits + 1)
        },
        _ => return None,
    };
    Some((piece, 0, length))
}

fn form(rest: &[u8]) -> Option<(Form, usize)> {
    let forms: [(&[u8], Form); 5] = [
        (b"070000", Form::Seconds),
        (b"07:00:00", Form::ColonSeconds),
        (b"0700", Form::Minutes),
        (b"07:00", Form::ColonMinutes),
        (b"07", Form::Hours),
    ];
    forms
        .into_iter()
        .find(|(text, _)| rest.starts_with(text))
        .map(|(text, form)| (form, text.len()))
}
