//! Signatures and key sets of C2SP's Wycheproof (Apache-2.0): `json_web_signature_test.json` and `json_web_key_test.json` of
//! commit dac1dd4, with RFC 7520's examples among them; a line for each group.

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
struct Group {
    file: String,
    name: String,
    alg: String,
    set: String,
    /// Number, what it is, token, whether it is good.
    tests: Vec<(u32, String, String, bool)>,
}

/// Those that are seen otherwise here, and why.
const OTHERWISE: &[(&str, u32, &str)] = &[
    ("jws", 346, "the key says that it is for another algorithm"),
    ("jws", 350, "the same"),
    ("jws", 360, "blanks count nowhere, as in KrakenD"),
    ("jws", 367, "nor does padding"),
    ("jws", 370, "the same"),
    ("jws", 372, "a letter that is none refuses"),
    ("jws", 373, "the same"),
    ("jws", 374, "bits that the last letter has too many do not count, as in KrakenD"),
    ("jwk", 1, "a set may hold keys of several kinds: each is for its own algorithm"),
    ("jwk", 7, "weak primes cannot be told from the public key in good time"),
    ("jwk", 10, "secrets of any length, as in KrakenD"),
    ("jwk", 11, "the same"),
    ("jwk", 12, "the same"),
    ("jwk", 19, "an `alg` that nobody knows says nothing"),
    ("jwk", 20, "the same"),
];

/// As a validator sees it, up to the claims: those of the vectors are no JSON.
fn verifies(algorithm: Algorithm, set: &str, token: &str) -> bool {
    let Ok((keys, _bad)) = key_set::read(set.as_bytes(), Rest::Refused) else { return false };
    let view = View { algorithm, identify: Identify::Kid, purpose: Purpose::Verify };
    let set = KeySet::new(&keys, &[view]);
    let Ok(token) = Token::read(token.as_bytes()) else { return false };
    *token.header.algorithm == *algorithm.name()
        && judged(set.find(0, &token.header.kid), &token) == Some(Ok(()))
}

#[test]
fn the_vectors_of_wycheproof_pass_and_fail_as_they_should() {
    let (mut seen, mut wrong) = (0, Vec::new());
    for line in include_str!("wycheproof.jsonl").lines() {
        let group: Group = serde_json::from_str(line).unwrap();
        let algorithm = Algorithm::named(&group.alg).unwrap();
        for (number, what, token, is_good) in &group.tests {
            seen += 1;
            let is_known =
                OTHERWISE.iter().any(|(file, one, _)| (*file, one) == (&*group.file, number));
            if verifies(algorithm, &group.set, token) != (*is_good ^ is_known) {
                wrong.push(format!("{} {number} {} {what}: {is_good}", group.file, group.name));
            }
        }
    }
    assert!(wrong.is_empty() && seen > 400, "{seen}\n{}", wrong.join("\n"));
}
