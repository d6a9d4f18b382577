//! Character data and attribute values.
//!
//! Most texts stand in the document as they are meant: those are spans of it. The others (entities,
//! carriage returns) are written anew beside it. No entity is longer written out than it stands, and
//! none is declared by a document, so a text never grows.

use super::Strictness;
use super::error::{Problem, shown};
use super::name;
use super::scan::{Scanner, Stop};
use crate::decode::data::Span;

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub(in crate::decode) enum Text {
    /// In the document.
    Input(Span),
    /// Among the texts that were written anew.
    Made(Span),
}

impl Default for Text {
    fn default() -> Self {
        Self::Input(Span::default())
    }
}

/// What ends a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// A `<`, which stays, or the document's end.
    Tag,
    /// This quote, which is read over.
    Quote(u8),
    /// `]]>`, which is read over.
    Cdata,
}

/// What a byte means for a text.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Plain,
    /// `<`, `&`, carriage return, `>`, quotes: somebody may have to look.
    Mark,
    /// Beyond ASCII, or a control character: the whole is checked afterwards.
    Check,
}

impl Scanner {
    /// Reads a text that begins here.
    pub(super) fn text(&mut self, until: Until) -> Result<Text, Stop> {
        let start = self.at;
        let made = self.made.len();
        // From here on nothing is copied yet.
        let mut copied = start;
        let mut check = false;
        loop {
            let Some(byte) = self.byte() else {
                if until == Until::Cdata {
                    return Err(self.wrong(Problem::EndInCdata));
                }
                break;
            };
            match CLASSES[usize::from(byte)] {
                Class::Plain => {},
                Class::Check => check = true,
                Class::Mark => match self.mark(byte, start, until)? {
                    Mark::Text => {},
                    Mark::End => break,
                    Mark::Entity => {
                        self.keep(copied, self.at);
                        check |= self.entity()?;
                        copied = self.at;
                        continue;
                    },
                    Mark::Return => {
                        self.keep(copied, self.at);
                        self.made.push(b'\n');
                        self.at += 1;
                        if self.byte() == Some(b'\n') {
                            self.at += 1;
                        }
                        copied = self.at;
                        continue;
                    },
                },
            }
            self.at += 1;
        }
        let end = self.at;
        self.at += match until {
            Until::Tag => 0,
            Until::Quote(_) => usize::from(end < self.input.len()),
            Until::Cdata => 3,
        };
        let text = if self.made.len() == made && copied == start {
            Text::Input(Span::new(start, end))
        } else {
            self.keep(copied, end);
            Text::Made(Span::new(made, self.made.len()))
        };
        if check {
            check_characters(self.of(text)).map_err(|problem| self.wrong(problem))?;
        }
        Ok(text)
    }

    fn keep(&mut self, start: usize, end: usize) {
        self.made.extend_from_slice(self.input.get(start..end).unwrap_or_default());
    }

    /// Looks at a byte that may end the text or stand for another.
    #[inline]
    fn mark(&mut self, byte: u8, start: usize, until: Until) -> Result<Mark, Stop> {
        Ok(match (byte, until) {
            (b'\r', _) => Mark::Return,
            (b'>', Until::Tag | Until::Cdata) if self.closes_cdata(start) => {
                if until == Until::Tag {
                    self.at += 1;
                    return Err(self.expected("unescaped ]]> not in CDATA section"));
                }
                self.at -= 2;
                Mark::End
            },
            (b'<', Until::Tag) => Mark::End,
            (b'<', Until::Quote(_)) => {
                self.at += 1;
                return Err(self.expected("unescaped < inside quoted string"));
            },
            (byte, Until::Quote(quote)) if byte == quote => Mark::End,
            (b'&', Until::Tag | Until::Quote(_)) => Mark::Entity,
            _ => Mark::Text,
        })
    }

    /// The two bytes before this one are `]]`, and belong to this text.
    fn closes_cdata(&self, start: usize) -> bool {
        let before = self.at.checked_sub(2).filter(|before| *before >= start);
        before.is_some_and(|before| self.input.get(before..self.at) == Some(b"]]"))
    }

    /// Reads an entity; says whether what it stands for is to be checked. Unknown ones stay as they
    /// are where the reader is lenient.
    fn entity(&mut self) -> Result<bool, Stop> {
        let start = self.at;
        self.at += 1;
        let meant = if self.byte() == Some(b'#') { self.number()? } else { self.named()? };
        if let Some(character) = meant {
            let mut utf8 = [0; 4];
            self.made.extend_from_slice(character.encode_utf8(&mut utf8).as_bytes());
            return Ok(!(' '..='\x7E').contains(&character));
        }
        let entity = self.input.get(start..self.at).unwrap_or_default();
        if self.strictness == Strictness::Lenient {
            self.made.extend_from_slice(entity);
            return Ok(true);
        }
        let mut shown = String::from(shown(entity));
        if !shown.ends_with(';') {
            shown += " (no semicolon)";
        }
        Err(self.wrong(Problem::Entity(shown.into())))
    }

    /// `&#10;`, `&#xA;`: what stands before a missing semicolon is read all the same.
    fn number(&mut self) -> Result<Option<char>, Stop> {
        self.at += 1;
        let mut radix = 10;
        if self.must()? == b'x' {
            radix = 16;
            self.at += 1;
        }
        // Digits beyond what any character needs only make it too large.
        let mut code = None;
        while let Some(digit) = char::from(self.must()?).to_digit(radix) {
            code = Some(code.unwrap_or(0_u32).saturating_mul(radix).saturating_add(digit));
            self.at += 1;
        }
        if self.must()? != b';' {
            return Ok(None);
        }
        self.at += 1;
        let is_surrogate = |code: &u32| (0xD800..0xE000).contains(code);
        Ok(code.and_then(|code| {
            if is_surrogate(&code) {
                Some(char::REPLACEMENT_CHARACTER)
            } else {
                char::from_u32(code)
            }
        }))
    }

    /// `&lt;`: the five that need no declaration; declared ones are not known.
    fn named(&mut self) -> Result<Option<char>, Stop> {
        let start = self.at;
        self.at = name::end(&self.input, start);
        // A byte must follow, whatever it is.
        if self.must()? != b';' {
            return Ok(None);
        }
        let entity = match self.input.get(start..self.at).unwrap_or_default() {
            b"lt" => Some('<'),
            b"gt" => Some('>'),
            b"amp" => Some('&'),
            b"apos" => Some('\''),
            b"quot" => Some('"'),
            _ => None,
        };
        self.at += 1;
        Ok(entity)
    }
}

enum Mark {
    Text,
    End,
    Entity,
    Return,
}

/// Only characters that XML allows; the first that is none counts.
fn check_characters(text: &[u8]) -> Result<(), Problem> {
    for chunk in text.utf8_chunks() {
        let illegal = |character: &char| {
            !matches!(*character,
                '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
        };
        if let Some(character) = chunk.valid().chars().find(illegal) {
            return Err(Problem::Character(character.into()));
        }
        if !chunk.invalid().is_empty() {
            return Err(Problem::Utf8);
        }
    }
    Ok(())
}

const CLASSES: [Class; 256] = {
    let mut table = [Class::Plain; 256];
    let mut byte = 0_u8;
    loop {
        table[byte as usize] = match byte {
            b'<' | b'&' | b'\r' | b'>' | b'"' | b'\'' => Class::Mark,
            b'\t' | b'\n' | b' '..=0x7F => Class::Plain,
            _ => Class::Check,
        };
        if byte == u8::MAX {
            break table;
        }
        byte += 1;
    }
};
