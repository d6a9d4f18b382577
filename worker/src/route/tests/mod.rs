//! The router as its users see it: a request in, a line out.

mod random;
mod recorded;

use bytes::Bytes;
use http::Method;

use crate::message::{FieldSpan, Head, Span, Version};

use super::{Asked, Miss, Route, Router, RouterFlags, Rules};

/// A head as the connection makes it: `GET /a?x=1` with `Host: gw.test` and these fields.
pub(crate) fn head(request: &str, fields: &[(&str, &str)]) -> Head {
    let mut buffer = Vec::new();
    let mut put = |text: &str| -> Span {
        let start = u32::try_from(buffer.len()).unwrap();
        buffer.extend_from_slice(text.as_bytes());
        start..u32::try_from(buffer.len()).unwrap()
    };
    let (method, target) = request.split_once(' ').unwrap();
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (put(path), Some(put(query))),
        None => (put(target), None),
    };
    let host = put("gw.test");
    let fields = [("Host", "gw.test")].iter().chain(fields);
    let fields = fields.map(|(name, value)| FieldSpan { name: put(name), value: put(value) });
    let fields = fields.collect();
    let method = method.parse().unwrap();
    let version = Version::Http11;
    Head { buffer: Bytes::from(buffer), method, version, path, query, host, fields }
}

fn rules() -> Rules {
    RouterFlags::default().rules()
}

/// Routes as `GET /a/:x`, after the health endpoint that comes first.
fn router(routes: &[&str], rules: Rules) -> Router<String> {
    let all = ["GET /__health"].iter().chain(routes).map(|route| {
        let (method, path) = route.split_once(' ').unwrap();
        Route { method: method.parse().unwrap(), path: path.to_owned(), value: path.to_owned() }
    });
    Router::build(all, rules).unwrap()
}

/// The outcome in a line: `200 /a/:x x=1`, `301 /a`, `405 GET`, `404`, `400 text`.
fn outcome(router: &Router<String>, request: &[u8], prefix: Option<&str>) -> String {
    let blank = request.iter().position(|byte| *byte == b' ').unwrap();
    let (method, target) = (&request[..blank], &request[blank + 1..]);
    let (path, query) = match target.iter().position(|byte| *byte == b'?') {
        Some(at) => (&target[..at], Some(&target[at + 1..])),
        None => (target, None),
    };
    let method = Method::from_bytes(method).unwrap();
    let forwarded_prefix = prefix.map(str::as_bytes);
    match router.find(&Asked { method: &method, path, query, forwarded_prefix }) {
        Ok(found) => {
            let values = (0..found.params.len()).map(|nth| found.params.value(nth).unwrap());
            let values = values.map(|value| format!(" {}", String::from_utf8_lossy(value)));
            format!("200 {}{}", found.value, values.collect::<String>())
        },
        Err(Miss::Redirect(redirect)) => {
            let target = String::from_utf8_lossy(&redirect.target).into_owned();
            format!("{} {target}", redirect.status.as_u16())
        },
        Err(Miss::MethodNotAllowed { allow }) => format!("405 {allow}"),
        Err(Miss::NotFound) => "404".to_owned(),
        Err(Miss::Refused { why, allow: None }) => format!("400 {why}"),
        Err(Miss::Refused { why, allow: Some(allow) }) => format!("400 {why}, 405 {allow}"),
        Err(Miss::ServerOptions) => "options".to_owned(),
    }
}
