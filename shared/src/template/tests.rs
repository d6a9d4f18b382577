//! What the real Go makes of some thousand templates, recorded, against what we make of them.

use std::fmt::Write as _;
use std::time::Duration;

use super::*;

const RECORDED: &str = include_str!("vectors.jsonl");

#[derive(serde::Deserialize)]
struct Vector {
    #[serde(rename = "t")]
    template: String,
    #[serde(default, rename = "x")]
    others: BTreeMap<String, String>,
    #[serde(default)]
    out: Option<String>,
    #[serde(default)]
    err: Option<String>,
}

#[derive(serde::Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    settings: &'a serde_json::value::RawValue,
}

/// `include` answers with the path.
struct Echo;

impl Files for Echo {
    fn include(&mut self, path: &[u8]) -> Vec<u8> {
        [b"included ", path].concat()
    }
}

fn settings(text: &str) -> Value {
    let node = crate::config::read::json::read_any(text.as_bytes()).unwrap();
    Value::from(&node)
}

fn render_with(
    template: &str,
    others: &BTreeMap<String, String>,
    data: Value,
    limits: Limits,
) -> Result<Vec<u8>, RenderError> {
    let mut set = Set::new(Library::flexible());
    set.add("e.json", template.as_bytes())?;
    for (name, text) in others {
        set.add(name, text.as_bytes())?;
    }
    set.render("e.json", data, &mut Echo, limits)
}

fn render(template: &str) -> Result<String, String> {
    let none = BTreeMap::new();
    render_with(template, &none, settings("{}"), Limits::default())
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .map_err(|error| error.text)
}

/// With the stack that a rendering has.
fn on_a_thread(body: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
    thread.spawn(body).unwrap().join().unwrap();
}

#[test]
fn every_recorded_template_gives_what_go_gave() {
    let mut lines = RECORDED.lines();
    let head: Head<'_> = serde_json::from_str(lines.next().unwrap()).unwrap();
    let mut wrong = String::new();
    let mut count = 0;
    for line in lines {
        let vector: Vector = serde_json::from_str(line).unwrap();
        let data = settings(head.settings.get());
        let found = render_with(&vector.template, &vector.others, data, Limits::default());
        let (wanted, found) = match (&vector.out, &vector.err, found) {
            (Some(out), _, Ok(found)) => {
                (out.clone(), String::from_utf8_lossy(&found).into_owned())
            },
            (None, Some(err), Err(found)) => (err.clone(), found.text),
            (out, err, found) => (
                format!("{out:?} {err:?}"),
                found
                    .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                    .map_or_else(|error| format!("error {error}"), |text| format!("text {text}")),
            ),
        };
        if wanted != found {
            count += 1;
            let _infallible =
                writeln!(wrong, "{}\n  wanted {wanted:?}\n  found  {found:?}", vector.template);
        }
    }
    assert!(wrong.is_empty(), "{count} differ:\n{wrong}");
}

#[test]
fn the_functions_are_the_ones_that_krakend_offers() {
    let names = Library::flexible().names().count();
    let own = Library::builtin().names().count();
    // sprig's 210, `slice` being one of them, `marshal` and `include`.
    assert_eq!(names - own + 1, 210 + 2);
}

#[test]
fn what_cannot_be_the_same_says_so() {
    for call in ["bcrypt \"a\"", "genCA \"a\" 1", "derivePassword 1 \"a\" \"b\" \"c\" \"d\""] {
        let error = render(&format!("{{{{ {call} }}}}")).unwrap_err();
        assert!(error.contains("is not supported: "), "{error}");
    }
    assert!(render("{{ 1+2i }}").unwrap_err().contains("complex numbers are not supported"));
}

#[test]
fn a_template_that_calls_itself_ends_with_gos_words() {
    on_a_thread(|| {
        let error = render(
            "{{ define \"a\" }}{{ if true }}{{ template \"a\" . }}{{ end }}{{ end }}{{ template \"a\" . }}",
        );
        assert!(error.unwrap_err().contains("exceeded maximum template depth"));
        let deep = format!("{{{{ {}1{} }}}}", "(".repeat(190), ")".repeat(190));
        assert_eq!(render(&deep).unwrap(), "1");
        let deeper = format!("{{{{ {}1{} }}}}", "(".repeat(5000), ")".repeat(5000));
        assert!(render(&deeper).unwrap_err().contains("max expression depth exceeded"));
        let nested = "{{ if true }}".repeat(5000);
        assert!(render(&nested).is_err());
    });
}

#[test]
fn what_contains_itself_is_refused_everywhere() {
    on_a_thread(|| {
        for end in [
            "{{ $d }}",
            "{{ deepCopy $d }}",
            "{{ mustToJson $d }}",
            "{{ merge (dict \"d\" (deepCopy (dict \"d\" (dict)))) $d (dict \"d\" $d) }}",
        ] {
            let cyclic = "{{ $d := dict }}{{ $_ := set $d \"d\" $d }}";
            let outcome = render(&format!("{cyclic}{end}"));
            assert!(outcome.is_err(), "{end}: {outcome:?}");
        }
        assert_eq!(
            render("{{ $d := dict }}{{ $_ := set $d \"d\" $d }}{{ deepEqual $d $d }}").unwrap(),
            "false"
        );
    });
}

#[test]
fn nothing_grows_or_runs_without_bounds() {
    let small = Limits { steps: 100_000, bytes: 1 << 20, bytes_made: 8 << 20, ..Limits::default() };
    let quick = Limits { time: Duration::ZERO, ..Limits::default() };
    let none = BTreeMap::new();
    let check = |template: &str, limits: Limits, wanted: &str| {
        let error = render_with(template, &none, settings("{}"), limits).unwrap_err();
        assert!(error.text.contains(wanted), "{template}: {error}");
    };
    check("{{ range 9000000000 }}{{ end }}", small, "more than 100000 steps");
    check(
        "{{ range until 5000 }}{{ range until 5000 }}{{ end }}{{ end }}",
        quick,
        "takes longer than",
    );
    check("{{ repeat 9000000000 \"x\" }}", small, "larger than");
    check("{{ until 9000000000 }}", small, "larger than");
    check("{{ seq 9000000000 }}", small, "larger than");
    check("{{ untilStep -9223372036854775807 9223372036854775807 1 }}", small, "larger than");
    check("{{ indent 900000 \"\\n\\n\" }}", small, "larger than");
    check("{{ randAlpha 900000000 }}", small, "larger than");
    check(
        "{{ $x := \"0123456789\" }}{{ range until 99 }}{{ $x = print $x $x }}{{ end }}",
        small,
        "larger than",
    );
    check(
        "{{ $x := list 1 }}{{ range until 99 }}{{ $x = concat $x $x }}{{ end }}",
        small,
        "larger than",
    );
    check("{{ range 99999 }}{{ $x := repeat 1000 \"x\" }}{{ end }}", small, "in all");
    check(
        "{{ range 15000 }}{{ \"012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789\" }}{{ end }}",
        small,
        "the text would be larger",
    );
    check("{{ $x := repeat 1000000 \"a\" }}{{ replace \"a\" $x $x }}", small, "larger than");
    check(
        "{{ $x := repeat 1000000 \"a\" }}{{ regexReplaceAllLiteral \"a\" $x $x }}",
        small,
        "larger than",
    );
    check(
        "{{ $l := list 1 1 1 1 1 1 1 1 1 1 }}{{ range until 6 }}{{ $l = list $l $l $l $l $l $l $l $l }}{{ end }}{{ print $l }}",
        small,
        "steps",
    );
    check("{{ printf \"%9999999d\" 1 }}", small, "larger than");
}

#[test]
fn an_error_knows_its_file_and_line() {
    let others = BTreeMap::from([("b.tmpl".to_owned(), "x\n\n{{ index .list 9 }}".to_owned())]);
    let data = settings("{\"list\":[]}");
    let error =
        render_with("{{ template \"b.tmpl\" . }}", &others, data.clone(), Limits::default());
    let error = error.unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("b.tmpl", 3));
    let broken = BTreeMap::from([("b.tmpl".to_owned(), "x\n{{ nofunc }}".to_owned())]);
    let error = render_with("", &broken, data, Limits::default()).unwrap_err();
    assert_eq!((error.file.as_str(), error.line), ("b.tmpl", 2));
}

#[test]
fn no_bytes_make_the_parser_panic() {
    let pieces = [
        "{{", "}}", "{{-", "-}}", " ", "\n", "if", "range", "end", "else", "with", "define",
        "template", "block", "$x", ":=", "=", ",", ".", ".a", "(", ")", "|", "\"s\"", "`r`", "'c'",
        "1", "1.5", "-", "/*", "*/", "nil", "true", "upper", "é", "\\", "\"", "'", "`", "break",
    ];
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..12 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let at = usize::try_from(seed % pieces.len() as u64).unwrap();
            text.push_str(pieces[at]);
        }
        drop(render(&text));
    }
}
