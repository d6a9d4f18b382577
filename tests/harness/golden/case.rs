//! The form of the recorded answers.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::value::RawValue;

/// One configuration and what happened with it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Its name; the first part is the subject.
    pub name: String,
    /// What it is about.
    #[serde(default)]
    pub about: String,
    /// What the gateway must have for it to make sense.
    #[serde(default)]
    pub needs: Vec<String>,
    /// The configuration: an object, or a text in another format.
    pub config: Box<RawValue>,
    /// The name of its file.
    #[serde(default = "krakend_json")]
    pub config_name: String,
    /// Files beside it.
    #[serde(default)]
    pub files: BTreeMap<String, String>,
    /// Variables of the gateway's environment.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The backends may be called in any order.
    #[serde(default)]
    pub unordered: bool,
    /// A pause before the first request.
    #[serde(default)]
    pub settle_ms: u64,
    /// Header fields of answers that are not compared.
    #[serde(default)]
    pub ignore_headers: Vec<String>,
    /// Header fields at the backends that are not compared.
    #[serde(default)]
    pub ignore_seen_headers: Vec<String>,
    /// Backends of which it is not compared what they saw: when keys are fetched is the gateway's own choice.
    #[serde(default)]
    pub ignore_seen_backends: Vec<String>,
    /// Whether the gateway starts, or refuses to.
    pub starts: bool,
    /// By name, by `METHOD TARGET`, the answers in turn; the last one stays.
    pub backends: BTreeMap<String, Script>,
    /// In order, each on a new connection.
    pub requests: Vec<Ask>,
}

/// What a backend answers to what.
pub type Script = BTreeMap<String, Vec<Reply>>;

/// One request and its consequence.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    /// How messages call it.
    pub name: String,
    /// The head, or everything.
    pub send: Text,
    /// The body.
    #[serde(default)]
    pub body: Text,
    /// A pause before it.
    #[serde(default)]
    pub pause_ms: u64,
    /// How long after the answer the backends may still see something.
    #[serde(default)]
    pub wait_ms: u64,
    /// What happened.
    pub want: Want,
}

/// What the client got and the backends saw; what is missing is not compared.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Want {
    /// Why there was no answer.
    pub error: Option<String>,
    /// Its status.
    pub status: Option<u16>,
    /// Statuses of 1xx answers before it.
    pub interim: Option<Vec<u16>>,
    /// What became of the connection: `open`, `closed`, `more`.
    pub after: Option<String>,
    /// Header lines, sorted.
    pub headers: Option<Vec<Text>>,
    /// The body.
    pub body: Option<Text>,
    /// What the backends saw.
    pub seen: Option<Vec<Seen>>,
}

/// One request at a backend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Which.
    pub backend: String,
    /// Method and target.
    pub line: String,
    /// Header lines, sorted.
    pub headers: Vec<Text>,
    /// How the body was delimited; missing: not compared.
    pub framing: Option<String>,
    /// The body.
    #[serde(default)]
    pub body: Text,
}

/// One answer of a scripted backend.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// Its status.
    #[serde(default = "status_ok")]
    pub status: u16,
    /// Header lines; the length is added.
    #[serde(default)]
    pub headers: Vec<String>,
    /// Its body.
    #[serde(default)]
    pub body: Text,
    /// The body tells what the backend saw.
    #[serde(default)]
    pub echo: bool,
    /// In two chunks.
    #[serde(default)]
    pub chunked: bool,
    /// Everything, as it stands.
    pub raw: Option<String>,
    /// A pause before it.
    #[serde(default)]
    pub delay_ms: u64,
    /// The connection ends `before` or `after` it.
    pub close: Option<When>,
}

/// When a backend ends its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Instead of the answer.
    Before,
    /// Behind it.
    After,
}

/// Text or bytes; long repetitions are written once.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// UTF-8.
    Plain(String),
    /// One byte per character.
    Bytes {
        /// The characters.
        latin1: String,
    },
    /// One after the other.
    Parts {
        /// The parts.
        parts: Vec<Part>,
    },
}

/// A part of a text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub enum Part {
    /// Once.
    Once(String),
    /// So many times.
    Times(String, usize),
}

impl Text {
    /// The bytes, in UTF-8 where it is text.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Plain(text) => text.clone().into_bytes(),
            Self::Bytes { latin1 } => bytes_of(latin1),
            Self::Parts { .. } => self.text().into_bytes(),
        }
    }

    /// The bytes, one per character: what stands in a head.
    pub fn latin1(&self) -> Vec<u8> {
        bytes_of(&self.text())
    }

    /// The characters.
    pub fn text(&self) -> String {
        match self {
            Self::Plain(text) | Self::Bytes { latin1: text } => text.clone(),
            Self::Parts { parts } => parts
                .iter()
                .map(|part| match part {
                    Part::Once(text) => text.clone(),
                    Part::Times(text, times) => text.repeat(*times),
                })
                .collect(),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Plain(String::new())
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bytes().cmp(&other.bytes())
    }
}

/// One byte per character; what does not fit becomes `?`.
pub(super) fn bytes_of(text: &str) -> Vec<u8> {
    text.chars().map(|letter| u8::try_from(letter).unwrap_or(b'?')).collect()
}

fn krakend_json() -> String {
    "krakend.json".to_owned()
}

fn status_ok() -> u16 {
    200
}

impl Case {
    /// Every case of a file.
    ///
    /// # Panics
    /// When it is not of this form.
    pub fn read_all(path: &Path) -> Vec<Self> {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}
