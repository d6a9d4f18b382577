//! Addresses in parts, as Go's `net/url` takes them apart and puts them together.

use std::fmt::Write as _;

use super::{Outcome, map};
use crate::template::go;
use crate::template::value::{Entries, Map, Value};

#[derive(Debug, Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<Vec<u8>>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

pub(super) fn parse(text: &[u8]) -> Outcome {
    let url = Url::parse(text)
        .map_err(|why| format!("unable to parse url: parse {}: {why}", go::quote(text)))?;
    let hostname = hostname(&url.host).to_vec();
    let parts = [
        ("scheme", url.scheme),
        ("host", url.host),
        ("hostname", hostname),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", url.user.unwrap_or_default()),
    ];
    let entry = |(name, value): (&str, Vec<u8>)| (name.as_bytes().into(), Value::text(value));
    Ok(Value::Map(Map::of(parts.into_iter().map(entry).collect::<Entries>())))
}

pub(super) fn join(args: &[Value]) -> Outcome {
    let dict = map(args, 0);
    let part = |name: &str| match dict.get(name.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(text.to_vec()),
        Some(Value::Nil) => Err(super::NIL_POINTER.to_owned()),
        Some(other) => Err(format!(
            "unable to parse {name} key, must be of type string, but {} found",
            other.kind_name()
        )),
    };
    let mut url = Url {
        scheme: part("scheme")?,
        host: part("host")?,
        path: part("path")?,
        query: part("query")?,
        opaque: part("opaque")?,
        fragment: part("fragment")?,
        user: None,
    };
    let user = part("userinfo")?;
    if !user.is_empty() {
        let with_user = [b"proto://".as_slice(), &user, b"@host"].concat();
        let parsed = Url::parse(&with_user).map_err(|why| {
            format!("unable to parse userinfo in dict: parse {}: {why}", go::quote(&with_user))
        })?;
        url.user = parsed.user;
    }
    Ok(Value::text(url.joined()))
}

/// Without its port, and without the brackets of an IPv6 address.
fn hostname(host: &[u8]) -> &[u8] {
    if let Some(end) = host.iter().position(|byte| *byte == b']') {
        let inner = host.get(..end).unwrap_or(host);
        return inner.strip_prefix(b"[").unwrap_or(host);
    }
    let colon = host.iter().rposition(|byte| *byte == b':');
    let port = colon.and_then(|colon| host.get(colon + 1..));
    match (colon, port) {
        (Some(colon), Some(port)) if port.iter().all(u8::is_ascii_digit) => {
            host.get(..colon).unwrap_or(host)
        },
        _ => host,
    }
}

fn split_at(text: &[u8], mark: u8) -> (&[u8], Option<&[u8]>) {
    match text.iter().position(|byte| *byte == mark) {
        Some(at) => (text.get(..at).unwrap_or(text), text.get(at + 1..)),
        None => (text, None),
    }
}

impl Url {
    /// The error is Go's, without the address.
    fn parse(text: &[u8]) -> Result<Self, String> {
        let mut url = Self::default();
        let (text, fragment) = split_at(text, b'#');
        if text.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
            return Err("net/url: invalid control character in URL".to_owned());
        }
        url.fragment = unescape(fragment.unwrap_or_default(), Place::Fragment)?;
        if text == b"*" {
            url.path = b"*".to_vec();
            return Ok(url);
        }
        let (scheme, rest) = scheme(text)?;
        url.scheme = scheme.to_ascii_lowercase();
        let (mut rest, query) = split_at(rest, b'?');
        url.query = query.unwrap_or_default().to_vec();
        if !rest.starts_with(b"/") {
            if !url.scheme.is_empty() {
                url.opaque = rest.to_vec();
                return Ok(url);
            }
            let (segment, _) = split_at(rest, b'/');
            if segment.contains(&b':') {
                return Err("first path segment in URL cannot contain colon".to_owned());
            }
        }
        let has_authority = !url.scheme.is_empty() || !rest.starts_with(b"///");
        if let (true, Some(authority)) = (has_authority, rest.strip_prefix(b"//")) {
            let end = authority.iter().position(|byte| *byte == b'/').unwrap_or(authority.len());
            let (authority, path) = authority.split_at(end);
            url.authority(authority)?;
            rest = path;
        }
        url.path = unescape(rest, Place::Path)?;
        Ok(url)
    }

    fn authority(&mut self, text: &[u8]) -> Result<(), String> {
        let Some(at) = text.iter().rposition(|byte| *byte == b'@') else {
            self.host = host(text)?;
            return Ok(());
        };
        self.host = host(text.get(at + 1..).unwrap_or_default())?;
        let user = text.get(..at).unwrap_or_default();
        let is_valid =
            |byte: &u8| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte);
        if !user.iter().all(is_valid) {
            return Err("net/url: invalid userinfo".to_owned());
        }
        let (name, password) = split_at(user, b':');
        let mut shown = escape(&unescape(name, Place::User)?, Place::User);
        if let Some(password) = password {
            shown.push(':');
            shown.push_str(&escape(&unescape(password, Place::User)?, Place::User));
        }
        self.user = Some(shown.into_bytes());
        Ok(())
    }

    /// Go's `URL.String`.
    fn joined(&self) -> Vec<u8> {
        let mut out = Vec::new();
        if !self.scheme.is_empty() {
            out.extend_from_slice(&self.scheme);
            out.push(b':');
        }
        if self.opaque.is_empty() {
            if !self.scheme.is_empty() || !self.host.is_empty() || self.user.is_some() {
                if !self.host.is_empty() || !self.path.is_empty() || self.user.is_some() {
                    out.extend_from_slice(b"//");
                }
                if let Some(user) = &self.user {
                    out.extend_from_slice(user);
                    out.push(b'@');
                }
                out.extend_from_slice(escape(&self.host, Place::Host).as_bytes());
            }
            let path = match self.path.as_slice() {
                b"*" => "*".to_owned(),
                path => escape(path, Place::Path),
            };
            if !path.is_empty() && !path.starts_with('/') && !self.host.is_empty() {
                out.push(b'/');
            }
            let (segment, _) = split_at(path.as_bytes(), b'/');
            if out.is_empty() && segment.contains(&b':') {
                out.extend_from_slice(b"./");
            }
            out.extend_from_slice(path.as_bytes());
        } else {
            out.extend_from_slice(&self.opaque);
        }
        if !self.query.is_empty() {
            out.push(b'?');
            out.extend_from_slice(&self.query);
        }
        if !self.fragment.is_empty() {
            out.push(b'#');
            out.extend_from_slice(escape(&self.fragment, Place::Fragment).as_bytes());
        }
        out
    }
}

fn scheme(text: &[u8]) -> Result<(&[u8], &[u8]), String> {
    for (at, byte) in text.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {},
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {},
            b':' if at == 0 => return Err("missing protocol scheme".to_owned()),
            b':' => {
                let (scheme, rest) = text.split_at(at);
                return Ok((scheme, rest.get(1..).unwrap_or_default()));
            },
            _ => return Ok((&[], text)),
        }
    }
    Ok((&[], text))
}

fn host(text: &[u8]) -> Result<Vec<u8>, String> {
    let port = if text.starts_with(b"[") {
        let end = text.iter().rposition(|byte| *byte == b']');
        let end = end.ok_or_else(|| "missing ']' in host".to_owned())?;
        text.get(end + 1..).unwrap_or_default()
    } else {
        let colon = text.iter().rposition(|byte| *byte == b':');
        colon.and_then(|colon| text.get(colon..)).unwrap_or_default()
    };
    let is_port = port.is_empty()
        || port.strip_prefix(b":").is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    if !is_port {
        return Err(format!("invalid port {} after host", go::quote(port)));
    }
    unescape(text, Place::Host)
}

/// Where a text stands: what must be escaped there differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Path,
    User,
    Host,
    Fragment,
}

impl Place {
    fn allows(self, byte: u8) -> bool {
        let allowed: &[u8] = match self {
            Self::Path => b"$&+,/:;=@",
            Self::User => b"$&+,;=",
            Self::Host => b"!$&'()*+,;=:[]<>\"",
            Self::Fragment => b"$&+,/:;=?@!()*",
        };
        byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || allowed.contains(&byte)
    }
}

fn escape(bytes: &[u8], place: Place) -> String {
    let mut out = String::with_capacity(bytes.len());
    for byte in bytes {
        if place.allows(*byte) {
            out.push(char::from(*byte));
        } else {
            let _infallible = write!(out, "%{byte:02X}");
        }
    }
    out
}

fn unescape(bytes: &[u8], place: Place) -> Result<Vec<u8>, String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            if place == Place::Host && byte.is_ascii() && !place.allows(*byte) {
                let shown = go::quote(&[*byte]);
                return Err(format!("invalid character {shown} in host name"));
            }
            out.push(*byte);
            continue;
        }
        let digits = behind.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let value = digits
            .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        let Some(value) = value else {
            let shown = [b"%".as_slice(), behind.get(..2.min(behind.len())).unwrap_or_default()];
            return Err(format!("invalid URL escape {}", go::quote(&shown.concat())));
        };
        out.push(value);
        rest = behind.get(2..).unwrap_or_default();
    }
    Ok(out)
}
