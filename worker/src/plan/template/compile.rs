//! A pattern as the file has it, cut into pieces.

use crate::plan::lasting;
use crate::route::params::{self, Params};
use crate::route::percent;

use super::pieces::{Piece, Pieces, Placeholder, Text};
use super::{AnswerSlots, Fault, Kind, Source, Template};

/// What a placeholder may mean.
struct Known<'a> {
    /// Placeholders of the endpoint's path, in order.
    params: Vec<&'a str>,
    answers: &'a mut AnswerSlots,
}

/// Compiles a pattern; `route` is the endpoint's path in gin's form.
pub(super) fn template(pattern: &str, route: &str, answers: &mut AnswerSlots) -> Template {
    let mut known = Known { params: params::names(route), answers };
    let (sent, fragment) = pattern.split_once('#').unwrap_or((pattern, ""));
    let (path, query) = match sent.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (sent, None),
    };
    let shown = cut(pattern).map(|token| token.shown()).collect::<String>().into();
    // KrakenD (Enterprise): what follows the path of an endpoint `/a/*` follows that of the backend.
    let rest = route.ends_with("/*").then_some(known.params.len());
    let path = match rest {
        Some(_) => path.strip_suffix('*').unwrap_or(path).trim_end_matches('/'),
        None => path,
    };
    // Go looks at what is not sent as well, and last.
    let kind = match (compile(path, query, rest, &mut known), faults(fragment)) {
        (Ok(kind), Ok(())) => kind,
        (Err(fault), _) => broken(sent, fault, &mut known),
        (Ok(_), Err(fault)) => broken(pattern, fault, &mut known),
    };
    Template { kind, shown }
}

/// The fault of a fragment.
fn faults(fragment: &str) -> Result<(), Fault> {
    let mut texts = cut(fragment).filter_map(|token| match token {
        Token::Text(text) => Some(text),
        Token::Name(_) => None,
    });
    texts.try_for_each(|text| Text::of_path(text).map(drop))
}

/// What cannot be sent, with what its message shows.
fn broken(pattern: &str, fault: Fault, known: &mut Known<'_>) -> Kind {
    let piece = |token: Token<'_>| match token {
        Token::Text(text) => Piece::Text(Text::shown(text)),
        Token::Name(name) => Piece::Value(placeholder(name, known, false)),
    };
    Kind::Broken { fault, shown: cut(pattern).map(piece).collect() }
}

fn compile(
    path: &str,
    query: Option<&str>,
    rest: Option<usize>,
    known: &mut Known<'_>,
) -> Result<Kind, Fault> {
    if path.bytes().chain(query.unwrap_or_default().bytes()).any(|byte| byte.is_ascii_control()) {
        return Err(Fault::ControlByte);
    }
    let (path, encode_path) = path_pieces(path, rest, known)?;
    let query = query.map(|query| {
        let piece = |token: Token<'_>| match token {
            Token::Text(text) => Piece::Text(Text::of_query(text)),
            Token::Name(name) => Piece::Value(placeholder(name, known, false)),
        };
        cut(query).map(piece).collect::<Box<[Piece]>>()
    });
    let depends = |piece: &Piece| matches!(piece, Piece::Value(Placeholder { source, .. }) if *source != Source::Unknown);
    if path.iter().chain(query.iter().flatten()).any(depends) {
        return Ok(Kind::Pieces { path, encode_path, query });
    }
    let pieces = Pieces { path: &path, query: query.as_deref() };
    let mut target = Vec::new();
    if pieces.write_path(&Params::none(), encode_path, &mut target).is_err() {
        return Ok(Kind::Pieces { path, encode_path, query });
    }
    let query = pieces.write_query(&Params::none(), &mut target);
    Ok(Kind::Constant { target: lasting::bytes(target), query })
}

/// The pieces of the path, and whether its own text makes Go encode it anew.
fn path_pieces(
    path: &str,
    rest: Option<usize>,
    known: &mut Known<'_>,
) -> Result<(Box<[Piece]>, bool), Fault> {
    let tokens: Vec<Token<'_>> = cut(path).collect();
    let mut pieces = Vec::with_capacity(tokens.len());
    let mut encode = false;
    for (nth, token) in tokens.iter().enumerate() {
        match token {
            Token::Text(text) => {
                encode |= text.bytes().any(|byte| !percent::is_valid_in_path(byte) && byte != b'%');
                pieces.push(Piece::Text(Text::of_path(text)?));
            },
            Token::Name(name) => {
                let before = nth.checked_sub(1).and_then(|before| tokens.get(before));
                let alone = before.is_none_or(|before| before.ends_with_slash())
                    && tokens.get(nth + 1).is_none_or(Token::begins_with_slash);
                pieces.push(Piece::Value(placeholder(name, known, !alone)));
            },
        }
    }
    pieces.extend(rest.map(|index| {
        let literal = Box::default();
        Piece::Value(Placeholder { source: Source::Rest(index), literal, shares_segment: false })
    }));
    Ok((pieces.into(), encode))
}

impl Text {
    fn of_path(text: &str) -> Result<Self, Fault> {
        let decoded = percent::decode(text.as_bytes()).map_err(Fault::BadEscape)?;
        let mut encoded = Vec::with_capacity(decoded.len());
        percent::escape_path(&decoded, &mut encoded);
        let raw: Box<[u8]> = text.as_bytes().into();
        Ok(Self { valid: raw.clone(), raw, encoded: encoded.into() })
    }

    /// Never sent.
    fn shown(text: &str) -> Self {
        Self { raw: text.as_bytes().into(), valid: Box::default(), encoded: Box::default() }
    }

    /// A query is sent as it is written, but for what would break the request line.
    fn of_query(text: &str) -> Self {
        let mut valid = Vec::with_capacity(text.len());
        for byte in text.bytes() {
            if byte.is_ascii_graphic() && !matches!(byte, b'<' | b'>') {
                valid.push(byte);
            } else {
                percent::escape_query_value(&[byte], &mut valid);
            }
        }
        let raw = text.as_bytes().into();
        Self { raw, encoded: Box::default(), valid: valid.into() }
    }
}

fn placeholder(name: &str, known: &mut Known<'_>, shares_segment: bool) -> Placeholder {
    let source = source(name, known);
    let literal = format!("{{{{.{}}}}}", krakend_key(name)).into_bytes().into();
    Placeholder { source, literal, shares_segment }
}

/// The same outside of a pattern, where nothing is wanted that nobody wants already.
pub(super) fn source_outside(name: &str, params: &[&str], answers: &AnswerSlots) -> Source {
    let key = krakend_key(name);
    if let Some(param) = params.iter().rposition(|other| krakend_key(other) == key) {
        return Source::Param(param);
    }
    match name.strip_prefix("JWT.") {
        Some(claim) => Source::Claim(claim.into()),
        None => answers.known(name).map_or(Source::Unknown, Source::Answer),
    }
}

/// Where the value of `{name}` comes from.
fn source(name: &str, known: &mut Known<'_>) -> Source {
    let key = krakend_key(name);
    // Placeholders whose names differ only in the case of the first letter are one; the last wins.
    let param = known.params.iter().rposition(|other| krakend_key(other) == key);
    param.map_or_else(|| other_source(name, known.answers), Source::Param)
}

fn other_source(name: &str, answers: &mut AnswerSlots) -> Source {
    if let Some(name) = name.strip_prefix("input_headers.") {
        return Source::Header(name.into());
    }
    if let Some(name) = name.strip_prefix("input_query_strings.") {
        return Source::Query(name.into());
    }
    match name.strip_prefix("JWT.") {
        Some(claim) => Source::Claim(claim.into()),
        None => answers.place(name).map_or(Source::Unknown, Source::Answer),
    }
}

/// `id` as `Id`: how KrakenD names a parameter.
fn krakend_key(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

/// A part of a pattern.
#[derive(Clone, Copy)]
enum Token<'p> {
    Text(&'p str),
    /// The name between braces.
    Name(&'p str),
}

impl Token<'_> {
    fn begins_with_slash(&self) -> bool {
        matches!(self, Self::Text(text) if text.starts_with('/'))
    }

    fn ends_with_slash(&self) -> bool {
        matches!(self, Self::Text(text) if text.ends_with('/'))
    }

    fn shown(&self) -> String {
        match self {
            Self::Text(text) => (*text).to_owned(),
            Self::Name(name) => format!("{{{{.{}}}}}", krakend_key(name)),
        }
    }
}

/// Cuts a pattern at its placeholders: `{name}` with letters, digits and `_-.:/`.
fn cut(pattern: &str) -> impl Iterator<Item = Token<'_>> {
    let mut rest = pattern;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let (token, left) = match next_name(rest) {
            Some(("", name, left)) => (Token::Name(name), left),
            Some((text, _, _)) => (Token::Text(text), rest.strip_prefix(text).unwrap_or_default()),
            None => (Token::Text(rest), ""),
        };
        rest = left;
        Some(token)
    })
}

/// The first placeholder: what stands before it, its name, what stands behind it.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let is_name = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:/".contains(&byte);
        !name.is_empty() && name.bytes().all(letter)
    };
    text.match_indices('{').find_map(|(at, _)| {
        let (before, open) = text.split_at_checked(at)?;
        let (name, left) = open.strip_prefix('{')?.split_once('}')?;
        is_name(name).then_some((before, name, left))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sources(pattern: &str, route: &str, expected: &[Source]) {
        let mut answers = AnswerSlots::default();
        answers.behind(13);
        let mut known = Known { params: params::names(route), answers: &mut answers };
        let found: Vec<Source> = cut(pattern)
            .filter_map(|token| match token {
                Token::Name(name) => Some(placeholder(name, &mut known, false).source),
                Token::Text(_) => None,
            })
            .collect();
        assert_eq!(found, expected, "{pattern} for {route}");
    }

    #[test]
    fn a_placeholder_knows_where_its_value_comes_from() {
        let claim = |name: &str| Source::Claim(name.into());
        sources("/{id}/{JWT.http://c/x.y}", "/a/:id", &[Source::Param(0), claim("http://c/x.y")]);
        sources("/{resp0_a.b}/{resp12__c}", "/a", &[Source::Answer(0), Source::Answer(1)]);
        sources("/{resp0}/{resp_x}/{x}", "/a/:x.json", &[const { Source::Unknown }; 3]);
        // KrakenD names a parameter by its first letter in upper case; of two, the last counts.
        sources("/{a}/{A}", "/:a/:b/:A", &[Source::Param(2), Source::Param(2)]);
        sources("/{x}", "/:x/:x", &[Source::Param(1)]);
        sources("/{a b}/{}/{{x}}", "/:x", &[Source::Param(0)]);
    }

    #[test]
    fn cutting_a_pattern_loses_nothing() {
        for pattern in ["", "{", "}", "{}", "{x", "a{x}b{y}{z}", "{a b}{c}", "\u{e9}{x}\u{e9}"] {
            let joined: String = cut(pattern)
                .map(|token| match token {
                    Token::Text(text) => text.to_owned(),
                    Token::Name(name) => format!("{{{name}}}"),
                })
                .collect();
            assert_eq!(joined, pattern);
        }
    }
}
