//! Where names stand in a YAML text: on the line of their value, or on one before it.

use std::ops::Range;

use super::Rename;

/// The span of each name without quotes, and of the version's value.
pub(super) fn spans(text: &str, renames: &[Rename]) -> Vec<Option<Range<usize>>> {
    let mut starts = vec![0];
    starts.extend(text.match_indices('\n').map(|(at, _)| at + 1));
    let mut taken: Vec<Range<usize>> = Vec::new();
    let mut spans = Vec::with_capacity(renames.len());
    for rename in renames {
        let last = usize::try_from(rename.line).unwrap_or(0);
        let first = usize::try_from(rename.owner_line).unwrap_or(0).clamp(1, last.max(1));
        let found = (first..=last).rev().find_map(|line| {
            let start = *starts.get(line - 1)?;
            let content = text.get(start..)?.lines().next()?;
            let span = if rename.is_value() {
                version(content)?
            } else {
                keys(content, rename.old())
                    .find(|span| !taken.contains(&(start + span.start..start + span.end)))?
            };
            Some(start + span.start..start + span.end)
        });
        taken.extend(found.clone());
        spans.push(found);
    }
    spans
}

/// Places on a line where `key` is a key: with quotes or not, and a colon behind.
fn keys<'a>(line: &'a str, key: &'a str) -> impl Iterator<Item = Range<usize>> + 'a {
    line.match_indices(key).filter_map(move |(at, found)| {
        let before = line.get(..at)?;
        let behind = line.get(at + found.len()..)?;
        let bare = before.trim_end_matches(['"', '\'']);
        let is_begin = bare.is_empty() || bare.ends_with([' ', '{', ',', '[']);
        let behind = behind.trim_start_matches(['"', '\'']).trim_start();
        let is_comment = before.trim_start().starts_with('#') || before.contains(" #");
        (is_begin && behind.starts_with(':') && !is_comment).then_some(at..at + found.len())
    })
}

/// The digits behind `version:`.
fn version(line: &str) -> Option<Range<usize>> {
    let key = keys(line, "version").next()?;
    let colon = key.end + line.get(key.end..)?.find(':')?;
    let start = colon + line.get(colon..)?.find(|c: char| c.is_ascii_digit())?;
    let length = line.get(start..)?.chars().take_while(char::is_ascii_digit).count();
    Some(start..start + length)
}
