//! Tokens that must pass, and the many that must not: none of them is more than a 401 or a 403.

mod attacks;
mod forms;
mod keys;
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
