//! Field lines that are known before any request: written once, at start.
//!
//! KrakenD: every answer of an endpoint carries `X-Krakend: Version …` and `X-Krakend-Completed`; data that is
//! complete and not empty may carry `Cache-Control`.

use std::collections::HashMap;
use std::fmt::Write as _;

use bytes::Bytes;

use crate::plan::lasting;

/// A set of lines in the table of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LinesId(u32);

/// What `X-Krakend-Completed` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completed {
    /// All that was asked for is there.
    True,
    /// Some is missing, or it is not known.
    False,
}

/// Collects lines while a plan is compiled; equal ones share a place.
#[derive(Debug)]
pub(crate) struct LinesTable {
    version: String,
    texts: Vec<Box<str>>,
    places: HashMap<Box<str>, LinesId>,
}

impl LinesTable {
    /// `version`: what `X-Krakend` says.
    pub(crate) fn new(version: String) -> Self {
        Self { version, texts: Vec::new(), places: HashMap::new() }
    }

    /// The lines of an answer of an endpoint.
    pub(crate) fn answer(
        &mut self,
        completed: Completed,
        content_type: Option<&str>,
        cache_seconds: Option<i64>,
    ) -> LinesId {
        let mut text = String::new();
        if let Some(seconds) = cache_seconds {
            let _infallible = write!(text, "Cache-Control: public, max-age={seconds}\r\n");
        }
        if let Some(content_type) = content_type {
            let _infallible = write!(text, "Content-Type: {content_type}\r\n");
        }
        let completed = match completed {
            Completed::True => "true",
            Completed::False => "false",
        };
        let version = &self.version;
        let _infallible =
            write!(text, "X-Krakend: {version}\r\nX-Krakend-Completed: {completed}\r\n");
        self.place(text)
    }

    /// `X-Krakend` alone.
    pub(crate) fn version(&mut self) -> LinesId {
        let text = format!("X-Krakend: {}\r\n", self.version);
        self.place(text)
    }

    fn place(&mut self, text: String) -> LinesId {
        let text = text.into_boxed_str();
        if let Some(found) = self.places.get(&text) {
            return *found;
        }
        let place = LinesId(u32::try_from(self.texts.len()).unwrap_or(u32::MAX));
        self.texts.push(text.clone());
        self.places.insert(text, place);
        place
    }

    /// All of them, ready to be sent.
    pub(crate) fn into_lines(self) -> Lines {
        Lines(self.texts.iter().map(|text| lasting::bytes(text.as_bytes())).collect())
    }
}

/// The lines of a plan: an answer takes them without a byte copied.
#[derive(Debug)]
pub(crate) struct Lines(Box<[Bytes]>);

impl Lines {
    pub(crate) fn of(&self, id: LinesId) -> Bytes {
        self.0.get(id.0 as usize).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_lines_share_a_place_and_read_as_they_are_sent() {
        let mut table = LinesTable::new("Version 2".to_owned());
        let plain = table.answer(Completed::False, None, None);
        let full = table.answer(Completed::True, Some("application/json"), Some(60));
        assert_eq!(table.answer(Completed::False, None, None), plain);
        let lines = table.into_lines();
        assert_eq!(lines.of(plain), "X-Krakend: Version 2\r\nX-Krakend-Completed: false\r\n");
        assert_eq!(
            lines.of(full),
            "Cache-Control: public, max-age=60\r\nContent-Type: application/json\r\n\
             X-Krakend: Version 2\r\nX-Krakend-Completed: true\r\n"
        );
    }
}
