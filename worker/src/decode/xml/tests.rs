use super::super::tests::{decode, json};

#[track_caller]
fn read(body: impl AsRef<[u8]>, expected: &str) {
    let shown = String::from_utf8_lossy(body.as_ref()).into_owned();
    let found = decode(|backend| backend.encoding = "xml".to_owned(), body);
    assert_eq!(found.map(|data| json(&data)).as_deref(), Ok(expected), "body: {shown}");
}

#[track_caller]
fn refused(body: impl AsRef<[u8]>, text: &str) {
    let shown = String::from_utf8_lossy(body.as_ref()).into_owned();
    let found = decode(|backend| backend.encoding = "xml".to_owned(), body);
    let error = found.map(|data| json(&data)).unwrap_err();
    assert_eq!(error.to_string(), text, "body: {shown}");
}

#[track_caller]
fn syntax(body: impl AsRef<[u8]>, line: u32, problem: &str) {
    let error = format!("xml.Decoder.Token() - XML syntax error on line {line}: {problem}");
    refused(body, &error);
}

#[test]
fn attributes_texts_and_brothers_have_their_keys() {
    read(
        r#"<r a="1" b="&lt;2&gt;">t</r>"#,
        r##"{"r":{"#text":"t","-a":"1","-b":"\u003c2\u003e"}}"##,
    );
    read("<r><a>1</a><b/><a>2</a><a><c>3</c></a></r>", r#"{"r":{"a":["1","2",{"c":"3"}],"b":""}}"#);
    read("<r><i/><i/></r>", r#"{"r":{"i":["",""]}}"#);
    read("<r> <a> lead </a>\n<b>\n</b> </r>", r#"{"r":{"a":"lead","b":""}}"#);
    read(r#"<r a="1"><c/></r>"#, r#"{"r":{"-a":"1","c":""}}"#);
    read("<r/><q/>", r#"{"r":""}"#);
    read("\u{FEFF}junk <r/> & anything <", r#"{"r":""}"#);
    read(r#"<r a="1" a="2" x:a="3"/>"#, r#"{"r":{"-a":"3"}}"#);
    read("<r><z/><é/><a/><z>1</z></r>", r#"{"r":{"a":"","z":["","1"],"é":""}}"#);
}

#[test]
fn an_early_text_beats_later_ones_and_of_others_the_last_counts() {
    read("<r>text<b>bold</b>tail</r>", r##"{"r":{"#text":"text","b":"bold"}}"##);
    read("<r><b/>one<b/>two</r>", r##"{"r":{"#text":"two","b":["",""]}}"##);
    read("<r>1<!-- c -->2</r>", r#"{"r":"2"}"#);
    read("<r>1<!-- c -->2<b/>3</r>", r##"{"r":{"#text":"2","b":""}}"##);
    read(r#"<r a="">1<b/>2</r>"#, r##"{"r":{"#text":"2","-a":"","b":""}}"##);
    read("<r>a<![CDATA[ <b> & ]]]]></r>", "{\"r\":\"\\u003cb\\u003e \\u0026 ]]\"}");
}

#[test]
fn prefixes_are_dropped_and_namespaces_are_attributes() {
    read(
        r#"<s:E xmlns:s="http://s" s:at="v"><m:R xmlns="d">5</m:R></s:E>"#,
        r##"{"E":{"-at":"v","-s":"http://s","R":{"#text":"5","-xmlns":"d"}}}"##,
    );
    read("<:a><b:/></:a>", r#"{":a":{"b:":""}}"#);
}

#[test]
fn entities_and_line_ends_are_written_out() {
    read("<r>&#233;&#x1F600;&amp;&quot;&apos;&gt;</r>", r#"{"r":"é😀\u0026\"'\u003e"}"#);
    read("<r>a\r\nb\rc&#13;&#10;d</r>", r#"{"r":"a\nb\nc\r\nd"}"#);
    read("<r>&#xD800;</r>", "{\"r\":\"\u{FFFD}\"}");
    read(
        "<r a='x\r\n&#10;'><b>&lt;</b>plain</r>",
        r##"{"r":{"#text":"plain","-a":"x\n\n","b":"\u003c"}}"##,
    );
}

#[test]
fn declarations_are_read_over_and_define_nothing() {
    read("<?xml version='1.0'?><!-- c --><!DOCTYPE r><?pi x?><r/>", r#"{"r":""}"#);
    read("<!DOCTYPE r [<!ENTITY x '>'> <!-- ' --> ]><r/>", r#"{"r":""}"#);
    let laughs = "<!DOCTYPE r [<!ENTITY a 'ha'><!ENTITY b '&a;&a;'>]><r>&b;</r>";
    syntax(laughs, 1, "invalid character entity &b;");
    syntax("<!DOCTYPE r [<r/>", 1, "unexpected EOF");
}

#[test]
fn charsets_are_followed() {
    let latin = |label: &str| {
        let mut body = format!("<?xml version=\"1.0\" encoding=\"{label}\"?><r a=\"").into_bytes();
        body.extend_from_slice(b"\xE9\">\xFC\x80</r>");
        body
    };
    read(latin("ISO-8859-1"), r##"{"r":{"#text":"ü€","-a":"é"}}"##);
    read(latin("windows-1251"), r##"{"r":{"#text":"ьЂ","-a":"й"}}"##);
    let unknown =
        r#"xml.Decoder.Token() - xml: opening charset "nope": unsupported charset: "nope""#;
    refused(latin("nope"), unknown);
    syntax(latin("utf-8"), 1, "invalid UTF-8");
    let version =
        r#"xml.Decoder.Token() - xml: unsupported version "1.1"; only version 1.0 is supported"#;
    refused("<?xml version='1.1'?><r/>", version);
    // Whatever is converted ends with a line feed, which shows in the line of the error.
    syntax("<?xml encoding='latin1'?><r>", 2, "unexpected EOF");
    syntax("<?xml encoding=''?><r>", 1, "unexpected EOF");
}

#[test]
fn errors_name_the_line_and_what_was_expected() {
    refused("", "EOF");
    refused("not xml", "EOF");
    refused("<!-- c -->", "EOF");
    syntax("<a>\n<b></a>", 2, "element <b> closed by </a>");
    syntax("<x:a></y:a>", 1, "element <a> in space x closed by </a> in space y");
    syntax("<x:a></a>", 1, r#"element <a> in space x closed by </a> in space """#);
    syntax("</a>", 1, "unexpected end element </a>");
    syntax("<a", 1, "unexpected EOF");
    syntax("<a>\n\n", 3, "unexpected EOF");
    syntax("<>", 1, "expected element name after <");
    syntax("<a:b:c>", 1, "expected element name after <");
    syntax("</ a>", 1, "expected element name after </");
    syntax("<a></a b>", 1, "invalid characters between </a and >");
    syntax("<a/ >", 1, "expected /> in element");
    syntax("<a b>", 1, "attribute name without = in element");
    syntax("<a b=c>", 1, "unquoted or missing attribute value in element");
    syntax("<a 'b'>", 1, "expected attribute name in element");
    syntax("<a b='<'>", 1, "unescaped < inside quoted string");
    syntax("<-a>", 1, "invalid XML name: -a");
    syntax("<!a", 1, "unexpected EOF");
    syntax("<1a>", 1, "invalid XML name: 1a");
    syntax("<a>]]></a>", 1, "unescaped ]]> not in CDATA section");
    syntax("<a><![CDATA[x", 1, "unexpected EOF in CDATA section");
    syntax("<a><![CDAT", 1, "unexpected EOF");
    syntax("<a><![x", 1, "invalid <![ sequence");
    syntax("<!-x", 1, "invalid sequence <!- not part of <!--");
    syntax("<!-- -- -->", 1, "invalid sequence \"--\" not allowed in comments");
    syntax("<??>", 1, "expected target name after <?");
    syntax("<a>&nope;</a>", 1, "invalid character entity &nope;");
    syntax("<a>& b</a>", 1, "invalid character entity & (no semicolon)");
    syntax("<a>&#;</a>", 1, "invalid character entity &#;");
    syntax("<a>&#x110000;</a>", 1, "invalid character entity &#x110000;");
    syntax("<a>&#0;</a>", 1, "illegal character code U+0000");
    syntax("<a>\u{FFFE}</a>", 1, "illegal character code U+FFFE");
    syntax("<a>\u{1}\n</a>", 2, "illegal character code U+0001");
    syntax(b"<a>\xFF</a>", 1, "invalid UTF-8");
}

#[test]
fn every_prefix_of_a_document_is_refused_or_read() {
    let whole = "<?xml version='1.0'?><!-- c --><r a='é&lt;'>t<b><![CDATA[x]]></b>\r\n&#10;</r>";
    let set = |backend: &mut baton_shared::config::model::BackendConfig| {
        backend.encoding = "xml".to_owned();
    };
    for end in 0..=whole.len() {
        let found = decode(set, whole.as_bytes().get(..end).unwrap());
        assert_eq!(found.is_ok(), end == whole.len(), "cut at {end}");
    }
}

#[test]
fn ten_thousand_levels_are_read_and_one_more_is_refused() {
    let deep = |levels: usize| format!("{}{}", "<a>".repeat(levels), "</a>".repeat(levels));
    let json = format!("{}\"\"{}", "{\"a\":".repeat(10_000), "}".repeat(10_000));
    read(deep(10_000), &json);
    refused(deep(10_001), "xml.Decoder.Token() - xml: more levels than a document may have");
}

#[test]
fn a_shape_is_given_to_the_tree() {
    let body = r#"<r a="1"><i><k>1</k><l>2</l></i><i><k>3</k></i><o><k>4</k><l/></o></r>"#;
    let check = |set: fn(&mut baton_shared::config::model::BackendConfig), expected: &str| {
        let set = |backend: &mut _| {
            set(backend);
            backend.encoding = "xml".to_owned();
        };
        assert_eq!(json(&decode(set, body).unwrap()), expected);
    };
    let paths = |paths: &str| paths.split(' ').map(ToOwned::to_owned).collect::<Vec<_>>();
    check(|backend| backend.target = "r.o".to_owned(), r#"{"k":"4","l":""}"#);
    check(|backend| backend.target = "r.i".to_owned(), "{}");
    check(|backend| backend.target = "x".to_owned(), "{}");
    check(
        |backend| backend.group = "g".to_owned(),
        &format!(
            "{{\"g\":{}}}",
            r#"{"r":{"-a":"1","i":[{"k":"1","l":"2"},{"k":"3"}],"o":{"k":"4","l":""}}}"#
        ),
    );
    let set = |backend: &mut baton_shared::config::model::BackendConfig| {
        backend.encoding = "xml".to_owned();
        backend.target = "r".to_owned();
    };
    let with = |allow: &str, deny: &str| {
        let data = decode(
            |backend| {
                set(backend);
                backend.allow = if allow.is_empty() { Vec::new() } else { paths(allow) };
                backend.deny = if deny.is_empty() { Vec::new() } else { paths(deny) };
                backend.mapping = [("o".to_owned(), "p".to_owned())].into_iter().collect();
            },
            body,
        );
        json(&data.unwrap())
    };
    assert_eq!(with("-a o.l i.k", ""), r#"{"-a":"1","p":{"l":""}}"#);
    assert_eq!(with("o.x", ""), "{}");
    assert_eq!(with("", "-a o.l o.k i.k"), r#"{"i":[{"k":"1","l":"2"},{"k":"3"}],"p":{}}"#);
    check(
        |backend| {
            backend.is_collection = true;
            backend.allow = vec!["collection.r".to_owned()];
        },
        "{}",
    );
    check(
        |backend| {
            backend.is_collection = true;
            backend.deny = vec!["collection.r".to_owned()];
        },
        r#"{"collection":{"r":{"-a":"1","i":[{"k":"1","l":"2"},{"k":"3"}],"o":{"k":"4","l":""}}}}"#,
    );
}
