//! What a token server says: a token, or why there is none, in the words of Go's `oauth2`.

use std::time::Duration;

use baton_shared::words::Monotonic;
use http::{HeaderValue, StatusCode};
use percent_encoding::percent_decode;

use super::{Token, TokenError};
use crate::guards::jwt::integer;
use crate::guards::jwt::json::{self, Json};

/// A token is renewed so long before its end.
const EARLY: Duration = Duration::from_secs(10);
/// The longest life that is believed, in seconds: an `int32`.
const LIFE_MAX: i64 = 2_147_483_647;

/// What of an answer counts.
#[derive(Debug, Default)]
struct Said {
    access_token: String,
    token_type: String,
    expires_in: i64,
    error: [String; 3],
}

/// A token out of an answer.
pub(super) fn understood(
    status: StatusCode,
    content_type: Option<&HeaderValue>,
    body: &[u8],
) -> Result<Token, TokenError> {
    let media = content_type.map_or(b"".as_slice(), HeaderValue::as_bytes);
    let media = media.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is_form = [b"application/x-www-form-urlencoded".as_slice(), b"text/plain"]
        .iter()
        .any(|form| media.eq_ignore_ascii_case(form));
    let said = if is_form { Ok(of_form(body)) } else { of_json(body) };
    let refused = || TokenError::Status { status, body: String::from_utf8_lossy(body).into() };
    let said = match said {
        Ok(said) => said,
        Err(_unread) if !status.is_success() => return Err(refused()),
        Err(why) => return Err(TokenError::Json(why)),
    };
    let [code, ..] = &said.error;
    if !code.is_empty() {
        let texts = said.error.into_iter().filter(|text| !text.is_empty());
        return Err(TokenError::Refused(texts.collect()));
    }
    if !status.is_success() {
        return Err(refused());
    }
    if said.access_token.is_empty() {
        return Err(TokenError::Missing);
    }
    let kind = match said.token_type.to_lowercase().as_str() {
        "" | "bearer" => "Bearer",
        "mac" => "MAC",
        "basic" => "Basic",
        _ => &said.token_type,
    };
    let mut value = HeaderValue::try_from(format!("{kind} {}", said.access_token))
        .map_err(|_unsendable| TokenError::Unsendable)?;
    value.set_sensitive(true);
    let life = u64::try_from(said.expires_in.min(LIFE_MAX)).ok();
    let ends = life
        .filter(|seconds| *seconds > 0)
        .map(|seconds| Monotonic::now().after(Duration::from_secs(seconds).saturating_sub(EARLY)));
    Ok(Token { value, ends })
}

fn of_form(body: &[u8]) -> Said {
    let plain = |text: &[u8]| {
        let text: Vec<u8> =
            text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
        percent_decode(&text).decode_utf8_lossy().into_owned()
    };
    let get = |wanted: &str| {
        let pairs = body.split(|byte| *byte == b'&');
        let mut pairs = pairs.map(|pair| {
            let mut halves = pair.splitn(2, |byte| *byte == b'=');
            (plain(halves.next().unwrap_or_default()), plain(halves.next().unwrap_or_default()))
        });
        pairs.find(|(name, _)| name == wanted).map(|(_, value)| value).unwrap_or_default()
    };
    Said {
        access_token: get("access_token"),
        token_type: get("token_type"),
        expires_in: get("expires_in").parse().unwrap_or(0),
        error: [get("error"), get("error_description"), get("error_uri")],
    }
}

fn of_json(body: &[u8]) -> Result<Said, String> {
    let whole = json::read(body).map_err(|error| error.to_string())?;
    let none = json::Members::new();
    let members = match &whole {
        Json::Object(members) => members,
        Json::Null => &none,
        _ => return Err("it is no object".to_owned()),
    };
    let text = |name: &str| match json::member(members, name) {
        None | Some(Json::Null) => Ok(String::new()),
        Some(Json::Text(text)) => Ok(text.as_ref().to_owned()),
        Some(_) => Err(format!("`{name}` is no text")),
    };
    let seconds = match json::member(members, "expires_in") {
        None | Some(Json::Null) => Some(0),
        Some(Json::Number(seconds)) if seconds.fract() == 0.0 => integer(*seconds),
        Some(Json::Text(text)) => text.parse().ok(),
        Some(_) => None,
    };
    Ok(Said {
        access_token: text("access_token")?,
        token_type: text("token_type")?,
        expires_in: seconds.ok_or("`expires_in` is no whole number")?,
        error: [text("error")?, text("error_description")?, text("error_uri")?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, content_type: &'static str, body: &str) -> String {
        let content_type = HeaderValue::from_static(content_type);
        match understood(
            StatusCode::from_u16(status).unwrap(),
            Some(&content_type),
            body.as_bytes(),
        ) {
            Ok(token) => {
                let value = token.value.to_str().unwrap().to_owned();
                let ends = token.ends.map(|ends| ends.since(Monotonic::now()).as_secs());
                format!("{value} {ends:?}")
            },
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn an_answer_is_a_token_or_the_error_that_go_tells() {
        let json = |status, body: &str| said(status, "application/json", body);
        assert_eq!(json(200, r#"{"access_token":"T"}"#), "Bearer T None");
        assert_eq!(
            json(201, r#"{"access_token":"T","token_type":"mac","expires_in":0}"#),
            "MAC T None"
        );
        assert_eq!(
            json(200, r#"{"access_token":"T","token_type":"DPoP","expires_in":5}"#),
            "DPoP T Some(0)"
        );
        assert!(
            json(200, r#"{"access_token":"T","expires_in":"3600"}"#)
                .starts_with("Bearer T Some(35")
        );
        assert!(
            json(200, r#"{"access_token":"T","expires_in":1e15}"#)
                .starts_with("Bearer T Some(2147")
        );
        assert_eq!(json(200, r#"{"error":"e"}"#), r#"oauth2: "e""#);
        assert_eq!(
            json(400, r#"{"error":"e","error_description":"d\"","error_uri":"u"}"#),
            r#"oauth2: "e" "d\"" "u""#
        );
        assert_eq!(json(401, "no"), "oauth2: cannot fetch token: 401 Unauthorized\nResponse: no");
        assert_eq!(json(401, "{}"), "oauth2: cannot fetch token: 401 Unauthorized\nResponse: {}");
        assert_eq!(json(200, "{}"), "oauth2: server response missing access_token");
        assert_eq!(json(200, "null"), "oauth2: server response missing access_token");
        for body in
            ["no", "[]", r#"{"access_token":5}"#, r#"{"access_token":"T","expires_in":1.5}"#]
        {
            assert!(json(200, body).starts_with("oauth2: cannot parse json: "), "{body}");
        }
        assert_eq!(
            said(200, "text/plain; x", "access_token=a%2Bb&token_type=bearer"),
            "Bearer a+b None"
        );
        assert_eq!(
            json(200, r#"{"access_token":"a\r\nX: 1"}"#),
            "oauth2: the token is no value of a header field"
        );
    }
}
