//! What the tests of this room share: a backend's keys in, JSON out.

use baton_shared::config::model::BackendConfig;
use bytes::Bytes;

use super::{Data, DecodeError, Decoder};
use crate::encode::{OutputEncoding, render};

/// A backend of which only what matters for decoding is set.
pub(crate) fn backend(set: impl FnOnce(&mut BackendConfig)) -> BackendConfig {
    let encoding = "json".to_owned();
    let mut backend = BackendConfig { encoding, ..BackendConfig::default() };
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
