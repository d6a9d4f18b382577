//! Data to the client's body.
//!
//! One file per renderer, one line each in the tables below ([`OutputEncoding::of`], [`render`]).
//! All of it is pure. `no-op` never comes here: its bodies are streams.

mod error_details;
mod escape;
mod go_number;
mod go_text;
mod json;
mod negotiate;
mod static_json;
mod string;
mod tree;
mod xml;
mod yaml;

use bytes::Bytes;

use baton_shared::config::model::EndpointConfig;

use crate::decode::Data;

pub use error_details::error_details;
pub(crate) use escape::plain as json_string;
pub(crate) use escape::quoted as json_respelled;
pub(crate) use escape::text as json_text;
pub(crate) use go_number::{float64, shortest};
pub(crate) use go_text::go_text;
pub(crate) use json::object as json_object;
pub(crate) use json::value as json_value;
pub(crate) use json::with_tokens as json_with_tokens;
pub use static_json::{Integers, static_json};

/// An endpoint's `output_encoding`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutputEncoding {
    /// `json`: the object.
    Json,
    /// `json-collection`: what stands under `collection`.
    JsonCollection,
    /// `string`: the text that stands under `content`.
    String,
    /// `xml`: as `mxj` writes it.
    Xml,
    /// `yaml`: as `goccy/go-yaml` writes it.
    Yaml,
    /// `negotiate`: by the request's `Accept`.
    Negotiate,
    /// `no-op`: the backend's answer, streamed.
    NoOp,
}

/// A body and its `Content-Type`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rendered {
    /// Value of the field.
    pub content_type: &'static str,
    /// The body.
    pub body: Bytes,
}

const JSON: &str = "application/json; charset=utf-8";
const XML: &str = "application/xml";
const YAML: &str = "application/yaml; charset=utf-8";
const TEXT: &str = "text/plain; charset=utf-8";

impl OutputEncoding {
    /// Compiles `output_encoding`. An unknown name means the `encoding` of the only backend as it is
    /// written, read as the name of a renderer; failing that `json`.
    #[must_use]
    pub fn compile(endpoint: &EndpointConfig) -> Self {
        let fallback = match endpoint.backend.as_slice() {
            [only] => Self::of(&only.encoding_written),
            _ => None,
        };
        Self::of(&endpoint.output_encoding).or(fallback).unwrap_or(Self::Json)
    }

    /// Every `Content-Type` that it can give, so that field lines can be written at start.
    #[must_use]
    pub const fn content_types(self) -> &'static [&'static str] {
        match self {
            Self::Json | Self::JsonCollection => &[JSON],
            Self::Xml => &[XML],
            Self::Yaml => &[YAML],
            Self::Negotiate => &[JSON, XML, YAML],
            Self::String => &[TEXT],
            Self::NoOp => &[],
        }
    }

    /// The renderer of this name, if KrakenD has one.
    fn of(name: &str) -> Option<Self> {
        match name {
            "json" => Some(Self::Json),
            "json-collection" => Some(Self::JsonCollection),
            "string" => Some(Self::String),
            "negotiate" => Some(Self::Negotiate),
            "no-op" => Some(Self::NoOp),
            "xml" => Some(Self::Xml),
            "yaml" => Some(Self::Yaml),
            _ => None,
        }
    }
}

/// Writes data as a client's body. `accept` is the first `Accept` line of the request; only
/// `negotiate` reads it.
#[must_use]
pub fn render(encoding: OutputEncoding, data: &Data, accept: Option<&[u8]>) -> Rendered {
    match encoding {
        OutputEncoding::Negotiate => {
            let chosen = match negotiate::choose(accept.unwrap_or_default()) {
                negotiate::Offer::Xml => OutputEncoding::Xml,
                negotiate::Offer::Yaml => OutputEncoding::Yaml,
                negotiate::Offer::Json => OutputEncoding::Json,
            };
            render(chosen, data, None)
        },
        OutputEncoding::Yaml => Rendered { content_type: YAML, body: yaml::document(data) },
        OutputEncoding::Xml => Rendered { content_type: XML, body: xml::document(data) },
        OutputEncoding::JsonCollection => {
            Rendered { content_type: JSON, body: json::collection(data) }
        },
        OutputEncoding::String => Rendered { content_type: TEXT, body: string::content(data) },
        OutputEncoding::Json | OutputEncoding::NoOp => {
            Rendered { content_type: JSON, body: json::object(data) }
        },
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::config::model::BackendConfig;

    use super::*;

    #[track_caller]
    fn check(output: &str, backends: &[&str], expected: OutputEncoding) {
        let backend = |encoding: &&str| BackendConfig {
            encoding_written: (*encoding).to_owned(),
            ..BackendConfig::default()
        };
        let endpoint = EndpointConfig {
            output_encoding: output.to_owned(),
            backend: backends.iter().map(backend).collect(),
            ..EndpointConfig::default()
        };
        assert_eq!(OutputEncoding::compile(&endpoint), expected, "{output:?} of {backends:?}");
    }

    #[test]
    fn an_unknown_name_falls_back_to_the_only_backends_encoding() {
        check("nope", &["string"], OutputEncoding::String);
        check("JSON", &["string"], OutputEncoding::String);
        check("nope", &["safejson"], OutputEncoding::Json);
        check("nope", &["String"], OutputEncoding::Json);
        check("nope", &[""], OutputEncoding::Json);
        check("nope", &["string", "string"], OutputEncoding::Json);
        check("nope", &["xml"], OutputEncoding::Xml);
        check("nope", &["yaml"], OutputEncoding::Yaml);
        check("nope", &["rss"], OutputEncoding::Json);
        check("fast-json", &["json"], OutputEncoding::Json);
    }

    #[test]
    fn a_known_name_is_what_it_says() {
        check("json", &["string"], OutputEncoding::Json);
        check("json-collection", &["json"], OutputEncoding::JsonCollection);
        check("negotiate", &["json"], OutputEncoding::Negotiate);
        check("no-op", &["no-op"], OutputEncoding::NoOp);
    }

    #[test]
    fn a_null_where_an_object_or_a_list_was_to_be_is_empty_but_in_json() {
        let check = |set: fn(&mut BackendConfig), json: &str, yaml: &str, xml: &str| {
            let data = crate::decode::tests::decode(set, "null").unwrap();
            let encodings = [OutputEncoding::Json, OutputEncoding::Yaml, OutputEncoding::Xml];
            for (encoding, expected) in encodings.into_iter().zip([json, yaml, xml]) {
                assert_eq!(render(encoding, &data, None).body, expected, "{encoding:?}");
            }
        };
        check(|_| {}, "null", "{}\n", "<doc/>");
        check(|backend| backend.group = "g".to_owned(), r#"{"g":null}"#, "g: {}\n", "<g/>");
        let list = r#"{"collection":null}"#;
        check(|backend| backend.is_collection = true, list, "collection: []\n", "<collection/>");
    }

    #[test]
    fn negotiate_writes_what_is_asked_for() {
        let data = crate::decode::tests::decode(|_| {}, r#"{"a":1}"#).unwrap();
        let check = |accept: Option<&str>, content_type: &str, body: &str| {
            let accept = accept.map(str::as_bytes);
            let rendered = render(OutputEncoding::Negotiate, &data, accept);
            assert_eq!((rendered.content_type, &*rendered.body), (content_type, body.as_bytes()));
            assert!(OutputEncoding::Negotiate.content_types().contains(&content_type));
        };
        check(None, JSON, r#"{"a":1}"#);
        check(Some("application/xml"), XML, "<a>1</a>");
        check(Some("text/plain"), YAML, "a: \"1\"\n");
        check(Some("application/x-yaml"), YAML, "a: \"1\"\n");
    }
}
