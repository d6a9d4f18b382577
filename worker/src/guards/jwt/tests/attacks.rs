//! Keys taken for others, documents that are too deep to be walked, names of keys that are none.

use aws_lc_rs::encoding::{AsDer as _, PublicKeyX509Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::RSA_PKCS1_SHA256;

use super::*;

/// Levels of a document: a reader that takes one step of its stack for each is gone long before.
const DEEP: usize = 100_000;

#[test]
fn a_public_key_is_no_secret_of_hmac() {
    let pair = Pair::new("k1");
    let header = r#"{"alg":"HS256","kid":"k1"}"#;
    for settings in [r#","alg":"ES256""#, r#","alg":"HS256""#, r#","alg":"RS256""#] {
        let bench = Bench::new(settings, &[&pair.1]);
        for secret in [pair.1.as_bytes(), &pair.0, b"k1", b""] {
            bench.refuses("the key as a secret", &hs256(header, FAR, secret));
        }
    }
    assert_eq!(Bench::new(r#","alg":"ES256""#, &[&pair.1]).with(&pair.token("k1")), Ok(()));
}

/// An RSA key as a provider shows it, and in all the forms in which somebody may hold it.
struct Rsa(KeyPair);

impl Rsa {
    fn jwk(&self, more: &str) -> String {
        let public = self.0.public_key();
        let [n, e] = [public.modulus(), public.exponent()];
        let [n, e] = [n.big_endian_without_leading_zero(), e.big_endian_without_leading_zero()];
        format!(r#"{{"kty":"RSA","kid":"k1"{more},"n":"{}","e":"{}"}}"#, b64(n), b64(e))
    }

    fn forms(&self) -> Vec<Vec<u8>> {
        let public = self.0.public_key();
        let x509: PublicKeyX509Der<'_> = public.as_der().unwrap();
        let (x509, pkcs1) = (x509.as_ref().to_vec(), public.as_ref().to_vec());
        let n = public.modulus().big_endian_without_leading_zero();
        let mut forms = vec![
            n.to_vec(),
            [&[0], n].concat(),
            b64(n).into_bytes(),
            self.jwk("").into_bytes(),
            self.jwk(r#","use":"sig","alg":"RS256""#).into_bytes(),
            format!(r#"{{"keys":[{}]}}"#, self.jwk("")).into_bytes(),
            self.jwk("").replace(',', ", ").replace(':', ": ").into_bytes(),
            Vec::new(),
        ];
        for (der, name) in [(x509, "PUBLIC KEY"), (pkcs1, "RSA PUBLIC KEY")] {
            let text = base64::encode(&der);
            let lines = |end: &str| {
                let lines = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap());
                let lines = lines.collect::<Vec<_>>().join(end);
                format!("-----BEGIN {name}-----{end}{lines}{end}-----END {name}-----")
            };
            for pem in [lines("\n"), lines("\n") + "\n", lines("\r\n") + "\r\n", text.clone()] {
                forms.push(pem.into_bytes());
            }
            forms.push(der);
        }
        forms
    }
}

#[test]
fn an_rsa_public_key_is_no_secret_of_hmac_in_any_form() {
    let rsa = Rsa(KeyPair::generate(KeySize::Rsa2048).unwrap());
    let keys = [rsa.jwk(""), rsa.jwk(r#","alg":"HS256""#), rsa.jwk(r#","k":"AAAA""#)];
    let header = r#"{"alg":"HS256","kid":"k1"}"#;
    for key in &keys {
        for settings in [r#","alg":"RS256""#, r#","alg":"HS256""#, r#","alg":"PS256""#] {
            let bench = Bench::new(settings, &[key]);
            for secret in rsa.forms() {
                bench.refuses("the key as a secret", &hs256(header, FAR, &secret));
                let lies = r#"{"alg":"RS256","kid":"k1"}"#;
                bench.refuses("and another name", &hs256(lies, FAR, &secret));
            }
        }
    }
    let signed = format!("{}.{}", b64(r#"{"alg":"RS256","kid":"k1"}"#), b64(FAR));
    let mut signature = vec![0; rsa.0.public_modulus_len()];
    let random = SystemRandom::new();
    rsa.0.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
    let token = format!("{signed}.{}", b64(signature));
    assert_eq!(Bench::new(r#","alg":"RS256""#, &[&keys[0]]).with(&token), Ok(()));
    Bench::new(r#","alg":"RS256""#, &[&keys[1]]).refuses("for another algorithm", &token);
}

/// Lists in lists, or objects in objects; closed, or broken off.
fn deep(levels: usize) -> [String; 4] {
    let [list, object] = ["[", r#"{"a":"#].map(|open| open.repeat(levels));
    let closed =
        [format!("{list}{}", "]".repeat(levels)), format!("{object}1{}", "}".repeat(levels))];
    let [one, other] = closed;
    [list, object, one, other]
}

#[test]
fn a_token_of_any_depth_is_refused() {
    let bench = Bench::hs256("");
    for levels in [200, 2_000, DEEP] {
        for inner in deep(levels) {
            let header = format!(r#"{{"alg":"HS256","kid":"k1","zz":{inner}}}"#);
            let claims = format!(r#"{{"exp":4102444800,"zz":{inner}}}"#);
            bench.refuses("the header", &hs256(&header, FAR, SECRET));
            bench.refuses("the claims", &good(&claims));
            bench.refuses("nothing else", &good(&inner));
            bench.refuses("in JSON", &format!(r#"{{"payload":{inner},"signature":""}}"#));
        }
    }
    let [.., flat] = deep(100);
    assert_eq!(bench.with(&good(&format!(r#"{{"exp":4102444800,"zz":{flat}}}"#))), Ok(()));
}

#[test]
fn a_key_set_of_any_depth_is_no_key_set() {
    for inner in deep(DEEP) {
        for text in [
            inner.clone(),
            format!(r#"{{"keys":{inner}}}"#),
            format!(r#"{{"zz":{inner},"keys":[{}]}}"#, oct("")),
            format!(r#"{{"keys":[{},{inner}]}}"#, oct("")),
            format!(r#"{{"keys":[{}]}}"#, oct(&format!(r#","zz":{inner}"#))),
        ] {
            for rest in [Rest::Refused, Rest::Unread] {
                assert!(key_set::read(text.as_bytes(), rest).is_err(), "{text:.60}");
            }
        }
    }
}

#[test]
fn a_key_whose_name_is_no_text_is_left_out_and_spoils_no_other() {
    let named = |kid: &str| {
        let secret = b64([7; 32]);
        format!(r#"{{"kty":"oct","kid":{kid},"k":"{secret}"}}"#)
    };
    let forged = |header: &str| hs256(header, FAR, &[7; 32]);
    for kid in ["1", "true", "{}", r#"["k1"]"#, r#"{"$ne":null}"#, "1e999"] {
        let bench = match kid {
            "1e999" => Bench::hs256(""),
            kid => Bench::new(r#","alg":"HS256""#, &[&named(kid), &oct("")]),
        };
        assert_eq!(bench.with(&good(FAR)), Ok(()), "{kid}");
        bench.refuses("the same name", &forged(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#)));
        bench.refuses(
            "as a text",
            &forged(&format!(r#"{{"alg":"HS256","kid":"{}"}}"#, kid.replace('"', ""))),
        );
        bench.refuses("without a name", &forged(r#"{"alg":"HS256"}"#));
    }
    // Without a name, as in KrakenD: a token without one finds it, one whose name is null is broken.
    let bench = Bench::new(r#","alg":"HS256""#, &[&named("null"), &oct("")]);
    assert_eq!(bench.with(&good(FAR)), Ok(()));
    assert_eq!(bench.with(&forged(r#"{"alg":"HS256"}"#)), Ok(()));
    for kid in ["null", r#""null""#, "0", "[]"] {
        bench.refuses("no name", &forged(&format!(r#"{{"alg":"HS256","kid":{kid}}}"#)));
    }
}
