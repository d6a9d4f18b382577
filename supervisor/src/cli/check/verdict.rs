//! What `check` has to say, in order; for scripts, for people, or as JSON.

use std::fmt::{self, Display};

use baton_shared::control::message::Notice;
use serde::Serialize;

/// Everything that is said, and whether the file is good.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) said: Vec<Said>,
    pub(super) is_good: bool,
}

/// One thing that is said.
#[derive(Debug)]
pub(super) enum Said {
    /// KrakenD's own lines, which scripts compare.
    Krakend(String),
    /// Baton's.
    Found(Grade, Notice),
}

/// How much a finding weighs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Grade {
    /// Part of why the file is refused.
    Error,
    /// What the file asks for and Baton does not do: scripts are told too.
    Unbuilt,
    /// Something has no effect, or not the one that was meant.
    Warning,
    /// Worth knowing.
    Remark,
}

/// Who reads along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// KrakenD's lines, and what must not be overlooked.
    Script,
    /// KrakenD's lines alone: the dump of `-d` is compared word by word.
    KrakendOnly,
    /// Everything.
    Person,
}

impl Verdict {
    pub(super) const fn new() -> Self {
        Self { said: Vec::new(), is_good: true }
    }

    pub(super) fn say(&mut self, text: impl Display) {
        self.said.push(Said::Krakend(text.to_string()));
    }

    pub(super) fn found(&mut self, grade: Grade, notices: impl IntoIterator<Item = Notice>) {
        self.said.extend(notices.into_iter().map(|notice| Said::Found(grade, notice)));
    }

    /// KrakenD's form: what went wrong while doing what, and an empty line.
    pub(super) fn bad(&mut self, doing: &str, why: impl Display) {
        self.is_good = false;
        self.say(format_args!("ERROR {doing}:\t{why}\n"));
    }

    /// Whether a strict judge lets it pass.
    pub(super) fn is_spotless(&self) -> bool {
        let is_spot = |said: &Said| matches!(said, Said::Found(grade, _) if *grade < Grade::Remark);
        self.is_good && !self.said.iter().any(is_spot)
    }

    /// The lines for an audience.
    pub(super) fn lines(&self, audience: Audience) -> impl Iterator<Item = String> {
        self.said.iter().filter_map(move |said| match (said, audience) {
            (Said::Krakend(text), _) => Some(text.clone()),
            (Said::Found(grade, notice), Audience::Script) if *grade == Grade::Unbuilt => {
                Some(Told(notice).to_string())
            },
            (Said::Found(_, notice), Audience::Person) => Some(Told(notice).to_string()),
            (Said::Found(..), Audience::Script | Audience::KrakendOnly) => None,
        })
    }

    /// One object: whether the file is good, KrakenD's error if it is not, and every finding.
    pub(super) fn json(&self, is_good: bool) -> String {
        let mut findings = Vec::new();
        let mut error = None;
        for said in &self.said {
            match said {
                Said::Krakend(text) => {
                    error = text
                        .strip_prefix("ERROR ")
                        .map(|text| text.trim_end().to_owned())
                        .or(error);
                },
                Said::Found(grade, notice) => {
                    let Notice { file, line, pointer, text } = notice;
                    let pointer = pointer.as_str();
                    findings.push(Row { grade: *grade, file, line: *line, pointer, text });
                },
            }
        }
        serde_json::to_string_pretty(&Sheet { ok: is_good, error, findings }).unwrap_or_default()
    }
}

#[derive(Serialize)]
struct Sheet<'a> {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    findings: Vec<Row<'a>>,
}

#[derive(Serialize)]
struct Row<'a> {
    grade: Grade,
    file: &'a str,
    line: u32,
    pointer: &'a str,
    text: &'a str,
}

/// `krakend.json:14: /endpoints/0: …`
pub(super) struct Told<'a>(pub(super) &'a Notice);

impl Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Notice { file, line, pointer, text } = self.0;
        match line {
            0 => write!(f, "{file}: {pointer}: {text}"),
            line => write!(f, "{file}:{line}: {pointer}: {text}"),
        }
    }
}
