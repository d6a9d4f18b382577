//! `operation_debug`: why a token is refused, in the words of go-jose and KrakenD, and nothing of what it says.

use super::*;

/// What nobody may find in a log.
const PRIVATE: &str = "a-private-word";

impl Bench {
    fn fault(&self, token: &str) -> Fault {
        let head = harness::head("GET", "/a", &[("Authorization", token)]);
        let gate = self.0.plan.endpoints[0].gates().token.as_ref().unwrap();
        let Gate::Live(validator) = gate else { panic!("it is dead") };
        let mut outcome = None;
        harness::on_a_thread(async {
            let deadline = Instant::now() + Duration::from_secs(1);
            outcome = Some(validator.admit(&self.0, &head, deadline).await);
        });
        outcome.unwrap().err().unwrap_or_else(|| panic!("it passes: {token:.200}"))
    }

    #[track_caller]
    fn tells(&self, token: &str, text: &str) {
        let told = self.fault(token).to_string();
        let told = told.strip_prefix("Unable to validate the token: ").unwrap_or(&told);
        assert_eq!(told, text, "{token:.200}");
        assert!(!told.contains(PRIVATE), "{told}");
    }
}

#[test]
fn what_is_no_token_is_told_as_go_jose_tells_it() {
    let bench = Bench::hs256("");
    let [header, claims] = [r#"{"alg":"HS256","kid":"k1"}"#, FAR].map(b64);
    for (token, text) in [
        ("", "Token not found"),
        ("junk", "go-jose/go-jose: compact JWS format must have three parts"),
        ("Basic YTpi", "go-jose/go-jose: compact JWS format must have three parts"),
        ("a.b.c.d", "go-jose/go-jose: compact JWS format must have three parts"),
        ("a.b.c", "illegal base64 data at input byte 0"),
        ("e$J.e30.AAAA", "illegal base64 data at input byte 1"),
        (&format!("{header}.{claims}x$.AAAA"), "illegal base64 data at input byte 40"),
        (&format!("{header}.{claims}.AA+A"), "illegal base64 data at input byte 2"),
        ("..", "algorithm is invalid"),
        ("{", "unexpected end of JSON input"),
        ("{}", "go-jose/go-jose: missing payload in JWS message"),
        (r#"{"payload":"e30"}"#, "algorithm is invalid"),
        (r#"{"payload":5}"#, "json: cannot unmarshal number into Go value of type string"),
        (r#"{"payload":"e$"}"#, "illegal base64 data at input byte 1"),
        (
            r#"{"payload":"e30","signatures":[{},{}]}"#,
            "go-jose/go-jose: too many signatures in payload; expecting only one",
        ),
        (
            r#"{"payload":"e30","signatures":"x"}"#,
            "json: cannot unmarshal string into Go value of type []jose.rawSignatureInfo",
        ),
    ] {
        bench.tells(token, text);
    }
}

#[test]
fn what_is_wrong_with_a_header_is_told_without_it() {
    let bench = Bench::hs256("");
    let member = "json: cannot unmarshal number into Go value of type string";
    for (header, text) in [
        ("nope", "invalid character 'o' in literal null (expecting 'u')"),
        (r#"{"alg":"#, "unexpected end of JSON input"),
        (r#"{"alg":"HS256"}}"#, "invalid character '}' after top-level value"),
        ("[]", "json: cannot unmarshal array into Go value of type jose.rawHeader"),
        (r#""x""#, "json: cannot unmarshal string into Go value of type jose.rawHeader"),
        ("null", "algorithm is invalid"),
        (r#"{"kid":"k1"}"#, "algorithm is invalid"),
        (r#"{"alg":"none"}"#, "algorithm is invalid"),
        (r#"{"alg":5}"#, &format!("failed to unmarshal algorithm: {member}")),
        (r#"{"alg":"HS256","kid":5}"#, &format!("failed to unmarshal key ID: {member}")),
        (r#"{"alg":"HS256","nonce":5}"#, &format!("failed to unmarshal nonce: {member}")),
        (
            r#"{"alg":"HS256","jwk":{"kty":"oct","k":"AAAA"}}"#,
            "go-jose/go-jose: invalid embedded jwk, must be public key",
        ),
        (
            r#"{"alg":"HS256","x5c":["AAAA"]}"#,
            "failed to unmarshal x5c header: x509: malformed certificate",
        ),
        (
            r#"{"alg":"HS256","kid":"k1","crit":["a-private-word"],"a-private-word":1}"#,
            "go-jose/go-jose: error in cryptographic primitive",
        ),
        (r#"{"alg":"HS256","kid":"a-private-word"}"#, "no Keys have been found"),
        (
            r#"{"alg":"HS256","a-private-word":1,"a-private-word":1}"#,
            "json: duplicate key in object, or a value that is not read",
        ),
    ] {
        bench.tells(&hs256(header, FAR, SECRET), text);
    }
}

#[test]
fn what_is_wrong_with_claims_is_told_without_them() {
    let bench = Bench::hs256(r#","issuer":"i","audience":["a"],"roles":["r"]"#);
    let no_text = "json: cannot unmarshal number into Go value of type string";
    let no_time = "go-jose/go-jose/jwt: expected number value to unmarshal NumericDate";
    for (claims, text) in [
        ("", "unexpected end of JSON input"),
        ("nope", "invalid character 'o' in literal null (expecting 'u')"),
        ("[]", "json: cannot unmarshal array into Go value of type jwt.Claims"),
        ("5", "json: cannot unmarshal number into Go value of type jwt.Claims"),
        (r#"{"sub":5}"#, no_text),
        (r#"{"iss":5}"#, no_text),
        (r#"{"jti":[]}"#, "json: cannot unmarshal array into Go value of type string"),
        (
            r#"{"aud":[5]}"#,
            "go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience",
        ),
        (r#"{"exp":"a-private-word"}"#, no_time),
        (
            r#"{"iss":"a-private-word"}"#,
            "go-jose/go-jose/jwt: validation failed, invalid issuer claim (iss)",
        ),
        (
            r#"{"iss":"i","aud":"a-private-word"}"#,
            "go-jose/go-jose/jwt: validation failed, invalid audience claim (aud)",
        ),
        (
            r#"{"iss":"i","aud":"a","exp":1}"#,
            "go-jose/go-jose/jwt: validation failed, token is expired (exp)",
        ),
        (
            r#"{"iss":"i","aud":"a","nbf":4102444800}"#,
            "go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)",
        ),
        (
            r#"{"iss":"i","aud":"a","iat":4102444800}"#,
            "go-jose/go-jose/jwt: validation field, token issued in the future (iat)",
        ),
        (r#"{"iss":"i","aud":"a"}"#, "Token sent by client does not have sufficient roles"),
    ] {
        bench.tells(&good(claims), text);
    }
    let mut forged = good(FAR);
    forged.pop();
    bench.tells(&forged, "go-jose/go-jose: error in cryptographic primitive");
}

#[test]
fn a_key_in_a_header_that_is_none_refuses_and_a_public_one_says_nothing() {
    let bench = Bench::hs256("");
    let with = |more: &str| hs256(&format!(r#"{{"alg":"HS256","kid":"k1",{more}}}"#), FAR, SECRET);
    let sequence = |length: usize| {
        let [.., high, low] = length.to_be_bytes();
        let bytes = [vec![0x30, 0x82, high, low], vec![0; length]].concat();
        base64::encode(&bytes)
    };
    for more in [
        format!(r#""jwk":{}"#, Pair::new("x").1),
        r#""jwk":null"#.to_owned(),
        r#""x5c":[]"#.to_owned(),
        format!(r#""x5c":["{}","{}"]"#, sequence(300), sequence(1_000)),
    ] {
        assert_eq!(bench.with(&with(&more)), Ok(()), "{more:.60}");
    }
    for more in [
        r#""x5c":"AAAA""#.to_owned(),
        r#""x5c":[5]"#.to_owned(),
        format!(r#""x5c":["{}","AAAA"]"#, sequence(300)),
        format!(r#""x5c":["{}AAAA"]"#, sequence(302)),
        format!(r#""jwk":{}"#, oct("")),
    ] {
        bench.refuses(&more, &with(&more));
    }
}
