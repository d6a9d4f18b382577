//! Doors for fuzzers: plain functions that panic when something that must hold does not.
//!
//! Each takes any bytes. The targets under `tests/fuzz` call them, and so does the seeded loop below,
//! which is the bounded run of every `cargo test`.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

use baton_shared::config::model::BackendConfig;
use baton_shared::config::node::{Node, Value as Scalar};
use baton_shared::config::{Environment, load};
use baton_shared::template::{Library, Limits, NoFiles, STACK_BYTES, Set, Value};

use crate::connection::http1::chunked::{ChunkBounds, Decoder as Chunks, Piece};
use crate::connection::http1::framing;
use crate::connection::http1::head::{self, HeadBounds};
use crate::decode::Decoder;
use crate::encode::{OutputEncoding, render};
use crate::guards::jwt;

/// A target: its name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 10] = [
    ("config", config),
    ("template", template),
    ("json", json),
    ("xml", xml),
    ("feed", feed),
    ("yaml", yaml),
    ("http1", http1),
    ("chunks", chunks),
    ("token", token),
    ("key_set", key_set),
];

/// The loader: refused with a place, or read.
pub fn config(bytes: &[u8]) {
    for path in ["krakend.json", "krakend.yaml", "krakend.toml"] {
        if let Err(refusal) = load(path, bytes, &Environment::default()) {
            assert!(!refusal.findings.is_empty(), "refused without a reason: {}", refusal.text);
        }
    }
}

/// A template: an error in words, or a text within its bounds.
pub fn template(bytes: &[u8]) {
    const SMALL: Limits =
        Limits { steps: 10_000, bytes: 1 << 16, bytes_made: 1 << 20, time: Duration::from_secs(2) };
    let render = || {
        let mut set = Set::new(Library::flexible());
        let node = |value| Node { line: 1, value };
        let list = Scalar::Array(vec![node(Scalar::Bool(true)), node(Scalar::Null)]);
        let members = [("a", Scalar::Number("1.5".to_owned())), ("b", list)];
        let members = members.map(|(name, value)| (name.to_owned(), node(value)));
        let data = Value::from(&node(Scalar::Object(members.into())));
        set.add("t", bytes).and_then(|()| set.render("t", data, &mut NoFiles, SMALL))
    };
    let rendered = std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(STACK_BYTES);
        thread.spawn_scoped(scope, render).map(std::thread::ScopedJoinHandle::join)
    });
    match rendered {
        Ok(Ok(Ok(text))) => assert!(text.len() <= SMALL.bytes, "{} bytes", text.len()),
        Ok(Ok(Err(error))) => assert!(!error.text.is_empty(), "refused without a reason"),
        Ok(Err(panic)) => std::panic::resume_unwind(panic),
        // The machine has no thread to give.
        Err(_) => {},
    }
}

/// `json` and `safejson`.
pub fn json(bytes: &[u8]) {
    decode("json", bytes);
    decode("safejson", bytes);
}

/// `xml`.
pub fn xml(bytes: &[u8]) {
    decode("xml", bytes);
}

/// `rss`.
pub fn feed(bytes: &[u8]) {
    decode("rss", bytes);
}

/// A token: refused, or read the same again from what was signed.
pub fn token(bytes: &[u8]) {
    jwt::fuzz_token(bytes);
}

/// A set of keys: refused, or every key of it refused or ready.
pub fn key_set(bytes: &[u8]) {
    jwt::fuzz_key_set(bytes);
}

/// `yaml`.
pub fn yaml(bytes: &[u8]) {
    decode("yaml", bytes);
}

/// Decodes under several shapes, and writes what came of it in every form.
fn decode(encoding: &str, bytes: &[u8]) {
    let plain = BackendConfig { encoding: encoding.to_owned(), ..BackendConfig::default() };
    let list = |paths: &[&str]| paths.iter().map(|path| (*path).to_owned()).collect();
    let shaped = [
        plain.clone(),
        BackendConfig { is_collection: true, ..plain.clone() },
        BackendConfig { allow: list(&["a.b", "r.-a", "items", "collection"]), ..plain.clone() },
        BackendConfig { deny: list(&["a.b", "r.#text"]), target: "r".to_owned(), ..plain },
    ];
    for backend in shaped {
        let Ok(decoder) = Decoder::compile(&backend) else { continue };
        let Ok(data) = decoder.decode(Bytes::copy_from_slice(bytes)) else { continue };
        for output in [
            OutputEncoding::Json,
            OutputEncoding::JsonCollection,
            OutputEncoding::String,
            OutputEncoding::Xml,
            OutputEncoding::Yaml,
        ] {
            let body = render(output, &data, None).body;
            if output == OutputEncoding::Json {
                check_json(&body);
            }
        }
    }
}

/// What is written as JSON is JSON, as far as another reader goes down.
fn check_json(body: &[u8]) {
    if let Err(error) = serde_json::from_slice::<serde::de::IgnoredAny>(body) {
        let is_deep = error.to_string().starts_with("recursion limit");
        let is_number = error.to_string().starts_with("number out of range");
        assert!(is_deep || is_number, "{error}: {}", String::from_utf8_lossy(body));
    }
}

const HEAD: HeadBounds = HeadBounds { bytes: 16 << 10, request_line_bytes: 8 << 10, fields: 100 };

/// A request's head and what it says of its body.
pub fn http1(bytes: &[u8]) {
    let mut buffer = BytesMut::from(bytes);
    let whole = head::end(bytes, &mut 0);
    // Found at the same place however it comes.
    let (mut searched, mut found) = (0, None);
    for here in 1..=bytes.len().min(4 << 10) {
        found = head::end(bytes.get(..here).unwrap_or_default(), &mut searched);
        if found.is_some() {
            break;
        }
    }
    assert!(bytes.len() > 4 << 10 || found == whole, "a head's end depends on how it comes");
    let Some(length) = whole else { return };
    if let Ok(head) = head::take(&mut buffer, length, HEAD) {
        assert!(head.path().starts_with(b"/") || !head.path().is_empty(), "a path is empty");
        let _refused_or_not = framing::intent(&head, Some(1 << 20));
    }
}

/// A chunked body gives the same data however it comes.
pub fn chunks(bytes: &[u8]) {
    let (whole, whole_ends) = unchunked(bytes, bytes.len().max(1));
    for step in [1, 2, 7] {
        let (parts, parts_end) = unchunked(bytes, step);
        let same = whole == parts || (whole_ends != parts_end && whole.starts_with(&parts));
        assert!(same, "chunks depend on how they come");
    }
}

/// The data, and whether it ended well: `None` while it has not ended.
fn unchunked(bytes: &[u8], step: usize) -> (Vec<u8>, Option<bool>) {
    let bounds = ChunkBounds { extension_bytes: 64, trailer_bytes: 256 };
    let (mut decoder, mut buffer, mut data) = (Chunks::new(bounds), BytesMut::new(), Vec::new());
    for part in bytes.chunks(step) {
        buffer.extend_from_slice(part);
        loop {
            match decoder.next(&mut buffer) {
                Ok(Piece::Data(piece)) => data.extend_from_slice(&piece),
                Ok(Piece::Incomplete) => break,
                Ok(Piece::End(_)) => return (data, Some(true)),
                Err(_) => return (data, Some(false)),
            }
        }
    }
    (data, None)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::*;

    /// Good input for each target: what random changes begin with.
    const SEEDS: [(&str, &[&str]); 10] = [
        (
            "config",
            &[
                r#"{"version":3,"endpoints":[{"endpoint":"/a/{x}","timeout":"1s","backend":[{"host":["http://a"],"url_pattern":"/{x}"}]}]}"#,
                "version: 3\nhost: &h [http://a]\nendpoints:\n  - {endpoint: /a, backend: [{url_pattern: /b, host: *h}]}\n",
            ],
        ),
        (
            "template",
            &[
                "{{ define \"d\" }}{{ .a | printf \"%5.2f\" }}{{ end -}} {{ range $i, $v := .b }}{{ if $i }}, {{ end }}{{ $v }}{{ else }}-{{ end }}{{ template \"d\" . }}",
                "{{ $x := dict \"k\" (list 1 2) }}{{ with $x.k }}{{ index . 1 | add 3 | quote }}{{ end }}{{ marshal $x }}{{ include \"p\" | indent 2 }}{{/* c */}}",
                "{{ \"a,b\" | splitList \",\" | join \"-\" | upper | trunc 3 }}{{ regexReplaceAll \"a+\" \"aab\" \"x\" }}{{ `{\"a\":[1]}` | fromJson }}{{ date \"2006\" now | len }}{{ semver \"1.2.3\" }}",
            ],
        ),
        (
            "json",
            &[
                r##"{"a":{"b":[1.5e-3,true,null,"é\u00e9\n<"],"":{}},"r":{"-a":1,"#text":"x"},"k\"":-0}"##,
                "[{\"a\": 1 }, [], {}]",
            ],
        ),
        (
            "xml",
            &[
                "<?xml version='1.0' encoding='latin1'?><!DOCTYPE r [<!ENTITY a 'b'>]><x:r a='&lt;é' b=\"\"><!-- c -->t<b><![CDATA[x]]></b><b/>\r\n&#10;&amp;</x:r>",
            ],
        ),
        (
            "feed",
            &[
                "<rss version='2.0' xmlns:dc='http://purl.org/dc/elements/1.1/'><channel><title>T &amp; Q</title><item><link href='h'/><pubDate>Mon, 02 Jan 2006 15:04:05 GMT+2</pubDate><dc:creator>a@b (A)</dc:creator><enclosure url='u'/><x><![CDATA[y]]>z</x></item></channel></rss>",
                "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='http://x/y'><entry><link href='../z'/><content type='xhtml'><div><p a='b'>&copy;<br/></p></div></content><updated>2003-12-13T18:30:02Z</updated></entry></feed>",
                r#"{"version":"1","items":[{"id":"1","tags":["a"],"attachments":[{"url":"u"}]}]}"#,
            ],
        ),
        (
            "yaml",
            &[
                "a: &x {b: [1, 1.5, yes, ~], c: |\n    t\n  }\nd: {<<: *x}\n\"e\": '2001-01-02'\n? f\n: - g\n",
            ],
        ),
        (
            "http1",
            &[
                "POST /a%20b/../c?d=e HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\nabc",
            ],
        ),
        (
            "token",
            &[
                "eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJ1MSIsImV4cCI6NDEwMjQ0NDgwMCwiYXVkIjpbImEiXX0.c2lnbmF0dXJl",
                r#"{"payload":"eyJhIjpbMS41LG51bGxdfQ","protected":"eyJhbGciOiJFUzI1NiIsImNyaXQiOlsiYjY0Il0sImI2NCI6dHJ1ZX0","signature":"AA"}"#,
            ],
        ),
        (
            "key_set",
            &[
                r#"{"keys":[{"kty":"oct","alg":"HS256","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZg"},{"kty":"EC","kid":"e","crv":"P-256","x":"TjsCBcwkAG31-yUEx-2EJ6yNojOn-yXfTKPh45ydPgQ","y":"leY_w0bA47lwyWFgS-TmF6g3pXtWe-KSpZ4zXRPUD34","use":"sig","key_ops":["verify"]},{"kty":"OKP","kid":"o","crv":"Ed25519","x":"terWpfPHcd_rMWdpHjTH1up7eqTLxkN4BjOagaMC3ik","x5t":"AAECAwQFBgcICQoLDA0ODxAREhM"},{"kty":"RSA","n":"AQAB","e":"AQAB"}]}"#,
            ],
        ),
        ("chunks", &["5;a=b\r\nhello\r\n0a\r\n0123456789\r\n0\r\nX: y\r\n\r\nrest"]),
    ];

    /// xorshift: the seed is in the failure, so that a case can be repeated.
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 % (bound as u64)).unwrap()
        }

        fn byte(&mut self) -> u8 {
            let likely = b"<>&/\"'=;:#!?[]{}-,.\\\n\r\t 0x";
            match self.below(3) {
                0 => u8::try_from(self.below(256)).unwrap(),
                _ => likely[self.below(likely.len())],
            }
        }

        /// Some bytes replaced, taken out, put in, repeated; or nothing but noise.
        fn changed(&mut self, seed: &[u8]) -> Vec<u8> {
            if self.below(16) == 0 {
                let length = self.below(200);
                return (0..length).map(|_| self.byte()).collect();
            }
            let mut bytes = seed.to_vec();
            for _ in 0..=self.below(4) {
                let at = self.below(bytes.len().max(1)).min(bytes.len().saturating_sub(1));
                match self.below(6) {
                    _ if bytes.is_empty() => bytes.push(self.byte()),
                    0 => drop(bytes.remove(at)),
                    1 => bytes.insert(at, self.byte()),
                    2 => bytes.truncate(at),
                    3 => {
                        let end = at + self.below(bytes.len() - at);
                        let part = bytes[at..end].repeat(1 + self.below(3));
                        bytes.splice(at..at, part);
                    },
                    _ => bytes[at] = self.byte(),
                }
            }
            bytes
        }
    }

    /// What stands in a folder, at any depth.
    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let inside = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
        entries.flat_map(inside).collect()
    }

    #[test]
    fn no_change_of_a_configuration_breaks_the_loader_or_the_templates() {
        const ROUNDS: u64 = 60;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/configurations");
        let files = files(&folder);
        assert!(files.len() > 60, "{}", files.len());
        for file in files {
            let seed = fs::read(&file).unwrap();
            for round in 1..=ROUNDS {
                let mut random = Random(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                let input = random.changed(&seed);
                let caught = std::panic::catch_unwind(|| {
                    config(&input);
                    template(&input);
                });
                assert!(caught.is_ok(), "{}, round {round}", file.display());
            }
        }
    }

    #[test]
    fn no_input_breaks_a_reader() {
        const ROUNDS: u64 = 3_000;
        for (name, target) in TARGETS {
            let (_, seeds) = SEEDS.iter().find(|(seeded, _)| *seeded == name).unwrap();
            for seed in seeds.iter() {
                target(seed.as_bytes());
                for round in 1..=ROUNDS {
                    let mut random = Random(round.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                    let input = random.changed(seed.as_bytes());
                    let caught = std::panic::catch_unwind(|| target(&input));
                    assert!(caught.is_ok(), "{name}, round {round}: {input:?}");
                }
            }
        }
    }
}
