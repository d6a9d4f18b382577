//! Faults against a schema in the words of KrakenD's validator, each under its JSON pointer.
//!
//! ```text
//! jsonschema validation failed with 'file:///etc/krakend/schema.json#'
//! - at '/port': got string, want integer
//! - at '/extra_config/qos~1http-cache': 'oneOf' failed, none matched
//!   - at '/extra_config/qos~1http-cache': missing property 'shared'
//! ```

use std::fmt::Write as _;

use boon::{ErrorKind, InstanceToken, ValidationError};
use serde_json::{Number, Value};

/// The whole text.
pub fn text(error: &ValidationError<'_, '_>) -> String {
    let mut text = String::new();
    write(error, 0, &mut text);
    text
}

fn write(error: &ValidationError<'_, '_>, depth: usize, text: &mut String) {
    let is_way_through =
        matches!(error.kind, ErrorKind::Reference { .. }) && error.causes.len() == 1;
    let below = if is_way_through { depth } else { depth + 1 };
    if !is_way_through {
        begin_line(depth, text);
        match &error.kind {
            ErrorKind::Schema { url } => {
                text.push_str("jsonschema validation failed with ");
                text.push_str(&quote(url));
            },
            kind => {
                let pointer = quote(&pointer(&error.instance_location.tokens));
                let _infallible = write!(text, "at {pointer}: {}", words(kind));
            },
        }
    }
    for cause in &error.causes {
        let left_out = left_out(error, cause);
        for (index, (pointer, words)) in left_out.iter().enumerate() {
            begin_line(below + index, text);
            let _infallible = write!(text, "at {}: {words}", quote(pointer));
        }
        write(cause, below + left_out.len(), text);
    }
}

fn begin_line(depth: usize, text: &mut String) {
    if depth > 0 {
        let _infallible = write!(text, "\n{}- ", "  ".repeat(depth - 1));
    }
}

/// Lines that KrakenD's library has between an error and its cause: the one here leaves a combinator out if only one of its
/// schemas failed. They are found again in the path from one schema to the other.
fn left_out(
    error: &ValidationError<'_, '_>,
    cause: &ValidationError<'_, '_>,
) -> Vec<(String, &'static str)> {
    let from = match &error.kind {
        ErrorKind::Reference { url, .. } => url,
        _ => error.schema_url,
    };
    let tokens = &cause.instance_location.tokens;
    let mut entered = error.instance_location.tokens.len();
    let mut lines = Vec::new();
    let Some(path) = cause.schema_url.strip_prefix(from) else { return lines };
    let mut steps = path.split('/').skip(1);
    let mut is_first = true;
    while let Some(step) = steps.next() {
        let words = match step {
            "allOf" => Some("'allOf' failed"),
            "anyOf" => Some("'anyOf' failed"),
            "oneOf" => Some("'oneOf' failed, none matched"),
            _ => None,
        };
        let is_told = is_first && is_combinator(&error.kind);
        if let Some(words) = words.filter(|_| !is_told) {
            lines.push((pointer(tokens.get(..entered).unwrap_or(tokens)), words));
        }
        match step {
            "properties" | "patternProperties" | "prefixItems" => {
                entered += 1;
                steps.next();
            },
            "allOf" | "anyOf" | "oneOf" | "dependentSchemas" | "dependencies" | "$defs"
            | "definitions" => drop(steps.next()),
            "items"
            | "additionalProperties"
            | "unevaluatedProperties"
            | "contains"
            | "additionalItems"
            | "unevaluatedItems" => entered += 1,
            _ => {},
        }
        is_first = false;
    }
    lines
}

const fn is_combinator(kind: &ErrorKind<'_, '_>) -> bool {
    matches!(kind, ErrorKind::AllOf | ErrorKind::AnyOf | ErrorKind::OneOf(_))
}

fn pointer(tokens: &[InstanceToken<'_>]) -> String {
    tokens.iter().fold(String::new(), |mut pointer, token| {
        let _infallible = match token {
            InstanceToken::Prop(key) => {
                write!(pointer, "/{}", key.replace('~', "~0").replace('/', "~1"))
            },
            InstanceToken::Item(index) => write!(pointer, "/{index}"),
        };
        pointer
    })
}

/// What is wrong, in a few words.
pub fn words(kind: &ErrorKind<'_, '_>) -> String {
    match kind {
        ErrorKind::Type { got, want } => {
            let want: Vec<String> = want.iter().map(|kind| kind.to_string()).collect();
            format!("got {got}, want {}", want.join(" or "))
        },
        ErrorKind::Enum { want } => one_of(want, "enum"),
        ErrorKind::Const { want } => one_of(std::slice::from_ref(*want), "const"),
        ErrorKind::Format { got, want, err } => {
            format!("{} is not valid {want}: {err}", display(got))
        },
        ErrorKind::AdditionalProperties { got } => {
            format!("additional properties {} not allowed", list(got))
        },
        ErrorKind::Required { want } if want.len() == 1 => {
            format!("missing property {}", list(want))
        },
        ErrorKind::Required { want } => format!("missing properties {}", list(want)),
        ErrorKind::Dependency { prop, missing }
        | ErrorKind::DependentRequired { prop, missing } => {
            format!("properties {} required, if {} exists", list(missing), quote(prop))
        },
        ErrorKind::PropertyName { prop } => format!("invalid propertyName {}", quote(prop)),
        ErrorKind::MinProperties { got, want } => count("minProperties", *got, *want),
        ErrorKind::MaxProperties { got, want } => count("maxProperties", *got, *want),
        ErrorKind::MinItems { got, want } => count("minItems", *got, *want),
        ErrorKind::MaxItems { got, want } => count("maxItems", *got, *want),
        ErrorKind::MinLength { got, want } => count("minLength", *got, *want),
        ErrorKind::MaxLength { got, want } => count("maxLength", *got, *want),
        ErrorKind::Minimum { got, want } => bound("minimum", got, want),
        ErrorKind::Maximum { got, want } => bound("maximum", got, want),
        ErrorKind::ExclusiveMinimum { got, want } => bound("exclusiveMinimum", got, want),
        ErrorKind::ExclusiveMaximum { got, want } => bound("exclusiveMaximum", got, want),
        ErrorKind::MultipleOf { got, want } => bound("multipleOf", got, want),
        ErrorKind::MinContains { got, want } if got.is_empty() => {
            format!("min {want} items required to match contains schema, but none matched")
        },
        ErrorKind::MinContains { got, want } => contains("min", got, *want),
        ErrorKind::MaxContains { got, want } => contains("max", got, *want),
        ErrorKind::AdditionalItems { got } => format!("last {got} additionalItem(s) not allowed"),
        ErrorKind::Pattern { got, want } => {
            format!("{} does not match pattern {}", quote(got), quote(want))
        },
        ErrorKind::OneOf(None) => "'oneOf' failed, none matched".to_owned(),
        ErrorKind::OneOf(Some((one, other))) => {
            format!("'oneOf' failed, subschemas {one}, {other} matched")
        },
        ErrorKind::AnyOf => "'anyOf' failed".to_owned(),
        ErrorKind::AllOf => "'allOf' failed".to_owned(),
        ErrorKind::Not => "'not' failed".to_owned(),
        ErrorKind::ContentSchema => "'contentSchema' failed".to_owned(),
        // These read the same in both.
        ErrorKind::Group
        | ErrorKind::Schema { .. }
        | ErrorKind::Reference { .. }
        | ErrorKind::RefCycle { .. }
        | ErrorKind::FalseSchema
        | ErrorKind::Contains
        | ErrorKind::UniqueItems { .. }
        | ErrorKind::ContentEncoding { .. }
        | ErrorKind::ContentMediaType { .. } => kind.to_string(),
    }
}

fn one_of(allowed: &[Value], keyword: &str) -> String {
    if allowed.iter().any(|value| matches!(value, Value::Array(_) | Value::Object(_))) {
        return format!("'{keyword}' failed");
    }
    let shown: Vec<String> = allowed.iter().map(display).collect();
    match shown.as_slice() {
        [only] => format!("value must be {only}"),
        several => format!("value must be one of {}", several.join(", ")),
    }
}

fn count(keyword: &str, got: usize, want: usize) -> String {
    format!("{keyword}: got {}, want {}", grouped(&got.to_string()), grouped(&want.to_string()))
}

fn bound(keyword: &str, got: &Number, want: &Number) -> String {
    format!("{keyword}: got {}, want {}", grouped(&got.to_string()), grouped(&want.to_string()))
}

fn contains(which: &str, got: &[usize], want: usize) -> String {
    let places: Vec<String> = got.iter().map(ToString::to_string).collect();
    format!(
        "{which} {want} items required to match contains schema, but matched {} items at {}",
        got.len(),
        places.join(" ")
    )
}

/// As KrakenD's validator prints numbers, for English readers: `70,000`.
fn grouped(digits: &str) -> String {
    let (sign, rest) = digits.strip_prefix('-').map_or(("", digits), |rest| ("-", rest));
    let (whole, fraction) = rest.split_at(rest.find('.').unwrap_or(rest.len()));
    if !whole.bytes().all(|byte| byte.is_ascii_digit()) {
        return digits.to_owned();
    }
    let mut text = sign.to_owned();
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text.push_str(fraction);
    text
}

fn display(value: &Value) -> String {
    match value {
        Value::String(text) => quote(text),
        Value::Array(_) | Value::Object(_) => "value".to_owned(),
        Value::Null => "<nil>".to_owned(),
        other => other.to_string(),
    }
}

fn list<T: AsRef<str>>(names: &[T]) -> String {
    names.iter().map(|name| quote(name.as_ref())).collect::<Vec<_>>().join(", ")
}

/// Go's `%q` between single quotes.
fn quote(text: &str) -> String {
    let mut quoted = String::from("'");
    for letter in text.chars() {
        match letter {
            '\'' => quoted.push_str("\\'"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            other if other.is_control() => {
                let _infallible = write!(quoted, "\\x{:02x}", u32::from(other));
            },
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}
