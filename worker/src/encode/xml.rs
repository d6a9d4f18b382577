//! `xml`: data as KrakenD's `mxj` writes it.
//!
//! `-name` is an attribute, `#text` the text, an array brothers of one name. A single top-level field
//! is the root element unless it is an array of other things than objects; otherwise `doc` is. Keys
//! are sorted and written as they are, whether or not XML knows such names. No declaration.

use bytes::Bytes;

use super::go_number;
use super::tree::{Children, Line, Place, Seen, Tree};
use crate::decode::Data;

/// The document; empty if an attribute is no scalar: `mxj` gives up, and KrakenD writes nothing.
pub(super) fn document(data: &Data) -> Bytes {
    let tree = Tree::of(data);
    let mut writer = Writer { tree: &tree, out: Vec::new() };
    let mut fields = tree.children(Tree::ROOT);
    let root = match (fields.next(), fields.next()) {
        (Some(only), None) if !is_mixed(&tree, only) => only,
        _ => Tree::ROOT,
    };
    let name = if root == Tree::ROOT { b"doc" } else { tree.key(root) };
    match writer.elements(name, root) {
        Ok(()) => Bytes::from(writer.out),
        Err(NoAttribute) => Bytes::new(),
    }
}

/// An array that holds other things than objects.
fn is_mixed(tree: &Tree, place: Place) -> bool {
    tree.see(place) == Seen::Array
        && tree.children(place).any(|child| tree.see(child) != Seen::Object)
}

const TEXT: &[u8] = b"#text";

/// A field that is named as an attribute but is none.
#[derive(Debug)]
struct NoAttribute;

/// What is to be written next, innermost last.
enum Step<'a> {
    /// What the place is, under this name.
    Element(&'a [u8], Place),
    End(&'a [u8]),
}

struct Writer<'a> {
    tree: &'a Tree,
    out: Vec<u8>,
}

impl<'a> Writer<'a> {
    fn elements(&mut self, name: &'a [u8], place: Place) -> Result<(), NoAttribute> {
        let mut steps = vec![Step::Element(name, place)];
        while let Some(step) = steps.pop() {
            match step {
                Step::End(name) => self.end(name),
                Step::Element(name, place) => self.element(name, place, &mut steps)?,
            }
        }
        Ok(())
    }

    fn element(
        &mut self,
        name: &'a [u8],
        place: Place,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<(), NoAttribute> {
        let start = steps.len();
        let tree = self.tree;
        if let Some(fields) = tree.failure(place) {
            self.failure(name, fields);
            return Ok(());
        }
        match self.tree.see(place) {
            Seen::Object => self.object(name, place, steps)?,
            Seen::Array if self.tree.children(place).next().is_some() => {
                steps.extend(self.tree.children(place).map(|child| Step::Element(name, child)));
            },
            Seen::Array | Seen::Null | Seen::Text(b"") => self.empty(name),
            scalar => {
                self.begin(name);
                self.out.push(b'>');
                self.scalar(scalar);
                self.end(name);
            },
        }
        // The last step is taken first.
        if let Some(children) = steps.get_mut(start..) {
            children.reverse();
        }
        Ok(())
    }

    /// KrakenD: `mxj` leaves a struct to Go, which names it by its type, and then ends an element that nobody began.
    fn failure(&mut self, name: &[u8], fields: Children<'_>) {
        let tree = self.tree;
        let mut parts: [(&[u8], &[u8]); 3] = [(b"Code", b""), (b"Msg", b""), (b"Enc", b"")];
        let [(_, code), (_, body), (_, encoding)] = &mut parts;
        for field in fields {
            match (tree.key(field), tree.see(field)) {
                (b"http_status_code", Seen::Number(number, _)) => *code = number,
                (b"http_body", Seen::Text(text)) => *body = text,
                (b"http_body_encoding", Seen::Text(text)) => *encoding = text,
                _ => {},
            }
        }
        self.out.extend_from_slice(b"<NamedHTTPResponseError>");
        for (name, text) in parts {
            self.begin(name);
            self.out.push(b'>');
            escape_as_go(text, &mut self.out);
            self.end(name);
        }
        self.end(b"NamedHTTPResponseError");
        self.end(name);
    }

    fn object(
        &mut self,
        name: &'a [u8],
        place: Place,
        steps: &mut Vec<Step<'a>>,
    ) -> Result<(), NoAttribute> {
        let tree = self.tree;
        self.begin(name);
        let (mut text, mut has_children) = (None, false);
        for child in tree.children(place) {
            match tree.key(child) {
                [b'-', attribute @ ..] if !attribute.is_empty() => {
                    self.attribute(attribute, tree.see(child))?;
                },
                TEXT => text = Some(child),
                key => {
                    has_children = true;
                    steps.push(Step::Element(key, child));
                },
            }
        }
        if text.is_none() && !has_children {
            self.out.extend_from_slice(b"/>");
            return Ok(());
        }
        self.out.push(b'>');
        if let Some(text) = text {
            self.shown(text);
        }
        steps.push(Step::End(name));
        Ok(())
    }

    fn attribute(&mut self, name: &[u8], value: Seen<'_>) -> Result<(), NoAttribute> {
        if matches!(value, Seen::Null | Seen::Object | Seen::Array) {
            return Err(NoAttribute);
        }
        self.out.push(b' ');
        self.out.extend_from_slice(name);
        self.out.extend_from_slice(b"=\"");
        self.scalar(value);
        self.out.push(b'"');
        Ok(())
    }

    fn begin(&mut self, name: &[u8]) {
        self.out.push(b'<');
        self.out.extend_from_slice(name);
    }

    fn end(&mut self, name: &[u8]) {
        self.out.extend_from_slice(b"</");
        self.out.extend_from_slice(name);
        self.out.push(b'>');
    }

    fn empty(&mut self, name: &[u8]) {
        self.begin(name);
        self.out.extend_from_slice(b"/>");
    }

    fn scalar(&mut self, value: Seen<'_>) {
        match value {
            Seen::Bool(true) => self.out.extend_from_slice(b"true"),
            Seen::Bool(false) => self.out.extend_from_slice(b"false"),
            Seen::Number(text, numbers) => {
                self.out.extend_from_slice(&go_number::shown(text, numbers));
            },
            Seen::Text(text) => escape(text, &mut self.out),
            Seen::Null | Seen::Object | Seen::Array => {},
        }
    }

    /// What stands under `#text`: a text is escaped, anything else is as Go's `%v` shows it.
    fn shown(&mut self, place: Place) {
        match self.tree.see(place) {
            Seen::Text(text) => escape(text, &mut self.out),
            _ => self.tree.line(Line::Shown, place, &mut self.out),
        }
    }
}

fn escape(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(index) = rest.iter().position(|byte| ESCAPED[usize::from(*byte)]) {
        let (clean, from) = rest.split_at(index);
        out.extend_from_slice(clean);
        out.extend_from_slice(match from.first() {
            Some(b'&') => b"&amp;",
            Some(b'<') => b"&lt;",
            Some(b'>') => b"&gt;",
            Some(b'"') => b"&quot;",
            _ => b"&apos;",
        });
        rest = from.get(1..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

/// As Go's `encoding/xml`: control characters that XML has no place for are replaced.
fn escape_as_go(text: &[u8], out: &mut Vec<u8>) {
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '&' => out.extend_from_slice(b"&amp;"),
            '<' => out.extend_from_slice(b"&lt;"),
            '>' => out.extend_from_slice(b"&gt;"),
            '"' => out.extend_from_slice(b"&#34;"),
            '\'' => out.extend_from_slice(b"&#39;"),
            '\t' => out.extend_from_slice(b"&#x9;"),
            '\n' => out.extend_from_slice(b"&#xA;"),
            '\r' => out.extend_from_slice(b"&#xD;"),
            '\0'..' ' | '\u{FFFE}' | '\u{FFFF}' => out.extend_from_slice("\u{FFFD}".as_bytes()),
            other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

const ESCAPED: [bool; 256] = {
    let mut table = [false; 256];
    table[b'&' as usize] = true;
    table[b'<' as usize] = true;
    table[b'>' as usize] = true;
    table[b'"' as usize] = true;
    table[b'\'' as usize] = true;
    table
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::tests::decode;

    #[track_caller]
    fn check(body: &str, expected: &str) {
        let data = decode(|_| {}, body).unwrap();
        assert_eq!(String::from_utf8_lossy(&document(&data)), expected, "{body}");
    }

    #[test]
    fn the_root_is_the_only_field_or_doc() {
        check("{}", "<doc/>");
        check("null", "<doc/>");
        check(r#"{"r":{"a":1}}"#, "<r><a>1</a></r>");
        check(r#"{"b":1,"a":2}"#, "<doc><a>2</a><b>1</b></doc>");
        check(r#"{"a":[{"b":1},{"b":2}]}"#, "<a><b>1</b></a><a><b>2</b></a>");
        check(r#"{"r":[1,{}]}"#, "<doc><r>1</r><r/></doc>");
        check(r#"{"r":[]}"#, "<r/>");
        check(r##"{"#text":"only"}"##, "<#text>only</#text>");
        check(r#"{"-a":"only"}"#, "<-a>only</-a>");
    }

    #[test]
    fn attributes_and_texts_have_their_place() {
        check(r##"{"r":{"-id":1,"#text":"t"}}"##, r#"<r id="1">t</r>"#);
        check(
            r##"{"r":{"-b":"<","-a":true,"#text":"x","k":"y"}}"##,
            r#"<r a="true" b="&lt;">x<k>y</k></r>"#,
        );
        check(r#"{"a":1,"-x":"y"}"#, r#"<doc x="y"><a>1</a></doc>"#);
        check(r#"{"r":{"-x":"y"}}"#, r#"<r x="y"/>"#);
        check(r#"{"r":{"-":"y"}}"#, "<r><->y</-></r>");
        check(r##"{"r":{"#text":null}}"##, "<r><nil></r>");
        check(
            r##"{"r":{"#text":{"b":["<",1,null],"a":{}},"c":true}}"##,
            "<r>map[a:map[] b:[< 1 <nil>]]<c>true</c></r>",
        );
    }

    #[test]
    fn an_attribute_that_is_no_scalar_leaves_nothing() {
        for value in ["null", "[]", "{}", "[1]"] {
            check(&format!(r#"{{"r":{{"a":1,"b":{{"-x":{value}}}}}}}"#), "");
        }
    }

    #[test]
    fn arrays_are_brothers_at_any_depth() {
        check(r#"{"r":[[1,2],[3]]}"#, "<doc><r>1</r><r>2</r><r>3</r></doc>");
        check(
            r#"{"r":{"c":[1,{"-a":"x"},null,["n","m"]]}}"#,
            r#"<r><c>1</c><c a="x"/><c/><c>n</c><c>m</c></r>"#,
        );
    }

    #[test]
    fn a_feed_has_elements_as_its_json_has_fields() {
        let feed = "<rss><channel><item><title>t</title></item><item/></channel></rss>";
        let set = |backend: &mut baton_shared::config::model::BackendConfig| {
            backend.encoding = "rss".to_owned();
            backend.allow = vec!["author".to_owned(), "items".to_owned()];
        };
        let shown = document(&decode(set, feed).unwrap());
        assert_eq!(shown, "<doc><author/><items><title>t</title></items><items/></doc>");
    }

    #[test]
    fn values_are_escaped_and_names_are_not() {
        check(r#"{"r":"<&>\"'\t\n\u0001"}"#, "<r>&lt;&amp;&gt;&quot;&apos;\t\n\u{1}</r>");
        check(
            r#"{"r":{"a b":1.50,"1x":1e400,"é":"é"}}"#,
            "<r><1x>1e400</1x><a b>1.50</a b><é>é</é></r>",
        );
    }
}
