//! `security/bot-detector`: refuses by `User-Agent`.
//!
//! On the way: behind CORS and `security/http`, before JWT; once for the whole service, once more for an endpoint that has a
//! block of its own. Plain data in, verdict out: no await, no clock, no lock.
//! KrakenD: the allow list beats the deny list, which beats the patterns; names are compared whole and by case. The first
//! `User-Agent` counts. A block that cannot be used switches KrakenD's detector off; here it refuses the start.

use std::collections::HashSet;

use baton_shared::config::node::{Node, Value};
use baton_shared::log;
use regex::bytes::Regex;

use super::{Refusal, pattern};
use crate::message::Head;

/// As KrakenD's log has it, for both levels.
const TAG: &str = "SERVICE: Gin][Botdetector";

/// A block, compiled.
#[derive(Debug)]
pub(crate) struct BotDetector {
    allow: HashSet<Box<[u8]>>,
    deny: HashSet<Box<[u8]>>,
    patterns: Box<[Regex]>,
    empty: Empty,
}

/// Who a client is that does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Empty {
    Human,
    /// `empty_user_agent_is_bot`.
    Bot,
}

/// What of a block cannot be used: the key, the place in its list, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unusable {
    pub(crate) key: String,
    pub(crate) index: Option<usize>,
    pub(crate) text: String,
}

impl BotDetector {
    /// Lets a request pass, or not.
    pub(crate) fn check(&self, head: &Head) -> Result<(), Refusal> {
        let agent = head.field("user-agent").unwrap_or_default();
        if !self.is_bot(agent) {
            return Ok(());
        }
        log::error(TAG, "bot rejected");
        Err(Refusal::Bot)
    }

    fn is_bot(&self, agent: &[u8]) -> bool {
        if agent.is_empty() {
            return self.empty == Empty::Bot;
        }
        !self.allow.contains(agent)
            && (self.deny.contains(agent)
                || self.patterns.iter().any(|pattern| pattern.is_match(agent)))
    }

    /// Reads a block as Go does: keys in any case, and a value of another type is an error.
    pub(crate) fn compile(settings: &Node) -> Result<Self, Vec<Unusable>> {
        let Value::Object(members) = &settings.value else {
            return Err(vec![unusable("", None, "must be an object".to_owned())]);
        };
        let (mut allow, mut deny) = (HashSet::new(), HashSet::new());
        let (mut patterns, mut empty) = (Vec::new(), Empty::Human);
        let mut faults = Vec::new();
        for (key, node) in members {
            match key.to_ascii_lowercase().as_str() {
                "allow" => allow = names(key, node, &mut faults),
                "deny" => deny = names(key, node, &mut faults),
                "patterns" => patterns = expressions(key, node, &mut faults),
                "empty_user_agent_is_bot" => match node.value {
                    Value::Bool(is_bot) => empty = if is_bot { Empty::Bot } else { Empty::Human },
                    Value::Null => {},
                    _ => faults.push(unusable(key, None, "must be true or false".to_owned())),
                },
                "cache_size" => faults.extend(cache_size(key, node)),
                _ => {},
            }
        }
        if faults.is_empty() {
            return Ok(Self { allow, deny, patterns: patterns.into(), empty });
        }
        Err(faults)
    }
}

fn unusable(key: &str, index: Option<usize>, text: String) -> Unusable {
    Unusable { key: key.to_owned(), index, text }
}

fn texts<'a>(key: &str, node: &'a Node, faults: &mut Vec<Unusable>) -> Vec<(usize, &'a str)> {
    let items = match &node.value {
        Value::Array(items) => items.as_slice(),
        Value::Null => &[],
        _ => {
            faults.push(unusable(key, None, "must be a list of texts".to_owned()));
            &[]
        },
    };
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match &item.value {
            Value::String(text) => texts.push((index, text.as_str())),
            _ => faults.push(unusable(key, Some(index), "must be a text".to_owned())),
        }
    }
    texts
}

fn names(key: &str, node: &Node, faults: &mut Vec<Unusable>) -> HashSet<Box<[u8]>> {
    texts(key, node, faults).into_iter().map(|(_, text)| text.as_bytes().into()).collect()
}

fn expressions(key: &str, node: &Node, faults: &mut Vec<Unusable>) -> Vec<Regex> {
    let mut compiled = Vec::new();
    for (index, text) in texts(key, node, faults) {
        match pattern::compile(text) {
            Ok(regex) => compiled.push(regex),
            Err(why) => {
                let text = format!("`{text}` is no regular expression: {why}");
                faults.push(unusable(key, Some(index), text));
            },
        }
    }
    compiled
}

/// Verdicts need no cache here; a size that KrakenD refuses is refused all the same.
fn cache_size(key: &str, node: &Node) -> Option<Unusable> {
    let is_size = match &node.value {
        Value::Number(digits) => digits.parse::<f64>().is_ok_and(|size| size >= 0.0),
        value => matches!(value, Value::Null),
    };
    (!is_size).then(|| unusable(key, None, "must be a whole number, 0 or more".to_owned()))
}

#[cfg(test)]
mod tests {
    use baton_shared::config::read::json;

    use super::*;

    fn detector(settings: &str) -> Result<BotDetector, Vec<Unusable>> {
        BotDetector::compile(&json::read_any(settings.as_bytes()).unwrap())
    }

    #[test]
    fn the_allow_list_beats_the_deny_list_which_beats_patterns() {
        let settings = r#"{"ALLOW":["good","Bot/1"],"deny":["good","bad"],
            "patterns":["^Bot/\\d","(?i)evil"],"cache_size":10}"#;
        let detector = detector(settings).unwrap();
        for (agent, is_bot) in [
            ("good", false),
            ("bad", true),
            ("Bad", false),
            ("bad ", false),
            ("Bot/1", false),
            ("Bot/2", true),
            ("a Bot/2", false),
            ("so EVIL", true),
            ("", false),
        ] {
            assert_eq!(detector.is_bot(agent.as_bytes()), is_bot, "{agent}");
        }
    }

    #[test]
    fn who_does_not_say_who_it_is_may_be_a_bot() {
        assert!(detector(r#"{"empty_user_agent_is_bot":true}"#).unwrap().is_bot(b""));
    }

    #[test]
    fn a_block_that_cannot_be_used_is_told_key_by_key() {
        let faults = detector(
            r#"{"deny":"x","allow":[1],"patterns":["a","("],"cache_size":-1,
                "empty_user_agent_is_bot":1}"#,
        )
        .unwrap_err();
        let places: Vec<_> = faults.iter().map(|fault| (fault.key.as_str(), fault.index)).collect();
        let expected = [
            ("deny", None),
            ("allow", Some(0)),
            ("patterns", Some(1)),
            ("cache_size", None),
            ("empty_user_agent_is_bot", None),
        ];
        assert_eq!(places, expected);
        assert!(detector("[]").is_err());
    }
}
