//! `{respN_field}`: which fields of earlier answers a sequential endpoint wants.
//!
//! Built at start, backend by backend: a pattern asks for a field and gets its place, at which the request
//! keeps the value. KrakenD: only fields of backends before this one; anything else stays literal.

/// The fields that an endpoint wants, while its patterns are compiled.
#[derive(Debug, Default)]
pub(crate) struct AnswerSlots {
    before: usize,
    names: Vec<Box<str>>,
    wanted: Vec<Wanted>,
}

/// A field of an earlier answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Whose answer.
    pub(crate) backend: usize,
    /// Keys down to it; none: the whole body, where it is passed over.
    pub(crate) path: Box<[Box<[u8]>]>,
}

impl AnswerSlots {
    /// From now on patterns of a backend are compiled that has so many answers before it.
    pub(crate) const fn behind(&mut self, before: usize) {
        self.before = before;
    }

    /// The place of what the placeholder `name` (`resp0_a.b`) means; `None` if that is nothing.
    pub(super) fn place(&mut self, name: &str) -> Option<usize> {
        let (number, field) = name.strip_prefix("resp")?.split_once('_')?;
        let backend = number.parse().ok().filter(|backend| *backend < self.before)?;
        let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if field.is_empty() || !field.bytes().all(is_part) {
            return None;
        }
        if let Some(place) = self.names.iter().position(|known| **known == *name) {
            return Some(place);
        }
        self.names.push(name.into());
        let path = field.split('.').map(|key| key.as_bytes().into()).collect();
        self.wanted.push(Wanted { backend, path });
        Some(self.wanted.len() - 1)
    }

    /// The place of what is wanted already.
    pub(super) fn known(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| **known == *name)
    }

    /// Wants what a sequential endpoint hands on to every later call.
    pub(crate) fn propagate(&mut self, name: &str) {
        if self.place(name).is_some() || self.known(name).is_some() {
            return;
        }
        let backend = name.strip_prefix("resp").and_then(|number| number.parse().ok());
        if let Some(backend) = backend.filter(|backend| *backend < self.before) {
            self.names.push(name.into());
            self.wanted.push(Wanted { backend, path: Box::default() });
        }
    }

    /// All that is wanted so far, by name and place.
    pub(in crate::plan) fn named(&self) -> impl Iterator<Item = (usize, &str)> {
        self.names.iter().map(|name| &**name).enumerate()
    }

    /// All of them, by their places.
    pub(crate) fn into_wanted(self) -> Box<[Wanted]> {
        self.wanted.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_fields_of_earlier_answers_have_a_place_and_each_has_one() {
        let mut slots = AnswerSlots::default();
        slots.behind(2);
        assert_eq!(slots.place("resp0_a.b"), Some(0));
        assert_eq!(slots.place("resp1__c"), Some(1));
        assert_eq!(slots.place("resp0_a.b"), Some(0));
        // The same field under another name is another parameter to KrakenD.
        assert_eq!(slots.place("resp00_a.b"), Some(2));
        for none in
            ["resp2_a", "resp0_", "resp0", "resp_a", "respx_a", "id", "resp0_a:b", "resp0_a/b"]
        {
            assert_eq!(slots.place(none), None, "{none}");
        }
        let wanted = slots.into_wanted();
        let key = |text: &str| -> Box<[u8]> { text.as_bytes().into() };
        assert_eq!(wanted[0], Wanted { backend: 0, path: [key("a"), key("b")].into() });
        assert_eq!(wanted[1], Wanted { backend: 1, path: [key("_c")].into() });
    }
}
