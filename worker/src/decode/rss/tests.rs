use super::super::tests::{decode, json};
use super::date::{Moment, date};
use super::text::{person, plain};

/// Decodes a feed of which only some fields matter.
#[track_caller]
fn field(feed: &str, name: &str) -> String {
    let set = |backend: &mut baton_shared::config::model::BackendConfig| {
        backend.encoding = "rss".to_owned();
        backend.allow = vec![name.to_owned()];
    };
    let shown = json(&decode(set, feed).unwrap());
    let value =
        shown.strip_prefix(&format!("{{\"{name}\":")).and_then(|rest| rest.strip_suffix('}'));
    value.unwrap_or(&shown).to_owned()
}

#[track_caller]
fn refused(feed: &str, text: &str) {
    let found = decode(|backend| backend.encoding = "rss".to_owned(), feed);
    assert_eq!(found.map(|data| json(&data)).unwrap_err().to_string(), text, "{feed}");
}

/// An item of RSS; the namespaces of podcasts are declared.
#[track_caller]
fn item(inside: &str, expected: &str) {
    let feed = format!(
        r#"<rss xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:pod="http://www.itunes.com/dtds/podcast-1.0.dtd"><channel><item>{inside}</item></channel></rss>"#
    );
    assert_eq!(field(&feed, "items"), format!("[{expected}]"), "{inside}");
}

#[track_caller]
fn entry(inside: &str, expected: &str) {
    let feed = format!("<feed xmlns='http://www.w3.org/2005/Atom'><entry>{inside}</entry></feed>");
    assert_eq!(field(&feed, "items"), format!("[{expected}]"), "{inside}");
}

#[test]
fn what_is_no_feed_is_refused() {
    let unknown = "Failed to detect feed type";
    for body in ["", "  ", "x", "<html></html>", "<!-- only -->", "[1]", "{} x", "{", "<rss"] {
        refused(body, unknown);
    }
    refused("<rss><channel>", "XML syntax error on line 1: unexpected EOF");
    let open = "<rss><channel><item><encoded xmlns='http://purl.org/rss/1.0/modules/content/'>x</encoded></item></channel></rss>";
    refused(
        open,
        "Expected Space:* Name:item Event:EndTag but got Space: Name:encoded Event:EndTag at offset: 89",
    );
}

#[test]
fn every_key_is_there_and_empty_ones_are_empty() {
    let shown = json(&decode(|backend| backend.encoding = "rss".to_owned(), "<rss/>").unwrap());
    assert_eq!(
        shown,
        r#"{"author":null,"categories":null,"copyright":"","custom":null,"description":"","items":[],"language":"","published":"","title":"","type":"rss","updated":""}"#
    );
    assert_eq!(field("<rss><image/></rss>", "img_url"), r#""""#);
}

#[test]
fn items_and_authors_cannot_be_entered() {
    let set = |allow: &str, target: &str| {
        let feed = "<feed><author><name>N</name></author><entry><title>t</title></entry></feed>";
        let data = decode(
            |backend| {
                backend.encoding = "rss".to_owned();
                backend.target = target.to_owned();
                backend.allow = if allow.is_empty() { Vec::new() } else { vec![allow.to_owned()] };
            },
            feed,
        );
        json(&data.unwrap())
    };
    assert_eq!(set("author.name", ""), "{}");
    assert_eq!(set("", "author"), "{}");
    assert_eq!(set("author", ""), r#"{"author":{"name":"N"}}"#);
}

#[test]
fn items_of_rss_keep_the_order_of_their_fields() {
    item(
        "<guid>g</guid><pubDate>Mon, 02 Jan 2006 15:04:05 +0100</pubDate><category>c</category><link>l</link><title>t</title><enclosure url='u' length='5' type='y'/>",
        r#"{"title":"t","link":"l","links":["l"],"published":"Mon, 02 Jan 2006 15:04:05 +0100","publishedParsed":"2006-01-02T14:04:05Z","guid":"g","categories":["c"],"enclosures":[{"url":"u","length":"5","type":"y"}]}"#,
    );
    item("<link href='h'/><own> x </own>", r#"{"link":"h","links":["h"],"custom":{"own":"x"}}"#);
    item("<content:encoded><![CDATA[<b>]]></content:encoded>", r#"{"content":"\u003cb\u003e"}"#);
    item(
        "<author>a@b (Ann)</author>",
        r#"{"author":{"name":"Ann","email":"a@b"},"authors":[{"name":"Ann","email":"a@b"}]}"#,
    );
}

#[test]
fn other_namespaces_fill_what_is_missing_and_are_shown_by_their_usual_prefix() {
    item(
        "<dc:date>2006-01-02T15:04:05+01:00</dc:date><dc:subject>s</dc:subject>",
        r#"{"published":"2006-01-02T15:04:05+01:00","publishedParsed":"2006-01-02T15:04:05+01:00","categories":["s"],"dcExt":{"subject":["s"],"date":["2006-01-02T15:04:05+01:00"]},"extensions":{"dc":{"date":[{"name":"date","value":"2006-01-02T15:04:05+01:00","attrs":{},"children":{}}],"subject":[{"name":"subject","value":"s","attrs":{},"children":{}}]}}}"#,
    );
    item(
        "<x:a b='1'>t<c/></x:a>",
        r#"{"extensions":{"x":{"a":[{"name":"a","value":"t","attrs":{"b":"1"},"children":{"c":[{"name":"c","value":"","attrs":{},"children":{}}]}}]}}}"#,
    );
    // The prefix is the feed's own unless everybody uses another.
    item(
        "<pod:image href='i'/>",
        r#"{"extensions":{"pod":{"image":[{"name":"image","value":"","attrs":{"href":"i"},"children":{}}]}}}"#,
    );
}

#[test]
fn texts_of_atom_are_escaped_as_their_type_says() {
    entry(
        "<title type='html'>&lt;b&gt; &amp;amp;</title>",
        r#"{"title":"\u003cb\u003e \u0026amp;"}"#,
    );
    entry(
        "<content type='xhtml'> <div xmlns='x'><p CLASS='a'>x &amp; \"y\"</p><br/></div> </content>",
        r#"{"content":"\u003cp class=\"a\"\u003ex \u0026amp; \u0026#34;y\u0026#34;\u003c/p\u003e\u003cbr/\u003e"}"#,
    );
    entry(
        "<content type='xhtml'><p>1</p></content>",
        r#"{"content":"\u003cp\u003e1\u003c/p\u003e"}"#,
    );
    entry("<content type='image/png'>aGVs\nbG8=</content>", r#"{"content":"hello"}"#);
    entry("<content type='image/png'>aGVsbG8</content>", r#"{"content":"aGVsbG8"}"#);
    entry(
        "<title>&copy; &nope; &eacute</title>",
        r#"{"title":"© &nope; &eacute"}"#.replace('&', "\\u0026").as_str(),
    );
}

#[test]
fn entries_of_atom_sort_their_links() {
    entry(
        "<updated>2003-12-13T18:30:02Z</updated><link href='a'/><link rel='self' href='b'/><link rel='enclosure' href='c' length='1'/><link rel='x' href='d'/>",
        r#"{"link":"a","links":["a","b"],"updated":"2003-12-13T18:30:02Z","updatedParsed":"2003-12-13T18:30:02Z","published":"2003-12-13T18:30:02Z","publishedParsed":"2003-12-13T18:30:02Z","enclosures":[{"url":"c","length":"1"}]}"#,
    );
    let base = "<feed xml:base='http://x/a/b?q'><link/><entry xml:base='../c'><link href='d/./e'/></entry></feed>";
    assert_eq!(field(base, "items"), r#"[{"link":"/c/d/e","links":["/c/d/e"]}]"#);
    let base = "<feed xml:base='http://x/a/b?q'><entry><link href='../d?e#f'/><link href='//y/'/></entry></feed>";
    assert_eq!(
        field(base, "items"),
        r#"[{"link":"http://x/a/d?e#f","links":["http://x/a/d?e#f","//y/"]}]"#
    );
}

#[test]
fn json_feeds_are_feeds() {
    let feed = r#"{"version":"1","title":"J","icon":"i","items":[{"id":"1","url":"u","content_text":"t","tags":["a"],"date_modified":"2006-01-02T15:04:05+02:00","author":{"name":"A"},"attachments":[{"url":"x","mime_type":"m","duration_in_seconds":7}]}]}"#;
    assert_eq!(
        field(feed, "items"),
        r#"[{"content":"t","link":"u","links":["u"],"updated":"2006-01-02T15:04:05+02:00","updatedParsed":"2006-01-02T15:04:05+02:00","author":{"name":"A"},"authors":[{"name":"A"}],"guid":"1","categories":["a"],"enclosures":[{"url":"x","length":"7","type":"m"}]}]"#
    );
    assert_eq!(field(feed, "img_url"), r#""i""#);
    assert_eq!(field(feed, "updated"), r#""2006-01-02T15:04:05+02:00""#);
    refused(r#"{"items":[{"id":1}]}"#, "ReadString: expects \" or n");
    refused(r#"{"author":"x"}"#, "readObjectStart: expect { or n");
}

#[test]
fn persons_are_told_from_their_addresses() {
    let check = |text: &str, name: &str, address: &str| {
        assert_eq!(person(text), (name.to_owned(), address.to_owned()), "{text}");
    };
    check("a@b (Ann B)", "Ann B", "a@b");
    check("Ann B (a@b.c)", "Ann B", "a@b.c");
    check("Ann", "Ann", "");
    check("a@b", "", "a@b");
    check("", "", "");
    check("(x)", "", "");
    check("a@b@c", "", "");
    check("x (y)", "", "");
}

#[test]
fn sections_and_entities_of_texts_are_written_out() {
    let check = |inside: &str, text: &str| assert_eq!(plain(inside), text, "{inside}");
    check("a &amp; b &#169; &eacute;", "a & b © é");
    check("A & B &amp;", "A & B &amp;");
    check("&unknown; &lt;", "&unknown; <");
    check("<![CDATA[&lt;]]> &lt;", "&lt; <");
    // What stands between two sections is lost, and behind the second too much is.
    check("x<![CDATA[y]]>z", "yz");
    check("<b>x</b>", "<b>x</b>");
}

#[test]
fn dates_are_read_in_many_forms() {
    let check = |text: &str, shown: &str| {
        assert_eq!(date(text).map(|moment| moment.to_string()).as_deref(), Some(shown), "{text}");
    };
    check("Mon, 02 Jan 2006 15:04:05 GMT", "2006-01-02T15:04:05Z");
    check("Mon, 02 Jan 2006 15:04:05 EST", "2006-01-02T15:04:05Z");
    check("Mon, 2 January 2006 15:04:05 EST", "2006-01-02T15:04:05-05:00");
    check("Mon, 2 Jan 2006 15:04:05 GMT+2", "2006-01-02T17:04:05+02:00");
    check(" 2006-01-02T15:04:05.120+05:30 ", "2006-01-02T15:04:05.12+05:30");
    check("2006-01-02", "2006-01-02T00:00:00Z");
    check("Mon Jan  2 15:04:05 2006", "2006-01-02T15:04:05Z");
    check("January 2, 2006 3:04 PM", "2006-01-02T15:04:00Z");
    check("Thu, 29 Feb 2024 00:00:00 +0000", "2024-02-29T00:00:00Z");
    check("06/1/2 15:04", "2006-01-02T15:04:00Z");
    assert_eq!(
        date("Thu, 01 Jan 2004 00:30:00 +0100").map(Moment::utc).unwrap().to_string(),
        "2003-12-31T23:30:00Z"
    );
    for text in [
        "",
        "bad",
        "2006-02-30",
        "2006-13-01",
        "2006-01-02T24:00:00Z",
        "Mon, 02 Jan 2006 15:04:05 x",
    ] {
        assert_eq!(date(text), None, "{text}");
    }
}
