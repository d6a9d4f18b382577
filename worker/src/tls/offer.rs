//! Versions, curves and suites: what is offered of what the configuration names.
//!
//! KrakenD: `TLS13` for a version that is missing or unknown, P-521, P-384, P-256 for missing curves, six
//! suites for missing ones. What rustls does not have is raised or named; where nothing is left, the start
//! is refused: KrakenD starts, and every handshake fails.

use std::sync::Arc;

use baton_shared::config::nearest::nearest;
use rustls::crypto::aws_lc_rs::{ALL_CIPHER_SUITES, ALL_KX_GROUPS, default_provider};
use rustls::crypto::{CryptoProvider, SupportedKxGroup};
use rustls::version::{TLS12, TLS13};
use rustls::{SupportedCipherSuite, SupportedProtocolVersion};

use super::secp521r1::SECP521R1;
use super::{Refused, Remark};

/// X25519, P-256, P-384, P-521: what clients like most goes first. KrakenD lacks X25519, so that most
/// clients need a second round trip there.
const CURVES: &[u16] = &[29, 23, 24, 25];
/// What Go offers to backends when nobody says anything: the same, and X25519 with ML-KEM at the end.
const CURVES_TOWARDS_BACKENDS: &[u16] = &[29, 23, 24, 25, 0x11EC];
/// Versions by KrakenD's names, oldest first.
const VERSIONS: [(&str, Version); 5] = [
    ("SSL3.0", Version::Older),
    ("TLS10", Version::Older),
    ("TLS11", Version::Older),
    ("TLS12", Version::Tls12),
    ("TLS13", Version::Tls13),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    /// What rustls has no code for.
    Older,
    Tls12,
    Tls13,
}

/// What a block says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) min_version: &'a str,
    pub(super) max_version: &'a str,
    pub(super) curves: &'a [u16],
    pub(super) suites: &'a [u16],
}

/// What is offered.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    pub(super) provider: Arc<CryptoProvider>,
    pub(super) versions: Vec<&'static SupportedProtocolVersion>,
}

impl Offer {
    /// Go's, towards backends of a configuration that says nothing.
    pub(super) fn usual() -> Self {
        let provider = CryptoProvider {
            kx_groups: groups(CURVES_TOWARDS_BACKENDS).collect(),
            ..default_provider()
        };
        Self { provider: Arc::new(provider), versions: vec![&TLS13, &TLS12] }
    }

    /// TLS 1.2 by these suites, if one of them is built, and 1.3 by its own.
    pub(super) fn by_suites(wanted: &[u16]) -> Self {
        let suites = suites(wanted, &mut Vec::new());
        let has_tls12 = suites.iter().any(|suite| suite.tls13().is_none());
        let provider = CryptoProvider {
            cipher_suites: suites,
            kx_groups: groups(CURVES_TOWARDS_BACKENDS).collect(),
            ..default_provider()
        };
        let versions = if has_tls12 { vec![&TLS13, &TLS12] } else { vec![&TLS13] };
        Self { provider: Arc::new(provider), versions }
    }

    /// What is left of what is wanted.
    pub(super) fn compile(wanted: Wanted<'_>, remarks: &mut Vec<Remark>) -> Result<Self, Refused> {
        let versions = versions(wanted, remarks)?;
        let kx_groups = curves(wanted.curves, remarks)?;
        let mut suites = suites(wanted.suites, remarks);
        let has_tls12 = versions.iter().any(|version| std::ptr::eq(*version, &TLS12));
        if has_tls12 && !suites.iter().any(|suite| suite.tls13().is_none()) {
            let key = "cipher_suites";
            let text = "none of them is built, so that TLS 1.2 could not be spoken: leave \
                        cipher_suites out, or min_version"
                .to_owned();
            return Err(Refused { key, text });
        }
        if !has_tls12 {
            suites.retain(|suite| suite.tls13().is_some());
        }
        let provider = CryptoProvider { cipher_suites: suites, kx_groups, ..default_provider() };
        Ok(Self { provider: Arc::new(provider), versions })
    }
}

fn versions(
    wanted: Wanted<'_>,
    remarks: &mut Vec<Remark>,
) -> Result<Vec<&'static SupportedProtocolVersion>, Refused> {
    let min = version("min_version", wanted.min_version, remarks);
    let max = version("max_version", wanted.max_version, remarks);
    if max == Version::Older {
        let text = format!(
            "{} is not built, so that nothing could be spoken: write TLS12 or TLS13",
            wanted.max_version
        );
        return Err(Refused { key: "max_version", text });
    }
    if min == Version::Older {
        let text = format!("{} is not built: it is raised to TLS12", wanted.min_version);
        remarks.push(Remark { key: "min_version", text });
    }
    let all = [(Version::Tls13, &TLS13), (Version::Tls12, &TLS12)];
    let left: Vec<_> =
        all.iter().filter(|(one, _)| (min..=max).contains(one)).map(|(_, it)| *it).collect();
    if left.is_empty() {
        let text = format!(
            "{} is below min_version, which is TLS13 unless it is set: no handshake could \
             succeed",
            wanted.max_version
        );
        return Err(Refused { key: "max_version", text });
    }
    Ok(left)
}

fn version(key: &'static str, name: &str, remarks: &mut Vec<Remark>) -> Version {
    if let Some((_, version)) = VERSIONS.iter().find(|(one, _)| *one == name) {
        return *version;
    }
    if !name.is_empty() {
        let nearest = nearest(name, VERSIONS.iter().map(|(name, _)| *name)).unwrap_or("TLS13");
        let text = format!("`{name}` is no version, so that it is TLS13: did you mean {nearest}?");
        remarks.push(Remark { key, text });
    }
    Version::Tls13
}

fn curves(
    wanted: &[u16],
    remarks: &mut Vec<Remark>,
) -> Result<Vec<&'static dyn SupportedKxGroup>, Refused> {
    const KEY: &str = "curve_preferences";
    if wanted.is_empty() {
        return Ok(groups(CURVES).collect());
    }
    for id in wanted.iter().filter(|id| group(**id).is_none()) {
        let text = format!("the curve {id} is not built: it is left out");
        remarks.push(Remark { key: KEY, text });
    }
    let left: Vec<_> = groups(wanted).collect();
    if left.is_empty() {
        let text = "none of them is built: write some of 23 (P-256), 24 (P-384), 25 (P-521), 29 \
                    (X25519), 4588 (X25519MLKEM768)"
            .to_owned();
        return Err(Refused { key: KEY, text });
    }
    Ok(left)
}

fn group(id: u16) -> Option<&'static dyn SupportedKxGroup> {
    let mut all = ALL_KX_GROUPS.iter().copied().chain([SECP521R1]);
    all.find(|group| u16::from(group.name()) == id)
}

fn groups(ids: &[u16]) -> impl Iterator<Item = &'static dyn SupportedKxGroup> {
    ids.iter().filter_map(|id| group(*id))
}

/// Those of TLS 1.3 are always offered, as in Go; naming them changes nothing.
/// Of these, what is built; what is not is told.
pub(super) fn suites(wanted: &[u16], remarks: &mut Vec<Remark>) -> Vec<SupportedCipherSuite> {
    let is_known = |id: u16| ALL_CIPHER_SUITES.iter().any(|suite| u16::from(suite.suite()) == id);
    for id in wanted.iter().filter(|id| !is_known(**id)) {
        let text = format!("the suite {id} is not built: it is left out");
        remarks.push(Remark { key: "cipher_suites", text });
    }
    let is_wanted = |suite: &&SupportedCipherSuite| {
        let id = u16::from(suite.suite());
        suite.tls13().is_some() || wanted.is_empty() || wanted.contains(&id)
    };
    ALL_CIPHER_SUITES.iter().filter(is_wanted).copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Wanted<'_> =
        Wanted { min_version: "", max_version: "", curves: &[], suites: &[] };

    fn offered(wanted: Wanted<'_>) -> Result<(usize, Vec<u16>, usize, Vec<Remark>), Refused> {
        let mut remarks = Vec::new();
        let offer = Offer::compile(wanted, &mut remarks)?;
        let curves = offer.provider.kx_groups.iter().map(|group| group.name().into()).collect();
        Ok((offer.versions.len(), curves, offer.provider.cipher_suites.len(), remarks))
    }

    #[test]
    fn without_a_word_there_is_one_version_with_its_three_suites() {
        assert_eq!(offered(NOTHING), Ok((1, CURVES.to_vec(), 3, Vec::new())));
    }

    #[test]
    fn older_versions_come_by_name_and_what_is_too_old_is_raised() {
        let from = |min_version| offered(Wanted { min_version, ..NOTHING }).unwrap();
        assert_eq!(from("TLS12"), (2, CURVES.to_vec(), 9, Vec::new()));
        for old in ["SSL3.0", "TLS10", "TLS11"] {
            let (versions, _, suites, remarks) = from(old);
            assert_eq!((versions, suites, remarks.len()), (2, 9, 1), "{old}");
            assert!(remarks[0].text.contains("raised to TLS12"));
        }
        let (versions, _, _, remarks) = from("TLS1.2");
        assert_eq!(versions, 1);
        assert!(remarks[0].text.contains("did you mean TLS12"), "{remarks:?}");
    }

    #[test]
    fn a_range_in_which_nothing_is_left_is_refused() {
        let to = |min_version, max_version| {
            offered(Wanted { min_version, max_version, ..NOTHING }).map_err(|refused| refused.key)
        };
        assert_eq!(to("", "TLS12").unwrap_err(), "max_version");
        assert_eq!(to("TLS10", "TLS11").unwrap_err(), "max_version");
        assert_eq!(to("TLS12", "TLS12").unwrap().0, 1);
    }

    #[test]
    fn only_curves_that_are_named_are_offered_in_their_order() {
        let with = |curves| offered(Wanted { curves, ..NOTHING });
        let (_, curves, _, remarks) = with(&[25, 29, 30, 23]).unwrap();
        assert_eq!(curves, [25, 29, 23]);
        assert_eq!(remarks.len(), 1);
        assert_eq!(with(&[30]).unwrap_err().key, "curve_preferences");
    }

    #[test]
    fn suites_that_are_not_there_are_named_and_none_at_all_is_refused() {
        let with = |min_version, suites| offered(Wanted { min_version, suites, ..NOTHING });
        // TLS_RSA_WITH_AES_128_CBC_SHA, TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_AES_128_GCM_SHA256
        let (_, _, suites, remarks) = with("TLS12", &[47, 49199, 4865]).unwrap();
        assert_eq!((suites, remarks.len()), (4, 1));
        assert_eq!(with("TLS12", &[47]).unwrap_err().key, "cipher_suites");
        assert_eq!(with("", &[47]).unwrap().2, 3);
    }

    #[test]
    fn towards_backends_it_is_what_go_offers() {
        let usual = Offer::usual();
        assert_eq!((usual.versions.len(), usual.provider.kx_groups.len()), (2, 5));
    }
}
