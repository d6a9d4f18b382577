//! Addresses that belong together: CIDR notation (RFC 4632).

use std::net::{IpAddr, Ipv6Addr};

/// A network: its first bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Network {
    V4 { bits: u32, mask: u32 },
    V6 { bits: u128, mask: u128 },
}

impl Network {
    /// `10.0.0.0/8`, `10.1.2.3`, `fd00::/8`; an IPv4 network in IPv6 form is an IPv4 network.
    pub(crate) fn parse(entry: &str) -> Option<Self> {
        let Some((address, len)) = entry.split_once('/') else {
            return Some(match entry.parse::<IpAddr>().ok()?.to_canonical() {
                IpAddr::V4(ip) => Self::V4 { bits: ip.to_bits(), mask: u32::MAX },
                IpAddr::V6(ip) => Self::V6 { bits: ip.to_bits(), mask: u128::MAX },
            });
        };
        let digits = !len.is_empty() && len.bytes().all(|byte| byte.is_ascii_digit());
        let len: u32 = if digits { len.parse().ok()? } else { return None };
        match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(ip) => Self::v4(ip.to_bits(), len),
            IpAddr::V6(ip) => Self::v6(ip, len),
        }
    }

    fn v4(bits: u32, len: u32) -> Option<Self> {
        let mask = match len {
            0 => 0,
            1..=32 => u32::MAX << (32 - len),
            _ => return None,
        };
        Some(Self::V4 { bits: bits & mask, mask })
    }

    fn v6(ip: Ipv6Addr, len: u32) -> Option<Self> {
        if let (Some(mapped), 96..=128) = (ip.to_ipv4_mapped(), len) {
            return Self::v4(mapped.to_bits(), len - 96);
        }
        let mask = match len {
            0 => 0,
            1..=128 => u128::MAX << (128 - len),
            _ => return None,
        };
        Some(Self::V6 { bits: ip.to_bits() & mask, mask })
    }

    pub(crate) fn contains(self, ip: IpAddr) -> bool {
        match (self, ip) {
            (Self::V4 { bits, mask }, IpAddr::V4(ip)) => ip.to_bits() & mask == bits,
            (Self::V6 { bits, mask }, IpAddr::V6(ip)) => ip.to_bits() & mask == bits,
            (Self::V4 { .. }, IpAddr::V6(_)) | (Self::V6 { .. }, IpAddr::V4(_)) => false,
        }
    }

    /// Whether it is `0.0.0.0/0` or `::/0`.
    pub(super) const fn is_everything(self) -> bool {
        matches!(self, Self::V4 { mask: 0, .. } | Self::V6 { mask: 0, .. })
    }
}
