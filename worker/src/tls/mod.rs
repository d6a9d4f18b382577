//! TLS: what the configuration asks for, as rustls has it.
//!
//! Compiled at start into two kinds of data: [`server`] is how clients are met, [`client`] how backends
//! are. [`offer`] says which versions, curves and suites · [`pem`] reads certificates and keys · [`roots`] is
//! whom one believes · [`trust`] checks certificates as Go does · [`pick`] chooses one by name · [`tickets`]
//! let sessions go on after a reload · [`session`] drives one connection · [`alert`] has Go's words.

pub(crate) mod session;
pub(crate) mod server;
pub(crate) mod client;
mod offer;
mod secp521r1;
pub(crate) mod pem;
pub(crate) mod roots;
mod certificate;
mod trust;
mod pick;
pub(crate) mod tickets;
pub(crate) mod alert;
#[cfg(test)]
mod tests;

use rustls::pki_types::UnixTime;

/// HTTP/2 as both ends agree on it in a handshake (RFC 7301).
pub(crate) const HTTP2: &[u8] = b"h2";

/// What can be spoken, the best first.
fn protocols() -> Vec<Vec<u8>> {
    vec![HTTP2.to_vec(), b"http/1.1".to_vec()]
}

/// Whether a certificate's time has not run out.
pub(crate) fn still_valid(certificate: &[u8]) -> bool {
    let now = UnixTime::now().as_secs();
    let claims = certificate::Claims::of(certificate);
    claims.is_some_and(|claims| i64::try_from(now).is_ok_and(|now| now <= claims.not_after))
}

/// Something that the configuration asks for and cannot be had; the start is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The key at fault, below the block.
    pub(crate) key: &'static str,
    pub(crate) text: String,
}

/// Something to say of the key of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Remark {
    pub(crate) key: &'static str,
    pub(crate) text: String,
}
