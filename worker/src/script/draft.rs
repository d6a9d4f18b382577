//! A request and an answer as scripts change them: plain data, from which the gateway goes on.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use smallvec::SmallVec;

use super::item::Table;
use crate::backend::query::{QueryFilter, QueryState, pairs};
use crate::message::{FieldSpan, Head, Span};
use crate::route::{builtin, percent};

/// Header fields by their names in Go's canonical form.
pub(crate) type Fields = BTreeMap<String, Vec<Vec<u8>>>;

/// A request.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) method: String,
    pub(crate) path: Vec<u8>,
    /// Path and query, or the whole URL of a call; empty where it is not known yet.
    pub(crate) url: Vec<u8>,
    /// The encoded query.
    pub(crate) query: Vec<u8>,
    pub(crate) host: String,
    pub(crate) params: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
    pub(crate) body_is_new: bool,
    /// What the first look at a parameter saw.
    pub(super) looked_up: Option<Vec<u8>>,
}

/// An answer.
#[derive(Debug, Default)]
pub(crate) struct AnswerDraft {
    pub(crate) complete: bool,
    pub(crate) status: u16,
    pub(super) data: Table,
    pub(crate) fields: Fields,
    pub(crate) body: Bytes,
    pub(crate) body_is_new: bool,
}

/// A query as Go's `Values.Encode` writes it: sorted by name.
pub(crate) fn encoded(query: &[u8]) -> Vec<u8> {
    let mut target = Vec::new();
    QueryFilter::Everything.append(Some(query), QueryState::Absent, &mut target);
    if target.first() == Some(&b'?') { target.split_off(1) } else { target }
}

/// The first value of a parameter.
pub(super) fn first_value(query: &[u8], name: &[u8]) -> Vec<u8> {
    let pairs = pairs(query);
    let found = pairs.iter().find(|(found, _)| **found == *name);
    found.map_or_else(Vec::new, |(_, value)| value.to_vec())
}

/// The query with this value in place of all others of the name.
pub(super) fn with_value(query: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut all = pairs(query);
    all.retain(|(found, _)| **found != *name);
    all.push((Cow::Borrowed(name), Cow::Borrowed(value)));
    let mut text = Vec::new();
    for (name, value) in &all {
        if !text.is_empty() {
            text.push(b'&');
        }
        percent::escape_query(name, &mut text);
        text.push(b'=');
        percent::escape_query(value, &mut text);
    }
    encoded(&text)
}

/// A name in Go's canonical form; what is no name stays.
pub(super) fn canonical(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name).into_owned();
    if HeaderName::from_bytes(name.as_bytes()).is_ok() { builtin::canonical(&name) } else { name }
}

/// The fields of a client's request.
pub(crate) fn fields_of_head(head: &Head) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in head.fields() {
        if !name.eq_ignore_ascii_case("host") {
            fields.entry(builtin::canonical(name)).or_default().push(value.to_vec());
        }
    }
    fields
}

/// The fields of a map.
pub(crate) fn fields_of_map(map: &HeaderMap) -> Fields {
    let mut fields = Fields::new();
    for (name, value) in map {
        fields.entry(builtin::canonical(name.as_str())).or_default().push(value.as_bytes().into());
    }
    fields
}

/// Fields as a map; what cannot be sent is left out.
pub(crate) fn map_of_fields(fields: &Fields) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, values) in fields {
        let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { continue };
        for value in values {
            if let Ok(value) = HeaderValue::from_bytes(value) {
                map.append(name.clone(), value);
            }
        }
    }
    map
}

impl Draft {
    /// The values of a parameter of the query.
    pub(crate) fn query_values(&self, name: &[u8]) -> Option<Vec<Vec<u8>>> {
        let pairs = pairs(&self.query);
        let found = pairs.iter().filter(|(found, _)| **found == *name);
        let values: Vec<Vec<u8>> = found.map(|(_, value)| value.to_vec()).collect();
        Some(values).filter(|values| !values.is_empty())
    }

    /// All parameters of the query.
    pub(crate) fn query_by_name(&self) -> BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
        let mut all = BTreeMap::<_, Vec<_>>::new();
        for (name, value) in pairs(&self.query) {
            all.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        all
    }

    /// A head that says what the draft does; `like` has what scripts do not see.
    pub(crate) fn to_head(&self, like: &Head) -> Head {
        let mut buffer = Vec::with_capacity(512);
        let mut place = |bytes: &[u8]| -> Span {
            let start = u32::try_from(buffer.len()).unwrap_or(u32::MAX);
            buffer.extend_from_slice(bytes);
            start..u32::try_from(buffer.len()).unwrap_or(u32::MAX)
        };
        let path = place(like.path());
        let query = (!self.query.is_empty()).then(|| place(&self.query));
        let is_host = HeaderValue::from_str(&self.host).is_ok();
        let host = place(if is_host { self.host.as_bytes() } else { like.host().as_bytes() });
        let mut fields: SmallVec<[FieldSpan; 16]> = SmallVec::new();
        for (name, value) in &map_of_fields(&self.fields) {
            let name = place(builtin::canonical(name.as_str()).as_bytes());
            fields.push(FieldSpan { name, value: place(value.as_bytes()) });
        }
        let method = Method::from_bytes(self.method.as_bytes());
        Head {
            buffer: buffer.into(),
            method: method.unwrap_or_else(|_invalid| like.method().clone()),
            version: like.version(),
            path,
            query,
            host,
            fields,
        }
    }
}
