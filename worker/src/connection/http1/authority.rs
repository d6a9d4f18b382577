//! `host[:port]` as it may stand in `Host` and in a target (RFC 9110 §7.2, RFC 3986 §3.2).
//!
//! Pure. Userinfo is refused: nobody behind may take what stands before an `@` for the host.

/// Whether `bytes` is a host, in brackets if IPv6, and optionally a port. Not empty.
pub(crate) fn is_valid(bytes: &[u8]) -> bool {
    let port = match bytes.first() {
        Some(b'[') => {
            let Some(end) = memchr::memchr(b']', bytes) else { return false };
            let literal = bytes.get(1..end).unwrap_or_default();
            if literal.is_empty() || !literal.iter().all(|&byte| in_literal(byte)) {
                return false;
            }
            bytes.get(end + 1..).unwrap_or_default()
        },
        _ => {
            let end = memchr::memchr(b':', bytes).unwrap_or(bytes.len());
            let (name, port) = bytes.split_at_checked(end).unwrap_or_default();
            if name.is_empty() || !name.iter().all(|&byte| in_name(byte)) {
                return false;
            }
            port
        },
    };
    match port.split_first() {
        None => true,
        Some((b':', digits)) => digits.len() <= 5 && digits.iter().all(u8::is_ascii_digit),
        Some(_) => false,
    }
}

const fn in_literal(byte: u8) -> bool {
    // The zone of a link-local address may hold letters (RFC 6874).
    byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'.' | b'%' | b'-')
}

/// Unreserved, sub-delims and percent (RFC 3986 §3.2.2): what Go lets into a host name.
pub(crate) const fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'%'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b';'
                | b'='
        )
}

#[cfg(test)]
mod tests {
    use super::is_valid;

    #[test]
    fn names_addresses_and_ports_are_told_from_tricks() {
        for good in ["a", "a.b:80", "127.0.0.1", "[::1]:8080", "[fe80::1%25eth0]", "a:", "a_b"] {
            assert!(is_valid(good.as_bytes()), "{good}");
        }
        for bad in [
            "", "a b", "u@h", "a:b", "a:123456", "[::1", "[]", "[::1]x", "a/b", "a,b@c", ":80",
            "a?b", "h\\x",
        ] {
            assert!(!is_valid(bad.as_bytes()), "{bad}");
        }
    }
}
