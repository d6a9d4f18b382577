//! A configuration as a template whose generation is a sum of three numbers: one in the settings, one in a partial,
//! one in a template. From each generation to the next one of them grows.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::baton::{Baton, Starter};

/// What stands in the configuration for the number of its generation.
pub(super) const GENERATION: &str = "{{ $generation }}";

/// The three numbers; part `i` of generation N is `(N + i) / 3`, and they add up to N.
const PARTS: [fn(&Path, u64); 3] = [save_setting, save_partial, save_template];

/// A gateway with `config` as a template, at generation 1.
pub(super) fn start(config: &Value) -> Baton {
    let starter = Starter::new(config);
    let folder = starter.folder();
    for name in ["settings", "partials", "templates"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    let mut whole: Value =
        serde_json::from_slice(&fs::read(starter.config_path()).unwrap()).unwrap();
    fs::write(folder.join("endpoints"), whole["endpoints"].take().to_string()).unwrap();
    let endpoints = r#"{{ template "endpoints.tmpl" (dict "number" .torture.number) }}"#;
    fs::write(starter.config_path(), whole.to_string().replacen("null", endpoints, 1)).unwrap();
    (0..).zip(PARTS).for_each(|(at, part)| part(folder, (1 + at) / 3));
    starter
        .environment("FC_ENABLE", "1")
        .environment("FC_SETTINGS", "settings")
        .environment("FC_PARTIALS", "partials")
        .environment("FC_TEMPLATES", "templates")
        .watching()
        .start()
}

/// Saves the one part in which `generation` differs from the one before.
pub(super) fn save(folder: &Path, generation: u64) {
    for (at, part) in (0..).zip(PARTS) {
        if (generation + at).is_multiple_of(3) {
            part(folder, (generation + at) / 3);
        }
    }
}

fn save_setting(folder: &Path, number: u64) {
    replace(&folder.join("settings/torture.json"), &json!({ "number": number }).to_string());
}

fn save_partial(folder: &Path, number: u64) {
    replace(&folder.join("partials/number"), &format!("{number}\n"));
}

fn save_template(folder: &Path, number: u64) {
    let sum =
        format!("{{{{ $generation := add .number (include \"number\" | trim | atoi) {number} }}}}");
    let endpoints = fs::read_to_string(folder.join("endpoints")).unwrap();
    replace(&folder.join("templates/endpoints.tmpl"), &format!("{sum}{endpoints}"));
}

/// As editors do: a new file under the old name.
fn replace(path: &Path, text: &str) {
    let next = path.with_extension("next");
    fs::write(&next, text).unwrap();
    fs::rename(next, path).unwrap();
}
