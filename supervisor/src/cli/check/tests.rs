//! What is said, to scripts and to people, and what is found beyond KrakenD's errors.

use clap::Parser as _;

use super::super::args::{Cli, Command};
use super::*;
use crate::testing::Folder;

/// Checks a file of this name; `flags` without `-c`.
fn verdict(flags: &str, name: &str, text: &str) -> Verdict {
    let folder = Folder::new();
    if !text.is_empty() {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let line = format!("baton check {flags} -c {name}");
    let Command::Check(args) = Cli::parse_from(line.split_whitespace()).command else {
        panic!("not a check");
    };
    check(&args, name, &Environment::default(), &mut Disk::at(folder.path()))
}

/// Said of every such file by those who serve it.
fn is_plans(notice: &Notice) -> bool {
    notice.text.contains("X-Forwarded-For") || notice.text.contains("not built")
}

/// What a script is told, and whether the file is good.
fn scripted(flags: &str, text: &str) -> (String, bool) {
    let verdict = verdict(flags, "krakend.json", text);
    let audience = if flags.contains("-d") { Audience::KrakendOnly } else { Audience::Script };
    let text = verdict.lines(audience).map(|line| format!("{line}\n")).collect();
    (text, verdict.is_good)
}

/// Baton's own findings, without file and line.
fn found(text: &str) -> Vec<String> {
    let verdict = verdict("", "k.json", text);
    verdict
        .said
        .iter()
        .filter_map(|said| match said {
            Said::Found(grade, notice) if !is_plans(notice) => {
                Some(format!("{grade:?} {}: {}", notice.pointer, notice.text))
            },
            Said::Found(..) | Said::Krakend(_) => None,
        })
        .collect()
}

const OK: &str = r#"{"version":3,"endpoints":[
    {"endpoint":"/a","backend":[{"url_pattern":"/b","host":["http://127.0.0.1:80"]}]}]}"#;
const CONFLICT: &str = r#"{"version":3,"endpoints":[
    {"endpoint":"/a/{x}","backend":[{"url_pattern":"/{x}","host":["http://127.0.0.1:80"]}]},
    {"endpoint":"/a/{y}/z","backend":[{"url_pattern":"/{y}","host":["http://127.0.0.1:80"]}]}]}"#;

#[test]
fn scripts_read_krakends_texts() {
    let begin = "Parsing configuration file: krakend.json\n";
    let parsing = "ERROR parsing the configuration file:\t'krakend.json': ";
    let cases = [
        ("", OK, "Syntax OK!\n".to_owned(), true),
        ("", "{\"version\":3,", format!("{parsing}unexpected end of JSON input\n\n"), false),
        ("", r#"{"version":2}"#, format!("{parsing}unsupported version: 2 (want: 3)\n\n"), false),
        ("", CONFLICT, "Syntax OK!\n".to_owned(), true),
        ("-t", OK, "Syntax OK!\n".to_owned(), true),
        ("-n -t", OK, "Syntax OK!\n".to_owned(), true),
        ("-l", OK, "Syntax OK!\n".to_owned(), true),
        (
            "-d",
            r#"{"version":3}"#,
            "Global settings\n\tName: \n\tVersion: 3\n\tAddress: \n\tPort: 8080\n0 API \
             endpoint(s):\n0 async agent(s):\nSyntax OK!\n"
                .to_owned(),
            true,
        ),
        (
            "",
            "",
            "ERROR parsing the configuration file:\t'krakend.json': open krakend.json: no such \
             file or directory\n\n"
                .to_owned(),
            false,
        ),
    ];
    for (flags, file, wanted, is_good) in cases {
        assert_eq!(scripted(flags, file), (format!("{begin}{wanted}"), is_good), "{flags} {file}");
    }
}

#[test]
fn routes_that_collide_are_refused_when_asked_for_and_always_told_to_a_person() {
    let (text, is_good) = scripted("-t", CONFLICT);
    assert!(text.contains("ERROR testing the configuration file:\t"), "{text}");
    assert!(!is_good);
    let told: Vec<String> = verdict("", "k.json", CONFLICT).lines(Audience::Person).collect();
    assert!(told.iter().any(|line| line.starts_with("k.json:3: /endpoints/1: ")), "{told:?}");
}

#[test]
fn a_person_is_told_where_and_what_would_be_right() {
    let verdict = verdict("", "k.json", "{\"version\":3,\n\"tiemout\":\"1s\"}");
    let line = "k.json:2: /tiemout: the key `tiemout` is unknown and has no effect: did you mean \
                `timeout`?";
    assert!(verdict.lines(Audience::Person).any(|told| told == line));
    assert!(!verdict.lines(Audience::Script).any(|told| told == line));
}

#[test]
fn what_is_not_built_is_told_to_scripts_too_but_not_within_a_dump() {
    let file = r#"{"version":3,"extra_config":{"telemetry/moesif":{}}}"#;
    let told =
        "krakend.json:1: /extra_config/telemetry~1moesif: `telemetry/moesif` is not built yet\n";
    let (text, is_good) = scripted("", file);
    assert!(text.contains(told) && is_good, "{text}");
    assert!(!scripted("-d", file).0.contains("not built"));
}

#[test]
fn a_guard_of_the_service_that_is_not_built_is_no_good_file() {
    let file = r#"{"version":3,"extra_config":{"governance/quota":{}}}"#;
    let (text, is_good) = scripted("", file);
    assert!(text.contains("ERROR checking the configuration file:\t`governance/quota`"), "{text}");
    assert!(!is_good);
}

#[test]
fn linting_comes_before_the_dump_and_ends_the_check() {
    let file = r#"{"version":3,"port":"8080"}"#;
    let (text, is_good) = scripted("-n -d", file);
    assert!(
        text.contains("ERROR linting the configuration file:\tjsonschema validation"),
        "{text}"
    );
    assert!(text.ends_with("\n- at '/port': got string, want integer\n\n"), "{text}");
    assert!(!is_good && !text.contains("Global settings"), "{text}");
}

#[test]
fn strict_judges_take_no_warnings_and_remarks_are_none() {
    assert!(verdict("--strict", "k.json", OK).is_spotless());
    let warned = verdict("--strict", "k.json", "{\"version\":3,\"tiemout\":\"1s\"}");
    assert!(warned.is_good && !warned.is_spotless());
    let unbuilt = r#"{"version":3,"extra_config":{"telemetry/moesif":{}}}"#;
    assert!(!verdict("--strict", "k.json", unbuilt).is_spotless());
}

#[test]
fn json_has_every_finding_with_its_place() {
    let warned = verdict("", "k.json", "{\"version\":3,\n\"tiemout\":\"1s\"}");
    let json: serde_json::Value = serde_json::from_str(&warned.json(true)).unwrap();
    assert_eq!(json["ok"], true);
    let finding = &json["findings"][0];
    assert_eq!((finding["grade"].as_str(), finding["line"].as_u64()), (Some("warning"), Some(2)));
    assert_eq!(finding["pointer"], "/tiemout");
    let refused = verdict("", "k.json", "{\"version\":3,\n\"timeout\":\"2 s\"}");
    let json: serde_json::Value = serde_json::from_str(&refused.json(false)).unwrap();
    assert_eq!(json["findings"][0]["grade"], "error");
    let error = json["error"].as_str().unwrap();
    assert!(error.starts_with("parsing the configuration file:\t'k.json': decoding"), "{error}");
}

/// One endpoint; `members` before its only backend.
fn endpoint(path: &str, members: &str, backend: &str) -> String {
    format!(
        r#"{{"version":3,"endpoints":[{{"endpoint":"{path}",{members}"backend":[
        {{"host":["http://h"],{backend}}}]}}]}}"#
    )
}

#[test]
fn endpoints_that_nobody_reaches_are_told() {
    assert_eq!(
        found(&endpoint("/a?x=1", "", r#""url_pattern":"/b""#)),
        [
            "Warning /endpoints/0/endpoint: no request has the path `/a?x=1`: the query is no part of \
          it; list its parameters in `input_query_strings`"
        ]
    );
    assert_eq!(
        found(&endpoint("/a", r#""method":"OPTIONS","#, r#""url_pattern":"/b""#)),
        [
            "Warning /endpoints/0/method: `OPTIONS` is no method of an endpoint: nobody can reach it; \
          one of GET, POST, PUT, PATCH, DELETE"
        ]
    );
}

#[test]
fn what_one_endpoint_takes_from_another_is_remarked() {
    let text = r#"{"version":3,"host":["http://h"],"endpoints":[
        {"endpoint":"/u/{id}","backend":[{"url_pattern":"/{id}"}]},
        {"endpoint":"/u/me","backend":[{"url_pattern":"/me"}]},
        {"endpoint":"/u/me","method":"POST","backend":[{"url_pattern":"/me"}]}]}"#;
    assert_eq!(
        found(text),
        [
            "Remark /endpoints/0/endpoint: requests to `/u/me` never come here: `/u/me` (line 3) takes \
          them"
        ]
    );
}

#[test]
fn placeholders_that_nobody_uses_are_told() {
    assert_eq!(
        found(&endpoint("/a/{id}/{name}", "", r#""url_pattern":"/b/{name}""#)),
        [
            "Warning /endpoints/0/endpoint: `{id}` is used by no backend: clients can write anything \
          there; write it into a `url_pattern`, or take it out"
        ]
    );
    let graphql = r#""url_pattern":"/b","extra_config":{"backend/graphql":{
        "type":"query","query":"q","variables":{"x":"{id}"}}}"#;
    let told = found(&endpoint("/a/{id}", "", graphql));
    assert!(!told.iter().any(|line| line.contains("is used by no")), "{told:?}");
}

#[test]
fn what_stands_twice_is_told() {
    let text = r#"{"version":3,"endpoints":[{"endpoint":"/a","input_headers":["A","a"],"backend":[
        {"url_pattern":"/b","host":["http://h"]},
        {"url_pattern":"/c","host":["http://h","http://h"]},
        {"url_pattern":"/b","host":["http://h"]}]}]}"#;
    assert_eq!(
        found(text),
        [
            "Warning /endpoints/0/backend/2: the same backend stands already on line 2",
            "Remark /endpoints/0/input_headers/1: `A` stands already in this list: once is enough",
            "Remark /endpoints/0/backend/1/host/1: `http://h` stands already in this list: it gets \
             a larger share of the requests",
        ]
    );
}

#[test]
fn files_that_are_not_there_are_told() {
    let script =
        r#""url_pattern":"/b","extra_config":{"modifier/lua-backend":{"sources":["a.lua"]}}"#;
    let told = found(&endpoint("/a", "", script));
    let at = "/endpoints/0/backend/0/extra_config/modifier~1lua-backend/sources/0";
    let line = format!("Warning {at}: cannot read `a.lua`: open a.lua: no such file or directory");
    assert!(told.contains(&line), "{told:?}");
}

#[test]
fn settings_that_open_or_close_too_much_are_told() {
    let cases = [
        (
            r#""extra_config":{"auth/validator":{"alg":"HS256","jwk_url":"http://h/k"}},"#,
            &[
                "/auth~1validator/jwk_url: keys are only fetched over https",
                "/auth~1validator/alg: `HS256` is signed with a shared secret",
            ][..],
        ),
        (
            r#""extra_config":{"auth/validator":{"alg":"RS1","roles":["a"]}},"#,
            &[
                "/auth~1validator: no key can be found",
                "/auth~1validator/alg: `RS1` is no algorithm",
                "/auth~1validator/roles: which claim holds the roles?",
            ],
        ),
        (
            r#""extra_config":{"security/cors":{"allow_credentials":true,"allow_origins":["*","a.com"]}},"#,
            &[
                "/security~1cors/allow_credentials: with credentials every site",
                "/security~1cors/allow_origins/1: `a.com` is no origin: write https://a.com",
            ],
        ),
        (
            r#""extra_config":{"qos/ratelimit/router":{"client_max_rate":5}},"#,
            &["/qos~1ratelimit~1router/client_max_rate: who is a client?"],
        ),
        (
            r#""extra_config":{"qos/ratelimit/router":{"max_rate":0,"strategy":"ip"}},"#,
            &["/qos~1ratelimit~1router: nobody is limited"],
        ),
    ];
    for (members, wanted) in cases {
        let told = found(&endpoint("/a", members, r#""url_pattern":"/b""#));
        for wanted in wanted {
            assert!(told.iter().any(|line| line.contains(wanted)), "{wanted}\n{told:#?}");
        }
    }
}
