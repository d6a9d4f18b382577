//! What backends of the real KrakenD saw, as data; where a value is kept from doing harm, what they
//! see instead.

use std::borrow::Cow;

use super::{AnswerSlots, QueryState, Template, TemplateError, Values};

/// The values of the path, of claims and of answers, by name.
#[derive(Clone, Copy, Default)]
struct Given<'v> {
    params: &'v [&'v [u8]],
    named: &'v [(&'v str, &'v str)],
}

impl Given<'_> {
    fn named(&self, name: &str) -> Option<&[u8]> {
        let found = self.named.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_bytes())
    }
}

impl Values for Given<'_> {
    fn param(&self, index: usize) -> Option<&[u8]> {
        self.params.get(index).copied()
    }

    fn claim(&self, name: &str) -> Option<&[u8]> {
        self.named(name)
    }

    fn answer(&self, place: usize) -> Option<&[u8]> {
        self.named(&place.to_string())
    }

    fn header(&self, name: &str) -> Option<&[u8]> {
        self.named(name)
    }

    fn query(&self, name: &str) -> Option<Cow<'_, [u8]>> {
        self.named(name).map(Cow::Borrowed)
    }
}

/// For the third backend of an endpoint.
fn compile(pattern: &str, route: &str) -> Template {
    let mut answers = AnswerSlots::default();
    answers.behind(2);
    Template::compile(pattern, route, &mut answers)
}

fn rendered(template: &Template, given: Given<'_>) -> String {
    let mut target = b"".to_vec();
    match template.render(&given, &mut target) {
        Ok(_) => String::from_utf8(target).unwrap(),
        Err(error) => error.text("http://h:1"),
    }
}

/// `/x/:a` with this value of `a`.
#[track_caller]
fn value(pattern: &str, value: impl AsRef<[u8]>, expected: &str) {
    let template = compile(pattern, "/x/:a");
    let value = value.as_ref();
    let shown = String::from_utf8_lossy(value);
    let given = Given { params: &[value], ..Given::default() };
    assert_eq!(rendered(&template, given), expected, "{pattern} with {shown}");
}

const DOTS: &str = "a value with a dot segment";

#[test]
fn parts_of_the_request_are_values_like_others_and_needed() {
    let template = compile("/{input_headers.X-Tenant}/x?q={input_query_strings.q}", "/a");
    let given = |named| Given { params: &[], named };
    let both = [("X-Tenant", "a/b c"), ("q", "1&x=2")];
    assert_eq!(rendered(&template, given(&both)), "/a%2Fb%20c/x?q=1%26x%3D2");
    assert_eq!(rendered(&template, given(&[("X-Tenant", ".."), ("q", "1")])), DOTS);
    let missing = template.render(&given(&both[..1]), &mut Vec::new());
    assert_eq!(missing, Err(TemplateError::Missing));
    assert_eq!(template.check(&given(&both[..1])), Err(TemplateError::Missing));
}

#[test]
fn the_rest_of_a_wildcard_keeps_its_slashes_and_adds_nothing_else() {
    for (pattern, rest, expected) in [
        ("/", "/a/b", "/a/b"),
        ("/x/*", "/a//b/", "/x/a//b/"),
        ("/x/{id}/?q=1", "/a?b#c%", "/x/7/a%3Fb%23c%25?q=1"),
        ("/x/", "/../y", DOTS),
    ] {
        let template = compile(pattern, "/w/:id/*");
        let given = Given { params: &[b"7", rest.as_bytes()], ..Given::default() };
        assert_eq!(rendered(&template, given), expected, "{pattern} {rest}");
    }
}

#[test]
fn dot_segments_are_refused_wherever_a_value_lands() {
    for dots in ["..", ".", "../x", "x/..", "a/./b", "..\\x"] {
        value("/t/{a}", dots, DOTS);
        value("/t?q={a}", dots, DOTS);
    }
    for (pattern, part) in [("/.{a}", "."), ("/{a}.", "."), ("/{a}{a}", "."), ("/.{a}/x", "")] {
        value(pattern, part, DOTS);
    }
    value("/t/{a}", "...", "/t/...");
    value("/t/{a}", "a..b", "/t/a..b");
    value("/../{a}", "x", "/../x");
    value("/v1.{a}", "5", "/v1.5");
}

#[test]
fn control_bytes_fail_with_the_message_of_go() {
    let control = "net/url: invalid control character in URL";
    value("/t/{a}/end", b"a\x00b", &format!(r#"parse "http://h:1/t/a\x00b/end": {control}"#));
    value("/t/{a}/end", b"a\nb", &format!(r#"parse "http://h:1/t/a\nb/end": {control}"#));
    value("/t?q={a}&r", b"\x7F", &format!(r#"parse "http://h:1/t?q=\x7f&r": {control}"#));
}

#[test]
fn a_value_adds_no_segment_query_fragment_or_escape_to_a_path() {
    for (given, expected) in [
        ("a/b", "/t/a%2Fb/e"),
        ("a?b#c", "/t/a%3Fb%23c/e"),
        ("%41", "/t/%2541/e"),
        ("%2e%2e", "/t/%252e%252e/e"),
        ("a/ b", "/t/a%2F%20b/e"),
        ("", "/t//e"),
    ] {
        value("/t/{a}/e", given, expected);
    }
}

#[test]
fn a_value_adds_no_parameter_to_a_query_and_never_breaks_the_request_line() {
    for (given, expected) in [
        ("a b", "/t?q=a%20b&r=1"),
        ("x&y=z;w+", "/t?q=x%26y%3Dz%3Bw%2B&r=1"),
        ("\u{e9}", "/t?q=%C3%A9&r=1"),
        ("a/b?c#d%", "/t?q=a%2Fb%3Fc%23d%25&r=1"),
        ("a,b:c@d", "/t?q=a,b:c@d&r=1"),
        ("<\">", "/t?q=%3C%22%3E&r=1"),
        ("", "/t?q=&r=1"),
    ] {
        value("/t?q={a}&r=1", given, expected);
    }
}

#[test]
fn a_path_stays_as_it_is_or_is_encoded_as_a_whole() {
    for (given, expected) in [
        ("a&b=1", "/t/a&b=1/e"),
        ("a;v=1", "/t/a;v=1/e"),
        ("a:b@c,d+e$", "/t/a:b@c,d+e$/e"),
        ("~", "/t/~/e"),
        ("[x]", "/t/[x]/e"),
        ("!$&'()*", "/t/!$&'()*/e"),
        ("[x y]", "/t/%5Bx%20y%5D/e"),
        ("a'b\"c", "/t/a%27b%22c/e"),
        ("a|b", "/t/a%7Cb/e"),
        ("{x}", "/t/%7Bx%7D/e"),
        ("\u{e9}", "/t/%C3%A9/e"),
    ] {
        value("/t/{a}/e", given, expected);
    }
    value("/t/{a}/e", b"\xE9", "/t/%E9/e");
    value("/[7]/{a}", "x", "/[7]/x");
    value("/[7]/{a}", " ", "/%5B7%5D/%20");
    value("/%7E/{a}", "x", "/%7E/x");
    value("/%7E/{a}", " ", "/~/%20");
    value("/s p/{a}", "'", "/s%20p/%27");
    value("/pre-{a}-post.json", "5", "/pre-5-post.json");
    value("/{a}", "abc", "/abc");
}

#[test]
fn a_value_is_never_searched_for_placeholders() {
    let template = compile("/{b}/{a}", "/:a/:b");
    let given = Given { params: &[b"{{.B}}", b"{{.A}}"], ..Given::default() };
    assert_eq!(rendered(&template, given), "/%7B%7B.A%7D%7D/%7B%7B.B%7D%7D");
}

#[test]
fn claims_and_answers_are_values_too_and_only_answers_may_bring_segments() {
    let check = |pattern: &str, named: &[(&str, &str)], expected: &str| {
        let given = Given { named, ..Given::default() };
        assert_eq!(rendered(&compile(pattern, "/x"), given), expected, "{pattern}");
    };
    check("/x/{JWT.sub}/7", &[("sub", "a/b")], "/x/a%2Fb/7");
    check("/x/{resp0_id}/7", &[("0", "a/b ?#%")], "/x/a/b%20%3F%23%25/7");
    check("/x/{resp1_up}", &[("0", "x/../y")], DOTS);
    check("/x/{JWT.zz}/1", &[], "/x/%7B%7B.JWT.zz%7D%7D/1");
    check("/n/{resp1_id}?q={resp9_x}", &[], "/n/%7B%7B.Resp1_id%7D%7D?q={{.Resp9_x}}");
}

#[test]
fn a_dot_segment_is_known_before_any_call_and_other_faults_are_the_calls_own() {
    let check = |pattern: &str, value: &[u8]| {
        compile(pattern, "/:a").check(&Given { params: &[value], ..Given::default() })
    };
    assert_eq!(check("/b/{a}", b".."), Err(TemplateError::DotSegment));
    assert_eq!(check("/.{a}/x", b"."), Err(TemplateError::DotSegment));
    assert_eq!(check("/b?q={a}", b"x/../y"), Err(TemplateError::DotSegment));
    for (pattern, value) in [("/b/{a}", b"x"), ("/b/{a}", b"\n"), ("/b", b"."), ("/a%zz", b".")] {
        assert_eq!(check(pattern, value), Ok(()), "{pattern}");
    }
}

#[test]
fn a_pattern_without_values_is_a_constant() {
    for (pattern, expected, state) in [
        ("/b", "/b", QueryState::Absent),
        ("//x", "//x", QueryState::Absent),
        ("/s p", "/s%20p", QueryState::Absent),
        ("/h#frag", "/h", QueryState::Absent),
        ("/h#f?x=1", "/h", QueryState::Absent),
        ("/b?", "/b?", QueryState::Empty),
        ("/b?z=1&a=0&z=%20x", "/b?z=1&a=0&z=%20x", QueryState::Present),
        ("/b?q=a b\u{e9}<>\"", "/b?q=a%20b%C3%A9%3C%3E\"", QueryState::Present),
        ("/b/{x}", "/b/%7B%7B.X%7D%7D", QueryState::Absent),
    ] {
        let template = compile(pattern, "/a/:x.json");
        let (target, query) = template.constant().unwrap();
        assert_eq!((std::str::from_utf8(target).unwrap(), query), (expected, state), "{pattern}");
    }
}

#[test]
fn a_pattern_that_go_cannot_parse_fails_each_call() {
    for (pattern, expected) in [
        ("/a%zz", r#"parse "http://h:1/a%zz": invalid URL escape "%zz""#),
        ("/a\nb?x", r#"parse "http://h:1/a\nb?x": net/url: invalid control character in URL"#),
        ("/a?\tb", r#"parse "http://h:1/a?\tb": net/url: invalid control character in URL"#),
        ("/a%2{a}", r#"parse "http://h:1/a%2F": invalid URL escape "%2""#),
        ("/{a}/%zz?{a}={b}#f", r#"parse "http://h:1/F/%zz?F={{.B}}": invalid URL escape "%zz""#),
        ("/{a}#%zz", r#"parse "http://h:1/F#%zz": invalid URL escape "%zz""#),
        ("/%zz?\t", r#"parse "http://h:1/%zz?\t": net/url: invalid control character in URL"#),
    ] {
        value(pattern, "F", expected);
    }
}

#[test]
fn the_state_of_the_query_follows_what_was_written() {
    let state = |pattern: &str, value: &[u8]| {
        let given = Given { params: &[value], ..Given::default() };
        compile(pattern, "/:a").render(&given, &mut Vec::new()).unwrap()
    };
    assert_eq!(state("/{a}", b"x"), QueryState::Absent);
    assert_eq!(state("/b?{a}", b""), QueryState::Empty);
    assert_eq!(state("/b?{a}", b"x"), QueryState::Present);
}

#[test]
fn patterns_are_shown_as_krakend_shows_them() {
    let template = compile("/a/{id}?q={JWT.sub}#f{id}", "/:id");
    assert_eq!(template.shown(), "/a/{{.Id}}?q={{.JWT.sub}}#f{{.Id}}");
}

#[test]
fn no_bytes_break_out_of_their_place() {
    let template = compile("/a/{a}/b?c={a}&d", "/:a");
    for first in 0..=255u8 {
        for second in *b".%/?#& \\\xC3" {
            let value = [first, second];
            let given = Given { params: &[&value], ..Given::default() };
            let mut target = Vec::new();
            match template.render(&given, &mut target) {
                Err(_) => continue,
                Ok(state) => assert_eq!(state, QueryState::Present),
            }
            let count = |byte: u8| target.iter().filter(|found| **found == byte).count();
            assert!(target.iter().all(u8::is_ascii_graphic), "{value:?}");
            assert_eq!((count(b'/'), count(b'?'), count(b'#')), (3, 1, 0), "{value:?}");
            let query = target.split(|byte| *byte == b'?').nth(1).unwrap();
            assert_eq!(query.split(|byte| *byte == b'&').count(), 2, "{value:?}");
        }
    }
}
