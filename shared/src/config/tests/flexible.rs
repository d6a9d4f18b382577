//! Flexible configuration, over files in memory.

use std::collections::BTreeMap;

use super::super::*;

/// Files by path; a folder is what paths go through.
#[derive(Default)]
struct Memory {
    files: BTreeMap<String, String>,
    asked: Vec<String>,
    kept: BTreeMap<String, String>,
}

impl Memory {
    fn of(files: &[(&str, &str)]) -> Self {
        let own = |(path, text): &(&str, &str)| ((*path).to_owned(), (*text).to_owned());
        Self { files: files.iter().map(own).collect(), ..Self::default() }
    }
}

impl Sources for Memory {
    fn file(&mut self, path: &str) -> Result<Vec<u8>, String> {
        self.asked.push(path.to_owned());
        let found = self.files.get(path).map(|text| text.clone().into_bytes());
        found.ok_or_else(|| format!("open {path}: no such file or directory"))
    }

    fn folder(&mut self, path: &str, ending: &str) -> Result<Vec<String>, String> {
        self.asked.push(path.to_owned());
        let inside = |file: &String| {
            Some(file.strip_prefix(&format!("{path}/"))?.split('/').next()?.to_owned())
        };
        let mut names: Vec<String> = self.files.keys().filter_map(inside).collect();
        names.dedup();
        if names.is_empty() {
            return Err(format!("open {path}: no such file or directory"));
        }
        names.retain(|name| name.ends_with(ending));
        Ok(names)
    }

    fn keep(&mut self, path: &str, text: &[u8]) -> Result<(), String> {
        if path.starts_with("nodir/") {
            return Err(format!("open {path}: no such file or directory"));
        }
        self.kept.insert(path.to_owned(), String::from_utf8_lossy(text).into_owned());
        Ok(())
    }
}

fn environment(more: &[(&str, &str)]) -> Environment {
    let base = [("FC_ENABLE", "1"), ("FC_SETTINGS", "settings"), ("FC_PARTIALS", "partials")];
    let all = base.iter().chain(more);
    Environment::of(all.map(|(name, value)| (name.into(), value.into())))
}

const ENDPOINT: &str = r#"{"endpoint":"/a","backend":[{"url_pattern":"/","host":["http://h"]}]}"#;

#[test]
fn settings_partials_and_templates_make_a_configuration() {
    let mut files = Memory::of(&[
        (
            "dir/krakend.json",
            r#"{"version":3,"port":{{ .s.port }},"name":"{{ include "../name" | trim }}{{ include "gone" }}",
            "endpoints":[{{ template "e.tmpl" .s }}]}"#,
        ),
        ("settings/s.json", r#"{"port":9000}"#),
        ("settings/readme.md", "not read"),
        ("name", "n\n"),
        ("templates/e.tmpl", ENDPOINT),
        ("templates/not.txt", "{{ nope"),
        ("templates/sub/x.tmpl", "{{ nope"),
    ]);
    let loaded =
        open("dir/krakend.json", &environment(&[("FC_TEMPLATES", "templates")]), &mut files);
    let loaded = loaded.unwrap();
    assert_eq!((loaded.config.port, loaded.config.name.as_str()), (9000, "n"));
    assert_eq!(loaded.config.endpoints.len(), 1);
    assert_eq!(
        files.asked,
        [
            "dir/krakend.json",
            "settings",
            "settings/s.json",
            "templates",
            "templates/e.tmpl",
            "name",
            "partials/gone"
        ]
    );
    let told = loaded.notices[0].to_string();
    assert!(told.contains("open partials/gone: no such file or directory"), "{told}");
}

#[test]
fn the_result_is_json_unless_it_is_kept_under_another_ending() {
    let yaml = "version: 3\nport: {{ .s.port }}\n";
    let mut files = Memory::of(&[("k.yaml", yaml), ("settings/s.json", r#"{"port":9000}"#)]);
    let refusal = open("k.yaml", &environment(&[]), &mut files).unwrap_err();
    assert!(refusal.text.starts_with("'k.yaml (rendered)': invalid character 'v'"), "{refusal}");
    let loaded = open("k.yaml", &environment(&[("FC_OUT", "out.yaml")]), &mut files).unwrap();
    assert_eq!(loaded.config.port, 9000);
    assert_eq!(files.kept["out.yaml"], "version: 3\nport: 9000\n");
    let refusal = open("k.yaml", &environment(&[("FC_OUT", "nodir/o")]), &mut files).unwrap_err();
    assert_eq!(refusal.text, "'nodir/o': open nodir/o: no such file or directory");
}

#[test]
fn bad_settings_are_told_all_at_once() {
    let mut files = Memory::of(&[
        ("k.json", "{}"),
        ("settings/a.json", "[1]"),
        ("settings/b.json", ""),
        ("settings/c.json", "\u{feff}{}"),
        ("settings/d.json", "{}\n {\n]"),
        ("settings/e.json", "null"),
    ]);
    let refusal = open("k.json", &environment(&[("FC_TEMPLATES", "nodir")]), &mut files);
    let refusal = refusal.unwrap_err();
    assert_eq!(
        refusal.text,
        "loading flexible-config settings:\n\
         \t- a.json: json: cannot unmarshal array into Go value of type map[string]interface {}\n\
         \t- b.json: unexpected end of JSON input\n\
         \t- c.json: invalid character 'ï' looking for beginning of value\n\
         \t- d.json: invalid character '{' after top-level value\n\
         \t- nodir: open nodir: no such file or directory"
    );
    let last = refusal.findings[3].to_string();
    assert!(last.starts_with("settings/d.json:2: "), "{last}");
}

#[test]
fn a_broken_template_is_told_with_its_file_and_line_and_never_read_raw() {
    let check = |base: &str, template: &str, text: &str, place: &str| {
        let mut files = Memory::of(&[
            ("dir/k.json", base),
            ("settings/s.json", "{}"),
            ("templates/t.tmpl", template),
        ]);
        let environment = environment(&[("FC_TEMPLATES", "templates")]);
        let refusal = open("dir/k.json", &environment, &mut files).unwrap_err();
        assert_eq!(refusal.text, text);
        assert!(refusal.findings[0].to_string().starts_with(place), "{}", refusal.findings[0]);
    };
    check(
        "{\n{{ nofunc 1 }}}",
        "",
        "Unable to parse configuration file: template: k.json:2: function \"nofunc\" not defined",
        "dir/k.json:2: ",
    );
    check(
        "{}",
        "\n\n{{ if }}",
        "Error parsing sub-templates: template: t.tmpl:3: missing value for if",
        "templates/t.tmpl:3: ",
    );
    check(
        "{{ template \"t.tmpl\" . }}",
        "x\n{{ index (list 1) 9 }}",
        "Found error while executing template: template: t.tmpl:2:3: executing \"t.tmpl\" at \
         <index (list 1) 9>: error calling index: index out of range: 9",
        "templates/t.tmpl:2: ",
    );
}

#[test]
fn what_is_wrong_in_the_result_is_shown_as_rendered() {
    let base = "{\"version\":3,\n\"name\":{{ .s.nope }}}";
    let mut files = Memory::of(&[("k.json", base), ("settings/s.json", "{}")]);
    let refusal = open("k.json", &environment(&[]), &mut files).unwrap_err();
    assert!(refusal.text.starts_with("'k.json (rendered)': invalid character '<'"), "{refusal}");
    let told = refusal.findings[0].to_string();
    assert!(told.starts_with("k.json (rendered):2: "), "{told}");
    assert!(told.ends_with("the rendered line is: \"name\":<no value>}"), "{told}");
}

#[test]
fn without_actions_or_without_the_switch_the_file_is_what_it_is() {
    let mut files = Memory::of(&[("k.json", "{\"version\":2}")]);
    let on = Environment::of([("FC_ENABLE".into(), "true".into())]);
    let refusal = open("k.json", &on, &mut files).unwrap_err();
    assert!(refusal.text.starts_with("'k.json': unsupported version"), "{refusal}");
    let off =
        Environment::of([("FC_ENABLE".into(), "".into()), ("FC_SETTINGS".into(), "nodir".into())]);
    let mut files = Memory::of(&[("k.json", r#"{"version":3,"name":"{{ .x }}"}"#)]);
    assert_eq!(open("k.json", &off, &mut files).unwrap().config.name, "{{ .x }}");
}
