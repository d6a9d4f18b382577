//! Number literals: each under every type that can hold it, as Go's ideal constants.

use super::item::{Item, Kind};
use crate::template::go::{self, Piece};
use crate::template::node::Number;
use crate::template::numbers;

pub(super) fn parse(item: &Item) -> Result<Number, String> {
    let text = item.text.clone();
    match item.kind {
        Kind::CharConstant => character(text),
        Kind::Complex => Err(format!("complex numbers are not supported: {text}")),
        _ if text.ends_with('i') && !text.starts_with("0x") => {
            Err(format!("complex numbers are not supported: {text}"))
        },
        _ => plain(text),
    }
}

fn character(text: String) -> Result<Number, String> {
    let malformed = || format!("malformed character constant: {text}");
    let inner = text.strip_prefix('\'').unwrap_or(&text);
    let (piece, tail) = go::unquote_char(inner, '\'').ok_or_else(|| "invalid syntax".to_owned())?;
    if tail != "'" {
        return Err(malformed());
    }
    let code = match piece {
        Piece::Letter(letter) => u32::from(letter),
        Piece::Byte(byte) => u32::from(byte),
    };
    let (int, uint, float) = (Some(i64::from(code)), Some(u64::from(code)), Some(f64::from(code)));
    Ok(Number { text, int, uint, float })
}

fn plain(text: String) -> Result<Number, String> {
    let mut number = Number {
        int: numbers::parse_int(&text, 0),
        uint: numbers::parse_uint(&text, 0),
        ..Number::default()
    };
    if number.int == Some(0) {
        number.uint = Some(0); // `-0`
    }
    #[expect(clippy::cast_precision_loss, reason = "as Go converts")]
    if let Some(int) = number.int {
        number.float = Some(int as f64);
    } else if let Some(uint) = number.uint {
        number.float = Some(uint as f64);
    } else if let Some(float) = numbers::parse_float(&text) {
        if !text.contains(['.', 'e', 'E', 'p', 'P']) {
            return Err(format!("integer overflow: {}", go::quote(text.as_bytes())));
        }
        number.float = Some(float);
        number.int = numbers::exact_int(float);
        number.uint = number.int.and_then(|int| u64::try_from(int).ok());
    }
    if number.float.is_none() {
        return Err(format!("illegal number syntax: {}", go::quote(text.as_bytes())));
    }
    number.text = text;
    Ok(number)
}
