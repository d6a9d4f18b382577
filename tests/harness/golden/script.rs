//! A backend that answers by script, and the record of all of them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

use super::case::{Reply, Script, Seen, Text, When, bytes_of};
use crate::backend::{Backend, Step};
use crate::http::{Message, latin1};

/// What all backends of a case saw, in order.
pub(super) type Record = Arc<Mutex<Vec<Seen>>>;

/// Starts a backend of that name.
pub(super) fn start(name: &str, script: &Script, record: &Record) -> Backend {
    let (name, script, record) = (name.to_owned(), script.clone(), Arc::clone(record));
    let turns = Mutex::new(BTreeMap::<String, usize>::new());
    Backend::start(move |request| {
        record.lock().unwrap().push(seen(&name, request));
        let Some((key, replies)) = pick(&script, request) else {
            return answer(request, &nothing());
        };
        let mut turns = turns.lock().unwrap();
        let turn = turns.entry(key).or_insert(0);
        let reply = replies.get(*turn).or_else(|| replies.last());
        *turn += 1;
        reply.map_or_else(Vec::new, |reply| answer(request, reply))
    })
}

fn pick<'a>(script: &'a Script, request: &Message) -> Option<(String, &'a Vec<Reply>)> {
    let (method, target) = (request.word(0), request.word(1));
    let path = target.split('?').next().unwrap_or_default();
    [format!("{method} {target}"), format!("{method} {path}"), format!("* {path}"), "*".to_owned()]
        .into_iter()
        .find_map(|key| script.get(&key).map(|replies| (key, replies)))
}

fn nothing() -> Reply {
    Reply {
        status: 404,
        headers: vec!["Content-Type: text/plain".to_owned()],
        body: Text::Plain("no such script\n".to_owned()),
        echo: false,
        chunked: false,
        raw: None,
        delay_ms: 0,
        close: None,
    }
}

fn seen(backend: &str, request: &Message) -> Seen {
    let lines = request.fields.sorted_lines(&["date"]);
    Seen {
        backend: backend.to_owned(),
        line: format!("{} {}", request.word(0), request.word(1)),
        headers: lines.into_iter().map(Text::Plain).collect(),
        framing: Some(request.framing.name().to_owned()),
        body: text(&request.body),
    }
}

/// As the recorded form has it: text where it is UTF-8.
pub(super) fn text(bytes: &[u8]) -> Text {
    match std::str::from_utf8(bytes) {
        Ok(text) => Text::Plain(text.to_owned()),
        Err(_) => Text::Bytes { latin1: latin1(bytes) },
    }
}

fn answer(request: &Message, reply: &Reply) -> Vec<Step> {
    let mut steps = vec![Step::Wait(Duration::from_millis(reply.delay_ms))];
    if reply.close == Some(When::Before) {
        steps.push(Step::Close);
        return steps;
    }
    let bytes = match &reply.raw {
        Some(raw) => bytes_of(raw),
        None => message(request, reply),
    };
    steps.push(Step::Send(bytes));
    if reply.close == Some(When::After) {
        steps.push(Step::Close);
    }
    steps
}

fn message(request: &Message, reply: &Reply) -> Vec<u8> {
    let body = if reply.echo { echo(request).into_bytes() } else { reply.body.bytes() };
    let without_length = matches!(reply.status, 0..=199 | 204 | 304);
    let has_length =
        reply.headers.iter().any(|line| line.to_ascii_lowercase().starts_with("content-length:"));
    let mut head = format!("HTTP/1.1 {} X\r\n", reply.status);
    for line in &reply.headers {
        head.push_str(&line.replace("@NOW@", &http_date(SystemTime::now())));
        head.push_str("\r\n");
    }
    if reply.chunked {
        head.push_str("Transfer-Encoding: chunked\r\n");
    }
    if !reply.chunked && !has_length && !without_length {
        write!(head, "Content-Length: {}\r\n", body.len()).unwrap();
    }
    head.push_str("\r\n");
    let mut bytes = bytes_of(&head);
    if request.word(0) == "HEAD" || without_length {
        return bytes;
    }
    bytes.extend(if reply.chunked { in_two_chunks(&body) } else { body });
    bytes
}

/// As a server writes it: `Tue, 24 Nov 2026 19:35:01 GMT`.
fn http_date(at: SystemTime) -> String {
    const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = at.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut day) = (1970, days);
    while day >= if is_leap(year) { 366 } else { 365 } {
        day -= if is_leap(year) { 366 } else { 365 };
        year += 1;
    }
    let lengths = [31, if is_leap(year) { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    for length in lengths {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let weekday = WEEKDAYS.get(usize::try_from(days % 7).unwrap()).unwrap();
    let (hour, minute, second) = (time / 3600, time / 60 % 60, time % 60);
    let (day, month) = (day + 1, MONTHS.get(month).unwrap());
    format!("{weekday}, {day:02} {month} {year} {hour:02}:{minute:02}:{second:02} GMT")
}

fn in_two_chunks(body: &[u8]) -> Vec<u8> {
    let (first, second) = body.split_at((body.len() / 2).max(1).min(body.len()));
    let mut bytes = Vec::new();
    for part in [first, second] {
        if !part.is_empty() {
            bytes.extend(format!("{:x}\r\n", part.len()).into_bytes());
            bytes.extend(part);
            bytes.extend(b"\r\n");
        }
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// What the backend saw, in the bytes that the recorded answers hold (Python's `json.dumps`).
fn echo(request: &Message) -> String {
    let mut fields = request.fields.0.clone();
    fields.retain(|(name, _)| !name.eq_ignore_ascii_case("host"));
    fields.sort();
    let fields: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("[{}, {}]", quoted(name), quoted(value)))
        .collect();
    let body = match std::str::from_utf8(&request.body) {
        Ok(text) => format!("{{\"text\": {}}}", quoted(text)),
        Err(_) => format!("{{\"b64\": {}}}", quoted(&BASE64_STANDARD.encode(&request.body))),
    };
    format!(
        "{{\"method\": {}, \"target\": {}, \"headers\": [{}], \"body\": {body}}}",
        quoted(request.word(0)),
        quoted(request.word(1)),
        fields.join(", ")
    )
}

fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(letter),
            _ => {
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    write!(out, "\\u{unit:04x}").unwrap();
                }
            },
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_and_texts_are_written_as_the_recorder_wrote_them() {
        let at = |seconds| http_date(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(at(951_782_400), "Tue, 29 Feb 2000 00:00:00 GMT");
        assert_eq!(at(1_795_548_901), "Tue, 24 Nov 2026 19:35:01 GMT");
        assert_eq!(quoted("a\"\\\n\u{7f}é😀"), r#""a\"\\\n\u007f\u00e9\ud83d\ude00""#);
    }
}
