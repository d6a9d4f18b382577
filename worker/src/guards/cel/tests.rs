//! Expressions against what cel-go makes of them, and bounds that it does not have.

use std::time::Instant;

use bytes::Bytes;

use super::rewrite::Need;
use super::*;
use crate::decode::Decoder;

const DATA: &str = r#"{"id":1,"f":1.5,"s":"x","arr":[1,"two",null],"t":true,"nul":null,"o":{"k":{"z":9}},
    "objs":[{"a":1},{"a":2}],"d":"\u0663","e":[]}"#;

fn program(text: &str) -> Result<IdedExpr, String> {
    let environment = functions::ENVIRONMENT.as_ref().unwrap();
    let program = environment.compile(text).map_err(|errors| errors.to_string())?;
    Ok(program.expression().clone())
}

fn expressions(text: &str) -> Expressions {
    let mut gathered = Gathered::default();
    let mut expression = program(text).unwrap();
    checker::check(&expression).unwrap_or_else(|why| panic!("{text}: {why}"));
    gathered.prepare(&mut expression);
    let environment = Arc::clone(functions::ENVIRONMENT.as_ref().unwrap());
    Expressions { tag: "".into(), role: "", environment, all: [expression].into(), gathered }
}

/// An expression about an answer.
fn holds_of(text: &str, data: &str) -> bool {
    let data = Decoder::plain().decode(Bytes::copy_from_slice(data.as_bytes())).unwrap();
    let seen = Seen { data: Some(&data), completed: Completed::True, status: 0, headers: None };
    let layer = Layer { before: expressions("true"), after: expressions(text) };
    layer.after(seen).is_ok()
}

#[track_caller]
fn hold(texts: &[&str]) {
    for text in texts {
        assert!(holds_of(text, DATA), "{text}");
    }
}

#[track_caller]
fn fail(texts: &[&str]) {
    for text in texts {
        assert!(!holds_of(text, DATA), "{text}");
    }
}

#[track_caller]
fn misfit(text: &str, why: &str) {
    assert_eq!(checker::check(&program(text).unwrap()).unwrap_err(), why, "{text}");
}

#[test]
fn what_does_not_fit_by_its_types_is_told_as_by_cel_go() {
    let no = "found no matching overload for ";
    misfit("req_params.Id == 1", &format!("{no}'_==_' applied to '(string, int)'"));
    misfit("req_querystring.a == '1'", &format!("{no}'_==_' applied to '(list(string), string)'"));
    misfit("1 < 2.0", &format!("{no}'_<_' applied to '(int, double)'"));
    misfit("req_method == null", &format!("{no}'_==_' applied to '(string, null)'"));
    misfit("req_method ? 1 : 2", &format!("{no}'_?_:_' applied to '(string, int, int)'"));
    misfit("size(1) == 1", &format!("{no}'size' applied to '(int)'"));
    misfit("now.getHours() == 1", &format!("{no}'getHours' applied to 'string.()'"));
    misfit("'a' in 'abc'", &format!("{no}'@in' applied to '(string, string)'"));
    misfit(
        "req_headers[0] == []",
        &format!("{no}'_[_]' applied to '(map(string, list(string)), int)'"),
    );
    misfit("nope == 1", "undeclared reference to 'nope' (in container '')");
    misfit(
        "req_method.lowerAscii() == ''",
        "undeclared reference to 'lowerAscii' (in container '')",
    );
    misfit("req_method.x == 1", "type 'string' does not support field selection");
    let range = "expression of type 'string' cannot be range of a comprehension (must be list, map, or dynamic)";
    misfit("req_method.all(x, x == 'a')", range);
    misfit("[1].all(x, x)", &format!("{no}'_&&_' applied to '(bool, int)'"));
    misfit("[1, 2].map(x, x + 'a') == []", &format!("{no}'_+_' applied to '(int, string)'"));
    misfit("math.greatest(1, 2) == 2", "undeclared reference to 'math' (in container '')");
}

#[test]
fn what_fits_is_evaluated_as_by_cel_go() {
    hold(&[
        "resp_data.id == '1'",
        "int(resp_data.id) == 1",
        "double(resp_data.f) > 1.0",
        "'1' in resp_data.arr",
        "null in resp_data.arr",
        "resp_data.arr[1] == 'two'",
        "size(resp_data.arr) == 3",
        "has(resp_data.nul) && !has(resp_data.zz) && has(resp_data.o.k)",
        "resp_data['o']['k']['z'] == '9'",
        "resp_data.objs.exists(x, x.a == '2')",
        "resp_data.objs.map(x, x.a) == ['1', '2']",
        "resp_data.objs.filter(x, x.a == '1').size() == 1",
        "resp_data.objs.exists_one(x, x.a == '1')",
        "type(resp_data.id) == string",
        "size(resp_data) == 10",
        "'id' in resp_data && !('zz' in resp_data)",
        "resp_data.all(name, size(name) > 0)",
        "[1, 'a', null] != [] && {'a': 1}.a == 1",
        "resp_completed && resp_metadata_status == 0 && size(resp_metadata_headers) == 0",
        "1 / 0 == 1 || resp_completed",
        "!(1 / 0 == 1 && false)",
        "resp_data.e.all(x, x == 1) && !resp_data.e.exists(x, true)",
        "google.protobuf.Timestamp == type(timestamp(now))",
    ]);
    fail(&[
        "resp_data.id == 1",
        "resp_data.id > 0",
        "1 in resp_data.arr",
        "resp_data.arr[7] == 'two'",
        "!resp_data.t",
        "resp_data.zz == '1'",
        "resp_data.s",
        "int(resp_data.f) == 1",
        "resp_data.s.matches('[')",
        "req_method == 'GET'",
    ]);
}

#[test]
fn where_the_crate_does_otherwise_cel_go_counts() {
    hold(&[
        "timestamp('2026-01-02T15:04:05+02:00').getHours() == 13",
        "timestamp('2026-01-02T15:04:05Z').getHours('Europe/Madrid') == 16",
        "string(2051882755.0) == '2.051882755e+09' && string(1.5) == '1.5' && string(1) == '1'",
        "string(timestamp('2026-01-02T15:04:05+02:00')) == '2026-01-02T13:04:05Z'",
        "string(double('inf')) == '+Inf' && string(-double('inf')) == '-Inf'",
        "bool('T') && !bool('F') && bool('true') && !bool('0')",
        "int(duration('1.5s')) == 1500000000",
        "!resp_data.d.matches(r'^\\d$') && '7'.matches(r'^\\d$') && matches('a.b', r'^\\Qa.b\\E$')",
        "resp_data.s.matches(resp_data.s)",
        "resp_data.objs.all(x, timestamp('2026-01-02T15:04:05+02:00').getHours() == 13)",
    ]);
    for text in
        ["{'a': 1}.?a == 1", "[?1] == []", "a.b.", "", "// req", "req_method ==", "has(a['b'])"]
    {
        assert!(program(text).is_err(), "{text}");
    }
    assert!(checker::check(&program("optional.of(1).hasValue()").unwrap()).is_err());
    // Here the crate counts.
    fail(&["double('0x1p-2') == 0.25"]);
    misfit(
        "google.protobuf.Int32Value{value: 1} == 1",
        "undeclared reference to 'google.protobuf.Int32Value' (in container '')",
    );
}

#[test]
fn loops_end_whatever_they_go_over() {
    let list = |items: usize| format!("{{\"l\":[{}0]}}", "0,".repeat(items));
    let begun = Instant::now();
    assert!(holds_of("resp_data.l.all(x, x == '0')", &list(50_000)));
    assert!(holds_of(
        "resp_data.l.map(x, x).size() > 1 && resp_data.l.exists(x, x == '0')",
        &list(50_000)
    ));
    for text in [
        "resp_data.l.all(a, resp_data.l.all(b, resp_data.l.all(c, a == b && b == c)))",
        "!resp_data.l.exists(a, resp_data.l.exists(b, resp_data.l.exists(c, a != b)))",
        "resp_data.l.map(a, resp_data.l.map(b, resp_data.l.map(c, c))).size() > 0",
        "resp_data.l.filter(a, resp_data.l.exists_one(b, resp_data.l.all(c, c == a))).size() == 0",
        "resp_data.l.map(a, resp_data.l.all(b, b == '0'), resp_data.l).size() > 0",
    ] {
        assert!(!holds_of(text, &list(1_000)), "{text}");
    }
    // What is made of texts counts by its size.
    let long = format!("{{\"s\":\"{}\",\"l\":[{}0]}}", "x".repeat(1 << 20), "0,".repeat(1_000));
    assert!(!holds_of("resp_data.l.map(x, resp_data.s + x).size() > 0", &long));
    assert!(begun.elapsed().as_secs() < 20, "{:?}", begun.elapsed());
}

#[test]
fn a_path_is_seen_as_it_was_before_it_became_a_url() {
    assert_eq!(decoded(b"/a%20b/%c3%a9?x=%20"), "/a b/\u{e9}?x=%20".as_bytes());
    assert_eq!(decoded(b"/a%zz"), b"/a%zz");
}

#[test]
fn only_what_is_named_is_made() {
    let needs = |text: &str| expressions(text).gathered.needs;
    let members = |names: &[&str]| Need::Members(names.iter().map(|name| (*name).into()).collect());
    let found = needs("resp_data.id == resp_data['s'] && 'a' in resp_data && has(resp_data.o.k)");
    assert_eq!(found.get("resp_data"), Some(&members(&["id", "s", "a", "o"])));
    assert_eq!(
        needs("size(resp_data) > 1 && resp_data.id == ''").get("resp_data"),
        Some(&Need::All)
    );
    let found = needs("req_headers.exists(h, req_headers[h][0] == 'B') && req_path == ''");
    assert_eq!(found.get("req_headers"), Some(&Need::All));
    assert!(!found.contains_key("resp_data"));
    assert_eq!(needs("JWT.sub == 'x'").get("JWT"), Some(&members(&["sub"])));
}

#[test]
fn no_text_ends_the_process() {
    let mut seed = 1_u64;
    let mut next = |bound: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(seed >> 33).unwrap() % bound
    };
    let parts = [
        "resp_data",
        ".id",
        "['a']",
        "[0]",
        " == ",
        " && ",
        "'x'",
        "1",
        "-9223372036854775808",
        "1.5e308",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".all(x, ",
        ".map(x, ",
        "has(",
        "size(",
        "int(",
        " % ",
        " / ",
        "-",
        "!",
        " ? ",
        " : ",
        ",",
        "null",
        "b'\\xff'",
        "u",
        "timestamp(",
        "duration('1h')",
        " in ",
        " < ",
        "\"",
        "`a`",
        "\u{e9}",
        "string(",
        ".matches('",
        "0x",
        " + ",
        " * ",
    ];
    for _ in 0..3_000 {
        let text: String = (0..1 + next(12)).map(|_| parts[next(parts.len())]).collect();
        let Ok(mut expression) = program(&text) else { continue };
        let _fits = checker::check(&expression);
        let mut gathered = Gathered::default();
        gathered.prepare(&mut expression);
        let environment = Arc::clone(functions::ENVIRONMENT.as_ref().unwrap());
        let all = [expression].into();
        let after = Expressions { tag: "".into(), role: "", environment, all, gathered };
        let data = Decoder::plain().decode(Bytes::from_static(DATA.as_bytes())).unwrap();
        let seen = Seen { data: Some(&data), completed: Completed::True, status: 0, headers: None };
        let _held = Layer { before: expressions("true"), after }.after(seen);
    }
}
