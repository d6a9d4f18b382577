//! `negotiate`: which renderer the request's `Accept` asks for.
//!
//! As gin does it: items in order, weights ignored, names case-sensitive; an item may be a prefix of
//! an offer or hold a `*`. Whoever wants nothing of it gets JSON.

/// A renderer on offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Offer {
    /// `application/json`
    Json,
    /// `text/plain` and `application/x-yaml`
    Yaml,
    /// `application/xml`
    Xml,
}

/// In the order in which a `*` finds them.
const OFFERS: [(&[u8], Offer); 4] = [
    (b"application/json", Offer::Json),
    (b"text/plain", Offer::Yaml),
    (b"application/xml", Offer::Xml),
    (b"application/x-yaml", Offer::Yaml),
];

/// Chooses by one `Accept` line.
pub(super) fn choose(accept: &[u8]) -> Offer {
    accept
        .split(|byte| *byte == b',')
        .map(media_range)
        .filter(|range| !range.is_empty())
        .find_map(|range| OFFERS.iter().find(|(offered, _)| matches(range, offered)))
        .map_or(Offer::Json, |(_, offer)| *offer)
}

/// An item without its parameters.
fn media_range(item: &[u8]) -> &[u8] {
    match memchr::memchr(b';', item) {
        Some(end @ 1..) => item.get(..end).unwrap_or_default().trim_ascii(),
        Some(0) | None => item.trim_ascii(),
    }
}

fn matches(range: &[u8], offered: &[u8]) -> bool {
    for (asked, have) in range.iter().zip(offered) {
        if *asked == b'*' {
            return true;
        }
        if asked != have {
            return false;
        }
    }
    range.len() <= offered.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, offer: Offer) {
        assert_eq!(choose(accept.as_bytes()), offer, "Accept: {accept}");
    }

    #[test]
    fn nothing_usable_means_json() {
        let unusable = ["", ",", ";", "text/html", "image/png", "text/xml", "application/yaml"];
        for accept in unusable {
            check(accept, Offer::Json);
        }
        check("application/xmlfoo", Offer::Json);
        check("APPLICATION/XML", Offer::Json);
        check("application/json-patch+json", Offer::Json);
    }

    #[test]
    fn the_first_item_that_fits_wins_whatever_its_weight() {
        check("application/xml, application/json", Offer::Xml);
        check("text/html,application/xml;q=0.9,*/*;q=0.8", Offer::Xml);
        check("text/plain;q=0.1, application/json", Offer::Yaml);
        check("*/*;q=0, application/xml", Offer::Json);
        check("application/x-yaml, */*", Offer::Yaml);
    }

    #[test]
    fn stars_and_prefixes_fit() {
        check("*/*", Offer::Json);
        check("application/*", Offer::Json);
        check("text/*", Offer::Yaml);
        check("a", Offer::Json);
        check("application/xm", Offer::Xml);
    }

    #[test]
    fn parameters_and_blanks_are_cut() {
        check(" application/xml ", Offer::Xml);
        check("application/xml;charset=utf-8", Offer::Xml);
        check("image/*,application/xml", Offer::Xml);
    }
}
