//! `secret_url` and `cypher_key`: key sets that lie encrypted on the disk.
//!
//! Once, at start. `secret_url` holds, or tells who holds, the secret that opens `cypher_key`; what comes out is the
//! passphrase of the file. KrakenD (gocloud.dev): `base64key://` is a secret in the file itself, for NaCl's secretbox; others
//! ask a cloud. The file is AES-256-GCM, its key the hexadecimal digits of the passphrase's MD5.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use baton_shared::words::hex;
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use md5::{Digest as _, Md5};

use crate::base64;

/// A secret that stands in the configuration.
const HERE: &str = "base64key";
/// Who else may hold one, in KrakenD.
const ELSEWHERE: [&str; 4] = ["awskms", "azurekeyvault", "gcpkms", "hashivault"];
/// In front of what secretbox has sealed.
const BOX_NONCE_BYTES: usize = 24;

/// How a file is opened.
#[derive(Clone, Copy)]
pub(super) struct Secret<'a> {
    /// `secret_url`
    pub(super) url: &'a str,
    /// `cypher_key`
    pub(super) key: &'a str,
}

/// Why it cannot be; of secrets nothing is told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SecretError {
    #[error("a secret that {0} holds cannot be asked for: only {HERE}:// is built")]
    Elsewhere(String),
    #[error("it is no URL of a secret: {HERE}:// and 32 bytes in base64")]
    Url,
    #[error("`cypher_key` is not what this secret has sealed, in base64")]
    Key,
    #[error("it is not what `cypher_key` has encrypted")]
    File,
}

impl SecretError {
    /// The setting that is at fault.
    pub(super) const fn setting(&self) -> &'static str {
        match self {
            Self::Elsewhere(_) | Self::Url => "secret_url",
            Self::Key => "cypher_key",
            Self::File => "jwk_local_path",
        }
    }
}

impl Secret<'_> {
    /// What a file holds.
    pub(super) fn open(self, content: &[u8]) -> Result<Vec<u8>, SecretError> {
        let passphrase = self.passphrase()?;
        let key = hex(&Md5::digest(&passphrase));
        decrypt(key.as_bytes(), content).ok_or(SecretError::File)
    }

    fn passphrase(self) -> Result<Vec<u8>, SecretError> {
        let secret = self.secret()?;
        let sealed = base64::decode(self.key.as_bytes()).ok_or(SecretError::Key)?;
        let (nonce, sealed) =
            sealed.split_first_chunk::<BOX_NONCE_BYTES>().ok_or(SecretError::Key)?;
        let secretbox = XSalsa20Poly1305::new(&secret.into());
        secretbox.decrypt(&(*nonce).into(), sealed).map_err(|_opaque| SecretError::Key)
    }

    /// The host of the URL; keys in base64 of either alphabet, as Go's libraries of different ages take them.
    fn secret(self) -> Result<[u8; 32], SecretError> {
        let (scheme, rest) = self.url.split_once("://").ok_or(SecretError::Url)?;
        if ELSEWHERE.contains(&scheme) {
            return Err(SecretError::Elsewhere(scheme.to_owned()));
        }
        let host = rest.strip_suffix('/').unwrap_or(rest).as_bytes();
        let decode = || match base64::decode(host) {
            Some(bytes) => Some(bytes),
            None => base64::decode_url(host).map(|decoded| decoded.bytes),
        };
        let secret = (scheme == HERE).then(decode).flatten().ok_or(SecretError::Url)?;
        secret.try_into().map_err(|_other: Vec<u8>| SecretError::Url)
    }
}

fn decrypt(key: &[u8], content: &[u8]) -> Option<Vec<u8>> {
    let key = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key).ok()?);
    let (nonce, sealed) = content.split_first_chunk()?;
    let mut opened = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let length = key.open_in_place(nonce, Aad::empty(), &mut opened).ok()?.len();
    opened.truncate(length);
    Some(opened)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made by Go: `nacl/secretbox`, `crypto/aes`, `crypto/cipher`.
    const URL: &str = "base64key://YW4gZXhhbXBsZSBzZWNyZXQgb2YgMzIgYnl0ZXMhISE=";
    const KEY: &str = "dHdlbnR5LWZvdXIgYnl0ZXMgbm9uY2Uhq3RJnC0+t1+2RYAAEFsYy2iI3/94nhUDY1J9VSxNRXqlqxDh9Gkh/Rz852U=";
    const FILE: &str = "dHdlbHZlIGJ5dGVzWAAaM8UU2KKqbimEkvkyYl69KFv6IVn+BmRLJxc7bkuGk86NOfqdmthWWCsiYbczxRT8NftyjwzoUIvOjUv8VbXhV7ASgKK2e9EafG+dmHfPcOQWc3TbyuVKvkq/adX7m/zOM2c=";
    const SET: &str =
        r#"{"keys":[{"kty":"oct","kid":"k1","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;

    fn open(url: &str, key: &str, file: &[u8]) -> Result<Vec<u8>, SecretError> {
        Secret { url, key }.open(file)
    }

    fn decoded(text: &str) -> Vec<u8> {
        base64::decode(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_go_has_sealed_opens() {
        let file = decoded(FILE);
        assert_eq!(open(URL, KEY, &file), Ok(SET.as_bytes().to_vec()));
        assert!(open(URL.trim_end_matches('='), KEY, &file).is_ok());
    }

    #[test]
    fn nothing_else_does_and_the_setting_at_fault_is_named() {
        let (file, key) = (decoded(FILE), decoded(KEY));
        for cut in 0..file.len() {
            assert_eq!(open(URL, KEY, &file[..cut]), Err(SecretError::File), "{cut}");
        }
        for cut in 0..key.len() {
            let key = base64::encode(&key[..cut]);
            assert_eq!(open(URL, &key, &file), Err(SecretError::Key), "{cut}");
        }
        for bad in [
            "",
            "base64key://",
            "base64key://AAAA",
            "stringkey://x",
            "x",
            &URL.replace("hISE=", "h"),
        ] {
            assert_eq!(open(bad, KEY, &file), Err(SecretError::Url), "{bad}");
        }
        assert_eq!(open(&URL.replace("YW4", "YW5"), KEY, &file), Err(SecretError::Key));
        let elsewhere = SecretError::Elsewhere("awskms".to_owned());
        assert_eq!(open("awskms://a/b?region=c", KEY, &file), Err(elsewhere.clone()));
        assert_eq!(elsewhere.setting(), "secret_url");
    }
}
