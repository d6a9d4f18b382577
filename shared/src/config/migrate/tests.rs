use super::*;

const OLD: &str = r#"{
    "version": 2, "name": "whitelist",
    "extra_config": {
        "github_com/devopsfaith/krakend-cors": { "allow_origins": ["*"] },
        "github.com/devopsfaith/krakend-etcd": {}
    },
    "endpoints": [
        {   "endpoint": "/whitelist",
            "headers_to_pass": ["X-A"], "querystring_params": [ "a",  "b" ],
            "extra_config": {
                "github.com/devopsfaith/krakend-jose/validator": { "alg": "RS256", "jwk-url": "u" },
                "github.com\/devopsfaith\/krakend-ratelimit\/juju\/router": { "maxRate": 5, "capacity": 1 }
            },
            "backend": [
                { "url_pattern": "/b", "whitelist": ["whitelist", "b"], "mapping": { "whitelist": "x" } },
                { "url_pattern": "/c", "blacklist": ["a"], "deny": ["b"] }
            ]
        }
    ]
}
"#;

fn done(format: Format, text: &str) -> Migration {
    migrate(format, text).unwrap()
}

#[test]
fn an_old_file_is_rewritten_in_its_own_form() {
    let migration = done(Format::Json, OLD);
    let new = OLD
        .replace("\"version\": 2", "\"version\": 3")
        .replace("github_com/devopsfaith/krakend-cors", "security/cors")
        .replace("headers_to_pass", "input_headers")
        .replace("querystring_params", "input_query_strings")
        .replace("github.com/devopsfaith/krakend-jose/validator", "auth/validator")
        .replace("jwk-url", "jwk_url")
        .replace(
            r"github.com\/devopsfaith\/krakend-ratelimit\/juju\/router",
            "qos/ratelimit/router",
        )
        .replace("maxRate", "max_rate")
        .replace("\"whitelist\": [", "\"allow\": [");
    assert_eq!(migration.text, new);
    assert_eq!(migration.changes.len(), 9);
    let first = &migration.changes[1];
    assert_eq!(
        (first.line, first.pointer.as_str()),
        (4, "/extra_config/github_com~1devopsfaith~1krakend-cors")
    );
    let left: Vec<&str> = migration.left.iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(
        left,
        [
            "`github.com/devopsfaith/krakend-etcd`: the etcd component is no longer supported",
            "`blacklist` stands beside `deny`, its new name: keep one"
        ]
    );
    // Nothing is left to be done a second time.
    let again = done(Format::Json, &migration.text);
    assert_eq!((again.text, again.changes.len()), (migration.text, 0));
}

#[test]
fn yaml_keeps_its_comments_and_quotes() {
    let old = "# whitelist: is old\nversion: 2 # of the form\nendpoints:\n  - endpoint: /a # headers_to_pass: no\n    headers_to_pass: [X-A]\n    extra_config:\n      \"github.com/devopsfaith/krakend-jose/validator\":\n        alg: RS256\n        jwk-url: u\n    backend:\n      - { url_pattern: /b, whitelist: [a] }\n      - url_pattern: /whitelist\n        'blacklist':\n          - b\n";
    let new = "# whitelist: is old\nversion: 3 # of the form\nendpoints:\n  - endpoint: /a # headers_to_pass: no\n    input_headers: [X-A]\n    extra_config:\n      \"auth/validator\":\n        alg: RS256\n        jwk_url: u\n    backend:\n      - { url_pattern: /b, allow: [a] }\n      - url_pattern: /whitelist\n        'deny':\n          - b\n";
    let migration = done(Format::Yaml, old);
    assert_eq!(migration.text, new);
    assert_eq!(migration.left, []);
}

#[test]
fn what_is_of_today_stays_and_what_is_missing_is_told() {
    let text = "{\"version\":3,\"endpoints\":{\"backend\":{\"allow\":[]}}}";
    assert_eq!(done(Format::Json, text).text, text);
    let migration = done(Format::Json, "{}");
    assert_eq!(migration.left[0].text, "there is no version: add \"version\": 3");
}

#[test]
fn what_cannot_be_rewritten_names_what_is_old() {
    let template = "{\"version\": 2, \"endpoints\": [{{ include \"e\" }}],\n\"whitelist\": []}";
    let Err(MigrateError::Template { hints }) = migrate(Format::Json, template) else { panic!() };
    assert_eq!((hints[0].line, hints[0].text.as_str()), (2, "`whitelist` → `allow`"));
    let toml = "version = 2\n[[endpoints]]\nendpoint = \"/a\"\nheaders_to_pass = [\"a\"]\n";
    let Err(MigrateError::Toml { hints }) = migrate(Format::Toml, toml) else { panic!() };
    assert_eq!(hints.len(), 2);
    let broken = migrate(Format::Json, "{\n]").unwrap_err();
    assert!(broken.to_string().starts_with("line 2: invalid character ']'"), "{broken}");
}

#[test]
fn no_bytes_make_it_panic() {
    let mut seed = 7_u64;
    for _ in 0..3_000 {
        let mut bytes = OLD.as_bytes().to_vec();
        for _ in 0..3 {
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let at = usize::try_from(seed >> 33).unwrap() % bytes.len();
            bytes[at] = u8::try_from(seed >> 56).unwrap() & 0x7f;
        }
        let text = String::from_utf8_lossy(&bytes);
        drop(migrate(Format::Json, &text));
        drop(migrate(Format::Yaml, &text));
    }
}
