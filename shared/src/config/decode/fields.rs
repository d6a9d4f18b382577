//! The members of one object: looked up as KrakenD does, and what nobody asked for is told.

use super::kind::kind_of;
use super::{Faults, Place};
use crate::config::duration::GoDuration;
use crate::config::environment::LINE_NONE;
use crate::config::finding::Problem;
use crate::config::migrate::renamed;
use crate::config::nearest::nearest;
use crate::config::node::{Node, Value};

/// An object that is being decoded. Ask for every key in KrakenD's order, then [`finish`](Self::finish).
pub(in crate::config) struct Fields<'a> {
    members: &'a [(String, Node)],
    is_used: Vec<bool>,
    asked: Vec<&'static str>,
    place: Place,
}

impl<'a> Fields<'a> {
    /// The object at `place`; anything else is a fault, and `null` is none.
    pub(super) fn of(node: &'a Node, place: &Place, faults: &mut Faults) -> Option<Self> {
        match &node.value {
            Value::Object(members) => Some(Self {
                members,
                is_used: vec![false; members.len()],
                asked: Vec::new(),
                place: place.clone(),
            }),
            Value::Null => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                faults.no_object(node, place);
                None
            },
        }
    }

    /// As [`of`](Self::of), within `"@baton"`, which KrakenD does not read.
    pub(super) fn of_baton(node: &'a Node, place: &Place, faults: &mut Faults) -> Option<Self> {
        if matches!(node.value, Value::Object(_) | Value::Null) {
            return Self::of(node, place, faults);
        }
        faults.refuse(place, kind_of(node, "an object"));
        None
    }

    /// The value of `key`, spelled exactly so or else in any case, and where it stands.
    pub(super) fn get(&mut self, key: &'static str) -> Option<(&'a Node, Place)> {
        self.asked.push(key);
        self.get_quietly(key)
    }

    /// As [`get`](Self::get), for a key that nobody should be told of.
    pub(super) fn get_quietly(&mut self, key: &'static str) -> Option<(&'a Node, Place)> {
        let members = self.members;
        let index = members
            .iter()
            .position(|(name, _)| name == key)
            .or_else(|| members.iter().position(|(name, _)| name.eq_ignore_ascii_case(key)))?;
        if let Some(used) = self.is_used.get_mut(index) {
            *used = true;
        }
        let (name, node) = members.get(index)?;
        Some((node, self.place.key(key, name, node)))
    }

    pub(super) fn text(&mut self, key: &'static str, faults: &mut Faults) -> String {
        self.get(key).and_then(|(node, place)| faults.text(node, &place)).unwrap_or_default()
    }

    pub(super) fn boolean(&mut self, key: &'static str, faults: &mut Faults) -> bool {
        self.get(key).and_then(|(node, place)| faults.boolean(node, &place)).unwrap_or_default()
    }

    pub(super) fn integer(&mut self, key: &'static str, faults: &mut Faults) -> i64 {
        self.get(key).and_then(|(node, place)| faults.integer(node, &place)).unwrap_or_default()
    }

    pub(super) fn duration(&mut self, key: &'static str, faults: &mut Faults) -> GoDuration {
        self.get(key).and_then(|(node, place)| faults.duration(node, &place)).unwrap_or_default()
    }

    pub(super) fn texts(&mut self, key: &'static str, faults: &mut Faults) -> Vec<String> {
        self.get(key).map(|(node, place)| faults.texts(node, &place)).unwrap_or_default()
    }

    pub(super) fn numbers(&mut self, key: &'static str, faults: &mut Faults) -> Vec<u16> {
        let Some((node, place)) = self.get(key) else { return Vec::new() };
        faults.list(node, &place, |faults, node, place| {
            faults.sixteen_bits(node, place).unwrap_or_default()
        })
    }

    /// Where `key` stands, or would stand.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let found = self.members.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        match found {
            Some((name, node)) => self.place.key(key, name, node),
            None => Place { at: self.place.at.key(key), ..self.place.clone() },
        }
    }

    /// Tells of keys that nobody asked for. Those that begin with `@`, `$`, `_` or `#` are comments,
    /// unless they look like `"@baton"`; those of the environment count only when they nearly fit.
    pub(super) fn finish(self, faults: &mut Faults) {
        let unused = self.members.iter().zip(&self.is_used).filter(|(_, is_used)| !**is_used);
        for ((key, node), _) in unused {
            let nearest = nearest(key, self.asked.iter().copied());
            let is_comment = key.starts_with(['$', '_', '#'])
                || key.starts_with('@') && nearest.is_none_or(|name| name != "@baton");
            if is_comment || node.line == LINE_NONE && nearest.is_none() {
                continue;
            }
            let place = self.place.key(key, key, node);
            let today = renamed(key).filter(|name| self.asked.contains(name));
            if let Some(replacement) = today {
                faults.notice(&place, Problem::OldKey { key: key.clone(), replacement });
                continue;
            }
            let nearest = nearest.map(str::to_owned);
            faults.notice(&place, Problem::UnknownKey { key: key.clone(), nearest });
        }
    }

    /// As [`finish`](Self::finish), within `"@baton"`: an unknown key is refused.
    pub(super) fn finish_strictly(self, faults: &mut Faults) {
        let unused = self.members.iter().zip(&self.is_used).filter(|(_, is_used)| !**is_used);
        for ((key, node), _) in unused {
            let problem = Problem::UnknownBatonKey {
                key: key.clone(),
                nearest: nearest(key, self.asked.iter().copied()).map(str::to_owned),
                known: self.asked.clone(),
            };
            faults.refuse(&self.place.key(key, key, node), problem);
        }
    }
}
