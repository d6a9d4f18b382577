//! What the claims of a token must be: whom it is from and for, when, and what its bearer may do.
//!
//! KrakenD's rules, in its order: 401 for what makes a token invalid, 403 for roles and scopes. `audience` means all,
//! `roles` any of them. Here besides: times that are no numbers refuse, `null` too, and an item of a list that is no text
//! is no role, where KrakenD answers 500.

use std::time::Duration;

use super::json::{Json, Members, Unreadable, member};
use super::text;

/// What an endpoint asks of claims.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rules {
    /// `issuer`; empty: anybody.
    pub(crate) issuer: Box<str>,
    /// `audience`: all of them.
    pub(crate) audience: Box<[Box<str>]>,
    /// `leeway`
    pub(crate) leeway: Duration,
    /// `roles`: any of them; none: nobody asks.
    pub(crate) roles: Option<Membership>,
    /// `scopes`
    pub(crate) scopes: Option<Membership>,
}

/// A claim that must hold some of these.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    /// The way to it through objects.
    pub(crate) path: Box<[Box<str>]>,
    pub(crate) wanted: Box<[Box<str>]>,
    pub(crate) how_many: HowMany,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HowMany {
    Any,
    All,
}

/// What is wrong with a token's claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ClaimError {
    #[error("{0}")]
    Json(#[from] Unreadable),
    #[error("json: cannot unmarshal {0} into Go value of type jwt.Claims")]
    NoObject(&'static str),
    /// `iss`, `sub` or `jti` is none.
    #[error("json: cannot unmarshal {0} into Go value of type string")]
    NoText(&'static str),
    #[error("go-jose/go-jose/jwt: expected string or array value to unmarshal to Audience")]
    NoAudience,
    /// `exp`, `nbf` or `iat` is none, or one that no clock shows.
    #[error("go-jose/go-jose/jwt: expected number value to unmarshal NumericDate")]
    NoTime,
    #[error("go-jose/go-jose/jwt: validation failed, invalid issuer claim (iss)")]
    Issuer,
    #[error("go-jose/go-jose/jwt: validation failed, invalid audience claim (aud)")]
    Audience,
    #[error("go-jose/go-jose/jwt: validation failed, token not valid yet (nbf)")]
    NotYet,
    #[error("go-jose/go-jose/jwt: validation failed, token is expired (exp)")]
    Expired,
    #[error("go-jose/go-jose/jwt: validation field, token issued in the future (iat)")]
    FromTheFuture,
}

/// The claims, if the token says so of itself, at `now` since 1970.
pub(crate) fn validate(rules: &Rules, claims: &Members, now: Duration) -> Result<(), ClaimError> {
    for name in ["sub", "jti"] {
        text_of(claims, name)?;
    }
    let issuer = text_of(claims, "iss")?;
    let audience = audience_of(claims)?;
    let times = Times::read(claims)?;
    if !rules.issuer.is_empty() && issuer != Some(&rules.issuer) {
        return Err(ClaimError::Issuer);
    }
    if !rules.audience.iter().all(|wanted| audience.contains(&&**wanted)) {
        return Err(ClaimError::Audience);
    }
    times.check(now, rules.leeway)
}

/// When a token ends, since 1970, if it does.
pub(crate) fn expiry(claims: &Members) -> Option<Duration> {
    let ends = Times::read(claims).ok()?.expires?;
    Some(Duration::from_secs(u64::try_from(ends).unwrap_or(0)))
}

fn text_of<'a>(claims: &'a Members, name: &str) -> Result<Option<&'a str>, ClaimError> {
    match member(claims, name) {
        None | Some(Json::Null) => Ok(None),
        Some(value) => value.text().map(Some).ok_or_else(|| ClaimError::NoText(value.kind())),
    }
}

fn audience_of(claims: &Members) -> Result<Vec<&str>, ClaimError> {
    const WRONG: ClaimError = ClaimError::NoAudience;
    match member(claims, "aud") {
        None => Ok(Vec::new()),
        Some(Json::Text(one)) => Ok(vec![one]),
        Some(Json::List(items)) => items.iter().map(|item| item.text().ok_or(WRONG)).collect(),
        Some(Json::Null | Json::Bool(_) | Json::Number(_) | Json::Object(_)) => Err(WRONG),
    }
}

/// Whole seconds since 1970.
struct Times {
    expires: Option<i64>,
    begins: Option<i64>,
    issued: Option<i64>,
}

impl Times {
    fn read(claims: &Members) -> Result<Self, ClaimError> {
        let time = |name| match member(claims, name) {
            None => Ok(None),
            // A fraction is cut off; what no clock can show is no time.
            Some(Json::Number(seconds)) => {
                text::integer(seconds.trunc()).map(Some).ok_or(ClaimError::NoTime)
            },
            Some(_) => Err(ClaimError::NoTime),
        };
        Ok(Self { expires: time("exp")?, begins: time("nbf")?, issued: time("iat")? })
    }

    fn check(&self, now: Duration, leeway: Duration) -> Result<(), ClaimError> {
        let nanos = |time: Duration| i128::try_from(time.as_nanos()).unwrap_or(i128::MAX);
        let at = |seconds: i64| i128::from(seconds) * 1_000_000_000;
        let (now, leeway) = (nanos(now), nanos(leeway));
        if self.begins.is_some_and(|begins| now + leeway < at(begins)) {
            return Err(ClaimError::NotYet);
        }
        if self.expires.is_some_and(|expires| now - leeway > at(expires)) {
            return Err(ClaimError::Expired);
        }
        if self.issued.is_some_and(|issued| now + leeway < at(issued)) {
            return Err(ClaimError::FromTheFuture);
        }
        Ok(())
    }
}

impl Membership {
    /// Whether the claims hold what is wanted.
    pub(crate) fn holds(&self, claims: &Members) -> bool {
        let held: Vec<&str> = match find(claims, &self.path) {
            Some(Json::List(items)) => items.iter().filter_map(Json::text).collect(),
            Some(Json::Text(text)) => text.split(' ').collect(),
            _ => return false,
        };
        let mut wanted = self.wanted.iter();
        match self.how_many {
            HowMany::Any => wanted.any(|one| held.contains(&&**one)),
            HowMany::All => wanted.all(|one| held.contains(&&**one)),
        }
    }
}

/// The claim at the end of a way through objects.
pub(crate) fn find<'a>(claims: &'a Members, path: &[Box<str>]) -> Option<&'a Json> {
    let (last, way) = path.split_last()?;
    let mut at = claims;
    for name in way {
        at = member(at, name)?.members()?;
    }
    member(at, last)
}

/// A dotted name as a way, unless it begins as a URL does.
pub(crate) fn path_of(name: &str) -> Box<[Box<str>]> {
    if name.starts_with("http") { flat(name) } else { dotted(name) }
}

/// A name with dots as a way through objects.
pub(crate) fn dotted(name: &str) -> Box<[Box<str>]> {
    name.split('.').map(Into::into).collect()
}

/// A name as it stands.
pub(crate) fn flat(name: &str) -> Box<[Box<str>]> {
    [name.into()].into()
}

#[cfg(test)]
mod tests {
    use super::super::json::read;
    use super::*;

    fn claims(text: &str) -> Members {
        read(text.as_bytes()).unwrap().members().unwrap().clone()
    }

    const NOW: Duration = Duration::from_millis(1_000_500);

    #[track_caller]
    fn check(rules: &Rules, text: &str, expected: Result<(), ClaimError>) {
        assert_eq!(validate(rules, &claims(text), NOW), expected, "{text}");
    }

    #[test]
    fn times_are_numbers_and_the_leeway_counts_on_both_ends() {
        let rules = Rules { leeway: Duration::from_secs(1), ..Rules::default() };
        check(&rules, "{}", Ok(()));
        check(&rules, r#"{"exp":1000}"#, Ok(()));
        check(&rules, r#"{"exp":999.9}"#, Err(ClaimError::Expired));
        check(&rules, r#"{"exp":1000.9,"nbf":1001,"iat":1001}"#, Ok(()));
        check(&rules, r#"{"nbf":1002}"#, Err(ClaimError::NotYet));
        check(&rules, r#"{"iat":1002}"#, Err(ClaimError::FromTheFuture));
        check(&rules, r#"{"exp":41024448000000}"#, Ok(()));
        for value in ["null", "\"2000\"", "true", "[2000]", "{}", "1e300", "-1e300", "1e19"] {
            for name in ["exp", "nbf", "iat"] {
                check(&rules, &format!(r#"{{"{name}":{value}}}"#), Err(ClaimError::NoTime));
            }
        }
    }

    #[test]
    fn the_issuer_is_exact_and_every_audience_must_be_there() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        let rules = Rules { issuer: "i".into(), audience: names(&["a", "b"]), ..Rules::default() };
        check(&rules, r#"{"iss":"i","aud":["b","c","a"]}"#, Ok(()));
        check(&rules, r#"{"iss":"i","aud":"a"}"#, Err(ClaimError::Audience));
        check(&rules, r#"{"iss":"i"}"#, Err(ClaimError::Audience));
        check(&rules, r#"{"iss":"I","aud":["a","b"]}"#, Err(ClaimError::Issuer));
        check(&rules, r#"{"aud":["a","b"]}"#, Err(ClaimError::Issuer));
        check(&Rules::default(), r#"{"aud":null}"#, Err(ClaimError::NoAudience));
        check(&Rules::default(), r#"{"aud":["a",1]}"#, Err(ClaimError::NoAudience));
        check(&Rules::default(), r#"{"iss":null,"sub":null,"jti":null}"#, Ok(()));
        check(&Rules::default(), r#"{"sub":5}"#, Err(ClaimError::NoText("number")));
    }

    #[test]
    fn roles_and_scopes_are_lists_or_words_and_what_is_no_text_is_neither() {
        let holds = |path: &str, wanted: &[&str], how_many, text: &str| {
            let wanted = wanted.iter().map(|one| (*one).into()).collect();
            Membership { path: path_of(path), wanted, how_many }.holds(&claims(text))
        };
        let any = |path: &str, wanted: &[&str], text: &str| holds(path, wanted, HowMany::Any, text);
        assert!(any("r", &["a", "b"], r#"{"r":["c","b"]}"#));
        assert!(any("r", &["b"], r#"{"r":"a  b"}"#));
        assert!(!any("r", &["b"], r#"{"r":"a,b"}"#));
        assert!(any("r", &["b"], r#"{"r":[5,null,"b"]}"#));
        assert!(!any("r", &["5"], r#"{"r":[5]}"#));
        assert!(any("realm.roles", &["x"], r#"{"realm":{"roles":["x"]}}"#));
        assert!(!any("realm.roles", &["x"], r#"{"realm.roles":["x"]}"#));
        assert!(any("http://c/x.y", &["x"], r#"{"http://c/x.y":"x"}"#));
        for value in ["5", "true", "null", "{}", "[]", "\"\""] {
            assert!(!any("r", &["a"], &format!(r#"{{"r":{value}}}"#)), "{value}");
        }
        assert!(holds("s", &["a", "b"], HowMany::All, r#"{"s":"b a c"}"#));
        assert!(!holds("s", &["a", "b"], HowMany::All, r#"{"s":["a"]}"#));
    }
}
