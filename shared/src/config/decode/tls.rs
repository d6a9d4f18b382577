//! `tls` and `client_tls`.

use super::{Faults, Fields, Place};
use crate::config::node::Node;
use crate::config::tls::{ClientCertificate, ClientTls, KeyPair, Tls};

/// `tls`. `None`: `null`, or a fault was noted.
pub(super) fn server(node: &Node, place: &Place, faults: &mut Faults) -> Option<Tls> {
    let mut f = Fields::of(node, place, faults)?;
    let disabled = f.boolean("disabled", faults);
    let older = KeyPair {
        public_key: f.text("public_key", faults),
        private_key: f.text("private_key", faults),
    };
    let mut tls = Tls {
        disabled,
        ca_certs: f.texts("ca_certs", faults),
        min_version: f.text("min_version", faults),
        max_version: f.text("max_version", faults),
        curve_preferences: f.numbers("curve_preferences", faults),
        prefer_server_cipher_suites: f.boolean("prefer_server_cipher_suites", faults),
        cipher_suites: f.numbers("cipher_suites", faults),
        enable_mtls: f.boolean("enable_mtls", faults),
        disable_system_ca_pool: f.boolean("disable_system_ca_pool", faults),
        keys: f.get("keys").map(|(n, p)| faults.list(n, &p, key_pair)).unwrap_or_default(),
        older_keys: KeyPair::default(),
    };
    if !older.public_key.is_empty() || !older.private_key.is_empty() {
        tls.keys.push(older.clone());
    }
    tls.older_keys = older;
    f.finish(faults);
    Some(tls)
}

fn key_pair(faults: &mut Faults, node: &Node, place: &Place) -> KeyPair {
    let Some(mut f) = Fields::of(node, place, faults) else { return KeyPair::default() };
    let pair = KeyPair {
        public_key: f.text("public_key", faults),
        private_key: f.text("private_key", faults),
    };
    f.finish(faults);
    pair
}

/// `client_tls`. `None`: `null`, or a fault was noted.
pub(super) fn client(node: &Node, place: &Place, faults: &mut Faults) -> Option<ClientTls> {
    let mut f = Fields::of(node, place, faults)?;
    let tls = ClientTls {
        allow_insecure_connections: f.boolean("allow_insecure_connections", faults),
        ca_certs: f.texts("ca_certs", faults),
        disable_system_ca_pool: f.boolean("disable_system_ca_pool", faults),
        min_version: f.text("min_version", faults),
        max_version: f.text("max_version", faults),
        curve_preferences: f.numbers("curve_preferences", faults),
        cipher_suites: f.numbers("cipher_suites", faults),
        client_certs: f
            .get("client_certs")
            .map(|(n, p)| faults.list(n, &p, certificate))
            .unwrap_or_default(),
    };
    f.finish(faults);
    Some(tls)
}

fn certificate(faults: &mut Faults, node: &Node, place: &Place) -> ClientCertificate {
    let Some(mut f) = Fields::of(node, place, faults) else { return ClientCertificate::default() };
    let certificate = ClientCertificate {
        certificate: f.text("certificate", faults),
        private_key: f.text("private_key", faults),
    };
    f.finish(faults);
    certificate
}
