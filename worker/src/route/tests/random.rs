//! The router against a naive matcher, and against any bytes.

use http::Method;

use super::super::{Route, Router, path};
use super::{outcome, router, rules};

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
                String::from_utf8(path::clean_keeping_slash(dice.path(&words).as_bytes())).unwrap()
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
            let expected = naive(&routes, &path);
            // Text that matches but for its final slash beats placeholders: that is a redirect.
            if expected.is_some() && answer.starts_with("301 ") {
                let other =
                    path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
                assert!(naive(&routes, &other).is_some(), "seed {seed}, {routes:?}, {path}");
                continue;
            }
            assert_eq!(found, expected, "seed {seed}, {routes:?}, {path}");
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
