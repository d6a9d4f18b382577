//! `http_response`: a call that a script makes. The script pauses, and others run meanwhile.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use mlua::{Lua, Value};

use super::{Args, Functions, NEED_ARGUMENTS, Outcome, list_of_texts, text, userdata};
use crate::script::draft::canonical;

/// What a script wants to have called.
pub(in crate::script) struct Ask {
    pub(in crate::script) method: Method,
    pub(in crate::script) url: String,
    pub(in crate::script) headers: HeaderMap,
    pub(in crate::script) body: Bytes,
}

/// The answer; none: it was closed.
pub(in crate::script) struct ResponseObject(pub(in crate::script) Option<Answer>);

#[derive(Debug)]
pub(in crate::script) struct Answer {
    pub(in crate::script) status: StatusCode,
    pub(in crate::script) headers: HeaderMap,
    pub(in crate::script) body: Bytes,
}

const CLOSED: &str = "the response is closed";

/// `http_response.new(url)`, `(url, method, body)`, `(url, method, body, headers)`.
pub(super) fn ask(lua: &Lua, args: &Args) -> Outcome {
    if args.len() == 0 || args.len() == 2 {
        return Err("need 1, 3 or 4 arguments".to_owned());
    }
    let url = String::from_utf8_lossy(&args.text(lua, 1)?).into_owned();
    let mut ask = Ask { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new() };
    if args.len() > 1 {
        let method = args.text(lua, 2)?;
        ask.method = Method::from_bytes(&method).map_err(|_invalid| {
            format!("net/http: invalid method {:?}", String::from_utf8_lossy(&method))
        })?;
        ask.body = args.text(lua, 3)?.into();
    }
    if let Value::Table(table) = args.value(4) {
        for pair in table.pairs::<Value, Value>() {
            let Ok((name, value)) = pair else { continue };
            match value {
                Value::Table(values) => {
                    for value in values.sequence_values::<Value>().flatten() {
                        add(lua, &mut ask.headers, &name, value);
                    }
                },
                Value::String(_) => add(lua, &mut ask.headers, &name, value),
                _ => {},
            }
        }
    }
    Ok(vec![userdata(lua, ask)?])
}

fn add(lua: &Lua, headers: &mut HeaderMap, name: &Value, value: Value) {
    let text = |value| lua.coerce_string(value).ok().flatten();
    let (Some(name), Some(value)) = (text(name.clone()), text(value)) else { return };
    if let Ok(name) = HeaderName::from_bytes(&name.as_bytes())
        && let Ok(value) = HeaderValue::from_bytes(&value.as_bytes())
    {
        headers.append(name, value);
    }
}

pub(super) const RESPONSE: Functions = &[
    ("statusCode", |_, args| {
        let answer = args.object::<ResponseObject>()?;
        let status = answer.0.as_ref().ok_or(CLOSED)?.status.as_u16();
        Ok(vec![Value::Number(f64::from(status))])
    }),
    ("headers", |lua, args| {
        let values = values(lua, args)?;
        Ok(vec![text(lua, values.first().map(Vec::as_slice).unwrap_or_default())?])
    }),
    ("headerList", |lua, args| Ok(vec![list_of_texts(lua, &values(lua, args)?)?])),
    ("body", |lua, args| {
        let answer = args.object::<ResponseObject>()?;
        Ok(vec![text(lua, &answer.0.as_ref().ok_or(CLOSED)?.body)?])
    }),
    ("close", |_, args| {
        args.object_mut::<ResponseObject>()?.0 = None;
        Ok(Vec::new())
    }),
];

fn values(lua: &Lua, args: &Args) -> Result<Vec<Vec<u8>>, String> {
    let answer = args.object::<ResponseObject>()?;
    let answer = answer.0.as_ref().ok_or(CLOSED)?;
    if args.len() != 2 {
        return Err(NEED_ARGUMENTS.to_owned());
    }
    let found = answer.headers.get_all(canonical(&args.text(lua, 2)?).as_str());
    Ok(found.iter().map(|value| value.as_bytes().to_vec()).collect())
}
