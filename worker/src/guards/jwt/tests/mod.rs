//! Tokens that must pass, and the many that must not: none of them is more than a 401 or a 403.

mod attacks;
mod forms;
mod told;
mod wycheproof;

use std::fmt::Write as _;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use baton_shared::config::model::Namespace;
use baton_shared::config::read::{Format, read};
use jsonwebtoken::{EncodingKey, Header as OtherHeader};

use super::*;
use crate::base64;
use crate::harness;
use crate::plan::{CompileOptions, Files};

const SECRET: &[u8] = b"0123456789abcdef0123456789abcdef";
const FAR: &str = r#"{"sub":"u1","exp":4102444800}"#;

fn b64(bytes: impl AsRef<[u8]>) -> String {
    let mut text = Vec::new();
    base64::encode_url(bytes.as_ref(), &mut text);
    String::from_utf8(text).unwrap()
}

fn oct(more: &str) -> String {
    format!(r#"{{"kty":"oct","kid":"k1","k":"{}"{more}}}"#, b64(SECRET))
}

/// A token over any header and claims, signed with HS256.
fn hs256(header: &str, claims: &str, secret: &[u8]) -> String {
    let signed = format!("{}.{}", b64(header), b64(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), signed.as_bytes());
    format!("{signed}.{}", b64(signature))
}

fn good(claims: &str) -> String {
    hs256(r#"{"alg":"HS256","kid":"k1"}"#, claims, SECRET)
}

/// A pair on P-256 and its public half as a key of a set.
struct Pair(Vec<u8>, String);

impl Pair {
    fn new(kid: &str) -> Self {
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let document = EcdsaKeyPair::generate_pkcs8(alg, &SystemRandom::new()).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(alg, document.as_ref()).unwrap();
        let (x, y) = pair.public_key().as_ref()[1..].split_at(32);
        let jwk = format!(
            r#"{{"kty":"EC","crv":"P-256","kid":"{kid}","x":"{}","y":"{}"}}"#,
            b64(x),
            b64(y)
        );
        Self(document.as_ref().to_vec(), jwk)
    }

    /// By the other hand: jsonwebtoken.
    fn token(&self, kid: &str) -> String {
        let header = OtherHeader {
            kid: Some(kid.to_owned()),
            ..OtherHeader::new(jsonwebtoken::Algorithm::ES256)
        };
        let claims: serde_json::Value = serde_json::from_str(FAR).unwrap();
        jsonwebtoken::encode(&header, &claims, &EncodingKey::from_ec_der(&self.0)).unwrap()
    }
}

/// An endpoint with a validator whose keys are in a file.
struct Bench(Rc<ThreadState>);

impl Bench {
    fn new(settings: &str, keys: &[&str]) -> Self {
        let mut config = harness::service(harness::endpoint("no-op", &[]));
        let block = format!(
            r#"{{"x":{{"jwk_local_path":"k.json","disable_jwk_security":true{settings}}}}}"#
        );
        let document = read(Format::Json, block.as_bytes()).unwrap();
        let settings = crate::plan::settings::member(&document.root, "x").unwrap().clone();
        for endpoint in &mut config.endpoints {
            let (at, spelling) = (endpoint.at.clone(), "auth/validator".to_owned());
            let namespace =
                Namespace { at, spelling: spelling.clone(), settings: settings.clone() };
            endpoint.extra_config.namespaces.insert(spelling, namespace);
        }
        let set = format!(r#"{{"keys":[{}]}}"#, keys.join(","));
        let files = Files::from([("k.json".to_owned(), Ok(set.into_bytes().into()))]);
        let options = CompileOptions { threads: 1, files, ..CompileOptions::default() };
        Self(ThreadState::new(Arc::new(crate::plan::compile(&config, &options).unwrap())))
    }

    fn hs256(settings: &str) -> Self {
        Self::new(&format!(r#","alg":"HS256"{settings}"#), &[&oct("")])
    }

    fn admit(&self, fields: &[(&str, &str)]) -> Result<Admitted, Refusal> {
        let head = harness::head("GET", "/a", fields);
        let gate = self.0.plan.endpoints[0].gates().token.as_ref().unwrap();
        let mut outcome = None;
        harness::on_a_thread(async {
            outcome =
                Some(gate.admit(&self.0, &head, Instant::now() + Duration::from_secs(1)).await);
        });
        outcome.unwrap()
    }

    fn with(&self, token: &str) -> Result<(), Refusal> {
        self.admit(&[("Authorization", &format!("Bearer {token}"))]).map(|_admitted| ())
    }

    #[track_caller]
    fn refuses(&self, what: &str, token: &str) {
        assert_eq!(self.with(token), Err(Refusal::Unauthorized), "{what}: {token:.200}");
    }
}

#[test]
fn no_spelling_of_none_is_an_algorithm() {
    let bench = Bench::hs256("");
    assert_eq!(bench.with(&good(FAR)), Ok(()));
    for alg in ["none", "None", "NONE", "nOnE", "none ", "", "hs256", "HS256\\u0000", "null"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"k1"}}"#);
        bench.refuses(alg, &format!("{}.{}.", b64(&header), b64(FAR)));
        bench.refuses(alg, &hs256(&header, FAR, SECRET));
    }
    for header in
        [r#"{"kid":"k1"}"#, r#"{"alg":null,"kid":"k1"}"#, r#"{"alg":["HS256"],"kid":"k1"}"#]
    {
        bench.refuses(header, &hs256(header, FAR, SECRET));
    }
}

#[test]
fn no_key_comes_from_the_token() {
    let (ours, theirs) = (Pair::new("k1"), Pair::new("k1"));
    let bench = Bench::new(r#","alg":"ES256""#, &[&ours.1]);
    let forged = theirs.token("k1");
    let (_, signed) = forged.split_once('.').unwrap();
    for extra in [
        format!(r#""jwk":{}"#, theirs.1),
        r#""jku":"http://127.0.0.1:1/keys""#.to_owned(),
        r#""x5u":"http://127.0.0.1:1/cert""#.to_owned(),
        r#""x5c":["AAAA"]"#.to_owned(),
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"k1",{extra}}}"#);
        bench.refuses(&extra, &format!("{}.{signed}", b64(header)));
    }
    bench.refuses("signed by another", &forged);
    let bench = Bench::hs256("");
    for jwk in ["5", "{}", r#"{"kty":"oct"}"#, r#"{"kty":"zz"}"#] {
        let header = format!(r#"{{"alg":"HS256","kid":"k1","jwk":{jwk}}}"#);
        bench.refuses("a broken key in the header", &hs256(&header, FAR, SECRET));
    }
}

#[test]
fn the_name_of_a_key_is_only_a_name() {
    let bench = Bench::hs256("");
    for kid in [
        "",
        "k1 ",
        "K1",
        "../k.json",
        "/dev/null",
        "http://127.0.0.1/k",
        "' OR '1'='1",
        "k1\\u0000",
    ] {
        let header = format!(r#"{{"alg":"HS256","kid":"{kid}"}}"#);
        bench.refuses(kid, &hs256(&header, FAR, SECRET));
        bench.refuses(kid, &hs256(&header, FAR, b""));
    }
    for kid in ["1", "null", "[\"k1\"]", "{}"] {
        bench.refuses(kid, &hs256(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#), FAR, SECRET));
    }
}

#[test]
fn what_is_critical_must_be_understood() {
    let bench = Bench::hs256("");
    let with = |more: &str| hs256(&format!(r#"{{"alg":"HS256","kid":"k1",{more}}}"#), FAR, SECRET);
    for more in [
        r#""crit":[]"#,
        r#""crit":["zz"],"zz":1"#,
        r#""crit":["exp"]"#,
        r#""crit":"b64","b64":true"#,
        r#""crit":null"#,
        r#""crit":["b64"]"#,
        r#""crit":["b64"],"b64":false"#,
        r#""b64":false"#,
        r#""crit":["b64","zz"],"b64":true"#,
    ] {
        bench.refuses(more, &with(more));
    }
    assert_eq!(bench.with(&with(r#""crit":["b64"],"b64":true"#)), Ok(()));
    assert_eq!(bench.with(&with(r#""typ":"at+jwt","zz":{"a":1}"#)), Ok(()));
}

#[test]
fn members_that_stand_twice_refuse_wherever_they_stand() {
    let bench = Bench::hs256("");
    bench.refuses("alg", &hs256(r#"{"alg":"HS256","alg":"HS256","kid":"k1"}"#, FAR, SECRET));
    bench.refuses("kid", &hs256(r#"{"alg":"HS256","kid":"zz","kid":"k1"}"#, FAR, SECRET));
    bench.refuses("exp", &good(r#"{"exp":1,"exp":4102444800}"#));
    bench.refuses("nested", &good(r#"{"exp":4102444800,"a":{"b":1,"b":2}}"#));
    bench.refuses("escaped", &good(r#"{"exp":4102444800,"a":1,"\u0061":2}"#));
}

#[test]
fn signatures_that_are_zero_cut_or_of_another_form_verify_nothing() {
    let pair = Pair::new("k1");
    let bench = Bench::new(r#","alg":"ES256""#, &[&pair.1]);
    let token = pair.token("k1");
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = base64::decode_url(signature.as_bytes()).unwrap().bytes;
    let order = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25,
        0x51_u8,
    ];
    for made in [
        vec![0; 64],
        vec![],
        vec![0; 32],
        vec![0xFF; 64],
        [order, order].concat(),
        signature[..63].to_vec(),
        [&*signature, &[0]].concat(),
        [&signature[..32], &[0; 32]].concat(),
        [&[0x30, 0x06, 2, 1, 0, 2, 1, 0][..]].concat(),
    ] {
        bench.refuses("a made signature", &format!("{signed}.{}", b64(made)));
    }
    for bit in 0..signature.len() * 8 {
        let mut flipped = signature.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        bench.refuses("a flipped bit", &format!("{signed}.{}", b64(flipped)));
    }
}

#[test]
fn a_key_verifies_only_what_it_is_for() {
    let header = r#"{"alg":"HS256","kid":"k1"}"#;
    for more in [
        r#","use":"enc""#,
        r#","key_ops":["sign"]"#,
        r#","key_ops":[]"#,
        r#","alg":"HS512""#,
        r#","alg":"A256GCM""#,
    ] {
        let bench = Bench::new(r#","alg":"HS256""#, &[&oct(more)]);
        bench.refuses(more, &hs256(header, FAR, SECRET));
    }
    for more in
        [r#","use":"sig""#, r#","key_ops":["verify"]"#, r#","alg":"HS256""#, r#","alg":"zz""#]
    {
        let bench = Bench::new(r#","alg":"HS256""#, &[&oct(more)]);
        assert_eq!(bench.with(&hs256(header, FAR, SECRET)), Ok(()), "{more}");
    }
    let empty = r#"{"kty":"oct","kid":"k1","k":""}"#;
    Bench::new(r#","alg":"HS256""#, &[empty]).refuses("no secret", &hs256(header, FAR, b""));
    let private =
        format!(r#"{},"d":"{}"}}"#, Pair::new("k1").1.trim_end_matches('}'), b64([1; 32]));
    Bench::new(r#","alg":"ES256""#, &[&private]).refuses("private", &Pair::new("k1").token("k1"));
}

#[test]
fn rsa_keys_are_long_enough_and_have_a_real_exponent() {
    let key = |bits: usize, e: &str| {
        let mut n = vec![0xFF; bits / 8];
        *n.last_mut().unwrap() = 0xFD;
        format!(r#"{{"kty":"RSA","kid":"k1","n":"{}","e":"{e}"}}"#, b64(n))
    };
    let token = format!("{}.{}.{}", b64(r#"{"alg":"RS256","kid":"k1"}"#), b64(FAR), b64([1; 128]));
    for (bits, e) in [(512, "AQAB"), (1024, "AQAB"), (2048, "AQ"), (2048, "Ag"), (2048, "")] {
        let bench = Bench::new(r#","alg":"RS256""#, &[&key(bits, e)]);
        bench.refuses(&format!("{bits} bits, e {e}"), &token);
    }
    // With an exponent of one every message signs itself.
    let bench = Bench::new(r#","alg":"RS256""#, &[&key(2048, "AQ")]);
    let padded = [&[0, 1][..], &[0xFF; 202][..], &[0; 52][..]].concat();
    let token = format!("{}.{}.{}", b64(r#"{"alg":"RS256","kid":"k1"}"#), b64(FAR), b64(padded));
    bench.refuses("an exponent of one", &token);
}

#[test]
fn a_token_has_bounds() {
    let bench = Bench::hs256("");
    let long =
        |bytes: usize| good(&format!(r#"{{"sub":"{}","exp":4102444800}}"#, "x".repeat(bytes)));
    assert_eq!(bench.with(&long(64 << 10)), Ok(()));
    bench.refuses("1 MB", &long(1 << 20));
    bench.refuses("1 MB of nothing", &"x".repeat(1 << 20));
    bench.refuses("dots", &".".repeat(1 << 16));
    let header = format!(r#"{{"alg":"HS256","kid":"k1","zz":"{}"}}"#, "x".repeat(20 << 10));
    bench.refuses("a long header", &hs256(&header, FAR, SECRET));
    let mut many = String::from(r#"{"alg":"HS256","kid":"k1""#);
    for n in 0..1_000 {
        let _infallible = write!(many, r#","{n}":0"#);
    }
    assert_eq!(bench.with(&hs256(&(many + "}"), FAR, SECRET)), Ok(()));
}

#[test]
fn every_cut_and_every_changed_letter_is_refused() {
    let bench = Bench::hs256("");
    let token = good(FAR);
    for end in 0..token.len() {
        bench.refuses("cut", token.get(..end).unwrap());
    }
    for at in (0..token.len()).filter(|at| token.as_bytes()[*at] != b'.') {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
        bench.refuses("changed", std::str::from_utf8(&changed).unwrap());
    }
}

#[test]
fn tokens_of_the_usual_providers_pass_with_the_usual_settings() {
    let keycloak = r#"{"exp":4102444800,"iat":1,"jti":"j","iss":"https://kc/realms/r","aud":"account","sub":"f:1",
        "typ":"Bearer","azp":"app","realm_access":{"roles":["offline_access","admin"]},
        "resource_access":{"account":{"roles":["view-profile"]}},"scope":"openid email"}"#;
    let auth0 = r#"{"iss":"https://t.auth0.com/","sub":"a|1","aud":["https://api","https://t.auth0.com/userinfo"],
        "iat":1,"exp":4102444800,"azp":"x","scope":"read:a write:a","http://api.example.com/custom":["admin"],
        "permissions":["read:a"]}"#;
    let azure = r#"{"aud":"api://1","iss":"https://sts.windows.net/t/","iat":1,"nbf":1,"exp":4102444800,"aio":"x",
        "appid":"1","oid":"2","roles":["Task.Read"],"scp":"user_impersonation other","ver":"1.0"}"#;
    for (claims, settings) in [
        (
            keycloak,
            r#","issuer":"https://kc/realms/r","roles_key":"realm_access.roles","roles_key_is_nested":true,"roles":["admin"]"#,
        ),
        (keycloak, r#","scopes_key":"scope","scopes":["email","x"]"#),
        (
            auth0,
            r#","audience":["https://api"],"roles_key":"http://api.example.com/custom","roles_key_is_nested":true,"roles":["admin"]"#,
        ),
        (auth0, r#","scopes_key":"permissions","scopes":["read:a"],"scopes_matcher":"all""#),
        (
            azure,
            r#","audience":["api://1"],"roles":["Task.Read"],"scopes_key":"scp","scopes":["user_impersonation"]"#,
        ),
    ] {
        assert_eq!(Bench::hs256(settings).with(&good(claims)), Ok(()), "{settings}");
    }
    let wrong = Bench::hs256(
        r#","roles_key":"realm_access.roles","roles_key_is_nested":true,"roles":["root"]"#,
    );
    assert_eq!(wrong.with(&good(keycloak)), Err(Refusal::Forbidden));
}

#[test]
fn claims_replace_the_clients_fields_and_no_value_ends_a_line() {
    let settings =
        r#","propagate_claims":[["sub","X-Sub"],["zz","x-zz"],["list","x-list"],["bad"]]"#;
    let bench = Bench::hs256(settings);
    let fields = |claims: &str| {
        let bearer = format!("Bearer {}", good(claims));
        let sent =
            [("Authorization", &*bearer), ("x-sub", "forged"), ("X-ZZ", "forged"), ("x-a", "1")];
        let admitted = bench.admit(&sent)?;
        let head = admitted.head.as_ref().unwrap();
        let shown = head.fields().filter(|(name, _)| *name != "Authorization");
        Ok::<_, Refusal>(
            shown
                .map(|(name, value)| format!("{name}={}", String::from_utf8_lossy(value)))
                .collect::<Vec<_>>()
                .join(" "),
        )
    };
    let claims = r#"{"sub":"  u\u00e9 1 ","list":[1,"b"]}"#;
    assert_eq!(fields(claims).unwrap(), "x-a=1 X-Sub=u\u{e9} 1 x-zz= x-list=1,b");
    for value in [r"a\r\nX-Evil: 1", r"a\nb", r"a\u0000b", r"\u007f"] {
        assert_eq!(
            fields(&format!(r#"{{"sub":"{value}"}}"#)),
            Err(Refusal::Unauthorized),
            "{value}"
        );
    }
    let lines = Bench::hs256(
        r#","propagate_claims":[["list","x-list"]],"propagate_claims_preserve_array":true"#,
    );
    for (claims, expected) in
        [(r#"{"list":[1,"b"]}"#, vec!["1", "b"]), (r#"{"list":[]}"#, vec![]), ("{}", vec![""])]
    {
        let bearer = format!("Bearer {}", good(claims));
        let admitted = lines.admit(&[("Authorization", &bearer), ("x-list", "forged")]).unwrap();
        let head = admitted.head.unwrap();
        let found: Vec<&str> = head
            .fields()
            .filter(|(name, _)| *name == "x-list")
            .map(|(_, value)| std::str::from_utf8(value).unwrap())
            .collect();
        assert_eq!(found, expected, "{claims}");
    }
}

#[test]
fn a_json_token_has_one_signature_and_nothing_unprotected() {
    let bench = Bench::hs256("");
    let token = good(FAR);
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = *parts else { panic!("{token}") };
    let one = format!(r#""protected":"{header}","signature":"{signature}""#);
    assert_eq!(bench.with(&format!(r#"{{"payload":"{claims}",{one}}}"#)), Ok(()));
    assert_eq!(
        bench.with(&format!(r#"{{"payload":"{claims}","signatures":[{{{one}}}]}}"#)),
        Ok(())
    );
    let none = b64(r#"{"kid":"k1"}"#);
    for text in [
        format!(r#"{{"payload":"{claims}","signatures":[{{{one}}},{{{one}}}]}}"#),
        format!(r#"{{"payload":"{claims}","signatures":[]}}"#),
        format!(
            r#"{{"payload":"{claims}","header":{{"alg":"HS256"}},"protected":"{none}","signature":"{signature}"}}"#
        ),
        format!(r#"{{"payload":"{claims}",{one},"payload":"{claims}"}}"#),
        format!(r#"{{{one}}}"#),
        "{".repeat(1_000),
    ] {
        bench.refuses("JSON", &text);
    }
}

#[test]
fn a_good_token_is_remembered_and_a_bad_one_never() {
    let bench = Bench::hs256(r#","propagate_claims":[["sub","x-sub"]]"#);
    let admit = |token: &str| {
        let admitted = bench.admit(&[("Authorization", token), ("x-sub", "forged")])?;
        let sub = admitted.head.as_ref().and_then(|head| head.field("x-sub")).unwrap().to_vec();
        Ok::<_, Refusal>((sub, admitted.token.unwrap()))
    };
    let token = good(FAR);
    let (first, one) = admit(&token).unwrap();
    let (second, same) = admit(&token).unwrap();
    assert!(Rc::ptr_eq(&one, &same), "it was checked again");
    assert_eq!((&*first, &*second), (&b"u1"[..], &b"u1"[..]));
    let mut forged = token;
    forged.pop();
    for _ in 0..2 {
        assert_eq!(admit(&forged).map(|_| ()), Err(Refusal::Unauthorized));
    }
}
