//! Fields of data by their paths, wherever they stand: in an index, or in one piece of JSON.

use super::data::{Data, Document, Value};
use super::json::{Cursor, inside, is_text};

impl Data {
    /// The field at the end of a path through objects, as KrakenD looks it up: where the path cannot be
    /// followed, its last key is looked for in the object that was reached.
    pub(crate) fn find_at(&self, path: &[Box<[u8]>]) -> Option<(&Document, Value)> {
        let (last, before) = path.split_last()?;
        let mut reached: Option<(&Document, Value)> = None;
        for key in before {
            match self.find_in(reached, key) {
                Some((document, value)) if document.is_object(value) => {
                    reached = Some((document, value));
                },
                Some(_) | None => break,
            }
        }
        self.find_in(reached, last)
    }

    /// A member of an object somewhere in this, or of the top.
    fn find_in<'a>(
        &'a self,
        object: Option<(&'a Document, Value)>,
        name: &[u8],
    ) -> Option<(&'a Document, Value)> {
        let Some((document, object)) = object else { return self.find(name) };
        document.child(object, name).map(|value| (document, value))
    }
}

impl Document {
    pub(crate) fn is_object(&self, value: Value) -> bool {
        match value {
            Value::Object(_) => true,
            Value::Verbatim(span) => span.of(&self.input).first() == Some(&b'{'),
            Value::Plain(_) | Value::Opaque(..) | Value::Array(_) => false,
        }
    }

    /// The member `name` of an object.
    fn child(&self, object: Value, name: &[u8]) -> Option<Value> {
        match object {
            Value::Object(span) => {
                let mut members = span.of(&self.entries).iter();
                members.find(|entry| self.key(entry.key()) == name).map(|entry| entry.value)
            },
            Value::Verbatim(span) => {
                let mut cursor = Cursor::new(&self.input, span.start as usize);
                while cursor.goes_on() {
                    let key = cursor.key();
                    let value = cursor.value();
                    if is_text(inside(key), name) {
                        return Some(Value::Verbatim(value));
                    }
                }
                None
            },
            Value::Plain(_) | Value::Opaque(..) | Value::Array(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::decode::tests::decode;
    use crate::encode::go_text;

    /// What stands at a path of this body, however that is held.
    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let path: Vec<Box<[u8]>> = path.split('.').map(|key| key.as_bytes().into()).collect();
        let canonical =
            r#"{"a":{"b":{"c":1},"d":[{"e":2}],"n":null,"s":"x"},"c":"top","q":{"\"":3}}"#;
        for body in [canonical.to_owned(), canonical.replace(':', ": ")] {
            let data = decode(|_| {}, &body).unwrap();
            let found = data.find_at(&path).map(|(document, value)| go_text(document, value));
            let found = found.map(|text| String::from_utf8(text).unwrap());
            assert_eq!(found.as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_path_goes_through_objects_only() {
        check("a.b.c", Some("1"));
        check("a.b", Some("map[c:1]"));
        check("a.n", Some("<nil>"));
        check("q.\"", Some("3"));
        check("a.d.0", None);
        check("zz", None);
    }

    #[test]
    fn where_it_cannot_go_on_its_last_key_is_looked_for_where_it_came_to() {
        check("zz.c", Some("top"));
        check("a.zz.s", Some("x"));
        check("a.s.s", Some("x"));
        check("a.n.b", Some("map[c:1]"));
        check("a.b.zz.c", Some("1"));
        check("a.d.e", None);
    }
}
