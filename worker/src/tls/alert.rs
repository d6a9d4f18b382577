//! Go's words for what goes wrong with TLS.

use std::fmt;
use std::io;

use rustls::pki_types::ServerName;
use rustls::{AlertDescription, CertificateError, Error};

/// An error of rustls as Go would tell it.
#[derive(Debug)]
pub struct TlsError(io::Error);

impl From<io::Error> for TlsError {
    fn from(error: io::Error) -> Self {
        Self(error)
    }
}

impl TlsError {
    /// The error of the protocol, if it is one.
    fn of_protocol(&self) -> Option<&Error> {
        self.0.get_ref()?.downcast_ref()
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.of_protocol() {
            Some(Error::AlertReceived(alert)) => {
                write!(f, "remote error: tls: {}", alert_text(*alert))
            },
            Some(Error::InvalidCertificate(error)) => {
                f.write_str("tls: failed to verify certificate: x509: ")?;
                certificate(error, f)
            },
            Some(Error::NoCertificatesPresented) => {
                f.write_str("tls: client didn't provide a certificate")
            },
            Some(Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                f.write_str("tls: first record does not look like a TLS handshake")
            },
            Some(Error::NoApplicationProtocol) => {
                f.write_str("tls: client requested unsupported application protocols")
            },
            Some(error) => write!(f, "tls: {error}"),
            None => match self.0.kind() {
                io::ErrorKind::UnexpectedEof => f.write_str("EOF"),
                io::ErrorKind::TimedOut => f.write_str("i/o timeout"),
                _ => write!(f, "{}", self.0),
            },
        }
    }
}

fn certificate(error: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        CertificateError::UnknownIssuer => f.write_str("certificate signed by unknown authority"),
        CertificateError::Expired
        | CertificateError::ExpiredContext { .. }
        | CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            f.write_str("certificate has expired or is not yet valid")
        },
        CertificateError::NotValidForNameContext { expected, presented } => {
            wrong_name(expected, presented, f)
        },
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
            f.write_str("certificate specifies an incompatible key usage")
        },
        CertificateError::BadEncoding => f.write_str("malformed certificate"),
        other => write!(f, "{other:?}"),
    }
}

/// `presented` are rustls's words for names: `DnsName("a.test")`, `IpAddress(127.0.0.1)`.
fn wrong_name(
    expected: &ServerName<'_>,
    presented: &[String],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let wanted = expected.to_str();
    let kind = match expected {
        ServerName::IpAddress(_) => "IpAddress(",
        _ => "DnsName(",
    };
    let bare = |name: &String| {
        let inside = name.strip_prefix(kind)?.strip_suffix(')')?;
        Some(inside.trim_matches('"').to_owned())
    };
    let names: Vec<String> = presented.iter().filter_map(bare).collect();
    match (names.is_empty(), expected) {
        (true, ServerName::IpAddress(_)) => write!(
            f,
            "cannot validate certificate for {wanted} because it doesn't contain any IP SANs"
        ),
        (true, _) => {
            write!(f, "certificate is not valid for any names, but wanted to match {wanted}")
        },
        (false, _) => write!(f, "certificate is valid for {}, not {wanted}", names.join(", ")),
    }
}

/// RFC 8446 §6 in Go's words.
fn alert_text(alert: AlertDescription) -> String {
    let text = match u8::from(alert) {
        0 => "close notify",
        10 => "unexpected message",
        20 => "bad record MAC",
        21 => "decryption failed",
        22 => "record overflow",
        30 => "decompression failure",
        40 => "handshake failure",
        42 => "bad certificate",
        43 => "unsupported certificate",
        44 => "revoked certificate",
        45 => "expired certificate",
        46 => "unknown certificate",
        47 => "illegal parameter",
        48 => "unknown certificate authority",
        49 => "access denied",
        50 => "error decoding message",
        51 => "error decrypting message",
        60 => "export restriction",
        70 => "protocol version not supported",
        71 => "insufficient security level",
        80 => "internal error",
        86 => "inappropriate fallback",
        90 => "user canceled",
        100 => "no renegotiation",
        109 => "missing extension",
        110 => "unsupported extension",
        111 => "certificate unobtainable",
        112 => "unrecognized name",
        113 => "bad certificate status response",
        114 => "bad certificate hash value",
        115 => "unknown PSK identity",
        116 => "certificate required",
        120 => "no application protocol",
        other => return format!("alert({other})"),
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(error: Error) -> String {
        TlsError(io::Error::new(io::ErrorKind::InvalidData, error)).to_string()
    }

    #[test]
    fn faults_are_told_as_go_tells_them() {
        assert_eq!(
            text(Error::AlertReceived(AlertDescription::HandshakeFailure)),
            "remote error: tls: handshake failure"
        );
        assert_eq!(
            text(CertificateError::UnknownIssuer.into()),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
        let wrong = |name: &'static str, presented: &[&str]| {
            text(
                CertificateError::NotValidForNameContext {
                    expected: ServerName::try_from(name).unwrap(),
                    presented: presented.iter().map(ToString::to_string).collect(),
                }
                .into(),
            )
        };
        assert!(
            wrong("b.test", &["DnsName(\"a.test\")", "DnsName(\"c.test\")", "IpAddress(::1)"])
                .ends_with("x509: certificate is valid for a.test, c.test, not b.test")
        );
        assert!(wrong("127.0.0.1", &["DnsName(\"a.test\")"]).ends_with("any IP SANs"));
        assert_eq!(TlsError(io::ErrorKind::UnexpectedEof.into()).to_string(), "EOF");
    }
}
