//! Key exchange on the curve P-521: KrakenD's first choice, which rustls does not bring along.

use aws_lc_rs::agreement::{
    ECDH_P521, EphemeralPrivateKey, PublicKey, UnparsedPublicKey, agree_ephemeral,
};
use aws_lc_rs::rand::SystemRandom;
use rustls::crypto::{ActiveKeyExchange, GetRandomFailed, SharedSecret, SupportedKxGroup};
use rustls::{Error, NamedGroup, PeerMisbehaved};

/// The group, for a provider's list.
pub(super) static SECP521R1: &dyn SupportedKxGroup = &Group;

/// An uncompressed point begins so (SEC 1 §2.3.3); TLS knows no other form (RFC 8446 §4.2.8.2).
const UNCOMPRESSED: u8 = 4;

#[derive(Debug)]
struct Group;

struct Exchange {
    private: EphemeralPrivateKey,
    public: PublicKey,
}

impl SupportedKxGroup for Group {
    fn start(&self) -> Result<Box<dyn ActiveKeyExchange>, Error> {
        let made = EphemeralPrivateKey::generate(&ECDH_P521, &SystemRandom::new())
            .and_then(|private| Ok((private.compute_public_key()?, private)));
        let (public, private) = made.map_err(|_unspecified| GetRandomFailed)?;
        Ok(Box::new(Exchange { private, public }))
    }

    fn name(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

impl ActiveKeyExchange for Exchange {
    fn complete(self: Box<Self>, peer: &[u8]) -> Result<SharedSecret, Error> {
        let wrong = || Error::from(PeerMisbehaved::InvalidKeyShare);
        if peer.first() != Some(&UNCOMPRESSED) {
            return Err(wrong());
        }
        let peer = UnparsedPublicKey::new(&ECDH_P521, peer);
        agree_ephemeral(self.private, peer, wrong(), |secret| Ok(SharedSecret::from(secret)))
    }

    fn pub_key(&self) -> &[u8] {
        self.public.as_ref()
    }

    fn group(&self) -> NamedGroup {
        NamedGroup::secp521r1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_agree_and_a_wrong_point_is_refused() {
        let (one, other) = (Group.start().unwrap(), Group.start().unwrap());
        let (first, second) = (one.pub_key().to_vec(), other.pub_key().to_vec());
        assert_eq!(first.len(), 133);
        let secret = one.complete(&second).unwrap();
        assert_eq!(secret.secret_bytes(), other.complete(&first).unwrap().secret_bytes());
        for wrong in [&[][..], &[4; 133], &first[..132], &first[1..]] {
            assert!(Group.start().unwrap().complete(wrong).is_err());
        }
    }
}
