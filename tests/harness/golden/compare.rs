//! What differs between two answers.

use std::collections::BTreeMap;

use super::case::{Case, Seen, Text, Want};

/// Header fields that no case compares: the moment, and how an answer is delimited.
pub(super) const NEVER_COMPARED: [&str; 4] =
    ["date", "content-length", "transfer-encoding", "connection"];

/// Every difference, in words.
pub(super) fn differences(case: &Case, want: &Want, got: &Want) -> Vec<String> {
    if want.error.is_some() || got.error.is_some() {
        // How a connection ends without an answer is not compared, that it does is.
        return match (&want.error, &got.error) {
            (Some(_), Some(_)) => Vec::new(),
            (want_error, got_error) => vec![format!(
                "expected {:?} {:?}, got {:?} {:?}",
                want_error, want.status, got_error, got.status
            )],
        };
    }
    let mut found = Vec::new();
    differ(&mut found, "status", want.status.as_ref(), got.status.as_ref());
    differ(&mut found, "interim", want.interim.as_ref(), got.interim.as_ref());
    differ(&mut found, "after", want.after.as_ref(), got.after.as_ref());
    let (want_body, got_body) = (want.body.as_ref().map(shown), got.body.as_ref().map(shown));
    if !is_same_lua_error(want_body.as_deref(), got_body.as_deref()) {
        differ(&mut found, "body", want_body.as_ref(), got_body.as_ref());
    }
    headers(case, &mut found, want, got);
    seen(case, &mut found, want, got);
    found
}

fn differ<T: PartialEq + std::fmt::Debug>(
    found: &mut Vec<String>,
    what: &str,
    want: Option<&T>,
    got: Option<&T>,
) {
    if want.is_some() && want != got {
        found.push(format!("{what} expected {}, got {}", short(want), short(got)));
    }
}

fn short<T: std::fmt::Debug>(value: T) -> String {
    const LETTERS_MAX: usize = 500;
    format!("{value:?}").chars().take(LETTERS_MAX).collect()
}

/// Every Lua words its errors in its own way; where they happened counts.
fn is_same_lua_error(want: Option<&str>, got: Option<&str>) -> bool {
    let (Some(want), Some(got)) = (want, got) else { return false };
    let Some((before, behind)) = want.split_once("@LUA ERROR@") else { return false };
    let words = got.strip_prefix(before).and_then(|rest| rest.strip_suffix(behind));
    words.is_some_and(|words| !words.is_empty())
}

fn shown(text: &Text) -> String {
    text.text()
}

fn headers(case: &Case, found: &mut Vec<String>, want: &Want, got: &Want) {
    let (Some(want), Some(got)) = (&want.headers, &got.headers) else { return };
    let want = kept(want, &case.ignore_headers);
    let got = kept(got, &case.ignore_headers);
    if want != got {
        let missing: Vec<_> = want.iter().filter(|line| !got.contains(line)).collect();
        let extra: Vec<_> = got.iter().filter(|line| !want.contains(line)).collect();
        found.push(format!("headers missing {missing:?}, extra {extra:?}"));
    }
}

fn kept(lines: &[Text], without: &[String]) -> Vec<String> {
    let ignored = |line: &String| {
        let name = line.split(':').next().unwrap_or_default();
        without.iter().any(|ignored| ignored.eq_ignore_ascii_case(name))
    };
    let mut kept: Vec<String> =
        lines.iter().map(Text::text).filter(|line| !ignored(line)).collect();
    kept.sort();
    kept
}

fn seen(case: &Case, found: &mut Vec<String>, want: &Want, got: &Want) {
    let (Some(want), Some(got)) = (&want.seen, &got.seen) else { return };
    let framing = want.iter().all(|seen| seen.framing.is_some());
    let plain = |list: &[Seen]| {
        let is_ignored = |seen: &&Seen| case.ignore_seen_backends.contains(&seen.backend);
        let mut list: Vec<String> = list
            .iter()
            .filter(|seen| !is_ignored(seen))
            .map(|seen| {
                let headers = kept(&seen.headers, &case.ignore_seen_headers);
                let framing = seen.framing.as_deref().filter(|_| framing).unwrap_or("any");
                let Seen { backend, line, body, .. } = seen;
                format!("{backend} {line} {headers:?} {framing} {:?}", body.text())
            })
            .collect();
        if case.unordered {
            list.sort();
        }
        list
    };
    let (want, got) = (plain(want), plain(got));
    if want != got {
        found.push(format!(
            "backends saw\n      expected {}\n      got      {}",
            short(want),
            short(got)
        ));
    }
}

/// Puts placeholders back, so that runs on other ports compare equal.
pub(super) fn unfill(text: &str, ports: &BTreeMap<String, u16>) -> String {
    let mut text = text.to_owned();
    for (name, port) in ports {
        for host in ["127.0.0.1", "localhost", "[::1]"] {
            text = text.replace(&format!("{host}:{port}"), &format!("{host}:@{name}@"));
        }
    }
    without_times(&without_version(&text))
}

/// `Version 1.2.3…` → `Version @VERSION@`.
fn without_version(text: &str) -> String {
    let mut parts = text.split("Version ");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        out.push_str("Version ");
        let version: String = part
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || ".+-_".contains(*letter))
            .collect();
        let numbers: Vec<&str> = version.splitn(3, '.').collect();
        let digit = |text: &&str| text.starts_with(|letter: char| letter.is_ascii_digit());
        if numbers.len() == 3 && numbers.iter().all(digit) {
            out.push_str("@VERSION@");
            out.push_str(part.get(version.len()..).unwrap_or_default());
        } else {
            out.push_str(part);
        }
    }
    out
}

/// Moments (`2026-11-24 20:17:19.123 +0000 UTC m=+0.1`, RFC 3339) → `@TIME@`.
fn without_times(text: &str) -> String {
    const SHAPE: &str = "0000-00-00 00:00:00";
    let mut out = String::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let fits = rest.len() >= SHAPE.len()
            && rest.bytes().zip(SHAPE.bytes()).all(|(byte, shape)| match shape {
                b'0' => byte.is_ascii_digit(),
                b' ' => byte == b' ' || byte == b'T',
                other => byte == other,
            });
        let skipped = if fits {
            SHAPE.len() + zone_length(rest.get(SHAPE.len()..).unwrap_or(""))
        } else {
            first.len_utf8()
        };
        if fits {
            out.push_str("@TIME@");
        } else {
            out.push(first);
        }
        rest = rest.get(skipped..).unwrap_or_default();
    }
    out
}

/// How much of `text` still belongs to the moment before it: a fraction, a zone, Go's monotonic clock.
fn zone_length(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut at = 0;
    if let Some(fraction) = text.strip_prefix('.') {
        at = 1 + digits(fraction);
    }
    let zone = text.get(at..).unwrap_or_default();
    if zone.starts_with('Z') {
        return at + 1;
    }
    let unspaced = zone.strip_prefix(' ').unwrap_or(zone);
    let clock = unspaced.find(" UTC m=").filter(|_| unspaced.starts_with(['+', '-']));
    clock.map_or(at, |clock| {
        let from = clock + " UTC m=+".len();
        let seconds = unspaced.get(from..).unwrap_or_default();
        let length =
            seconds.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
        at + (zone.len() - unspaced.len()) + from + length
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_from_run_to_run_is_masked_and_nothing_else() {
        let ports = BTreeMap::from([("GW".to_owned(), 8080)]);
        let check = |text: &str, want: &str| assert_eq!(unfill(text, &ports), want);
        check("http://127.0.0.1:8080/x", "http://127.0.0.1:@GW@/x");
        check("KrakenD Version 2.13.8", "KrakenD Version @VERSION@");
        check("Version 1.2.3-rc.1+a, Version x", "Version @VERSION@, Version x");
        check("now 2026-11-24 20:17:19.5 +0000 UTC m=+0.12 end", "now @TIME@ end");
        check("{\"t\":\"2026-11-24T20:17:19Z\"}", "{\"t\":\"@TIME@\"}");
        check("2026-11-24", "2026-11-24");
    }
}
