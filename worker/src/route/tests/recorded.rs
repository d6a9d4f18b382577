//! What the real KrakenD answered, as data.

use super::super::{Route, RouteFault, Router, Rules};
use super::{outcome, router, rules};

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
fn a_value_that_is_refused_where_another_method_is_allowed_comes_with_that_method() {
    check(
        &["GET /a/:id/x", "POST /a/:id"],
        rules(),
        &[
            ("GET /a/b", "405 POST"),
            ("GET /a/b%3Fc", "400 encoded url params, 405 POST"),
            ("GET /a/%25zz", "400 invalid URL escape \"%zz\", 405 POST"),
            // Nothing of this path was taken by a placeholder of its own method.
            ("PUT /a/b%3Fc", "405 POST"),
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
fn letters_of_every_alphabet_are_found_in_any_case_also_where_nodes_cut_them() {
    check(
        &[
            "GET /\u{e9}/x",
            "GET /a\u{e9}/b",
            "GET /a\u{e8}/b",
            "GET /\u{c9}\u{c0}/y",
            "GET /x/\u{3a9}",
            "GET /k/z",
        ],
        rules(),
        &[
            ("GET /\u{c9}/X", "301 /%C3%A9/x"),
            ("GET /\u{c9}/x/", "301 /%C3%A9/x"),
            ("GET /A\u{c9}/B", "301 /a%C3%A9/b"),
            ("GET /A\u{c8}/B", "301 /a%C3%A8/b"),
            ("GET /\u{e9}\u{e0}/y", "301 /%C3%89%C3%80/y"),
            ("GET /X/\u{3c9}", "301 /x/%CE%A9"),
            // Of another length: gin cuts it by bytes.
            ("GET /\u{212a}/z", "404"),
            ("GET /A%C3/b", "404"),
        ],
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
    assert_eq!(fault("/*x"), RouteFault::CatchAll);
    let twice = refused(&["GET /d/*x", "GET /d/*y"]);
    assert!(matches!(twice.fault, RouteFault::Duplicate { .. }));
}

/// gin goes from tree to tree with what was left to try, and may find the route of another method.
#[test]
fn the_methods_of_a_405_are_those_that_gin_finds() {
    check(
        &["GET /a", "GET /:x", "POST /b"],
        rules(),
        &[
            ("DELETE /a", "405 GET, POST"),
            ("DELETE /q", "405 GET"),
            ("DELETE /b", "405 GET, POST"),
            ("POST /a", "405 GET"),
            ("PUT /nope/x", "404"),
        ],
    );
    check(
        &["GET /x.y/", "GET /:x", "PUT /e"],
        rules(),
        &[
            ("POST /x.y", "405 PUT"),
            ("OPTIONS /x.y", "405 PUT"),
            ("DELETE /e", "405 GET, PUT"),
            ("PUT /x.y", "404"),
        ],
    );
    check(
        &["GET /a/b/c", "GET /a/:x/c", "POST /a/b", "PUT /z/:y"],
        rules(),
        &[
            ("DELETE /a/b/c", "405 GET, POST"),
            ("DELETE /a/b", "405 POST"),
            ("POST /a/b/c", "405 GET"),
            ("DELETE /z/1", "405 PUT"),
            ("PUT /a/b/c", "405 GET, POST"),
        ],
    );
}
