//! What the children of a node are called.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::decode::json::{inside, unescape};

/// A member's key, or a place in a list.
#[derive(Clone, Copy, Debug)]
pub(super) enum Label<'a> {
    /// As JSON, from its quote to its colon: each text has one spelling there.
    Key(&'a [u8]),
    Index(u32),
}

impl<'a> Label<'a> {
    #[inline]
    pub(super) fn is(self, other: Self) -> bool {
        match (self, other) {
            (Self::Key(one), Self::Key(other)) => *one == *other,
            (Self::Index(one), Self::Index(other)) => one == other,
            (Self::Key(key), Self::Index(index)) | (Self::Index(index), Self::Key(key)) => {
                says_index(key, index)
            },
        }
    }

    /// In the order of what they say.
    #[inline]
    pub(super) fn order(self, other: Self) -> Ordering {
        let (Self::Key(one), Self::Key(two)) = (self, other) else {
            return self.text().cmp(&other.text());
        };
        // Where they differ they tell, unless something else is meant.
        let differ = |&(one, two): &(&u8, &u8)| one != two || *one == b'\\';
        match one.iter().zip(two).find(differ) {
            None => Ordering::Equal,
            Some((b'\\', _) | (_, b'\\')) => self.text().cmp(&other.text()),
            // A quote is the end.
            Some((b'"', _)) => Ordering::Less,
            Some((_, b'"')) => Ordering::Greater,
            Some((one, two)) => one.cmp(two),
        }
    }

    /// What it says.
    pub(super) fn text(self) -> Cow<'a, [u8]> {
        match self {
            Self::Index(index) => Cow::Owned(index.to_string().into_bytes()),
            // Keys are short.
            Self::Key(written) if !written.contains(&b'\\') => Cow::Borrowed(inside(written)),
            Self::Key(written) => {
                let mut text = Vec::with_capacity(written.len());
                unescape(inside(written), &mut text);
                Cow::Owned(text)
            },
        }
    }

    /// Writes it as a member's key, from its quote to its colon.
    #[inline]
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Key(written) => out.extend_from_slice(written),
            Self::Index(index) => out.extend_from_slice(format!("\"{index}\":").as_bytes()),
        }
    }
}

/// Whether a key that is written says the number of a place.
fn says_index(written: &[u8], index: u32) -> bool {
    let text = inside(written);
    text.first().is_some_and(u8::is_ascii_digit) && *text == *index.to_string().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::flatmap::top::written;

    #[test]
    fn labels_are_in_the_order_of_their_texts_however_they_are_spelled() {
        let texts = [
            "", "\u{1}", "\n", " ", "!", "\"", "1", "12", "<", "a", "a!", "a\"", "a\\b", "ab",
            "\u{7f}", "é", "\u{2028}",
        ];
        let keys = texts.map(|text| written(text.as_bytes()));
        for (one, first) in keys.iter().enumerate() {
            for (two, second) in keys.iter().enumerate() {
                let (first, second) = (Label::Key(first), Label::Key(second));
                assert_eq!(first.order(second), one.cmp(&two), "{first:?} {second:?}");
                assert_eq!(first.is(second), one == two);
            }
        }
    }

    #[test]
    fn a_place_is_the_key_that_says_its_number() {
        for (text, index, same) in
            [("5", 5, true), ("05", 5, false), ("5", 50, false), ("", 0, false)]
        {
            let key = written(text.as_bytes());
            assert_eq!(Label::Index(index).is(Label::Key(&key)), same);
            assert_eq!(Label::Key(&key).is(Label::Index(index)), same);
        }
        assert_eq!(Label::Index(9).order(Label::Index(10)), Ordering::Greater);
    }
}
