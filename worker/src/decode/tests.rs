//! What the tests of this room share: a backend's keys in, JSON out.

use baton_shared::config::model::{BackendConfig, ExtraConfig};
use baton_shared::words::JsonPointer;
use bytes::Bytes;

use super::{Data, DecodeError, Decoder};
use crate::encode::{OutputEncoding, render};

/// A backend of which only what matters for decoding is set.
pub(crate) fn backend(set: impl FnOnce(&mut BackendConfig)) -> BackendConfig {
    let mut backend = BackendConfig {
        at: JsonPointer::default(),
        url_pattern: "/".to_owned(),
        host: Vec::new(),
        method: "GET".to_owned(),
        encoding: "json".to_owned(),
        is_collection: false,
        target: String::new(),
        allow: Vec::new(),
        deny: Vec::new(),
        mapping: std::collections::BTreeMap::new(),
        group: String::new(),
        sd: String::new(),
        sd_scheme: String::new(),
        disable_host_sanitize: false,
        input_headers: Vec::new(),
        input_query_strings: Vec::new(),
        extra_config: ExtraConfig::default(),
        baton: None,
    };
    set(&mut backend);
    backend
}

/// Decodes `body` for a backend.
pub(crate) fn decode(
    set: impl FnOnce(&mut BackendConfig),
    body: impl AsRef<[u8]>,
) -> Result<Data, DecodeError> {
    let decoder = Decoder::compile(&backend(set)).unwrap();
    decoder.decode(Bytes::copy_from_slice(body.as_ref()))
}

/// Data as `json` shows it.
pub(crate) fn json(data: &Data) -> String {
    let rendered = render(OutputEncoding::Json, data, None);
    String::from_utf8(rendered.body.to_vec()).unwrap()
}
