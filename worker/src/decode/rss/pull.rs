//! Elements of a feed one after the other, as `gofeed` pulls them.
//!
//! Lenient XML with namespaces. Some of what `gofeed` keeps goes wrong where elements are read whole
//! ([`Pull::element`]): the namespaces they declare stay, and the `xml:base` of what is around them is
//! forgotten. Feeds show that, so it is the same here.

use bytes::Bytes;

use super::FeedError;
use super::base::Base;
use super::namespace::{Declared, Prefixes};
use super::text::trimmed;
use crate::decode::xml::{Name, Scanner, Stop, Strictness, Text, Token};

/// What stands here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    Start,
    End,
    Text,
    /// Behind the last element.
    Document,
}

impl Event {
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "StartTag",
            Self::End => "EndTag",
            Self::Text => "Text",
            Self::Document => "EndDocument",
        }
    }
}

/// An element read whole.
#[derive(Debug, Default)]
pub(super) struct Element {
    /// Values of its attributes of these names.
    pub(super) kind: String,
    pub(super) mode: String,
    /// What stands between its tags, blanks around it cut.
    pub(super) inside: String,
}

/// A feed that is being read.
#[derive(Debug)]
pub(super) struct Pull {
    scanner: Scanner,
    /// Once nothing more comes, it stays so.
    stopped: Option<Stop>,
    declared: Declared,
    pub(super) prefixes: Prefixes,
    base: Base,
    event: Event,
    /// Of the current start or end.
    pub(super) name: String,
    /// The namespace of the current start, or a prefix that nobody declared.
    pub(super) space: String,
    /// Local names and values of the current start.
    pub(super) attributes: Vec<(String, String)>,
    text: Text,
}

impl Pull {
    pub(super) fn new(feed: Bytes) -> Self {
        Self {
            scanner: Scanner::new(feed, Strictness::Lenient),
            stopped: None,
            declared: Declared::default(),
            prefixes: Prefixes::default(),
            base: Base::default(),
            event: Event::Document,
            name: String::new(),
            space: String::new(),
            attributes: Vec::new(),
            text: Text::default(),
        }
    }

    /// The next start, end or text.
    pub(super) fn next(&mut self) -> Result<Event, FeedError> {
        self.reset();
        self.event = loop {
            match self.token() {
                Ok(Token::Start(name)) => {
                    self.start(name)?;
                    break Event::Start;
                },
                Ok(Token::End(name)) => {
                    self.name = self.shown(name.local.of(&self.scanner.input));
                    self.declared.end();
                    self.prefixes.end();
                    self.base.pop();
                    break Event::End;
                },
                Ok(Token::Text(text)) => {
                    self.text = text;
                    break Event::Text;
                },
                Ok(Token::Other) => {},
                Err(Stop::End) => break Event::Document,
                Err(Stop::Error(error)) => return Err(FeedError::Xml(error)),
            }
        };
        Ok(self.event)
    }

    /// The next start or end; texts are read over.
    pub(super) fn tag(&mut self) -> Result<Event, FeedError> {
        loop {
            match self.next()? {
                Event::Text => {},
                Event::Document => return Err(FeedError::NoTag),
                event @ (Event::Start | Event::End) => {
                    self.base.resolve_all(&mut self.attributes);
                    return Ok(event);
                },
            }
        }
    }

    /// Reads on to the end of the current element.
    pub(super) fn skip(&mut self) -> Result<(), FeedError> {
        let mut levels = 1_usize;
        while levels > 0 {
            match self.next()? {
                Event::Start => levels += 1,
                Event::End => levels -= 1,
                Event::Text => {},
                Event::Document => return Err(FeedError::NoTag),
            }
        }
        Ok(())
    }

    /// Reads the current element whole; it stands at its end then.
    pub(super) fn element(&mut self) -> Result<Element, FeedError> {
        // The last of equal names counts here, elsewhere the first.
        let last = |wanted: &str| {
            let found = self.attributes.iter().rfind(|(name, _)| name == wanted);
            found.map(|(_, value)| value.clone()).unwrap_or_default()
        };
        let (kind, mode) = (last("type"), last("mode"));
        let name = std::mem::take(&mut self.name);
        let inside = self.inside()?;
        self.reset();
        self.name = name;
        self.event = Event::End;
        self.base.pop();
        Ok(Element { kind, mode, inside })
    }

    fn inside(&mut self) -> Result<String, FeedError> {
        let start = self.scanner.at;
        let mut levels = 1_usize;
        loop {
            let end = self.scanner.at;
            match self.token() {
                Ok(Token::Start(_)) => levels += 1,
                Ok(Token::End(_)) => {
                    self.declared.end();
                    levels -= 1;
                },
                Ok(Token::Text(_) | Token::Other) => {},
                Err(Stop::End) => return Err(FeedError::NoTag),
                Err(Stop::Error(error)) => return Err(FeedError::Xml(error)),
            }
            if levels == 0 {
                let inside = self.scanner.input.get(start..end).unwrap_or_default();
                return Ok(self.shown(trimmed(inside)));
            }
        }
    }

    /// The text of an element that has nothing else in it.
    pub(super) fn only_text(&mut self) -> Result<(), FeedError> {
        let mut event = self.next()?;
        if !matches!(event, Event::End | Event::Text) {
            return Err(FeedError::NoText);
        }
        while event == Event::Text {
            event = self.next()?;
            if !matches!(event, Event::End | Event::Text) {
                return Err(FeedError::AfterText(event.name()));
            }
        }
        Ok(())
    }

    /// What the current text says.
    pub(super) fn text(&self) -> String {
        self.shown(self.scanner.of(self.text))
    }

    /// The value of an attribute of the current start; empty without one.
    pub(super) fn attribute(&self, wanted: &str) -> String {
        let found = self.attributes.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    }

    /// An URL as seen from here.
    pub(super) fn resolved(&mut self, url: &str) -> Option<String> {
        self.base.resolve(url)
    }

    /// The current element is of a namespace that is no part of a feed.
    pub(super) fn is_extension(&self) -> bool {
        match self.prefixes.of(self.space.trim()) {
            Some(prefix) => !matches!(prefix, "" | "rss" | "rdf" | "content"),
            None => !self.space.is_empty(),
        }
    }

    /// It must stand here.
    pub(super) fn expect(&self, event: Event, name: &str) -> Result<(), FeedError> {
        let is_named = name == "*" || self.name.to_lowercase() == name.to_lowercase();
        if self.event == event && is_named {
            return Ok(());
        }
        Err(FeedError::Expected(
            format!(
                "Expected Space:* Name:{name} Event:{} but got Space:{} Name:{} Event:{} at offset: {}",
                event.name(),
                self.space,
                self.name,
                self.event.name(),
                self.scanner.at,
            )
            .into(),
        ))
    }

    fn token(&mut self) -> Result<Token, Stop> {
        if let Some(stopped) = &self.stopped {
            return Err(stopped.clone());
        }
        let token = self.scanner.token();
        if let Err(stop) = &token {
            self.stopped = Some(stop.clone());
        }
        if matches!(token, Ok(Token::Start(_))) {
            self.declared.start(&self.scanner);
        }
        token
    }

    fn start(&mut self, name: Name) -> Result<(), FeedError> {
        let scanner = &self.scanner;
        self.name = self.shown(scanner.spelled(name.local));
        self.space = self.shown(self.declared.of_element(scanner, name.prefix));
        let attributes = scanner.attributes.iter();
        self.attributes = attributes
            .map(|one| {
                (self.shown(scanner.spelled(one.name.local)), self.shown(scanner.of(one.value)))
            })
            .collect();
        self.prefixes.start(scanner)?;
        self.base.push(scanner);
        Ok(())
    }

    fn reset(&mut self) {
        self.name.clear();
        self.space.clear();
        self.attributes.clear();
        self.text = Text::default();
    }

    /// Names and texts are UTF-8: the scanner has seen to it, but for what is read whole.
    #[expect(clippy::unused_self, reason = "what is shown is the scanner's")]
    fn shown(&self, bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }
}
