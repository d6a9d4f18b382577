//! A file of users: `name:hash` by the line, as Apache's `htpasswd` writes it.

use std::collections::HashMap;

use super::password::{Hash, HashError};

/// Why a file cannot be used: a line of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub(super) struct LineError {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Problem {
    #[error("it is no `name:hash`")]
    NoPair,
    #[error("it is no text")]
    NoText,
    #[error("`{name}` stands there twice")]
    Twice { name: String },
    #[error("`{name}` has {error}")]
    Hash { name: String, error: HashError },
}

/// All users of a file. What follows a second colon does not count, as in Apache.
pub(super) fn read(content: &[u8]) -> Result<HashMap<Box<[u8]>, Hash>, LineError> {
    let mut users = HashMap::new();
    for (index, line) in content.split(|byte| *byte == b'\n').enumerate() {
        let line = line.trim_ascii();
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        let fault = |problem| LineError { line: index + 1, problem };
        let line = std::str::from_utf8(line).map_err(|_other| fault(Problem::NoText))?;
        let (name, rest) = line.split_once(':').ok_or_else(|| fault(Problem::NoPair))?;
        if name.is_empty() {
            return Err(fault(Problem::NoPair));
        }
        let hash = rest.split(':').next().unwrap_or_default();
        let hash = Hash::read(hash)
            .map_err(|error| fault(Problem::Hash { name: name.to_owned(), error }))?;
        if users.insert(name.as_bytes().into(), hash).is_some() {
            return Err(fault(Problem::Twice { name: name.to_owned() }));
        }
    }
    Ok(users)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=";

    #[test]
    fn comments_blanks_and_further_fields_do_not_count() {
        let text =
            format!("# who\r\n\r\nann:{HASH}\r\n  bob:{HASH}:more \n#eve:{HASH}\nd\u{e9}:{HASH}");
        let users = read(text.as_bytes()).unwrap();
        let mut names: Vec<_> = users.keys().map(|name| String::from_utf8_lossy(name)).collect();
        names.sort();
        assert_eq!(names, ["ann", "bob", "d\u{e9}"]);
        assert!(read(b"").unwrap().is_empty());
    }

    #[test]
    fn a_line_that_cannot_be_used_is_told_without_its_hash() {
        let error = |text: &str| read(text.as_bytes()).map(drop).unwrap_err();
        let name = || "ann".to_owned();
        assert_eq!(error("\nann").to_string(), "line 2: it is no `name:hash`");
        assert_eq!(error(":x").problem, Problem::NoPair);
        let told = error(&format!("bob:{HASH}\nann:secret")).to_string();
        assert!(told.starts_with("line 2: `ann` has no hash") && !told.contains("secret"));
        let twice = LineError { line: 2, problem: Problem::Twice { name: name() } };
        assert_eq!(error(&format!("ann:{HASH}\nann:{HASH}")), twice);
        assert_eq!(read(b"a\xFF:x").map(drop).unwrap_err().problem, Problem::NoText);
    }
}
