//! Wanted addresses against held ones: what to bind, and how.

use std::net::SocketAddr;

/// How an address that is not held yet is bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trial {
    /// Once alone first: a stranger who has it must be noticed, since with `SO_REUSEPORT` both of
    /// us would silently get half of the connections.
    Alone,
    /// We hold the same port ourselves on an address that covers or is covered by this one: alone
    /// it could never be bound.
    BesideOurs,
}

/// What to bind, in the order of the configuration, each address once.
#[must_use]
pub fn to_bind(wanted: &[SocketAddr], held: &[SocketAddr]) -> Vec<(SocketAddr, Trial)> {
    let mut all: Vec<(SocketAddr, Trial)> = Vec::new();
    for &address in wanted {
        if held.contains(&address) || all.iter().any(|(known, _)| *known == address) {
            continue;
        }
        let is_beside = held.iter().any(|ours| overlap(*ours, address));
        all.push((address, if is_beside { Trial::BesideOurs } else { Trial::Alone }));
    }
    all
}

/// Held addresses that nobody wants any more.
#[must_use]
pub fn to_close(wanted: &[SocketAddr], held: &[SocketAddr]) -> Vec<SocketAddr> {
    held.iter().copied().filter(|address| !wanted.contains(address)).collect()
}

/// One of them is every address of the machine, on the same port.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip().is_unspecified() || other.ip().is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(text: &str) -> Vec<SocketAddr> {
        text.split_whitespace().map(|one| one.parse().unwrap()).collect()
    }

    #[test]
    fn what_is_held_is_not_bound_again_and_what_is_wanted_twice_once() {
        let held = addresses("[::]:8080 127.0.0.1:9000");
        let wanted = addresses("[::]:8080 127.0.0.1:9001 127.0.0.1:9001");
        let expected = vec![("127.0.0.1:9001".parse().unwrap(), Trial::Alone)];
        assert_eq!(to_bind(&wanted, &held), expected);
        assert_eq!(to_close(&wanted, &held), addresses("127.0.0.1:9000"));
    }

    #[test]
    fn moving_from_all_addresses_to_one_is_possible_on_the_same_port() {
        let trial = |wanted, held| to_bind(&addresses(wanted), &addresses(held))[0].1;
        assert_eq!(trial("127.0.0.1:80", "0.0.0.0:80"), Trial::BesideOurs);
        assert_eq!(trial("[::]:80", "127.0.0.1:80"), Trial::BesideOurs);
        assert_eq!(trial("127.0.0.2:80", "127.0.0.1:80"), Trial::Alone);
        assert_eq!(trial("127.0.0.1:0", "[::]:0"), Trial::Alone);
    }
}
