//! Where a token stands, how it is written, and what its times are written as.

use super::*;

#[test]
fn one_place_has_the_token_and_what_stands_elsewhere_does_not_help() {
    let (bench, token) = (Bench::hs256(""), good(FAR));
    let forged = format!("{}.", token.rsplit_once('.').unwrap().0);
    let with = |fields: &[(&str, &str)]| bench.admit(fields).map(|_admitted| ());
    let bearer = |scheme: &str| with(&[("authorization", &format!("{scheme}{token}"))]);
    for scheme in ["Bearer ", "bearer ", "BEARER ", "bEaReR  ", "", "Bearer \u{a0}"] {
        assert_eq!(bearer(scheme), Ok(()), "{scheme:?}");
    }
    for scheme in [
        "Basic ",
        "Bearer\t",
        "Bearer, ",
        "Bearer: ",
        "Bearer=",
        "Token ",
        "Bearer Bearer ",
        "\"",
        "Beare\u{301}r ",
    ] {
        assert_eq!(bearer(scheme), Err(Refusal::Unauthorized), "{scheme:?}");
    }
    let cookie = format!("access_token={token}");
    for (first, second, passes) in [
        (("Authorization", &*token), ("Authorization", &*forged), true),
        (("Authorization", &*forged), ("Authorization", &*token), false),
        (("Authorization", "Basic YTpi"), ("Cookie", &*cookie), false),
        (("Authorization", "Bearer"), ("Cookie", &*cookie), false),
        (("Authorization", ""), ("Cookie", &*cookie), true),
        (("X-Authorization", &*token), ("Proxy-Authorization", &*token), false),
    ] {
        assert_eq!(with(&[first, second]).is_ok(), passes, "{first:.40?} {second:.40?}");
    }
    for (line, passes) in [
        (format!("a=b; {cookie}"), true),
        (format!("access_token =\"{token}\";"), true),
        (format!("access_token={token}; access_token=x"), true),
        (format!("access_token=x; access_token={token}"), false),
        (format!("access_token; access_token={token}"), false),
        (format!("access_token=\\; access_token={token}"), true),
        (format!("Access_Token={token}"), false),
        (format!("access_token=Bearer {token}"), false),
        (format!("xaccess_token={token}, access_token={token}"), false),
    ] {
        assert_eq!(with(&[("Cookie", &line)]).is_ok(), passes, "{line:.60}");
    }
    let other = Bench::hs256(r#","auth_header_name":"x-token","cookie_key":"t""#);
    for (fields, passes) in [
        ([("X-Token", &*token)], true),
        ([("Authorization", &*token)], false),
        ([("Cookie", &*cookie)], false),
    ] {
        assert_eq!(other.admit(&fields).is_ok(), passes, "{fields:.40?}");
    }
}

#[test]
fn another_writing_of_the_same_bytes_is_the_same_token() {
    let bench = Bench::hs256("");
    let token = good(FAR);
    let [header, claims, signature] = *token.split('.').collect::<Vec<_>>() else { panic!() };
    // 32 bytes leave two bits of the last letter over.
    let letters = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (most, last) = signature.split_at(signature.len() - 1);
    let last = letters.iter().position(|letter| [*letter] == last.as_bytes()).unwrap();
    for bits in 0..4 {
        let letter = char::from(letters[last + bits]);
        assert_eq!(bench.with(&format!("{header}.{claims}.{most}{letter}")), Ok(()));
    }
    bench.refuses(
        "a bit that counts",
        &format!("{header}.{claims}.{most}{}", char::from(letters[(last + 4) % 64])),
    );
    assert_eq!(bench.with(&format!("{header}==.{claims} . {signature}=")), Ok(()));
    for broken in [
        format!(
            "{header}.{claims}.{}",
            signature.replace(['-', '_'], "+").replacen('A', "+", 1) + "+"
        ),
        format!("{header}.{claims}.={signature}"),
        format!("{header}.{claims}.{signature}.{signature}"),
        format!("{header}.{claims}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("{header}..{signature}"),
        format!("{header}.{claims}."),
        format!("{header}%2E{claims}%2E{signature}"),
    ] {
        bench.refuses("broken", &broken);
    }
}

#[test]
fn a_time_is_a_number_and_nothing_else() {
    let bench = Bench::hs256("");
    for name in ["exp", "nbf", "iat"] {
        for value in [
            "null",
            "true",
            "\"4102444800\"",
            "\"\"",
            "[4102444800]",
            "{}",
            "1e300",
            "-1e300",
            "1e999",
            "NaN",
            "0x7FFFFFFF",
            "04102444800",
            "9223372036854775808",
        ] {
            bench.refuses(name, &good(&format!(r#"{{"{name}":{value}}}"#)));
        }
    }
    for claims in [
        r#"{"exp":0}"#,
        r#"{"exp":-1}"#,
        r#"{"exp":-0.0}"#,
        r#"{"nbf":4102444800}"#,
        r#"{"iat":4102444800}"#,
    ] {
        bench.refuses("out of its time", &good(claims));
    }
    assert_eq!(bench.with(&good(r#"{"exp":4102444800.9,"nbf":0,"iat":-1}"#)), Ok(()));
    for claims in [
        r#"{"sub":1}"#,
        r#"{"iss":[]}"#,
        r#"{"jti":{}}"#,
        r#"{"aud":null}"#,
        r#"{"aud":[1]}"#,
        "[]",
        "1",
    ] {
        bench.refuses("the wrong type", &good(claims));
    }
}

#[test]
fn a_leeway_or_cooldown_below_a_second_is_none_and_so_is_what_cannot_be_read() {
    let second = Duration::from_secs(1);
    for (text, leeway, cooldown) in [
        ("", second, None),
        ("999ms", second, None),
        ("-5s", second, None),
        ("5", second, None),
        ("five seconds", second, None),
        ("1s", second, Some(second)),
        ("1m30s", 90 * second, Some(90 * second)),
        ("1.5s", second * 3 / 2, Some(second * 3 / 2)),
    ] {
        let settings = format!(r#","leeway":"{text}","failed_jwk_key_cooldown":"{text}""#);
        let bench = Bench::hs256(&settings);
        let gate = bench.0.plan.endpoints[0].gates().token.as_ref().unwrap();
        let Gate::Live(validator) = gate else { panic!("{text}") };
        assert_eq!((validator.rules.leeway, validator.cooldown), (leeway, cooldown), "{text}");
    }
}

#[test]
fn a_remembered_token_ends_with_its_time_and_its_leeway() {
    let token = good(&format!(r#"{{"exp":{}}}"#, since_1970().as_secs()));
    let bench = Bench::hs256("");
    assert_eq!(bench.with(&token), Ok(()));
    let name = cache::name(1, token.as_bytes());
    assert!(bench.0.tokens.find(&name, 0, since_1970()).is_some(), "it is remembered");
    let begun = Instant::now();
    while bench.with(&token).is_ok() {
        assert!(begun.elapsed() < Duration::from_secs(4), "it is still good");
    }
    assert_eq!(Bench::hs256(r#","leeway":"1h""#).with(&token), Ok(()));
}
