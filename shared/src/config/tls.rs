//! `tls` and `client_tls`, decoded; the files that they name are not read here.

/// `tls`: HTTPS towards clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a key of the file")]
pub struct Tls {
    /// `disabled` (default: false): the whole block is off.
    pub disabled: bool,
    /// `keys`, then the older `public_key` and `private_key`, when they are set.
    pub keys: Vec<KeyPair>,
    /// The older `public_key` and `private_key` by themselves.
    pub older_keys: KeyPair,
    /// `ca_certs`: files.
    pub ca_certs: Vec<String>,
    /// `min_version` (default: TLS13; also when unknown).
    pub min_version: String,
    /// `max_version` (default: TLS13; also when unknown).
    pub max_version: String,
    /// `curve_preferences` (default: P-521, P-384, P-256), IANA numbers.
    pub curve_preferences: Vec<u16>,
    /// `prefer_server_cipher_suites`: without effect in KrakenD too.
    pub prefer_server_cipher_suites: bool,
    /// `cipher_suites`, IANA numbers.
    pub cipher_suites: Vec<u16>,
    /// `enable_mtls` (default: false): a client certificate is required.
    pub enable_mtls: bool,
    /// `disable_system_ca_pool` (default: false).
    pub disable_system_ca_pool: bool,
}

/// Files of a certificate and its key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyPair {
    /// `public_key`.
    pub public_key: String,
    /// `private_key`.
    pub private_key: String,
}

/// `client_tls`: TLS towards backends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientTls {
    /// `allow_insecure_connections` (default: false): certificates are not checked.
    pub allow_insecure_connections: bool,
    /// `ca_certs`: files.
    pub ca_certs: Vec<String>,
    /// `disable_system_ca_pool` (default: false).
    pub disable_system_ca_pool: bool,
    /// `min_version` (default: TLS13).
    pub min_version: String,
    /// `max_version` (default: TLS13).
    pub max_version: String,
    /// `curve_preferences`, IANA numbers.
    pub curve_preferences: Vec<u16>,
    /// `cipher_suites`, IANA numbers.
    pub cipher_suites: Vec<u16>,
    /// `client_certs`.
    pub client_certs: Vec<ClientCertificate>,
}

/// Files of a certificate that is shown to backends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClientCertificate {
    /// `certificate`.
    pub certificate: String,
    /// `private_key`.
    pub private_key: String,
}
