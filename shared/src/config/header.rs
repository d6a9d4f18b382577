//! Header names in the form that Go gives them.

/// `x-a` → `X-A`, `X_Y` → `X_y`; a name that is no token stays as it is.
pub(super) fn canonicalize(name: &mut String) {
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if !name.bytes().all(is_token) {
        return;
    }
    let mut is_first = true;
    *name = name
        .chars()
        .map(|letter| {
            let cased =
                if is_first { letter.to_ascii_uppercase() } else { letter.to_ascii_lowercase() };
            is_first = letter == '-';
            cased
        })
        .collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_canonical_as_in_go() {
        for (name, canonical) in [
            ("x-a", "X-A"),
            ("X_Y", "X_y"),
            ("*", "*"),
            ("a b", "a b"),
            ("ETAG", "Etag"),
            ("é", "é"),
        ] {
            let mut found = name.to_owned();
            canonicalize(&mut found);
            assert_eq!(found, canonical);
        }
    }
}
