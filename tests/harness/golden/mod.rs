//! What the real KrakenD answered, as data (`tests/krakend/`), and the player of it.
//!
//! A file there holds the cases of one subject: a configuration, scripted backends, requests byte for
//! byte, and for each request what the client got and what the backends saw. `@GW@` stands for the
//! gateway's port, `@B1@` … for the backends'. [`case`] is that form, [`script`] a scripted backend,
//! [`command`] the recorded command lines, [`play`] runs a case, [`compare`] tells the differences, [`deviation`] which of them are meant.
//!
//! Not compared: the order of header lines, `Date`, how an answer is delimited, and what a case leaves out.

pub mod case;
pub mod play;
pub mod command;
pub mod deviation;

mod compare;
mod script;

use std::path::PathBuf;
use std::sync::Mutex;

use case::Case;
use deviation::Deviations;

/// What cases may need and Baton does not have yet; such cases are left out.
pub const NOT_BUILT: [&str; 0] = [];

/// How many gateways run at once: they mostly wait.
const AT_ONCE: usize = 6;

/// Plays the cases of one file; every difference that is not meant, in words.
///
/// # Panics
/// When the file cannot be read.
pub fn differences(subject: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("krakend");
    let cases = Case::read_all(&folder.join(format!("{subject}.json")));
    let deviations = Deviations::read(&folder.join("deviations.json"));
    let only = std::env::var("GOLDEN_CASE").ok();
    let waiting = Mutex::new(
        cases
            .iter()
            .filter(|case| !case.needs.iter().any(|need| NOT_BUILT.contains(&need.as_str())))
            .filter(|case| only.as_ref().is_none_or(|only| *only == case.name)),
    );
    let found = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(case) = next else { return };
                    let differences = deviations.unmeant(&case.name, play::differences(case));
                    found.lock().unwrap().extend(
                        differences.into_iter().map(|words| format!("{}: {words}", case.name)),
                    );
                }
            });
        }
    });
    let mut found = found.into_inner().unwrap();
    found.sort();
    found
}

/// What the cases of one file need, each once.
pub fn needs(subject: &str) -> Vec<String> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("krakend");
    let cases = Case::read_all(&folder.join(format!("{subject}.json")));
    cases.into_iter().flat_map(|case| case.needs).collect()
}
