//! `backend/graphql` of a backend, compiled, and the files that it names.
//!
//! KrakenD: settings of a wrong type, or a file that cannot be read, make a plain backend of it, with a warning; so does
//! a `type` that is neither `query` nor `mutation`, without one. A variable that is a whole `{param}` gets the endpoint's
//! parameter, where the request is a query. An empty variable ends KrakenD at its start: here the file is refused.

use baton_shared::config::Sources;
use baton_shared::config::model::{BackendConfig, EndpointConfig, Namespace, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use baton_shared::control::message::Notice;

use super::compile::Compiler;
use super::template::{AnswerSlots, Source};
use crate::backend::graphql::{GraphQl, Operation, Travels, Variable};

/// The namespace.
const NAME: &str = "backend/graphql";

/// The settings as Go reads them: keys in any case.
#[derive(Debug, Default)]
struct Settings<'a> {
    operation: &'a str,
    travels: &'a str,
    query: &'a str,
    name: &'a str,
    variables: &'a [(String, Node)],
}

/// A setting of another type than it must have.
#[derive(Debug, thiserror::Error)]
#[error("`{key}` is not {wanted}: the block is left out, and this is a plain backend")]
struct WrongType {
    key: String,
    wanted: &'static str,
}

/// Puts the content of each `query_path` into its place; of a file that cannot be read, it says so.
pub(super) fn include(config: &mut ServiceConfig, sources: &mut dyn Sources) -> Vec<Notice> {
    let mut notices = Vec::new();
    let backends = config.endpoints.iter_mut().flat_map(|endpoint| &mut endpoint.backend);
    for backend in backends {
        let Some(namespace) = backend.extra_config.namespaces.get_mut(NAME) else { continue };
        let Some(path) = path(namespace) else { continue };
        match sources.file(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            Ok(query) => put_query(namespace, query),
            Err(why) => {
                let at = namespace.at.key("query_path");
                let text = format!("{why}: the block is left out, and this is a plain backend");
                notices.push(config.source.notice(&at, text));
                backend.extra_config.namespaces.remove(NAME);
            },
        }
    }
    notices
}

fn path(namespace: &Namespace) -> Option<String> {
    let Value::Object(members) = &namespace.settings.value else { return None };
    members.iter().find_map(|(key, node)| match &node.value {
        Value::String(path) if key.eq_ignore_ascii_case("query_path") && !path.is_empty() => {
            Some(path.clone())
        },
        _ => None,
    })
}

fn put_query(namespace: &mut Namespace, query: String) {
    let Value::Object(members) = &mut namespace.settings.value else { return };
    members.retain(|(key, _)| !key.eq_ignore_ascii_case("query"));
    members.push(("query".to_owned(), Node { line: 0, value: Value::String(query) }));
}

/// What a backend entry asks for, if it asks for anything.
pub(super) fn compile(
    compiler: &mut Compiler<'_>,
    endpoint: &EndpointConfig,
    backend: &BackendConfig,
    answers: &AnswerSlots,
) -> Option<GraphQl> {
    let namespace = backend.extra_config.namespaces.get(NAME)?;
    let settings = match Settings::read(&namespace.settings) {
        Ok(settings) => settings,
        Err(wrong) => {
            compiler.tell(&namespace.at.key(&wrong.key), wrong.to_string());
            return None;
        },
    };
    let operation = match settings.operation.to_lowercase().as_str() {
        "query" => Some(Operation::Query),
        "mutation" => Some(Operation::Mutation),
        _ => None,
    };
    let mut variables = Vec::with_capacity(settings.variables.len());
    for (name, node) in settings.variables {
        match variable(node, &endpoint.route, answers) {
            Some(Variable::Param(_)) if operation == Some(Operation::Mutation) => {
                variables.push((name.clone(), Variable::Fixed(node.clone())));
            },
            Some(variable) => variables.push((name.clone(), variable)),
            None => {
                let at = namespace.at.key("variables").key(name);
                let text = format!(
                    "the variable `{name}` of `{NAME}` is empty: KrakenD does not start with it"
                );
                compiler.refuse(&at, text);
            },
        }
    }
    let Some(operation) = operation else {
        let text = format!(
            "`{}` is no type of operation: write query or mutation; the block is left out",
            settings.operation
        );
        compiler.tell(&namespace.at.key("type"), text);
        return None;
    };
    let travels = match settings.travels.to_uppercase().as_str() {
        "GET" => Travels::Get,
        _ => Travels::Post,
    };
    Some(GraphQl::new(operation, travels, (settings.query, settings.name), variables))
}

/// `None`: it is empty, or an empty pair of braces.
fn variable(node: &Node, route: &str, answers: &AnswerSlots) -> Option<Variable> {
    let Value::String(text) = &node.value else { return Some(Variable::Fixed(node.clone())) };
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some("") => None,
        Some(name) => Some(Variable::Param(Source::of(name, route, answers))),
        None if text.is_empty() => None,
        None => Some(Variable::Fixed(node.clone())),
    }
}

impl<'a> Settings<'a> {
    fn read(settings: &'a Node) -> Result<Self, WrongType> {
        let mut read = Self::default();
        let wrong = |key: &str, wanted| Err(WrongType { key: key.to_owned(), wanted });
        let members = match &settings.value {
            Value::Object(members) => members,
            Value::Null => return Ok(read),
            Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                return wrong("", "an object");
            },
        };
        for (key, node) in members {
            let place = match key.to_ascii_lowercase().as_str() {
                "type" => &mut read.operation,
                "method" => &mut read.travels,
                "query" => &mut read.query,
                "operationname" => &mut read.name,
                "query_path" => &mut "",
                "variables" => {
                    match &node.value {
                        Value::Object(variables) => read.variables = variables,
                        Value::Null => {},
                        _ => return wrong(key, "an object"),
                    }
                    continue;
                },
                _ => continue,
            };
            match &node.value {
                Value::String(text) => *place = text,
                Value::Null => {},
                _ => return wrong(key, "a string"),
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(text: &str) -> Node {
        Node { line: 1, value: Value::String(text.to_owned()) }
    }

    #[test]
    fn only_a_whole_placeholder_is_one() {
        let is_param = |value: &str| match variable(&text(value), "/a/:id", &AnswerSlots::default())
        {
            Some(Variable::Param(source)) => Some(source),
            Some(Variable::Fixed(_)) | None => None,
        };
        assert_eq!(is_param("{id}"), Some(Source::Param(0)));
        assert_eq!(is_param("{Id}"), Some(Source::Param(0)));
        assert_eq!(is_param("{other}"), Some(Source::Unknown));
        assert_eq!(is_param("x {id}"), None);
        assert_eq!(is_param("{"), None);
        assert!(variable(&text(""), "/a", &AnswerSlots::default()).is_none());
        assert!(variable(&text("{}"), "/a", &AnswerSlots::default()).is_none());
    }

    #[test]
    fn keys_are_read_in_any_case_and_types_are_told() {
        let settings = |members: Vec<(&str, Node)>| Node {
            line: 1,
            value: Value::Object(
                members.into_iter().map(|(key, node)| (key.to_owned(), node)).collect(),
            ),
        };
        let good = settings(vec![("Type", text("query")), ("OPERATIONNAME", text("op"))]);
        let read = Settings::read(&good).unwrap();
        assert_eq!((read.operation, read.name), ("query", "op"));
        let bad = settings(vec![("query", Node { line: 1, value: Value::Bool(true) })]);
        assert_eq!(
            Settings::read(&bad).unwrap_err().to_string(),
            "`query` is not a string: the block is left out, and this is a plain backend"
        );
    }
}
