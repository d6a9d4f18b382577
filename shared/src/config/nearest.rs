//! Did you mean …? The nearest of the known names.

/// The known name that `found` was most likely meant to be: case does not count, and the longer the
/// name, the more letters may be wrong (at most a third of them, at most four).
#[must_use]
pub fn nearest<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found: Vec<char> =
        found.chars().take(LENGTH_MAX + 1).flat_map(char::to_lowercase).collect();
    if found.len() > LENGTH_MAX {
        return None;
    }
    let wrong_max = (found.len().max(3) / 3).min(4);
    known
        .into_iter()
        .map(|name| (distance(&found, &name.to_lowercase().chars().collect::<Vec<_>>()), name))
        .filter(|(wrong, _)| *wrong <= wrong_max)
        .min_by_key(|(wrong, _)| *wrong)
        .map(|(_, name)| name)
}

/// No name is longer; the cost of a comparison is bounded with it.
const LENGTH_MAX: usize = 80;

/// Levenshtein's, with two letters swapped counting once.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, letter) in from.iter().enumerate() {
        let mut this = vec![row + 1];
        for (column, other) in to.iter().enumerate() {
            let replaced = cell(&last, column) + usize::from(letter != other);
            let mut best = replaced.min(cell(&last, column + 1) + 1).min(cell(&this, column) + 1);
            let is_swap = row > 0
                && column > 0
                && from.get(row - 1) == Some(other)
                && to.get(column - 1) == Some(letter);
            if is_swap {
                best = best.min(cell(&before_last, column - 1) + 1);
            }
            this.push(best);
        }
        before_last = std::mem::replace(&mut last, this);
    }
    cell(&last, to.len())
}

fn cell(row: &[usize], column: usize) -> usize {
    row.get(column).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_are_recognised_and_strangers_are_not() {
        let known = ["timeout", "cache_ttl", "output_encoding", "host", "port"];
        let cases = [
            ("timeuot", Some("timeout")),
            ("tiemout", Some("timeout")),
            ("TIMEOUT", Some("timeout")),
            ("output_enconding", Some("output_encoding")),
            ("outputencoding", Some("output_encoding")),
            ("hosts", Some("host")),
            ("cachettl", Some("cache_ttl")),
            ("x", None),
            ("", None),
            ("description", None),
            ("zzz", None),
        ];
        for (found, name) in cases {
            assert_eq!(nearest(found, known), name, "{found}");
        }
        assert_eq!(nearest(&"é".repeat(10_000), known), None);
    }
}
