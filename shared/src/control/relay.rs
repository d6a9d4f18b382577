//! A link on its way to the worker that serves: what a [`Record`](super::record::Record) says besides,
//! when the client's own transport stays in an older worker.
//!
//! The descriptor of such a record is one end of a pair of local sockets, and HTTP/1.1 is spoken on
//! it, whatever the client speaks. What the client's transport proved is told here, once per link.

use super::input::Input;

/// What is known of the client at the other end of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RelayRecord {
    /// What the client speaks.
    pub protocol: Protocol,
    /// What its handshake gave; none: it came in clear text.
    pub tls: Option<TlsFacts>,
}

/// What a client speaks whose requests come over a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1: the link carries the client's own bytes. It shall leave after its next answer.
    Http1,
    /// HTTP/2: each stream is a request on a link.
    Http2,
}

/// What the handshake of a TLS connection gave. Numbers are those of the protocol (RFC 8446).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsFacts {
    /// The version.
    pub version: u16,
    /// The cipher suite.
    pub suite: u16,
    /// The name that the client asked for (SNI); empty: none.
    pub server_name: String,
    /// The client's own certificate, verified (DER); empty: none. At most [`CERTIFICATE_BYTES_MAX`].
    pub certificate: Vec<u8>,
}

/// A longer certificate does not travel: whoever verifies clients refuses it at the handshake.
pub const CERTIFICATE_BYTES_MAX: usize = 16 * 1024;

impl RelayRecord {
    pub(super) fn encoded_bytes(&self) -> usize {
        let texts = |tls: &TlsFacts| 2 + 2 + 2 + tls.server_name.len() + 2 + tls.certificate.len();
        1 + 1 + self.tls.as_ref().map_or(0, texts)
    }

    pub(super) fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.protocol {
            Protocol::Http1 => 1,
            Protocol::Http2 => 2,
        });
        out.push(u8::from(self.tls.is_some()));
        if let Some(tls) = &self.tls {
            out.extend_from_slice(&tls.version.to_le_bytes());
            out.extend_from_slice(&tls.suite.to_le_bytes());
            put_text(out, tls.server_name.as_bytes());
            put_text(out, &tls.certificate);
        }
    }

    pub(super) fn decode(input: &mut Input<'_>) -> Option<Self> {
        let protocol = match input.byte()? {
            1 => Protocol::Http1,
            2 => Protocol::Http2,
            _ => return None,
        };
        let tls = match input.byte()? {
            0 => None,
            1 => Some(TlsFacts {
                version: input.u16()?,
                suite: input.u16()?,
                server_name: String::from_utf8(input.short_piece()?.to_vec()).ok()?,
                certificate: input.short_piece()?.to_vec(),
            }),
            _ => return None,
        };
        Some(Self { protocol, tls })
    }
}

/// Names and certificates are bounded where they come from; what is longer does not travel.
fn put_text(out: &mut Vec<u8>, text: &[u8]) {
    let length = u16::try_from(text.len()).unwrap_or(0);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.get(..usize::from(length)).unwrap_or_default());
}
