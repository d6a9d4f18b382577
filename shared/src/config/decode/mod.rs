//! A [`Node`] → KrakenD's structures, as `mapstructure` fills them: keys in any case, weak typing,
//! `null` as absent; every fault is collected, in KrakenD's words and in Baton's.
//!
//! Nothing is checked or defaulted here beyond the kinds of values: that is [`super::init`]'s.

mod agent;
mod baton;
mod endpoint;
mod fields;
mod kind;
mod service;
mod tls;

pub(super) use fields::Fields;
pub(super) use service::{Decoded, service};

use super::environment::LINE_NONE;
use super::finding::{Finding, Problem};
use super::node::Node;
use super::read::Format;
use crate::words::JsonPointer;

/// Where a value stands: for KrakenD (`endpoints[0].timeout`) and for Baton (pointer and line).
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// By KrakenD's names of keys; empty at the root.
    pub(super) name: String,
    /// As the file spells it.
    pub(super) at: JsonPointer,
    /// Of the value; of what holds it, when there is none.
    pub(super) line: u32,
}

impl Place {
    /// The whole document.
    pub(super) fn root(line: u32) -> Self {
        Self { name: String::new(), at: JsonPointer::root(), line }
    }

    /// The member that KrakenD calls `key` and the file `spelling`.
    pub(super) fn key(&self, key: &str, spelling: &str, node: &Node) -> Self {
        let dot = if self.name.is_empty() { "" } else { "." };
        let name = format!("{}{dot}{key}", self.name);
        Self { name, at: self.at.key(spelling), line: node.line }
    }

    /// An item of a list.
    pub(super) fn item(&self, index: usize, node: &Node) -> Self {
        let name = format!("{}[{index}]", self.name);
        Self { name, at: self.at.index(index), line: node.line }
    }

    /// A single value that stands for a list of one.
    fn lifted(&self) -> Self {
        Self { name: format!("{}[0]", self.name), ..self.clone() }
    }
}

/// Collects what is found wrong or worth a remark.
#[derive(Debug)]
pub(super) struct Faults {
    file: String,
    /// Names the kinds of numbers in KrakenD's texts.
    format: Format,
    /// KrakenD's lines about kinds of values, in its order.
    pub(super) kinds: Vec<String>,
    /// Everything that refuses the configuration.
    pub(super) findings: Vec<Finding>,
    /// Everything else.
    pub(super) notices: Vec<Finding>,
}

impl Faults {
    pub(super) const fn new(file: String, format: Format) -> Self {
        Self { file, format, kinds: Vec::new(), findings: Vec::new(), notices: Vec::new() }
    }

    /// A value that KrakenD's decoder refuses too.
    pub(super) fn kind(&mut self, place: &Place, krakend: &str, problem: Problem) {
        self.kinds.push(format!("'{}' {krakend}", place.name));
        self.refuse(place, problem);
    }

    /// Something that refuses the configuration.
    pub(super) fn refuse(&mut self, place: &Place, problem: Problem) {
        let finding = self.finding(place, problem);
        self.findings.push(finding);
    }

    /// Something worth a remark.
    pub(super) fn notice(&mut self, place: &Place, problem: Problem) {
        if self.notices.len() < NOTICES_MAX {
            let finding = self.finding(place, problem);
            self.notices.push(finding);
        }
    }

    fn finding(&self, place: &Place, problem: Problem) -> Finding {
        let file = if place.line == LINE_NONE { variable(&place.at) } else { self.file.clone() };
        Finding { file, line: place.line, pointer: place.at.clone(), problem }
    }
}

/// A `client_tls` that stands where no decoder of the file looks: what it says, and what is wrong with it.
#[must_use]
pub fn client_tls(
    node: &Node,
    at: &JsonPointer,
    source: &super::source::Source,
) -> (Option<super::tls::ClientTls>, Vec<Finding>) {
    let mut faults = Faults::new(source.file.clone(), Format::Json);
    let place = Place { name: String::new(), at: at.clone(), line: node.line };
    let decoded = tls::client(node, &place, &mut faults);
    (decoded, [faults.findings, faults.notices].concat())
}

/// More remarks than this are not kept.
const NOTICES_MAX: usize = 1_000;

/// The environment variable that sets what stands at `at`.
fn variable(at: &JsonPointer) -> String {
    let path = at.as_str().trim_start_matches('/').replace('/', ".");
    format!("KRAKEND_{}", path.to_uppercase())
}
