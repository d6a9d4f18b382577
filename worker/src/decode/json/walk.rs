//! Well-formed JSON as a tree of somebody else's making.

use super::unescape::pieces;

/// Makes the values of a tree.
pub(crate) trait Maker {
    /// Such a value.
    type Value;

    fn null(&self) -> Self::Value;
    fn boolean(&self, value: bool) -> Self::Value;
    /// The digits as they stand.
    fn number(&self, text: &str) -> Self::Value;
    fn text(&self, text: String) -> Self::Value;
    fn list(&self, items: Vec<Self::Value>) -> Self::Value;
    /// In the order of the text, a key perhaps twice.
    fn object(&self, members: Vec<(String, Self::Value)>) -> Self::Value;
}

/// Goes over JSON that is known to be well-formed; `None`: it is nested too deeply.
pub(crate) fn walk<M: Maker>(maker: &M, json: &[u8], depth_max: usize) -> Option<M::Value> {
    Walker { maker, json, at: 0 }.value(depth_max)
}

struct Walker<'a, M> {
    maker: &'a M,
    json: &'a [u8],
    at: usize,
}

impl<M: Maker> Walker<'_, M> {
    fn value(&mut self, depth_left: usize) -> Option<M::Value> {
        Some(match self.next_sign() {
            b'{' => self.object(depth_left.checked_sub(1)?)?,
            b'[' => self.list(depth_left.checked_sub(1)?)?,
            b'"' => {
                let text = self.text();
                self.maker.text(text)
            },
            b't' => self.literal(4, self.maker.boolean(true)),
            b'f' => self.literal(5, self.maker.boolean(false)),
            b'n' => self.literal(4, self.maker.null()),
            _ => self.number(),
        })
    }

    /// The next byte that is no blank; it stays where it is.
    fn next_sign(&mut self) -> u8 {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.json.get(self.at) {
            self.at += 1;
        }
        self.json.get(self.at).copied().unwrap_or(0)
    }

    fn object(&mut self, depth_left: usize) -> Option<M::Value> {
        let mut members = Vec::new();
        self.at += 1;
        loop {
            match self.next_sign() {
                b'"' => {
                    let key = self.text();
                    self.next_sign();
                    self.at += 1; // the colon
                    members.push((key, self.value(depth_left)?));
                },
                b',' => self.at += 1,
                _ => break,
            }
        }
        self.at += 1;
        Some(self.maker.object(members))
    }

    fn list(&mut self, depth_left: usize) -> Option<M::Value> {
        let mut items = Vec::new();
        self.at += 1;
        loop {
            match self.next_sign() {
                b']' | 0 => break,
                b',' => self.at += 1,
                _ => items.push(self.value(depth_left)?),
            }
        }
        self.at += 1;
        Some(self.maker.list(items))
    }

    fn text(&mut self) -> String {
        self.at += 1;
        let start = self.at;
        while let Some(&byte) = self.json.get(self.at) {
            match byte {
                b'"' => break,
                b'\\' => self.at += 2,
                _ => self.at += 1,
            }
        }
        let mut text = String::new();
        let inside = self.json.get(start..self.at).unwrap_or_default();
        pieces(inside, |piece| text.push_str(piece));
        self.at += 1;
        text
    }

    fn literal(&mut self, length: usize, value: M::Value) -> M::Value {
        self.at += length;
        value
    }

    fn number(&mut self) -> M::Value {
        let start = self.at;
        let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E');
        while self.json.get(self.at).is_some_and(is_part) {
            self.at += 1;
        }
        // Whatever this is, it goes on: what is well-formed has a digit here.
        self.at = self.at.max(start + 1);
        let text = self.json.get(start..self.at).and_then(|text| std::str::from_utf8(text).ok());
        self.maker.number(text.unwrap_or("0"))
    }
}
