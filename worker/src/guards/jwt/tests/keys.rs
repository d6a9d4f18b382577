//! Which key verifies which token: what the configuration says of it, and nothing that the token says.

use super::*;

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
