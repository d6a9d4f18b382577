//! Upper and lower case, and names in words.

/// Go maps letter by letter: what would become several letters stays.
fn one(mut mapped: impl Iterator<Item = char>, letter: char) -> char {
    match (mapped.next(), mapped.next()) {
        (Some(only), None) => only,
        _ => letter,
    }
}

fn up(letter: char) -> char {
    one(letter.to_uppercase(), letter)
}

fn low(letter: char) -> char {
    one(letter.to_lowercase(), letter)
}

pub(super) fn upper(text: &str) -> String {
    text.chars().map(up).collect()
}

pub(super) fn lower(text: &str) -> String {
    text.chars().map(low).collect()
}

/// Go's `strings.Title`.
pub(super) fn title(text: &str) -> String {
    let mut before = ' ';
    let mut map = |letter: char| {
        let begins = is_separator(before);
        before = letter;
        if begins { up(letter) } else { letter }
    };
    text.chars().map(&mut map).collect()
}

fn is_separator(letter: char) -> bool {
    if letter.is_ascii() {
        return !letter.is_ascii_alphanumeric() && letter != '_';
    }
    !letter.is_alphanumeric() && letter.is_whitespace()
}

pub(super) fn untitle(text: &str) -> String {
    let mut begins = true;
    let mut map = |letter: char| {
        if letter.is_whitespace() {
            begins = true;
            return letter;
        }
        if std::mem::take(&mut begins) { low(letter) } else { letter }
    };
    text.chars().map(&mut map).collect()
}

pub(super) fn swap(text: &str) -> String {
    let mut begins = true;
    let mut map = |letter: char| {
        if letter.is_uppercase() {
            begins = false;
            low(letter)
        } else if letter.is_lowercase() {
            begins = false;
            up(letter)
        } else {
            begins = letter.is_whitespace();
            letter
        }
    };
    text.chars().map(&mut map).collect()
}

fn is_connector(letter: char) -> bool {
    letter == '-' || letter == '_' || letter.is_whitespace()
}

/// `http_server` → `HttpServer`; connectors in front stay, of several only the last goes.
pub(super) fn camel(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    let mut newest = loop {
        match letters.next() {
            Some(letter) if is_connector(letter) => {
                if letters.as_str().is_empty() {
                    out.push(letter);
                    out.push(letter);
                    return out;
                }
                out.push(letter);
            },
            Some(letter) => break up(letter),
            None => return out,
        }
    };
    for letter in letters {
        let before = newest;
        newest = letter;
        if is_connector(letter) && is_connector(before) {
            out.push(before);
        } else if is_connector(before) {
            newest = up(letter);
        } else {
            out.push(before);
        }
    }
    out.push(newest);
    out
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Invalid,
    Number,
    Upper,
    Alphabet,
    Connector,
    Punctuation,
    Other,
}

/// `FirstName` → `first_name`, word by word as the library does it.
pub(super) fn lower_words(text: &str, connector: char) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    let (mut kind, mut word, mut rest) = next_word(text);
    while !rest.is_empty() {
        if kind != Kind::Connector {
            push(&mut out, kind, word, connector);
        }
        let (before, last) = (kind, word);
        (kind, word, rest) = next_word(rest);
        match before {
            Kind::Number => {
                while matches!(kind, Kind::Alphabet | Kind::Number) {
                    push(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Kind::Invalid | Kind::Punctuation | Kind::Connector) {
                    out.push(connector);
                }
            },
            Kind::Connector => push(&mut out, before, last, connector),
            Kind::Punctuation => {},
            Kind::Invalid | Kind::Upper | Kind::Alphabet | Kind::Other => {
                if kind != Kind::Number {
                    if !matches!(kind, Kind::Connector | Kind::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                if rest.is_empty() {
                    continue;
                }
                let number = word;
                (kind, word, rest) = next_word(rest);
                if kind != Kind::Alphabet {
                    // The number is a part of the word before: `Bld4Floor`.
                    push(&mut out, Kind::Number, number, connector);
                    if !matches!(kind, Kind::Connector | Kind::Punctuation) {
                        out.push(connector);
                    }
                    continue;
                }
                // Small letters behind a number: it begins a word, `http_2xx`.
                out.push(connector);
                push(&mut out, Kind::Number, number, connector);
                while matches!(kind, Kind::Alphabet | Kind::Number) {
                    push(&mut out, kind, word, connector);
                    (kind, word, rest) = next_word(rest);
                }
                if !matches!(kind, Kind::Invalid | Kind::Connector | Kind::Punctuation) {
                    out.push(connector);
                }
            },
        }
    }
    push(&mut out, kind, word, connector);
    out
}

fn push(out: &mut String, kind: Kind, word: &str, connector: char) {
    if !matches!(kind, Kind::Upper | Kind::Connector) {
        return out.push_str(word);
    }
    out.extend(
        word.chars().map(|letter| if is_connector(letter) { connector } else { low(letter) }),
    );
}

/// The first word, of one kind, and what follows it.
fn next_word(text: &str) -> (Kind, &str, &str) {
    let Some(first) = text.chars().next() else { return (Kind::Invalid, "", "") };
    let is_alphabet = |letter: char| is_alphabet(letter);
    let (kind, length) = if is_connector(first) {
        (Kind::Connector, span(text, is_connector))
    } else if is_punctuation(first) {
        (Kind::Punctuation, span(text, is_punctuation))
    } else if first.is_uppercase() {
        (Kind::Upper, upper_word(text, first))
    } else if is_alphabet(first) {
        (Kind::Alphabet, span(text, |letter| is_alphabet(letter) && !letter.is_uppercase()))
    } else if first.is_numeric() {
        (Kind::Number, span(text, char::is_numeric))
    } else {
        let is_other = |letter: char| {
            !is_connector(letter)
                && !is_alphabet(letter)
                && !letter.is_numeric()
                && !is_punctuation(letter)
        };
        (Kind::Other, first.len_utf8() + span(text.get(first.len_utf8()..).unwrap_or(""), is_other))
    };
    let (word, rest) = text.split_at(length);
    (kind, word, rest)
}

/// `HTTPStatus` is `HTTP` and `Status`; `Status` is one word.
fn upper_word(text: &str, first: char) -> usize {
    let capitals = span(text, char::is_uppercase);
    let behind = text.get(capitals..).unwrap_or("");
    if capitals == first.len_utf8() {
        return capitals + span(behind, |letter| is_alphabet(letter) && !letter.is_uppercase());
    }
    match (behind.chars().next(), text.get(..capitals).and_then(|word| word.chars().last())) {
        (Some(next), Some(last)) if is_alphabet(next) => capitals - last.len_utf8(),
        _ => capitals,
    }
}

fn span(text: &str, is_part: impl Fn(char) -> bool) -> usize {
    text.find(|letter| !is_part(letter)).unwrap_or(text.len())
}

/// A letter, but none of the ideographs.
fn is_alphabet(letter: char) -> bool {
    letter.is_alphabetic() && !('\u{4e00}'..='\u{9fcc}').contains(&letter)
}

fn is_punctuation(letter: char) -> bool {
    const SYMBOLS: &str = "$+<=>^`|~";
    const OTHERS: &str = "¡§«¶·»¿";
    letter.is_ascii_punctuation() && !SYMBOLS.contains(letter)
        || OTHERS.contains(letter)
        || ('\u{2010}'..='\u{2027}').contains(&letter)
        || ('\u{2030}'..='\u{205e}').contains(&letter) && letter != '\u{2044}'
        || ('\u{3001}'..='\u{3003}').contains(&letter)
        || ('\u{3008}'..='\u{3011}').contains(&letter)
}
