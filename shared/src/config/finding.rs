//! What Baton says about a configuration: where, what was found, what would be right.

use std::fmt;

use crate::control::message::Notice;
use crate::words::JsonPointer;

/// One problem or remark, with its place.
///
/// `krakend.json:14: /endpoints/0/timeout: "2 s" is no duration: write 100ms, 2s or 1h30m`
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {pointer}: {problem}", Place(file, *line))]
pub struct Finding {
    /// The file as named by the person, or the environment variable.
    pub file: String,
    /// The line, from 1; 0: not from a file.
    pub line: u32,
    /// Where in the document.
    pub pointer: JsonPointer,
    /// What is the matter.
    pub problem: Problem,
}

struct Place<'a>(&'a str, u32);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(file, 0) => f.write_str(file),
            Self(file, line) => write!(f, "{file}:{line}"),
        }
    }
}

impl From<&Finding> for Notice {
    fn from(finding: &Finding) -> Self {
        Self {
            file: finding.file.clone(),
            line: finding.line,
            pointer: finding.pointer.clone(),
            text: finding.problem.to_string(),
        }
    }
}

/// What can be the matter with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The file is not of its format.
    #[error("{text}")]
    Syntax {
        /// The parser's words.
        text: String,
    },
    /// A template includes what is not there.
    #[error("an include has nothing to give and counts as empty: {why}")]
    EmptyInclude {
        /// In the system's words.
        why: String,
    },
    /// A value of the wrong kind.
    #[error("{found} is not {allowed}")]
    Kind {
        /// The value, shortened.
        found: String,
        /// What may stand here.
        allowed: &'static str,
    },
    /// A `null` where an object must stand.
    #[error("null stands where {allowed} must")]
    Null {
        /// What may stand here.
        allowed: &'static str,
    },
    /// A key that nothing reads.
    #[error("the key `{key}` is unknown and has no effect{}", did_you_mean(nearest.as_deref()))]
    UnknownKey {
        /// As written.
        key: String,
        /// The most similar known key.
        nearest: Option<String>,
    },
    /// A key of `"@baton"` that does not exist.
    #[error(
        "the key `{key}` is unknown{}; known here: {}",
        did_you_mean(nearest.as_deref()),
        list(known)
    )]
    UnknownBatonKey {
        /// As written.
        key: String,
        /// The most similar known key.
        nearest: Option<String>,
        /// All that are known.
        known: Vec<&'static str>,
    },
    /// A namespace that neither KrakenD nor Baton knows.
    #[error("the namespace `{name}` is unknown and has no effect{}", did_you_mean(*nearest))]
    UnknownNamespace {
        /// As written.
        name: String,
        /// The most similar known one.
        nearest: Option<&'static str>,
    },
    /// A namespace that is known, but not here.
    #[error("the namespace `{name}` has no effect on this level: it belongs {levels}")]
    MisplacedNamespace {
        /// As written.
        name: String,
        /// Where it belongs.
        levels: String,
    },
    /// A namespace of KrakenD 1, which KrakenD 2 ignores.
    #[error("the namespace `{name}` is KrakenD 1's and has no effect: write `{replacement}`")]
    OldNamespace {
        /// As written.
        name: String,
        /// What to write.
        replacement: &'static str,
    },
    /// A key of KrakenD 1, which KrakenD 2 ignores.
    #[error(
        "the key `{key}` is KrakenD 1's and has no effect: write `{replacement}` (`baton migrate` \
         does it)"
    )]
    OldKey {
        /// As written.
        key: String,
        /// What to write.
        replacement: &'static str,
    },
    /// Two spellings of one namespace.
    #[error("`{long}` has no effect beside `{short}`, its short name")]
    BothSpellings {
        /// The one that loses.
        long: String,
        /// The one that counts.
        short: &'static str,
    },
    /// A key twice in one object.
    #[error("this key stood already on line {earlier_line}: the last one counts")]
    Repeated {
        /// The line of the first.
        earlier_line: u32,
    },
    /// Not version 3.
    #[error(
        "version {found} is not supported: write \"version\": 3{}",
        if matches!(found, 1 | 2) { "; `baton migrate` also renames what was renamed since" } else { "" }
    )]
    Version {
        /// As written; 0 when absent.
        found: i64,
    },
    /// `listen_ip` is no address.
    #[error("`{found}` is no IP address: write 0.0.0.0, 127.0.0.1, :: or the like, no name")]
    ListenIp {
        /// As written.
        found: String,
    },
    /// A host that KrakenD refuses.
    #[error(
        "`{found}` is no host: write http://name, https://name:8443 or name:80 (no path, no IPv6 \
         address, no user; with \"disable_host_sanitize\": true the text is taken as it stands)"
    )]
    Host {
        /// As written.
        found: String,
    },
    /// A host of which a part falls away.
    #[error("`{found}` is used as `{cleaned}`")]
    HostCleaned {
        /// As written.
        found: String,
        /// As used.
        cleaned: String,
    },
    /// An endpoint's path that KrakenD refuses.
    #[error(
        "`{path}` cannot be an endpoint: a segment may not be __debug, __echo or __health, and `*` \
         may only stand at the end"
    )]
    Path {
        /// The path.
        path: String,
    },
    /// An endpoint without backends.
    #[error("the endpoint `{path}` has no backend: it needs at least one")]
    NoBackend {
        /// The path.
        path: String,
    },
    /// `no-op` with several backends.
    #[error("with output_encoding no-op an endpoint has exactly one backend, this one has {found}")]
    NoOpBackends {
        /// How many.
        found: usize,
    },
    /// A placeholder that the endpoint does not have.
    #[error(
        "`{{{name}}}` is no placeholder of the endpoint{}; it has: {}",
        did_you_mean(nearest.as_deref()),
        list(known)
    )]
    Placeholder {
        /// Without braces.
        name: String,
        /// The most similar one of the endpoint's.
        nearest: Option<String>,
        /// All of the endpoint's.
        known: Vec<String>,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default()
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_says_where_what_and_what_would_be_right() {
        let finding = Finding {
            file: "krakend.json".to_owned(),
            line: 14,
            pointer: JsonPointer::root().key("tiemout"),
            problem: Problem::UnknownKey {
                key: "tiemout".to_owned(),
                nearest: Some("timeout".to_owned()),
            },
        };
        assert_eq!(
            finding.to_string(),
            "krakend.json:14: /tiemout: the key `tiemout` is unknown and has no effect: did you \
             mean `timeout`?"
        );
    }
}
