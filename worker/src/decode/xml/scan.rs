//! Bytes to tokens, as Go's `encoding/xml` cuts them.
//!
//! Own code, since the texts of errors, the line they name and what passes for XML are observable.
//! Namespaces are not resolved: nobody here asks what a prefix means. Document types are read over,
//! and nothing that they declare is ever expanded.

use bytes::Bytes;
use memchr::memmem;
use smallvec::SmallVec;

use super::error::{Problem, XmlError, shown};
use super::name::{self, Name};
use super::text::{Text, Until};
use super::{LEVELS_MAX, Strictness, charset};
use crate::decode::data::Span;

/// One token.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) enum Token {
    /// Its attributes are in the scanner until the next token.
    Start(Name),
    End(Name),
    Text(Text),
    /// A comment, a processing instruction, a declaration: nobody's business.
    Other,
}

/// An attribute of the element that was read last.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) struct Attribute {
    pub(in crate::decode) name: Name,
    pub(in crate::decode) value: Text,
}

/// Why there is no next token.
#[derive(Clone, Debug)]
pub(in crate::decode) enum Stop {
    /// The document is over, and nothing is open.
    End,
    Error(Box<XmlError>),
}

/// A document that is being read.
#[derive(Debug)]
pub(in crate::decode) struct Scanner {
    /// All of it; what is not UTF-8 yet follows the declaration that says so.
    pub(in crate::decode) input: Bytes,
    /// The next byte.
    pub(in crate::decode) at: usize,
    /// Texts that the document does not hold as they are meant.
    pub(in crate::decode) made: Vec<u8>,
    pub(super) strictness: Strictness,
    pub(in crate::decode) attributes: SmallVec<[Attribute; 8]>,
    open: Vec<Open>,
    /// An end that follows at once: of `<a/>`, or of an element that another end tag closed, too.
    due: Option<Name>,
    pub(super) switches: charset::Switches,
}

/// An element that has not ended.
#[derive(Clone, Copy, Debug)]
struct Open {
    name: Name,
    /// It declares namespaces.
    declares: bool,
}

impl Scanner {
    pub(in crate::decode) fn new(input: Bytes, strictness: Strictness) -> Self {
        Self {
            input,
            at: 0,
            made: Vec::new(),
            strictness,
            attributes: SmallVec::new(),
            open: Vec::new(),
            due: None,
            switches: charset::Switches::default(),
        }
    }

    /// The next token. After an error there is none.
    pub(in crate::decode) fn token(&mut self) -> Result<Token, Stop> {
        if let Some(name) = self.due.take() {
            return self.close(name);
        }
        match self.byte() {
            None if self.open.is_empty() => Err(Stop::End),
            None => Err(self.wrong(Problem::End)),
            Some(b'<') => {
                self.at += 1;
                self.markup()
            },
            Some(_) => self.text(Until::Tag).map(Token::Text),
        }
    }

    /// What a text says.
    pub(in crate::decode) fn of(&self, text: Text) -> &[u8] {
        match text {
            Text::Input(span) => span.of(&self.input),
            Text::Made(span) => span.of(&self.made),
        }
    }

    /// A name's part as the document spells it.
    pub(in crate::decode) fn spelled(&self, span: Span) -> &[u8] {
        span.of(&self.input)
    }

    fn markup(&mut self) -> Result<Token, Stop> {
        match self.must()? {
            b'/' => {
                self.at += 1;
                self.end_tag()
            },
            b'?' => {
                self.at += 1;
                self.instruction()
            },
            b'!' => {
                self.at += 1;
                self.declaration()
            },
            _ => self.start_tag(),
        }
    }

    fn end_tag(&mut self) -> Result<Token, Stop> {
        let name = self.name("expected element name after </")?;
        self.blanks();
        let byte = self.must()?;
        self.at += 1;
        if byte != b'>' {
            let name = shown(self.spelled(name.local));
            return Err(self.wrong(Problem::EndTag(name)));
        }
        self.close(name)
    }

    fn start_tag(&mut self) -> Result<Token, Stop> {
        let name = self.name("expected element name after <")?;
        self.attributes.clear();
        loop {
            self.blanks();
            match self.must()? {
                b'>' => {
                    self.at += 1;
                    break;
                },
                b'/' => {
                    self.at += 1;
                    let byte = self.must()?;
                    self.at += 1;
                    if byte != b'>' {
                        return Err(self.expected("expected /> in element"));
                    }
                    self.due = Some(name);
                    break;
                },
                _ => {
                    let attribute = self.attribute()?;
                    self.attributes.push(attribute);
                },
            }
        }
        if self.open.len() >= LEVELS_MAX {
            return Err(too_much("more levels than a document may have"));
        }
        let declares = self.attributes.iter().any(|attribute| self.is_declaration(attribute.name));
        self.open.push(Open { name, declares });
        Ok(Token::Start(name))
    }

    fn attribute(&mut self) -> Result<Attribute, Stop> {
        let name = self.name("expected attribute name in element")?;
        self.blanks();
        if self.must()? != b'=' {
            if self.strictness == Strictness::Lenient {
                return Ok(Attribute { name, value: Text::Input(name.local) });
            }
            self.at += 1;
            return Err(self.expected("attribute name without = in element"));
        }
        self.at += 1;
        self.blanks();
        let value = match self.must()? {
            quote @ (b'"' | b'\'') => {
                self.at += 1;
                self.text(Until::Quote(quote))?
            },
            _ if self.strictness == Strictness::Lenient => self.unquoted()?,
            _ => {
                self.at += 1;
                return Err(self.expected("unquoted or missing attribute value in element"));
            },
        };
        Ok(Attribute { name, value })
    }

    fn unquoted(&mut self) -> Result<Text, Stop> {
        let start = self.at;
        while matches!(self.must()?, b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b':' | b'-') {
            self.at += 1;
        }
        Ok(Text::Input(Span::new(start, self.at)))
    }

    /// Ends the innermost element. A lenient reader believes that it ended where another ends.
    fn close(&mut self, name: Name) -> Result<Token, Stop> {
        let Some(Open { name: open, declares }) = self.open.pop() else {
            let name = shown(self.spelled(name.local));
            return Err(self.wrong(Problem::Unopened(name)));
        };
        let same = |a: Span, b: Span| self.spelled(a) == self.spelled(b);
        match (same(open.local, name.local), same(open.prefix, name.prefix)) {
            (true, true) => Ok(Token::End(name)),
            (false, _) if self.strictness == Strictness::Lenient => {
                if declares {
                    // Go leaves the declarations behind and finds no element in their place.
                    self.open.clear();
                }
                self.due = Some(name);
                Ok(Token::End(open))
            },
            (local_is_same, _) => Err(self.mismatch(open, name, local_is_same)),
        }
    }

    fn is_declaration(&self, name: Name) -> bool {
        let (prefix, local) = (self.spelled(name.prefix), self.spelled(name.local));
        prefix == b"xmlns" || (prefix.is_empty() && local == b"xmlns")
    }

    #[cold]
    fn mismatch(&self, open: Name, found: Name, local_is_same: bool) -> Stop {
        let [open_space, open, found_space, found] =
            [open.prefix, open.local, found.prefix, found.local]
                .map(|part| shown(self.spelled(part)));
        self.wrong(if local_is_same {
            Problem::Space { open, open_space, found, found_space }
        } else {
            Problem::Mismatch { open, found }
        })
    }

    fn name(&mut self, missing: &'static str) -> Result<Name, Stop> {
        let start = self.at;
        self.whole_name(missing)?;
        Name::cut(&self.input, start, self.at).ok_or_else(|| self.expected(missing))
    }

    /// Reads over a name. Something must follow it.
    pub(super) fn whole_name(&mut self, missing: &'static str) -> Result<(), Stop> {
        let start = self.at;
        self.must()?;
        let end = name::end(&self.input, start);
        if end == start {
            return Err(self.expected(missing));
        }
        self.at = end;
        self.must()?;
        let name = self.input.get(start..end).unwrap_or_default();
        if !name::is_name(name) {
            let name = shown(name);
            return Err(self.wrong(Problem::Name(name)));
        }
        Ok(())
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.byte(), Some(b' ' | b'\r' | b'\n' | b'\t')) {
            self.at += 1;
        }
    }

    /// How far behind `start` the first `wanted` begins.
    pub(super) fn find(&mut self, start: usize, wanted: &[u8]) -> Result<usize, Stop> {
        match memmem::find(self.input.get(start..).unwrap_or_default(), wanted) {
            Some(length) => Ok(length),
            None => {
                self.at = self.input.len();
                Err(self.wrong(Problem::End))
            },
        }
    }

    #[inline]
    pub(super) fn byte(&self) -> Option<u8> {
        self.input.get(self.at).copied()
    }

    /// The next byte, which is not read over; the document must not end here.
    #[inline]
    pub(super) fn must(&self) -> Result<u8, Stop> {
        self.byte().ok_or_else(|| self.wrong(Problem::End))
    }

    #[cold]
    pub(super) fn expected(&self, text: &'static str) -> Stop {
        self.wrong(Problem::Expected(text))
    }

    /// An error at the line of the next byte.
    #[cold]
    pub(super) fn wrong(&self, problem: Problem) -> Stop {
        let read = self.input.get(..self.at).unwrap_or_default();
        let feeds = memchr::memchr_iter(b'\n', read).count();
        let line = u32::try_from(feeds).unwrap_or(u32::MAX).saturating_add(1);
        Stop::Error(Box::new(XmlError::Syntax { line, problem }))
    }
}

pub(super) fn too_much(what: &'static str) -> Stop {
    Stop::Error(Box::new(XmlError::TooMuch(what)))
}
