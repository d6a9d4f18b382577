//! What was found, in the form that `--format` asks for: a Go template with the functions `marshal`
//! and `colored`.

use std::fmt::Write as _;

use serde::Serialize;

/// KrakenD's default form.
pub(super) const FOR_SCRIPTS: &str =
    "{{ range .Recommendations }}{{.Rule}}\t[{{.Severity}}]   \t{{.Message}}\n{{ end }}";
/// The same on a terminal.
pub(super) const FOR_PEOPLE: &str =
    "{{ range .Recommendations }}{{.Rule}}\t[{{colored .Severity}}]   \t{{.Message}}\n{{ end }}";

/// What the template gets.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    recommendations: Vec<Recommendation>,
    stats: Stats,
}

impl Report {
    pub(super) const fn new(recommendations: Vec<Recommendation>) -> Self {
        Self { recommendations, stats: Stats {} }
    }
}

/// One finding.
#[derive(Debug, Serialize)]
pub(super) struct Recommendation {
    pub(super) rule: &'static str,
    pub(super) severity: &'static str,
    pub(super) message: &'static str,
}

/// Always empty, as KrakenD's.
#[derive(Debug, Serialize)]
struct Stats {}

/// A template that cannot be used.
#[derive(Debug)]
pub(super) struct Failed {
    /// What was being done, in KrakenD's words.
    pub(super) doing: &'static str,
    pub(super) why: String,
}

const PARSING: &str = "parsing the template";
const RENDERING: &str = "rendering the results";

/// The text of a report.
///
/// # Errors
/// When `template` is none, or asks for what a report does not have.
pub(super) fn render(template: &str, report: &Report) -> Result<String, Failed> {
    let pieces = pieces(template)?;
    let mut text = String::new();
    let mut rest = pieces.as_slice();
    while let [piece, behind @ ..] = rest {
        rest = behind;
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Action("range .Recommendations") => {
                let end = rest
                    .iter()
                    .position(|piece| matches!(piece, Piece::Action("end")))
                    .ok_or_else(|| Failed { doing: PARSING, why: "unexpected EOF".to_owned() })?;
                let (body, behind) = rest.split_at(end);
                for one in &report.recommendations {
                    each(body, one, &mut text)?;
                }
                rest = behind.get(1..).unwrap_or_default();
            },
            Piece::Action("marshal .") => text.push_str(&json(report)),
            Piece::Action("marshal .Recommendations") => {
                text.push_str(&json(&report.recommendations));
            },
            Piece::Action(action) => return Err(unknown(action)),
        }
    }
    Ok(text)
}

fn each(body: &[Piece<'_>], one: &Recommendation, text: &mut String) -> Result<(), Failed> {
    for piece in body {
        match piece {
            Piece::Text(plain) => text.push_str(plain),
            Piece::Action(".Rule") => text.push_str(one.rule),
            Piece::Action(".Severity") => text.push_str(one.severity),
            Piece::Action(".Message") => text.push_str(one.message),
            Piece::Action("colored .Severity") => text.push_str(&colored(one.severity)),
            Piece::Action("marshal .") => text.push_str(&json(one)),
            Piece::Action(action) => return Err(unknown(action)),
        }
    }
    Ok(())
}

enum Piece<'a> {
    Text(&'a str),
    Action(&'a str),
}

fn pieces(template: &str) -> Result<Vec<Piece<'_>>, Failed> {
    let mut pieces = Vec::new();
    let mut rest = template;
    while let Some((text, behind)) = rest.split_once("{{") {
        let (action, behind) = behind
            .split_once("}}")
            .ok_or_else(|| Failed { doing: PARSING, why: "unclosed action".to_owned() })?;
        pieces.extend([Piece::Text(text), Piece::Action(action.trim())]);
        rest = behind;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

fn unknown(action: &str) -> Failed {
    Failed { doing: RENDERING, why: format!("can't evaluate {action}") }
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn colored(severity: &str) -> String {
    let code = match severity {
        "LOW" => "32;1",
        "MEDIUM" => "33;1",
        "HIGH" => "31;1",
        "CRITICAL" => "41;1",
        _ => return severity.to_owned(),
    };
    let mut text = String::new();
    let _infallible = write!(text, "\u{1b}[{code}m{severity}\u{1b}[0m");
    text
}
