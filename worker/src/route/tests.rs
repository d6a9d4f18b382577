//! What the real KrakenD answered, as data; then the router against a naive matcher.

use http::Method;

use super::{Asked, Miss, Route, RouteFault, Router, RouterFlags, Rules};

fn rules() -> Rules {
    RouterFlags::default().rules()
}

/// Routes as `GET /a/:x`, after the health endpoint that comes first.
fn router(routes: &[&str], rules: Rules) -> Router<String> {
    let all = ["GET /__health"].iter().chain(routes).map(|route| {
        let (method, path) = route.split_once(' ').unwrap();
        Route { method: method.parse().unwrap(), path: path.to_owned(), value: path.to_owned() }
    });
    Router::build(all, rules).unwrap()
}

/// The outcome in a line: `200 /a/:x x=1`, `301 /a`, `405 GET`, `404`, `400 text`.
fn outcome(router: &Router<String>, request: &[u8], prefix: Option<&str>) -> String {
    let blank = request.iter().position(|byte| *byte == b' ').unwrap();
    let (method, target) = (&request[..blank], &request[blank + 1..]);
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    let method = Method::from_bytes(method).unwrap();
    let forwarded_prefix = prefix.map(str::as_bytes);
    match router.find(&Asked { method: &method, path, query, forwarded_prefix }) {
        Ok(found) => {
            let values = (0..found.params.len()).map(|nth| found.params.value(nth).unwrap());
            let values = values.map(|value| format!(" {}", String::from_utf8_lossy(value)));
            format!("200 {}{}", found.value, values.collect::<String>())
        },
        Err(Miss::Redirect(redirect)) => {
            let target = String::from_utf8_lossy(&redirect.target).into_owned();
            format!("{} {target}", redirect.status.as_u16())
        },
        Err(Miss::MethodNotAllowed { allow }) => format!("405 {allow}"),
        Err(Miss::NotFound) => "404".to_owned(),
        Err(Miss::Refused(refusal)) => format!("400 {refusal}"),
        Err(Miss::ServerOptions) => "options".to_owned(),
    }
}

#[track_caller]
fn check(routes: &[&str], rules: Rules, cases: &[(&str, &str)]) {
    let router = router(routes, rules);
    for (request, expected) in cases {
        assert_eq!(outcome(&router, request.as_bytes(), None), *expected, "{request}");
    }
}

#[test]
fn text_and_placeholders_match_as_recorded() {
    check(
        &["GET /a", "GET /a/:id", "GET /a/:id/x", "POST /post"],
        rules(),
        &[
            ("GET /a", "200 /a"),
            ("GET /a/1", "200 /a/:id 1"),
            ("GET /a/1/x", "200 /a/:id/x 1"),
            ("GET /a/", "301 /a"),
            ("GET /a//x", "200 /a/:id/x "),
            ("GET /A", "301 /a"),
            ("GET /a/1/x/", "301 /a/1/x"),
            ("GET /nope", "404"),
            ("GET /post", "405 POST"),
            ("POST /post", "200 /post"),
            ("POST /a", "405 GET"),
            ("HEAD /a", "405 GET"),
            ("OPTIONS /a", "405 GET"),
            ("get /a", "405 GET"),
            ("PATCH /post/", "404"),
            ("GET /a?x=1&y=2", "200 /a"),
            ("GET /a/?x=1", "301 /a?x=1"),
            ("GET /a/?", "301 /a?"),
            ("GET /%61", "200 /a"),
            ("GET /a/b%20c", "200 /a/:id b c"),
            ("GET /a/b%2Fc", "404"),
            ("GET /a/%25", "400 invalid URL escape \"%\""),
            ("GET /a/b%3Fc", "400 encoded url params"),
            ("GET /a/%2525", "400 encoded url params"),
            ("GET /a/%25zz", "400 invalid URL escape \"%zz\""),
            ("GET /a/%25zz/y", "400 invalid URL escape \"%zz\""),
            ("GET /__health/", "301 /__health"),
            ("OPTIONS *", "options"),
            ("GET *", "404"),
            ("GET ", "404"),
            ("CONNECT ", "404"),
        ],
    );
}

#[test]
fn nested_placeholders_match_as_recorded_and_upstreams_redirect_to_itself_is_served() {
    check(
        &[
            "GET /a/:x/b",
            "GET /a/:x/:y",
            "GET /a/c/:y",
            "GET /a/c/d",
            "GET /:q/c/d",
            "GET /a/:x/b/:z/e",
            "GET /ab",
            "POST /a/:x",
        ],
        rules(),
        &[
            ("GET /a/c/d", "200 /a/c/d"),
            ("GET /a/c/b", "200 /a/c/:y b"),
            ("GET /a/c/x", "200 /a/c/:y x"),
            ("GET /a/z/b", "200 /a/:x/b z"),
            ("GET /a/z/d", "200 /a/:x/:y z d"),
            ("GET /z/c/d", "200 /:q/c/d z"),
            ("GET /a/z/b/1/e", "200 /a/:x/b/:z/e z 1"),
            ("GET /ab", "200 /ab"),
            ("GET /a/ab", "405 POST"),
            ("GET /a/c/d/", "301 /a/c/d"),
            ("GET /a/c", "405 POST"),
            ("GET /a//b", "200 /a/:x/b "),
            ("GET /a/c/", "301 /a/c"),
            ("POST /a/c", "200 /a/:x c"),
            ("POST /a/c/d", "405 GET"),
            ("GET /a/c/b/1/e", "200 /a/:x/b/:z/e c 1"),
        ],
    );
}

#[test]
fn text_beats_a_placeholder_with_backtracking() {
    check(
        &["GET /u/:id", "GET /u/me", "GET /u/:id/p", "GET /u/me/q", "GET /:a/:b/:c"],
        rules(),
        &[
            ("GET /u/me", "200 /u/me"),
            ("GET /u/1", "200 /u/:id 1"),
            ("GET /u/mee", "200 /u/:id mee"),
            ("GET /u/m", "200 /u/:id m"),
            ("GET /u/me/p", "200 /u/:id/p me"),
            ("GET /u/me/q", "200 /u/me/q"),
            ("GET /u/1/q", "200 /:a/:b/:c u 1 q"),
            ("GET /x/y/z", "200 /:a/:b/:c x y z"),
            ("GET /u/x/z", "200 /:a/:b/:c u x z"),
        ],
    );
}

#[test]
fn other_spellings_of_a_path_are_redirected_as_recorded() {
    check(
        &["GET /foo", "GET /foo/bar", "GET /p/:x/y"],
        rules(),
        &[
            ("GET /foo/", "301 /foo"),
            ("GET //foo", "301 /foo"),
            ("GET /FOO", "301 /foo"),
            ("GET /foo%2f", "301 /foo"),
            ("GET /foo/../foo/bar", "301 /foo/bar"),
            ("GET /foo/./bar", "301 /foo/bar"),
            ("GET /P/Q/Y", "301 /p/Q/y"),
            ("GET /FOO/BAR?z=1", "301 /foo/bar?z=1"),
            ("GET /foo/?q=a%20b", "301 /foo?q=a%20b"),
            ("POST /foo/", "404"),
            ("GET //evil.test/a", "404"),
        ],
    );
    check(
        &["POST /foo", "PUT /x/:y"],
        rules(),
        &[("POST /foo/", "307 /foo"), ("PUT /X/\u{e9} z/", "307 /x/%C3%A9%20z")],
    );
}

#[test]
fn the_root_and_a_placeholder_beside_it_match_as_recorded() {
    check(
        &["GET /", "GET /:any"],
        rules(),
        &[
            ("GET /", "200 /"),
            ("GET /x", "200 /:any x"),
            ("GET //", "301 /"),
            ("GET /x/", "301 /x"),
            ("GET /x/y", "404"),
            ("GET /..", "200 /:any .."),
            ("POST /", "405 GET"),
        ],
    );
}

#[test]
fn odd_paths_are_treated_as_recorded() {
    check(
        &["GET /p/:x", "GET /w/:x/y/:z"],
        rules(),
        &[
            ("GET /p/a%2Fb", "404"),
            ("GET /p/%2F", "301 /p/"),
            ("GET /p/./x", "301 /p/x"),
            ("GET /p/../x", "404"),
            ("GET /p/x/..", "404"),
            ("GET /p/x/.", "301 /p/x"),
            ("GET /p/...", "200 /p/:x ..."),
            ("GET /p/%2e%2e/x", "404"),
            ("GET /p//x", "301 /p/x"),
            ("GET /p/x//", "301 /p/x"),
            ("GET /w//y/2", "200 /w/:x/y/:z  2"),
            ("GET /w/1/y/", "404"),
            ("GET /p/a%b", "400 invalid URL escape \"%b\" in the path"),
            ("GET /p/a\\b", "400 a backslash in the path"),
            ("GET /p/a%5Cb", "400 a backslash in the path"),
            ("GET /nowhere%5c", "400 a backslash in the path"),
        ],
    );
    let latin1 = outcome(&router(&["GET /p/:x"], rules()), b"GET /p/\xE9", None);
    assert_eq!(latin1, "200 /p/:x \u{fffd}");
}

#[test]
fn switches_of_the_router_turn_redirects_and_checks_off() {
    let off = Rules {
        redirect_slash: false,
        redirect_fixed_path: false,
        method_not_allowed: false,
        remove_extra_slash: false,
        check_params: false,
    };
    check(
        &["GET /foo", "GET /bar/:x"],
        off,
        &[
            ("GET /foo/", "404"),
            ("GET /FOO", "404"),
            ("GET //foo", "404"),
            ("GET /bar/1/", "404"),
            ("POST /foo", "404"),
            ("GET /bar/%2525", "200 /bar/:x %25"),
        ],
    );
    let no_slash = Rules { redirect_slash: false, ..rules() };
    // The fixed path of KrakenD mends the slash as well.
    check(&["GET /foo"], no_slash, &[("GET /foo/", "301 /foo")]);
    let clean = Rules { remove_extra_slash: true, ..rules() };
    check(
        &["GET /foo"],
        clean,
        &[("GET //foo", "200 /foo"), ("GET /foo//", "301 /foo/"), ("GET /foo/", "301 /foo")],
    );
}

#[test]
fn a_forwarded_prefix_is_put_before_the_target_and_never_names_a_host() {
    let router = router(&["GET /foo", "GET /:a/:b/foo"], rules());
    for (request, prefix, expected) in [
        ("GET /foo/", "/pre", "301 /pre/foo"),
        ("GET /foo/", "//evil.com", "301 /evilcom/foo"),
        ("GET /foo/", "!", "301 /foo"),
        ("GET /FOO", "/pre", "301 /foo"),
        ("GET //evil.com/foo/", "", "301 /evil.com/foo"),
    ] {
        let answer = outcome(&router, request.as_bytes(), Some(prefix));
        assert_eq!(answer, expected, "{request} {prefix}");
    }
}

#[test]
fn built_in_catch_alls_take_everything_below_them() {
    check(
        &["GET /__debug/*param", "GET /__echo/*param", "POST /__debug/*param", "GET /:x/y"],
        rules(),
        &[
            ("GET /__debug/", "200 /__debug/*param /"),
            ("GET /__debug/a/b", "200 /__debug/*param /a/b"),
            ("GET /__debug", "301 /__debug/"),
            ("GET /__DEBUG/A", "301 /__debug/A"),
            ("PUT /__debug/a", "405 GET, POST"),
            ("GET /__deb/y", "200 /:x/y __deb"),
        ],
    );
}

#[test]
fn routes_that_cannot_stand_beside_each_other_name_both() {
    let refused = |routes: &[&str]| {
        let all = routes.iter().map(|route| {
            let (method, path) = route.split_once(' ').unwrap();
            Route { method: method.parse().unwrap(), path: path.to_owned(), value: () }
        });
        let errors = Router::build(all, rules()).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        errors.into_iter().next().unwrap()
    };
    let duplicate = refused(&["GET /a/:x", "POST /a/:x", "GET //a/:x"]);
    assert!(matches!(duplicate.fault, RouteFault::Duplicate { .. }));
    assert_eq!(duplicate.other.unwrap().to_string(), "GET /a/:x");
    assert_eq!(duplicate.route.to_string(), "GET //a/:x");

    let names = refused(&["GET /a/:x/b", "GET /a/:y/c"]);
    assert_eq!(
        names.to_string(),
        "`GET /a/:y/c`: the placeholder `y` stands where an earlier endpoint has `x`: use one name \
         for one place: collides with `GET /a/:x/b`"
    );
    let fault = |path: &str| refused(&[&format!("GET {path}")]).fault;
    assert!(matches!(fault("/a/:x-:y"), RouteFault::TwoInSegment { .. }));
    assert_eq!(fault("/a/*"), RouteFault::NoName);
    assert_eq!(fault("/a/:/b"), RouteFault::NoName);
    assert_eq!(fault("/a/*x/b"), RouteFault::CatchAll);
    assert_eq!(fault("/a\\b"), RouteFault::Backslash);
    let below = refused(&["GET /d/*x", "GET /d/a"]);
    assert!(matches!(below.fault, RouteFault::SamePlace { .. }));
    let above = refused(&["GET /d/:a/b", "GET /d/*x"]);
    assert!(matches!(above.fault, RouteFault::SamePlace { .. }));
}

#[test]
fn ten_thousand_routes_are_all_found() {
    let paths: Vec<String> = (0..10_000)
        .map(|nth| match nth % 3 {
            0 => format!("GET /api/v{}/item-{nth}", nth % 7),
            1 => format!("GET /api/v{}/item-{nth}/:id", nth % 7),
            _ => format!("GET /api/v{}/:id/item-{nth}", nth % 7),
        })
        .collect();
    let routes: Vec<&str> = paths.iter().map(String::as_str).collect();
    let router = router(&routes, rules());
    for route in &routes {
        let request = route.replace(":id", "42");
        let route = route.strip_prefix("GET ").unwrap();
        let value = if route.contains(':') { " 42" } else { "" };
        assert_eq!(outcome(&router, request.as_bytes(), None), format!("200 {route}{value}"));
    }
    assert_eq!(outcome(&router, b"GET /api/v1/item-1x", None), "404");
}

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % sides
    }

    fn path(&mut self, words: &[&str]) -> String {
        let length = 1 + self.roll(4);
        let mut path: String =
            (0..length).map(|_| format!("/{}", words[self.roll(words.len())])).collect();
        if self.roll(5) == 0 {
            path.push('/');
        }
        path
    }
}

/// gin's rules without a tree: of all routes that match, the one with text at the first difference.
fn naive<'r>(routes: &[&'r str], path: &str) -> Option<&'r str> {
    let matches = |route: &str| {
        let (route, path): (Vec<_>, Vec<_>) =
            (route.split('/').collect(), path.split('/').collect());
        let last = route.len() - 1;
        route.len() == path.len()
            && route.iter().zip(&path).enumerate().all(|(nth, (piece, part))| {
                match piece.split_once(':') {
                    Some((text, _)) => {
                        part.strip_prefix(text).is_some_and(|value| nth < last || !value.is_empty())
                    },
                    None => piece == part,
                }
            })
    };
    // A placeholder sorts behind every text; a longer text before it is the more precise one.
    let rank = |route: &str| {
        route
            .bytes()
            .scan(false, |wild, byte| {
                *wild = (*wild || byte == b':') && byte != b'/';
                Some(if byte == b':' { 1 } else { u8::from(*wild) * 2 })
            })
            .collect::<Vec<u8>>()
    };
    routes.iter().copied().filter(|route| matches(route)).min_by_key(|route| rank(route))
}

#[test]
fn the_tree_agrees_with_a_naive_matcher_on_random_routes() {
    let words = ["a", "b", "ab", "abc", ":x", "a:x", "b", ""];
    let asked = ["a", "b", "ab", "abc", "abcd", "c", ""];
    for seed in 1..=400u64 {
        let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut paths: Vec<String> = (0..1 + dice.roll(12))
            .map(|_| {
                String::from_utf8(super::path::clean_keeping_slash(dice.path(&words).as_bytes()))
                    .unwrap()
            })
            .collect();
        paths.sort();
        paths.dedup();
        let routes: Vec<&str> = paths.iter().map(String::as_str).collect();
        let all = routes.iter().map(|path| Route {
            method: Method::GET,
            path: (*path).to_owned(),
            value: (*path).to_owned(),
        });
        let router = Router::build(all, rules()).unwrap();
        for _ in 0..200 {
            let path = dice.path(&asked);
            let answer = outcome(&router, format!("GET {path}").as_bytes(), None);
            let found = answer.strip_prefix("200 ").and_then(|found| found.split(' ').next());
            assert_eq!(found, naive(&routes, &path), "seed {seed}, {routes:?}, {path}");
        }
    }
}

#[test]
fn no_bytes_make_the_router_panic_and_no_redirect_leads_to_another_host() {
    let router = router(
        &[
            "GET /a/:x/b",
            "GET /a/:x/:y",
            "POST /A/b/",
            "GET /:a/:b/foo",
            "GET /\u{e9}",
            "GET /__debug/*p",
        ],
        rules(),
    );
    let alphabet = b"/aAbB.%25Cef\\?:*\x00\xC3\xA9 ";
    let mut dice = Dice(0x0DDB_1A5E);
    for _ in 0..100_000 {
        let mut request = if dice.roll(2) == 0 { b"GET ".to_vec() } else { b"POST /".to_vec() };
        request.extend((0..dice.roll(12)).map(|_| alphabet[dice.roll(alphabet.len())]));
        let answer = outcome(&router, &request, Some("//x/.."));
        let target = answer.strip_prefix("301 ").or_else(|| answer.strip_prefix("307 "));
        if let Some(target) = target {
            assert!(target.starts_with('/') && !target.starts_with("//"), "{request:?}: {target}");
        }
    }
}
