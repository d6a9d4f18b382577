//! Certificates as `openssl req` makes them, valid for a hundred years.

use std::collections::HashMap;

use baton_shared::config::Sources;
use baton_shared::config::model::{KeyPair, Tls};

use super::certificate::{Claims, Holder};
use super::pem::{self, PairError};
use super::server::{self, Fault};
use super::still_valid;

const AUTHORITY: &str = "-----BEGIN CERTIFICATE-----
MIIBezCCASGgAwIBAgIUS68KDvMfz/WuVSR8MWt3Nl8x1JYwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHY2EudGVzdDAgFw0yNjExMjcyMzQyNTJaGA8yMTI2MTEwMzIz
NDI1MlowEjEQMA4GA1UEAwwHY2EudGVzdDBZMBMGByqGSM49AgEGCCqGSM49AwEH
A0IABIKag5eSC/WKIS0MSlVL9R3WlVwRL4Cn3ofQgYbfOXYVTQYdLANsQfnNs8SC
uLVJaJQfx3Pf9+N5DB4DkNok85yjUzBRMB0GA1UdDgQWBBSAQQeBAdSNfxhDerZy
9/RdZB8/qjAfBgNVHSMEGDAWgBSAQQeBAdSNfxhDerZy9/RdZB8/qjAPBgNVHRMB
Af8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIA0J7aaQEXidjc5AjXgpQmVlt7ho
tY8fw79yBOycyN09AiEA6eTgguqslEjgJXrYGXjasXWzRWaeHLfwmvTPhPICeRQ=
-----END CERTIFICATE-----
";
const AUTHORITY_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg0hk82Glq2UNLdsnp
0PqjOMHdlxC/iR89NGYbO6SAzEuhRANCAASCmoOXkgv1iiEtDEpVS/Ud1pVcES+A
p96H0IGG3zl2FU0GHSwDbEH5zbPEgri1SWiUH8dz3/fjeQweA5DaJPOc
-----END PRIVATE KEY-----
";
/// Of the authority, for server.test, for servers alone.
const SERVER: &str = "-----BEGIN CERTIFICATE-----
MIIBrTCCAVOgAwIBAgIULskszfVqfm/RPVWlZTECc8R/+1cwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHY2EudGVzdDAgFw0yNjExMjcyMzQyNTJaGA8yMTI2MTEwMzIz
NDI1MlowFjEUMBIGA1UEAwwLc2VydmVyLnRlc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAASeS725r5Z6lOXnyOlx4Px6ddZm9Z1XV2q5jlDq7btvvj3A+S9OpNUV
I1oyrPsR9w/IgW9iq4i54aXWpRUYBUgSo4GAMH4wHQYDVR0OBBYEFLZwigu134r7
VdysUgp84jE7TXwDMB8GA1UdIwQYMBaAFIBBB4EB1I1/GEN6tnL39F1kHz+qMBYG
A1UdEQQPMA2CC3NlcnZlci50ZXN0MAwGA1UdEwEB/wQCMAAwFgYDVR0lAQH/BAww
CgYIKwYBBQUHAwEwCgYIKoZIzj0EAwIDSAAwRQIhAJiTSgO4LRQOXrBAtZ8OwQjs
wR5RLqRJsi9WdBOQ3kSlAiBKflsQjqqn8zKMEjY4AKd2125ZpwQq760Rlq25E0vD
Fw==
-----END CERTIFICATE-----
";
const SERVER_KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgBFSpYm/mBQPypaaP
EKe0zYhdacpfzU2Pd3RdIMHTVPmhRANCAASeS725r5Z6lOXnyOlx4Px6ddZm9Z1X
V2q5jlDq7btvvj3A+S9OpNUVI1oyrPsR9w/IgW9iq4i54aXWpRUYBUgS
-----END PRIVATE KEY-----
";

fn der(pem: &str) -> Vec<u8> {
    pem::certificates(pem.as_bytes()).next().unwrap().to_vec()
}

#[test]
fn a_certificate_says_for_how_long_it_holds_and_what_for() {
    let (authority, server) = (der(AUTHORITY), der(SERVER));
    let (authority, server) = (Claims::of(&authority).unwrap(), Claims::of(&server).unwrap());
    assert_eq!(server.issuer, authority.issuer);
    assert!(server.issuer.ends_with(b"ca.test"));
    let days = (server.not_after - server.not_before) / 86_400;
    assert_eq!(days, 36_500);
    assert!(server.is_for(Holder::Server) && !server.is_for(Holder::Client));
    assert!(authority.is_for(Holder::Server) && authority.is_for(Holder::Client));
    assert!(still_valid(&der(SERVER)));
}

#[test]
fn any_cut_or_flipped_certificate_gives_something_or_nothing_and_never_a_panic() {
    let certificate = der(SERVER);
    for end in 0..certificate.len() {
        assert!(Claims::of(&certificate[..end]).is_none(), "cut at {end}");
    }
    for bit in 0..certificate.len() * 8 {
        let mut flipped = certificate.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let _whatever = Claims::of(&flipped);
    }
}

#[test]
fn what_is_wrong_with_a_pair_is_told() {
    let made = |certificate: &str, key: &str| {
        pem::pair(certificate.as_bytes(), key.as_bytes()).map(|pair| pair.cert.len())
    };
    assert_eq!(made(SERVER, SERVER_KEY), Ok(1));
    assert_eq!(made(&[SERVER, AUTHORITY].concat(), SERVER_KEY), Ok(2));
    assert_eq!(made(SERVER, AUTHORITY_KEY), Err(PairError::Mismatch));
    assert_eq!(made("", SERVER_KEY), Err(PairError::NoCertificate));
    assert_eq!(made(SERVER, ""), Err(PairError::NoKey));
    let empty = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert_eq!(made(SERVER, empty), Err(PairError::BadKey));
}

#[derive(Default)]
struct Disk(HashMap<String, String>);

impl Sources for Disk {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        let text = self.0.get(path).ok_or_else(|| format!("open {path}: no such file"))?;
        Ok(text.clone().into_bytes())
    }
}

#[test]
fn a_server_needs_keys_and_all_that_is_wrong_with_them_is_told_at_once() {
    let mut disk = Disk::default();
    disk.0.insert("s.pem".to_owned(), SERVER.to_owned());
    disk.0.insert("s.key".to_owned(), SERVER_KEY.to_owned());
    let pair = |public: &str, private: &str| KeyPair {
        public_key: public.to_owned(),
        private_key: private.to_owned(),
    };
    let mut compile = |keys: Vec<KeyPair>, max_version: &str| {
        let tls = Tls { keys, max_version: max_version.to_owned(), ..Tls::default() };
        server::compile(&tls, &mut disk, &mut Vec::new()).map(|made| made.config)
    };
    let made = compile(vec![pair("s.pem", "s.key")], "").unwrap();
    assert_eq!(made.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(made.max_early_data_size, 0, "what is replayed must not reach a backend");
    let faults = compile(vec![pair("", ""), pair("s.pem", "no")], "TLS12").unwrap_err();
    assert!(matches!(&faults[0], Fault::Refused(refused) if refused.key == "max_version"));
    let told = |fault: &Fault| match fault {
        Fault::File { index, text, .. } => Some((index.unwrap(), text.clone())),
        Fault::Refused(_) => None,
    };
    let texts: Vec<_> = faults.iter().filter_map(told).collect();
    assert_eq!(
        texts,
        [(0, "public key not defined".to_owned()), (1, "open no: no such file".to_owned()),]
    );
}
