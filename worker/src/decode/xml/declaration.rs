//! What begins with `<?` or `<!`: it is read over, but for CDATA and the charset that a document declares.

use super::charset;
use super::error::{XmlError, shown};
use super::scan::{Scanner, Stop, Token};
use super::text::Until;

impl Scanner {
    pub(super) fn instruction(&mut self) -> Result<Token, Stop> {
        let start = self.at;
        self.whole_name("expected target name after <?")?;
        let target = start..self.at;
        self.blanks();
        let inside = self.at;
        let length = self.find(inside, b"?>")?;
        self.at = inside + length + 2;
        if self.input.get(target) == Some(b"xml") {
            let text = self.input.slice(inside..inside + length);
            self.xml_declaration(&text)?;
        }
        Ok(Token::Other)
    }

    fn xml_declaration(&mut self, text: &[u8]) -> Result<(), Stop> {
        match charset::parameter("version", text) {
            b"" | b"1.0" => {},
            other => return Err(Stop::Error(Box::new(XmlError::Version(shown(other))))),
        }
        let label = charset::parameter("encoding", text);
        if label.is_empty() || label.eq_ignore_ascii_case(b"utf-8") {
            return Ok(());
        }
        let rest = self.input.get(self.at..).unwrap_or_default();
        let read = self.input.get(..self.at).unwrap_or_default();
        let switched = self.switches.switch(label, read, rest);
        self.input = switched.map_err(|error| Stop::Error(Box::new(error)))?;
        Ok(())
    }

    pub(super) fn declaration(&mut self) -> Result<Token, Stop> {
        let first = self.must()?;
        self.at += 1;
        match first {
            b'-' => self.comment(),
            b'[' => {
                for expected in b"CDATA[" {
                    let byte = self.must()?;
                    self.at += 1;
                    if byte != *expected {
                        return Err(self.expected("invalid <![ sequence"));
                    }
                }
                self.text(Until::Cdata).map(Token::Text)
            },
            _ => self.directive(),
        }
    }

    fn comment(&mut self) -> Result<Token, Stop> {
        let byte = self.must()?;
        self.at += 1;
        if byte != b'-' {
            return Err(self.expected("invalid sequence <!- not part of <!--"));
        }
        self.at += self.find(self.at, b"--")? + 2;
        let byte = self.must()?;
        self.at += 1;
        if byte != b'>' {
            return Err(self.expected("invalid sequence \"--\" not allowed in comments"));
        }
        Ok(Token::Other)
    }

    /// `<!DOCTYPE …>` and the like, to its `>`: quotes, brackets and comments within are respected.
    fn directive(&mut self) -> Result<Token, Stop> {
        let (mut quote, mut depth) = (None, 0_usize);
        loop {
            let byte = self.must()?;
            self.at += 1;
            match (quote, byte) {
                (Some(open), byte) => quote = (byte != open).then_some(open),
                (None, b'>') if depth == 0 => return Ok(Token::Other),
                (None, b'>') => depth -= 1,
                (None, b'\'' | b'"') => quote = Some(byte),
                (None, b'<') => match self.input.get(self.at..) {
                    Some([b'!', b'-', b'-', ..]) => {
                        let length = self.find(self.at + 3, b"-->")?;
                        self.at += 3 + length + 3;
                    },
                    _ => depth += 1,
                },
                (None, _) => {},
            }
        }
    }
}
