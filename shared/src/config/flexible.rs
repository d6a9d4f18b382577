//! Flexible configuration: the file is a Go template over a folder of settings.
//!
//! KrakenD: with `FC_ENABLE` the file is the base template, whatever its name; the data are the JSON
//! objects of `FC_SETTINGS` by file name; `FC_TEMPLATES` are templates beside it, `FC_PARTIALS` is
//! where `include` looks. The result is JSON, unless `FC_OUT` has another ending. Baton stops at the
//! first error of a template; KrakenD goes on with the raw text.

use super::environment::Flexible;
use super::finding::{Finding, Problem};
use super::load::{Refusal, Sources};
use super::read;
use crate::template::{Entries, Files, Library, Limits, Map, RenderError, STACK_BYTES, Set, Value};
use crate::words::JsonPointer;

/// What came out of the templates.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Rendered {
    pub(super) text: Vec<u8>,
    /// Includes of files that are not there.
    pub(super) notices: Vec<Finding>,
}

/// Renders `base`, the content of the configuration at `path`.
pub(super) fn render(
    path: &str,
    base: &[u8],
    flexible: &Flexible,
    sources: &mut dyn Sources,
) -> Result<Rendered, Refusal> {
    std::thread::scope(|scope| {
        // Deep templates need more stack than threads usually have.
        let thread = std::thread::Builder::new().name("template".to_owned());
        let work = || Renderer { path, flexible, sources, notices: Vec::new() }.render(base);
        let running = thread.stack_size(STACK_BYTES).spawn_scoped(scope, work);
        let running = running.map_err(|error| refused(path, 0, error.to_string()))?;
        running.join().unwrap_or_else(|_panicked| {
            Err(refused(path, 0, "rendering the template failed".to_owned()))
        })
    })
}

fn refused(file: &str, line: u32, text: String) -> Refusal {
    let problem = Problem::Syntax { text: text.clone() };
    let finding = Finding { file: file.to_owned(), line, pointer: JsonPointer::root(), problem };
    Refusal { text, findings: vec![finding] }
}

struct Renderer<'a> {
    path: &'a str,
    flexible: &'a Flexible,
    sources: &'a mut dyn Sources,
    notices: Vec<Finding>,
}

impl Renderer<'_> {
    fn render(mut self, base: &[u8]) -> Result<Rendered, Refusal> {
        let mut faults = Faults::default();
        let data = self.settings(&mut faults);
        let templates = self.templates(&mut faults);
        if !faults.0.is_empty() {
            return Err(faults.into_refusal());
        }
        let name = base_name(self.path);
        let mut set = Set::new(Library::flexible());
        set.add(name, base)
            .map_err(|error| self.refusal("Unable to parse configuration file", error))?;
        for name in &templates {
            let file = join(&self.flexible.templates, name);
            let text = self.sources.file(&file).map_err(|error| {
                refused(&file, 0, format!("Error parsing sub-templates: {error}"))
            })?;
            set.add(name, &text)
                .map_err(|error| self.refusal("Error parsing sub-templates", error))?;
        }
        let rendered = set.render(name, data, &mut self, Limits::default());
        match rendered {
            Ok(text) => Ok(Rendered { text, notices: self.notices }),
            Err(error) => Err(self.refusal("Found error while executing template", error)),
        }
    }

    /// KrakenD's words, and the file and line of the template.
    fn refusal(&self, doing: &str, error: RenderError) -> Refusal {
        let RenderError { text, file, line } = error;
        let file = if file == base_name(self.path) {
            self.path.to_owned()
        } else {
            join(&self.flexible.templates, &file)
        };
        let problem = Problem::Syntax { text: text.clone() };
        let finding = Finding { file, line, pointer: JsonPointer::root(), problem };
        Refusal { text: format!("{doing}: {text}"), findings: vec![finding] }
    }

    /// One member per file, by its name without `.json`.
    fn settings(&mut self, faults: &mut Faults) -> Value {
        let mut all = Entries::new();
        let folder = &self.flexible.settings;
        for name in self.names(folder, ".json", faults) {
            let file = join(folder, &name);
            let key = name.strip_suffix(".json").unwrap_or(&name);
            match self.sources.file(&file) {
                Ok(bytes) => match settings(&bytes) {
                    Ok(value) => drop(all.insert(key.as_bytes().into(), value)),
                    Err(error) => faults.add(&name, &file, error.line, error.text),
                },
                Err(error) => faults.add(&name, &file, 0, error),
            }
        }
        Value::Map(Map::of(all))
    }

    fn templates(&mut self, faults: &mut Faults) -> Vec<String> {
        self.names(&self.flexible.templates, ".tmpl", faults)
    }

    /// The names with this ending in a folder, which need not be given.
    fn names(&mut self, folder: &str, ending: &str, faults: &mut Faults) -> Vec<String> {
        if folder.is_empty() {
            return Vec::new();
        }
        self.sources.folder(folder, ending).unwrap_or_else(|error| {
            faults.add(folder, folder, 0, error);
            Vec::new()
        })
    }
}

/// The names are told in KrakenD's list; what only a place has is told to people.
#[derive(Default)]
struct Faults(Vec<(String, Finding)>);

impl Faults {
    fn add(&mut self, name: &str, file: &str, line: u32, text: String) {
        let (file, pointer) = (file.to_owned(), JsonPointer::root());
        let finding = Finding { file, line, pointer, problem: Problem::Syntax { text } };
        self.0.push((name.to_owned(), finding));
    }

    fn into_refusal(self) -> Refusal {
        let line = |(name, finding): &(String, Finding)| format!("\t- {name}: {}", finding.problem);
        let lines: Vec<String> = self.0.iter().map(line).collect();
        let text = format!("loading flexible-config settings:\n{}", lines.join("\n"));
        Refusal { text, findings: self.0.into_iter().map(|(_, finding)| finding).collect() }
    }
}

/// A file of settings: an object, or `null`, which is none.
fn settings(bytes: &[u8]) -> Result<Value, read::ReadError> {
    if bytes.trim_ascii() == b"null" {
        return Ok(Value::Map(Map::nil()));
    }
    read::json::read(bytes).map(|document| Value::from(&document.root))
}

impl Files for Renderer<'_> {
    fn include(&mut self, path: &[u8]) -> Vec<u8> {
        let file = join(&self.flexible.partials, &String::from_utf8_lossy(path));
        self.sources.file(&file).unwrap_or_else(|why| {
            let (file, pointer) = (self.path.to_owned(), JsonPointer::root());
            let problem = Problem::EmptyInclude { why };
            self.notices.push(Finding { file, line: 0, pointer, problem });
            Vec::new()
        })
    }
}

fn base_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// Go's `path.Join`: clean, so that each file has one name.
fn join(folder: &str, name: &str) -> String {
    let whole = match (folder, name) {
        ("", name) => name.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, name) => format!("{folder}/{name}"),
    };
    let is_rooted = whole.starts_with('/');
    let mut kept: Vec<&str> = Vec::new();
    for part in whole.split('/') {
        match part {
            "" | "." => {},
            ".." if kept.last().is_some_and(|last| *last != "..") => drop(kept.pop()),
            ".." if is_rooted => {},
            other => kept.push(other),
        }
    }
    let joined = kept.join("/");
    if is_rooted { format!("/{joined}") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_joined_and_cleaned() {
        let cases = [
            ("partials", "a.json", "partials/a.json"),
            ("./partials/", "sub/../a.json", "partials/a.json"),
            ("partials", "../outside.txt", "outside.txt"),
            ("", "a.json", "a.json"),
            ("/etc/p", "/x", "/etc/p/x"),
            ("p", "../../x", "../x"),
        ];
        for (folder, name, path) in cases {
            assert_eq!(join(folder, name), path);
        }
    }
}
