//! TOML: integers keep all digits, dates become texts. KrakenD's parser is go-toml; the texts of
//! errors have its form, `(line, column): why`, with the words of the parser that is used here.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::{Document, ReadError};
use crate::config::node::{Node, Value};
use crate::config::number;
use crate::words::JsonPointer;

/// Reads a whole document.
///
/// # Errors
/// With line and column.
pub(super) fn read(bytes: &[u8]) -> Result<Document, ReadError> {
    let lines = Lines::of(bytes);
    let text = std::str::from_utf8(bytes)
        .map_err(|error| lines.error("invalid UTF-8", error.valid_up_to(), JsonPointer::root()))?;
    let table = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |Range { start, .. }| start);
        lines.error(error.message(), at, JsonPointer::root())
    })?;
    let value = lines.table(table.into_inner(), &JsonPointer::root())?;
    Ok(Document { root: Node { line: 1, value }, repeated: Vec::new() })
}

/// Where each line begins.
struct Lines(Vec<usize>);

impl Lines {
    fn of(bytes: &[u8]) -> Self {
        let behind_ends =
            bytes.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at + 1);
        Self(std::iter::once(0).chain(behind_ends).collect())
    }

    /// Line and column, both from 1, of a byte.
    fn place(&self, at: usize) -> (u32, usize) {
        let line = self.0.partition_point(|begin| *begin <= at).max(1);
        let begin = self.0.get(line - 1).copied().unwrap_or_default();
        (u32::try_from(line).unwrap_or(u32::MAX), at - begin + 1)
    }

    fn error(&self, why: &str, at: usize, pointer: JsonPointer) -> ReadError {
        let (line, column) = self.place(at);
        ReadError { text: format!("({line}, {column}): {why}"), line, at: pointer }
    }

    // Recursion: the parser bounds how deep a document nests.
    fn table(&self, table: DeTable<'_>, pointer: &JsonPointer) -> Result<Value, ReadError> {
        let mut entries: Vec<_> = table.into_iter().collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let members = entries.into_iter().map(|(key, value)| {
            let begin = key.span().start;
            let name = key.into_inner().into_owned();
            let mut node = self.node(value, &pointer.key(&name))?;
            node.line = self.place(begin).0;
            Ok((name, node))
        });
        members.collect::<Result<_, _>>().map(Value::Object)
    }

    fn node(&self, value: Spanned<DeValue<'_>>, pointer: &JsonPointer) -> Result<Node, ReadError> {
        let begin = value.span().start;
        let value = match value.into_inner() {
            DeValue::String(text) => Value::String(text.into_owned()),
            DeValue::Boolean(flag) => Value::Bool(flag),
            DeValue::Datetime(time) => Value::String(time.to_string()),
            DeValue::Integer(digits) => {
                match i64::from_str_radix(digits.as_str(), digits.radix()) {
                    Ok(value) => Value::Number(value.to_string()),
                    Err(_) => return Err(self.error("value out of range", begin, pointer.clone())),
                }
            },
            DeValue::Float(digits) => match digits.as_str().parse::<f64>() {
                Ok(float) if float.is_finite() => Value::Number(number::go_json(float)),
                Ok(_) | Err(_) => Value::String(digits.as_str().to_owned()),
            },
            DeValue::Array(items) => {
                let items = items.into_iter().enumerate();
                let nodes = items.map(|(index, item)| self.node(item, &pointer.index(index)));
                Value::Array(nodes.collect::<Result<_, _>>()?)
            },
            DeValue::Table(table) => self.table(table, pointer)?,
        };
        Ok(Node { line: self.place(begin).0, value })
    }
}
