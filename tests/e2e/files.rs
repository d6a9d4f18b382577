//! Files of the machine: `server/static-filesystem`, `backend/static-filesystem`.

use std::os::unix::fs::symlink;
use std::path::PathBuf;

use baton_tests::Baton;
use baton_tests::backend::{Backend, ok};
use baton_tests::client::Client;
use baton_tests::http::{Message, Reading};
use serde_json::{Value, json};

/// A gateway whose site is the folder `www` beside its configuration.
struct Site {
    baton: Baton,
    backend: Backend,
}

fn start(site: &Value) -> Site {
    let backend = Backend::start(|request| ok(request.word(1)));
    let no_op = |path: &str, pattern: &str| {
        json!({ "endpoint": path, "output_encoding": "no-op",
                "backend": [{ "url_pattern": pattern, "host": [backend.host()] }] })
    };
    let file = |path: &str, pattern: &str, encoding: &str| {
        json!({
            "endpoint": path, "output_encoding": encoding, "input_headers": ["Range"],
            "backend": [{
                "url_pattern": pattern, "encoding": encoding,
                "extra_config": { "backend/static-filesystem": { "path": "./www" } }
            }]
        })
    };
    let mut config = json!({
        "version": 3,
        "timeout": "5s",
        "endpoints": [
            no_op("/api/x", "/x"), no_op("/static/skipped/x", "/skipped"),
            file("/mock/{name}", "/data/{name}.json", "json"),
            file("/raw/{name}", "/{name}", "no-op"),
        ]
    });
    config["extra_config"] = json!({ "server/static-filesystem": site });
    let starter = baton_tests::baton::Starter::new(&config);
    let www = starter.folder().join("www");
    std::fs::create_dir_all(www.join("sub/deep")).unwrap();
    std::fs::create_dir_all(www.join("data")).unwrap();
    std::fs::create_dir_all(www.join("list")).unwrap();
    for (name, content) in [
        ("index.html", "<html>root</html>"),
        ("a b.css", "body {}"),
        ("ten", "0123456789"),
        ("sub/index.html", "<html>sub</html>"),
        ("list/x&y", ""),
        ("data/user.json", r#"{"id": 1, "name": "a"}"#),
        (".hidden", "dots"),
    ] {
        std::fs::write(www.join(name), content).unwrap();
    }
    std::fs::write(starter.folder().join("secret"), "secret").unwrap();
    symlink("../secret", www.join("out")).unwrap();
    symlink("ten", www.join("in")).unwrap();
    nix::unistd::mkfifo(&www.join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    Site { baton: starter.start(), backend }
}

fn usual() -> Site {
    start(&json!({ "prefix": "/static", "path": "./www", "skip": ["/static/skipped"] }))
}

impl Site {
    fn get(&self, target: &str) -> Message {
        Client::connect(self.baton.address()).get(target)
    }

    fn ask(&self, method: &str, target: &str, fields: &str) -> Message {
        let mut client = Client::connect(self.baton.address());
        client.send(format!("{method} {target} HTTP/1.1\r\nHost: gw.test\r\n{fields}\r\n"));
        let reading = if method == "HEAD" { Reading::AnswerToHead } else { Reading::Answer };
        client.read(reading).unwrap()
    }

    fn www(&self) -> PathBuf {
        self.baton.folder().join("www")
    }
}

fn header<'a>(answer: &'a Message, name: &str) -> Option<&'a str> {
    answer.fields.first(name)
}

#[test]
fn files_are_served_with_their_type_and_time_and_the_rest_is_the_routers() {
    let site = usual();
    let answer = site.get("/static/a%20b.css");
    assert_eq!((answer.status(), answer.text().as_str()), (200, "body {}"));
    assert_eq!(header(&answer, "content-type"), Some("text/css; charset=utf-8"));
    assert_eq!(header(&answer, "accept-ranges"), Some("bytes"));
    assert!(header(&answer, "last-modified").is_some_and(|time| time.ends_with(" GMT")));
    assert_eq!(header(&answer, "x-krakend"), None);
    assert_eq!(header(&site.get("/static/ten"), "content-type"), Some("text/plain; charset=utf-8"));
    for (target, text) in [
        ("/static/", "<html>root</html>"),
        ("/static", "<html>root</html>"),
        ("/static/sub/", "<html>sub</html>"),
        ("/static/in", "0123456789"),
        ("/static/.hidden", "dots"),
        ("/api/x", "/x"),
        ("/static/skipped/x", "/skipped"),
    ] {
        let answer = site.get(target);
        assert_eq!((answer.status(), answer.text().as_str()), (200, text), "{target}");
    }
    // Content, not configuration: what changes on the disk changes at once.
    std::fs::write(site.www().join("ten"), "new").unwrap();
    assert_eq!(site.get("/static/ten").text(), "new");
}

#[test]
fn names_that_are_not_quite_right_are_redirected() {
    let site = usual();
    for (target, location) in [
        ("/static/sub", "sub/"),
        ("/static/sub?a=b", "sub/?a=b"),
        ("/static/sub/index.html", "./"),
        ("/static/ten/", "../ten"),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status(), 301, "{target}");
        assert_eq!(header(&answer, "location"), Some(location), "{target}");
    }
}

#[test]
fn nothing_outside_of_the_folder_is_served_and_nothing_that_is_no_file() {
    let site = usual();
    for (target, status) in [
        ("/static/nothing", 404),
        ("/static/out", 404),
        ("/static/pipe", 404),
        ("/static/sub/deep/", 404),
        ("/static/../secret", 400),
        ("/static/%2e%2e/secret", 400),
        ("/static/..%2fsecret", 400),
        ("/static/sub/..%2f..%2fsecret", 400),
        ("/static/..%5csecret", 400),
        ("/static//etc/passwd", 404),
        ("/static/ten%00", 404),
        ("/staticten", 404),
    ] {
        let answer = site.get(target);
        assert_eq!(answer.status(), status, "{target}: {}", answer.text());
        assert!(!answer.text().contains("secret") && !answer.text().contains("root:"), "{target}");
    }
    assert_eq!(site.get("/static/nothing").text(), "404 page not found\n");
    assert_eq!(site.backend.count(), 0);
}

#[test]
fn a_folder_is_listed_only_where_it_is_asked_for() {
    let listed = start(
        &json!({ "prefix": "/", "path": "./www", "skip": ["/api"], "directory_listing": true }),
    );
    let answer = listed.get("/list/");
    assert_eq!(header(&answer, "content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.text().contains("<a href=\"x&amp;y\">x&amp;y</a>\n"), "{}", answer.text());
    assert_eq!(listed.get("/").text(), "<html>root</html>");
    assert_eq!(listed.get("/api/x").text(), "/x");
    assert_eq!(usual().get("/static/list/").status(), 404);
}

#[test]
fn conditions_and_ranges_are_answered_as_by_go() {
    let site = usual();
    let modified = header(&site.get("/static/ten"), "last-modified").unwrap().to_owned();
    let get = |fields: String| site.ask("GET", "/static/ten", &fields);
    let answer = get(format!("If-Modified-Since: {modified}\r\n"));
    assert_eq!((answer.status(), answer.body.len()), (304, 0));
    assert_eq!(get("If-Match: \"x\"\r\n".to_owned()).status(), 412);
    let part = get("Range: bytes=2-4\r\n".to_owned());
    assert_eq!((part.status(), part.text().as_str()), (206, "234"));
    assert_eq!(header(&part, "content-range"), Some("bytes 2-4/10"));
    let beyond = get("Range: bytes=10-\r\n".to_owned());
    assert_eq!((beyond.status(), header(&beyond, "content-range")), (416, Some("bytes */10")));
    let parts = get("Range: bytes=0-1,-2\r\n".to_owned());
    let kind = header(&parts, "content-type").unwrap();
    let boundary = kind.strip_prefix("multipart/byteranges; boundary=").unwrap();
    let expected = format!(
        "--{boundary}\r\nContent-Range: bytes 0-1/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n01\
         \r\n--{boundary}\r\nContent-Range: bytes 8-9/10\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n89\
         \r\n--{boundary}--\r\n"
    );
    assert_eq!(parts.text(), expected);
    let head = site.ask("HEAD", "/static/ten", "");
    assert_eq!((head.status(), header(&head, "content-length")), (200, Some("10")));
}

#[test]
fn a_large_file_streams_in_pieces_and_in_parts() {
    let site = usual();
    let content: Vec<u8> = baton_tests::ws::Noise::new(4).take(20 << 20);
    std::fs::write(site.www().join("large"), &content).unwrap();
    let whole = site.get("/static/large");
    assert!(whole.status() == 200 && whole.body == content);
    let part = site.ask("GET", "/static/large", "Range: bytes=60000-9000000\r\n");
    assert!(part.status() == 206 && part.body == content[60_000..=9_000_000]);
    let head = site.ask("HEAD", "/static/large", "");
    assert_eq!(header(&head, "content-length"), Some("20971520"));
    // A client that goes away in the middle costs nothing.
    let mut client = Client::connect(site.baton.address());
    client.send("GET /static/large HTTP/1.1\r\nHost: gw.test\r\n\r\n").stream().take(1000).unwrap();
    drop(client);
    assert_eq!(site.get("/static/ten").status(), 200);
}

#[test]
fn a_backend_may_be_a_folder() {
    let site = usual();
    let answer = site.get("/mock/user");
    assert_eq!((answer.status(), answer.text().as_str()), (200, r#"{"id":1,"name":"a"}"#));
    assert_eq!(header(&answer, "x-krakend-completed"), Some("true"));
    assert_eq!(site.get("/mock/nobody").status(), 500);
    let raw = site.ask("GET", "/raw/ten", "Range: bytes=0-2\r\nIf-None-Match: *\r\n");
    assert_eq!((raw.status(), raw.text().as_str()), (206, "012"), "only listed fields pass");
    assert_eq!(header(&raw, "x-krakend-completed"), Some("false"));
    assert_eq!(site.get("/raw/%2e%2e").status(), 400);
    assert_eq!(site.get("/raw/out").status(), 404);
    assert_eq!(site.backend.count(), 0);
}
