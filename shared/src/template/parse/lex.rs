//! Text → tokens, as Go's `text/template/parse` cuts it.

use super::super::go;
use super::item::{Item, KEYWORDS, Kind};

const LEFT: &str = "{{";
const RIGHT: &str = "}}";
const SPACES: [char; 4] = [' ', '\t', '\r', '\n'];

pub(super) struct Lexer<'a> {
    input: &'a str,
    /// Where the next letter stands, where the current token begins, and their lines.
    at: usize,
    start: usize,
    line: u32,
    start_line: u32,
    inside_action: bool,
    paren_depth: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(input: &'a str) -> Self {
        Self {
            input,
            at: 0,
            start: 0,
            line: 1,
            start_line: 1,
            inside_action: false,
            paren_depth: 0,
        }
    }

    pub(super) fn next_item(&mut self) -> Item {
        loop {
            let item =
                if self.inside_action { Some(self.inside_action()) } else { self.text_or_delim() };
            if let Some(item) = item {
                return item;
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.input.get(self.at..).unwrap_or_default()
    }

    fn pending(&self) -> &'a str {
        self.input.get(self.start..self.at).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn advance(&mut self) -> Option<char> {
        let next = self.peek()?;
        self.at += next.len_utf8();
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    /// Steps over `bytes` of text that was not read letter by letter.
    fn skip(&mut self, bytes: usize) {
        let passed = self.rest().get(..bytes).unwrap_or_default();
        self.line += count_lines(passed);
        self.at += bytes;
    }

    fn emit(&mut self, kind: Kind) -> Item {
        let (at, line) = (self.start, self.start_line);
        let item = Item { kind, at, text: self.pending().to_owned(), line };
        self.ignore();
        item
    }

    const fn ignore(&mut self) {
        self.start = self.at;
        self.start_line = self.line;
    }

    /// The last token: nothing follows an error.
    fn error(&mut self, text: impl Into<String>) -> Item {
        let item =
            Item { kind: Kind::Error, at: self.start, text: text.into(), line: self.start_line };
        self.input = "";
        (self.at, self.start) = (0, 0);
        item
    }

    fn text_or_delim(&mut self) -> Option<Item> {
        let rest = self.rest();
        let Some(found) = rest.find(LEFT) else {
            if rest.is_empty() {
                return Some(Item {
                    kind: Kind::Eof,
                    at: self.at,
                    text: String::new(),
                    line: self.line,
                });
            }
            self.skip(rest.len());
            return Some(self.emit(Kind::Text));
        };
        if found > 0 {
            let text = rest.get(..found).unwrap_or_default();
            let behind = rest.get(found + LEFT.len()..).unwrap_or_default();
            let kept = if has_left_trim(behind) { text.trim_end_matches(SPACES) } else { text };
            self.skip(kept.len());
            let item = self.emit(Kind::Text);
            self.skip(found - kept.len());
            self.ignore();
            if !item.text.is_empty() {
                return Some(item);
            }
        }
        self.left_delim()
    }

    fn left_delim(&mut self) -> Option<Item> {
        self.at += LEFT.len();
        let marker = if has_left_trim(self.rest()) { 2 } else { 0 };
        if self.rest().get(marker..).unwrap_or_default().starts_with("/*") {
            self.skip(marker);
            self.ignore();
            return self.comment();
        }
        let item = self.emit(Kind::LeftDelim);
        self.inside_action = true;
        self.skip(marker);
        self.ignore();
        self.paren_depth = 0;
        Some(item)
    }

    /// Steps over a comment; an item only when it is wrong.
    fn comment(&mut self) -> Option<Item> {
        let body = self.rest().get(2..).unwrap_or_default();
        let Some(end) = body.find("*/") else { return Some(self.error("unclosed comment")) };
        self.skip(2 + end + 2);
        let Some(trims) = right_delim(self.rest()) else {
            return Some(self.error("comment ends before closing delimiter"));
        };
        self.pass_right_delim(trims);
        self.ignore();
        None
    }

    fn pass_right_delim(&mut self, trims: bool) {
        self.skip(if trims { 2 + RIGHT.len() } else { RIGHT.len() });
        if trims {
            let rest = self.rest();
            self.skip(rest.len() - rest.trim_start_matches(SPACES).len());
        }
    }

    fn right_delim_item(&mut self, trims: bool) -> Item {
        if trims {
            self.skip(2);
            self.ignore();
        }
        self.skip(RIGHT.len());
        let item = self.emit(Kind::RightDelim);
        if trims {
            let rest = self.rest();
            self.skip(rest.len() - rest.trim_start_matches(SPACES).len());
            self.ignore();
        }
        self.inside_action = false;
        item
    }

    fn inside_action(&mut self) -> Item {
        if let Some(trims) = right_delim(self.rest()) {
            if self.paren_depth == 0 {
                return self.right_delim_item(trims);
            }
            return self.error("unclosed left paren");
        }
        let Some(first) = self.peek() else { return self.error("unclosed action") };
        if SPACES.contains(&first) {
            return self.space();
        }
        if first.is_ascii_digit() || matches!(first, '+' | '-') {
            return self.number();
        }
        if is_alphanumeric(first) {
            return self.identifier();
        }
        let _letter = self.advance();
        match first {
            '=' => self.emit(Kind::Assign),
            ':' if self.peek() == Some('=') => {
                let _letter = self.advance();
                self.emit(Kind::Declare)
            },
            ':' => self.error("expected :="),
            '|' => self.emit(Kind::Pipe),
            '"' => self.quoted('"', Kind::String, "unterminated quoted string"),
            '\'' => self.quoted('\'', Kind::CharConstant, "unterminated character constant"),
            '`' => self.raw_string(),
            '$' => self.field_or_variable(Kind::Variable, Kind::Variable),
            '.' if self.peek().is_some_and(|next| next.is_ascii_digit()) => {
                self.at = self.start;
                self.number()
            },
            '.' => self.field_or_variable(Kind::Field, Kind::Dot),
            '(' => {
                self.paren_depth += 1;
                self.emit(Kind::LeftParen)
            },
            ')' if self.paren_depth == 0 => self.error("unexpected right paren"),
            ')' => {
                self.paren_depth -= 1;
                self.emit(Kind::RightParen)
            },
            plain if plain.is_ascii_graphic() => self.emit(Kind::Char),
            other => {
                self.error(format!("unrecognized character in action: {}", go::code_point(other)))
            },
        }
    }

    /// Careful with the blank that belongs to ` -}}`.
    fn space(&mut self) -> Item {
        let mut count = 0;
        while self.peek().is_some_and(|next| SPACES.contains(&next)) {
            let _letter = self.advance();
            count += 1;
        }
        let before = self.input.get(self.at - 1..).unwrap_or_default();
        if right_delim(before) == Some(true) {
            self.at -= 1;
            if before.starts_with('\n') {
                self.line -= 1;
            }
            if count == 1 {
                return self.right_delim_item(true);
            }
        }
        self.emit(Kind::Space)
    }

    fn identifier(&mut self) -> Item {
        self.pass(is_alphanumeric);
        if !self.at_terminator() {
            return self.bad_character();
        }
        let word = self.pending();
        let keyword = KEYWORDS.iter().find(|(name, _)| *name == word);
        match (keyword, word) {
            (Some((_, kind)), _) => self.emit(*kind),
            (None, "true" | "false") => self.emit(Kind::Bool),
            (None, _) => self.emit(Kind::Identifier),
        }
    }

    /// `.Name` or `$name`; the dot or dollar has been read, and may stand alone.
    fn field_or_variable(&mut self, kind: Kind, alone: Kind) -> Item {
        if self.at_terminator() {
            return self.emit(alone);
        }
        self.pass(is_alphanumeric);
        if self.at_terminator() { self.emit(kind) } else { self.bad_character() }
    }

    fn bad_character(&mut self) -> Item {
        let found = self.peek().map_or_else(|| "U+FFFFFFFFFFFFFFFF".to_owned(), go::code_point);
        self.error(format!("bad character {found}"))
    }

    fn at_terminator(&self) -> bool {
        match self.peek() {
            None | Some(' ' | '\t' | '\r' | '\n' | '.' | ',' | '|' | ':' | ')' | '(') => true,
            Some(_) => self.rest().starts_with(RIGHT),
        }
    }

    fn quoted(&mut self, quote: char, kind: Kind, unterminated: &str) -> Item {
        loop {
            match self.advance() {
                Some('\\') => match self.advance() {
                    None | Some('\n') => return self.error(unterminated),
                    Some(_) => {},
                },
                None | Some('\n') => return self.error(unterminated),
                Some(found) if found == quote => return self.emit(kind),
                Some(_) => {},
            }
        }
    }

    fn raw_string(&mut self) -> Item {
        loop {
            match self.advance() {
                None => return self.error("unterminated raw quoted string"),
                Some('`') => return self.emit(Kind::RawString),
                Some(_) => {},
            }
        }
    }

    /// Whatever looks like a number; the parser looks closer.
    fn number(&mut self) -> Item {
        if !self.scan_number() {
            return self.bad_number();
        }
        if !self.peek().is_some_and(|sign| matches!(sign, '+' | '-')) {
            return self.emit(Kind::Number);
        }
        if !self.scan_number() || !self.pending().ends_with('i') {
            return self.bad_number();
        }
        self.emit(Kind::Complex)
    }

    fn bad_number(&mut self) -> Item {
        let text = format!("bad number syntax: {}", go::quote(self.pending().as_bytes()));
        self.error(text)
    }

    fn scan_number(&mut self) -> bool {
        let _signed = self.accept("+-");
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.pass(|letter| digits.contains(letter));
        if self.accept(".") {
            self.pass(|letter| digits.contains(letter));
        }
        let exponent = match digits.len() {
            11 => "eE",
            23 => "pP",
            _ => "",
        };
        if self.accept(exponent) {
            let _signed = self.accept("+-");
            self.pass(|letter| letter.is_ascii_digit() || letter == '_');
        }
        let _imaginary = self.accept("i");
        if self.peek().is_some_and(is_alphanumeric) {
            let _letter = self.advance();
            return false;
        }
        true
    }

    fn accept(&mut self, valid: &str) -> bool {
        let is_valid = self.peek().is_some_and(|next| valid.contains(next));
        if is_valid {
            let _letter = self.advance();
        }
        is_valid
    }

    fn pass(&mut self, is_part: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&is_part) {
            let _letter = self.advance();
        }
    }
}

/// Whether `text` begins with a right delimiter, and whether that one trims what follows.
fn right_delim(text: &str) -> Option<bool> {
    let mut letters = text.chars();
    let is_blank = letters.next().is_some_and(|first| SPACES.contains(&first));
    if is_blank && letters.as_str().strip_prefix('-').is_some_and(|rest| rest.starts_with(RIGHT)) {
        return Some(true);
    }
    text.starts_with(RIGHT).then_some(false)
}

fn has_left_trim(behind: &str) -> bool {
    behind.strip_prefix('-').is_some_and(|rest| rest.starts_with(SPACES))
}

fn is_alphanumeric(letter: char) -> bool {
    letter == '_' || letter.is_alphanumeric()
}

fn count_lines(text: &str) -> u32 {
    u32::try_from(text.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or(u32::MAX)
}
