//! What may be asked of a resolver: names, and no addresses in disguise.

/// Whether Go would look this name up (`isDomainName`). Others are not there: above all the numbers that the C
/// library reads as addresses (`127.1`, `0x7f.1`, `3000000000`), and that no filter of addresses knows.
#[must_use]
pub fn is_host_name(name: &str) -> bool {
    const NAME_MAX_BYTES: usize = 253;
    let bare = name.strip_suffix('.').unwrap_or(name);
    bare.len() <= NAME_MAX_BYTES
        && bare.split('.').all(is_label)
        && !bare.split('.').all(is_number_in_c)
}

fn is_label(label: &str) -> bool {
    const LABEL_MAX_BYTES: usize = 63;
    (1..=LABEL_MAX_BYTES).contains(&label.len())
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn is_number_in_c(label: &str) -> bool {
    match label.strip_prefix("0x").or_else(|| label.strip_prefix("0X")) {
        Some(digits) => digits.bytes().all(|digit| digit.is_ascii_hexdigit()),
        None => label.bytes().all(|digit| digit.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_looked_up() {
        let long = ["a"; 127].join(".");
        for name in ["a", "api.example.", "a_b", "_sip._tcp.x", "1.2.3.4.in-addr.arpa", "0xcafe.x"]
        {
            assert!(is_host_name(name), "{name}");
        }
        assert!(is_host_name(&long) && !is_host_name(&format!("{long}.b")));
    }

    #[test]
    fn numbers_that_the_c_library_reads_as_addresses_are_no_names() {
        for name in ["127.1", "0x7f.1", "0X7F000001", "3000000000", "0177.0.0.1", "1.2.3.4.5", "0x"]
        {
            assert!(!is_host_name(name) && !is_host_name(&format!("{name}.")), "{name}");
        }
    }

    #[test]
    fn what_is_no_name_at_all_is_not_looked_up() {
        let label = "a".repeat(64);
        for name in
            ["", ".", "a..b", ".a", "-a", "a-", "a.-", "a b", "127.0.0.1 x", "\u{e9}", &label]
        {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
