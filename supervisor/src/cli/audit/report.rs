//! What was found, in the form that `--format` asks for: a Go template with the functions `marshal`
//! and `colored`.

use std::thread;

use baton_shared::template::{
    Context, Entries, Function, Library, Limits, List, Map, NoFiles, STACK_BYTES, Set, Type, Value,
};

use super::rule::Rule;

/// KrakenD's default form.
pub(super) const FOR_SCRIPTS: &str =
    "{{ range .Recommendations }}{{.Rule}}\t[{{.Severity}}]   \t{{.Message}}\n{{ end }}";
/// The same on a terminal.
pub(super) const FOR_PEOPLE: &str =
    "{{ range .Recommendations }}{{.Rule}}\t[{{colored .Severity}}]   \t{{.Message}}\n{{ end }}";

/// A template that cannot be used.
#[derive(Debug)]
pub(super) struct Failed {
    /// What was being done, in KrakenD's words.
    pub(super) doing: &'static str,
    pub(super) why: String,
}

const PARSING: &str = "parsing the template";
const RENDERING: &str = "rendering the results";

/// The text of a report on these rules.
///
/// # Errors
/// When `template` is none, or asks for what a report does not have.
pub(super) fn render(template: &str, rules: &[&Rule]) -> Result<Vec<u8>, Failed> {
    thread::scope(|scope| {
        // Deep templates need more stack than threads usually have.
        let thread = thread::Builder::new().name("template".to_owned()).stack_size(STACK_BYTES);
        let failed = |why: &str| Failed { doing: RENDERING, why: why.to_owned() };
        let work = thread
            .spawn_scoped(scope, || work(template, rules))
            .map_err(|error| failed(&error.to_string()))?;
        work.join().unwrap_or_else(|_panicked| Err(failed("rendering failed")))
    })
}

fn work(template: &str, rules: &[&Rule]) -> Result<Vec<u8>, Failed> {
    let mut set = Set::new(Library::builtin().with(FUNCTIONS));
    set.add(NAME, template.as_bytes())
        .map_err(|error| Failed { doing: PARSING, why: error.text })?;
    let text = set
        .render(NAME, report(rules), &mut NoFiles, Limits::default())
        .map_err(|error| Failed { doing: RENDERING, why: error.text })?;
    // Where KrakenD's report has fields, this one has entries, whose absence is no error.
    if text.windows(MISSING.len()).any(|piece| piece == MISSING) {
        let why = "the report has no such field: .Recommendations of .Rule, .Severity, .Message";
        return Err(Failed { doing: RENDERING, why: why.to_owned() });
    }
    Ok(text)
}

/// The template's name in messages.
const NAME: &str = "audit";
const MISSING: &[u8] = b"<no value>";

/// What the template gets.
fn report(rules: &[&Rule]) -> Value {
    let one = |rule: &&Rule| {
        map([
            ("Rule", Value::text(rule.id)),
            ("Severity", Value::text(rule.severity)),
            ("Message", Value::text(rule.message)),
        ])
    };
    map([
        ("Recommendations", Value::List(List::of(rules.iter().map(one).collect()))),
        ("Stats", map([])),
    ])
}

fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    let entries: Entries =
        entries.into_iter().map(|(key, value)| (key.as_bytes().into(), value)).collect();
    Value::Map(Map::of(entries))
}

const FUNCTIONS: &[Function] = &[
    Function { name: "marshal", fixed: &[Type::Any], rest: None, body: marshal },
    Function { name: "colored", fixed: &[Type::Text], rest: None, body: colored },
];

fn marshal(_context: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    Ok(Value::text(json(args.first().unwrap_or(&Value::Nil))))
}

/// The keys of KrakenD's report, in its order.
const KEYS: [&str; 5] = ["Recommendations", "Stats", "Rule", "Severity", "Message"];

fn json(value: &Value) -> String {
    match value {
        Value::Map(map) => {
            let members = KEYS.iter().filter_map(|key| {
                let value = map.get(key.as_bytes())?;
                Some(format!("\"{}\":{}", key.to_lowercase(), json(&value)))
            });
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        },
        Value::List(list) => {
            format!("[{}]", list.to_vec().iter().map(json).collect::<Vec<_>>().join(","))
        },
        Value::Text(text) => {
            serde_json::to_string(&String::from_utf8_lossy(text)).unwrap_or_default()
        },
        Value::Bool(flag) => flag.to_string(),
        Value::Int(number, _) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Nil | Value::Time(_) | Value::Version(_) => "null".to_owned(),
    }
}

fn colored(_context: &mut Context<'_>, args: &[Value]) -> Result<Value, String> {
    let Some(Value::Text(severity)) = args.first() else { return Ok(Value::Nil) };
    let code = match severity.as_ref() {
        b"LOW" => "32;1",
        b"MEDIUM" => "33;1",
        b"HIGH" => "31;1",
        b"CRITICAL" => "41;1",
        _ => return Ok(Value::Text(severity.clone())),
    };
    let severity = String::from_utf8_lossy(severity);
    Ok(Value::text(format!("\u{1b}[{code}m{severity}\u{1b}[0m")))
}

#[cfg(test)]
mod tests {
    use super::super::rule::RULES;
    use super::*;

    fn rendered(template: &str) -> String {
        let rules: Vec<&Rule> = RULES.iter().filter(|rule| rule.id == "2.1.3").collect();
        String::from_utf8(render(template, &rules).unwrap()).unwrap()
    }

    #[test]
    fn a_report_is_json_with_krakends_keys_in_its_order() {
        let message = RULES.iter().find(|rule| rule.id == "2.1.3").unwrap().message;
        let one = format!(r#"{{"rule":"2.1.3","severity":"CRITICAL","message":"{message}"}}"#);
        assert_eq!(
            rendered("{{ marshal . }}"),
            format!(r#"{{"recommendations":[{one}],"stats":{{}}}}"#)
        );
        assert_eq!(rendered("{{ range .Recommendations }}{{ marshal . }}{{ end }}"), one);
        assert_eq!(rendered("{{ marshal .Stats }}"), "{}");
    }

    #[test]
    fn the_whole_language_of_templates_is_there() {
        let template = "{{ len .Recommendations }}{{ range $i, $r := .Recommendations }} {{ $i }}: \
                        {{ if eq $r.Severity \"CRITICAL\" }}{{ printf \"%q\" $r.Rule }}{{ else }}-{{ \
                        end }}{{ end }}";
        assert_eq!(rendered(template), "1 0: \"2.1.3\"");
        let coloured = rendered("{{ range .Recommendations }}{{ colored .Severity }}{{ end }}");
        assert_eq!(coloured, "\u{1b}[41;1mCRITICAL\u{1b}[0m");
    }

    #[test]
    fn what_a_report_does_not_have_is_told() {
        assert_eq!(render("{{ .Nope }", &[]).expect_err("unclosed").doing, PARSING);
        assert_eq!(render("{{ nope . }}", &[]).expect_err("no function").doing, PARSING);
        assert_eq!(render("{{ .Nope }}", &[]).expect_err("no field").doing, RENDERING);
    }
}
