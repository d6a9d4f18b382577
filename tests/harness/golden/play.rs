//! Plays one case: backends, gateway, requests.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use super::case::{Ask, Case, Script, Seen, Text, Want};
use super::compare;
use super::script::{self, Record};
use crate::backend::Backend;
use crate::baton::{Baton, Starter};
use crate::client::Client;
use crate::http::{Message, Reading, State};
use crate::port;
use crate::until::{pause, until_some};

/// Placeholders and the ports that they stand for.
type Ports = BTreeMap<String, u16>;

/// Plays the case; every difference from what was recorded.
pub fn differences(case: &Case) -> Vec<String> {
    let record = Record::default();
    let backends = start_backends(case, &record);
    let mut ports: Ports =
        backends.iter().map(|(name, backend)| (name.clone(), backend.address().port())).collect();
    let starter = Starter::with_name(&case.config_name);
    ports.insert("GW".to_owned(), starter.port());
    // Ports where nobody listens.
    let named = (1..=9).map(|number| format!("P{number}"));
    ports.extend(named.filter(|name| names(case, name)).map(|name| (name, port::free())));
    let mut baton = prepare(case, starter, &ports).spawn();
    let started = has_started(&mut baton);
    if started != case.starts {
        let log = baton.log();
        let tail: Vec<&str> = log.lines().rev().take(4).collect();
        return vec![format!("start: expected {}, got {started}: {tail:?}", case.starts)];
    }
    if !started {
        return Vec::new();
    }
    pause(Duration::from_millis(case.settle_ms));
    let mut found = Vec::new();
    for ask in &case.requests {
        let got = play(ask, &ports, &record);
        found.extend(
            compare::differences(case, &ask.want, &got)
                .into_iter()
                .map(|words| format!("{}: {words}", ask.name)),
        );
    }
    if baton.ended().is_some() {
        found.push("the gateway died".to_owned());
    }
    found
}

/// A backend for each name that is scripted or named in the configuration.
fn start_backends(case: &Case, record: &Record) -> BTreeMap<String, Backend> {
    let named = (1..=9)
        .map(|number| format!("B{number}"))
        .filter(|name| names(case, name) || case.backends.contains_key(name));
    let nothing = Script::new();
    named
        .map(|name| {
            let script = case.backends.get(&name).unwrap_or(&nothing);
            let backend = script::start(&name, script, record);
            (name, backend)
        })
        .collect()
}

/// Whether the configuration has this placeholder.
fn names(case: &Case, placeholder: &str) -> bool {
    case.config.get().contains(&format!("@{placeholder}@"))
}

fn prepare(case: &Case, starter: Starter, ports: &Ports) -> Starter {
    for (path, text) in &case.files {
        let path = starter.folder().join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(path, fill(text, ports)).unwrap();
    }
    std::fs::write(starter.config_path(), fill(&config_text(case), ports)).unwrap();
    let filled = case.environment.iter().map(|(name, value)| (name, fill(value, ports)));
    filled.fold(starter, |starter, (name, value)| starter.environment(name, &value))
}

/// The configuration with version and port, which objects may leave out.
fn config_text(case: &Case) -> String {
    let text = case.config.get();
    if let Ok(text) = serde_json::from_str::<String>(text) {
        return text;
    }
    let present: BTreeMap<String, serde_json::Value> = serde_json::from_str(text).unwrap();
    let added: String = [("version", "3"), ("port", "\"@GW@\"")]
        .iter()
        .filter(|(key, _)| !present.contains_key(*key))
        .map(|(key, value)| format!("\"{key}\": {value}, "))
        .collect();
    text.replacen('{', &format!("{{{added}"), 1).replace(", }", "}")
}

fn fill(text: &str, ports: &Ports) -> String {
    ports.iter().fold(text.to_owned(), |text, (name, port)| {
        text.replace(&format!("\"@{name}@\""), &port.to_string())
            .replace(&format!("@{name}@"), &port.to_string())
    })
}

fn has_started(baton: &mut Baton) -> bool {
    until_some("the gateway listens or ends", Duration::from_secs(10), || {
        if baton.ended().is_some() {
            return Some(false);
        }
        // An answer, not only a connection: a listener that is being set up resets some.
        let mut client = Client::try_connect(baton.address()).ok()?;
        let ready = "GET /__ready HTTP/1.1\r\nHost: gw.test\r\nConnection: close\r\n\r\n";
        client.send(ready).try_answer().ok().map(|_| true)
    })
}

fn play(ask: &Ask, ports: &Ports, record: &Record) -> Want {
    pause(Duration::from_millis(ask.pause_ms));
    let before = record.lock().unwrap_or_else(PoisonError::into_inner).len();
    let port = ports.get("GW").copied().unwrap();
    let mut got = exchange(ask, ports, port);
    let expected = ask.want.seen.as_ref().map_or(0, Vec::len);
    // What is expected may take a moment; what is not must have had one too.
    let mut left_ms = 300;
    while left_ms > 0 && record.lock().unwrap().len() < before + expected {
        pause(Duration::from_millis(5));
        left_ms -= 5;
    }
    pause(Duration::from_millis(ask.wait_ms.max(3)));
    let seen = Arc::clone(record).lock().unwrap().iter().skip(before).cloned().collect();
    got.seen = Some(unfill_seen(seen, ports));
    got
}

fn exchange(ask: &Ask, ports: &Ports, port: u16) -> Want {
    let failed = |words: &str| Want { error: Some(words.to_owned()), ..Want::default() };
    let Ok(mut client) = Client::try_connect(([127, 0, 0, 1], port).into()) else {
        return failed("connect");
    };
    let head = fill(&ask.send.text(), ports);
    client.send([Text::Plain(head.clone()).latin1(), ask.body.bytes()].concat());
    let reading = if head.starts_with("HEAD ") { Reading::AnswerToHead } else { Reading::Answer };
    let mut interim = Vec::new();
    let answer = loop {
        match client.read(reading) {
            Ok(answer) if answer.status() < 200 && answer.status() != 101 => {
                interim.push(answer.status());
            },
            Ok(answer) => break answer,
            Err(words) => return failed(&words),
        }
    };
    let after = ask.want.after.as_ref().map(|_| {
        let state = client.state_within(Duration::from_millis(250));
        match state {
            State::Open => "open",
            State::Closed => "closed",
            State::More => "more",
        }
        .to_owned()
    });
    described(&answer, interim, after, ports)
}

fn described(answer: &Message, interim: Vec<u16>, after: Option<String>, ports: &Ports) -> Want {
    let lines = answer.fields.sorted_lines(&compare::NEVER_COMPARED);
    Want {
        error: None,
        status: Some(answer.status()),
        interim: (!interim.is_empty()).then_some(interim),
        after,
        headers: Some(lines.iter().map(|line| Text::Plain(compare::unfill(line, ports))).collect()),
        body: Some(unfill_text(&script::text(&answer.body), ports)),
        seen: None,
    }
}

fn unfill_text(text: &Text, ports: &Ports) -> Text {
    match text {
        Text::Plain(text) => Text::Plain(compare::unfill(text, ports)),
        bytes @ (Text::Bytes { .. } | Text::Parts { .. }) => bytes.clone(),
    }
}

fn unfill_seen(seen: Vec<Seen>, ports: &Ports) -> Vec<Seen> {
    seen.into_iter()
        .map(|seen| Seen {
            line: compare::unfill(&seen.line, ports),
            headers: seen.headers.iter().map(|line| unfill_text(line, ports)).collect(),
            body: unfill_text(&seen.body, ports),
            ..seen
        })
        .collect()
}
