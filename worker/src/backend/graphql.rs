//! `backend/graphql`: a query or mutation in place of the client's body.
//!
//! On the way: behind the balancer and both filters of fields, before the request is built.
//! KrakenD: `{"query":…,"operationName":…,"variables":{…}}` in this order, what is empty left out; the variables of a
//! mutation are the members of the client's body, and the configured ones fill its gaps. With `method: GET` KrakenD sends
//! no query at all (it is added when the URL is already made); here it is sent.

use std::borrow::Cow;

use baton_shared::config::node::{Node, Value};
use baton_shared::config::read::json;
use bytes::Bytes;
use http::Method;

use super::failure::Failure;
use super::query::Pair;
use crate::encode::{Integers, json_string, static_json};
use crate::message::RequestBody;
use crate::plan::template::{Source, Values};

/// A compiled operation.
#[derive(Debug)]
pub(crate) struct GraphQl {
    operation: Operation,
    /// `GET` or `POST`: beats the backend's method.
    pub(crate) method: Method,
    query: Box<str>,
    name: Box<str>,
    /// Sorted by name.
    variables: Box<[(String, Variable)]>,
    /// `{"query":…,"operationName":…`, not closed.
    begin: Box<[u8]>,
    /// The whole body, where nothing of it depends on the request.
    constant: Option<Bytes>,
}

/// Where the variables come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// The configuration and the endpoint's parameters.
    Query,
    /// The client's body, then the configuration.
    Mutation,
}

/// How an operation travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Travels {
    /// In the query of the URL.
    Get,
    /// In the body.
    Post,
}

/// The value of a variable.
#[derive(Clone, Debug)]
pub(crate) enum Variable {
    /// As the configuration says.
    Fixed(Node),
    /// A parameter of the request; one that is not there is an empty string.
    Param(Source),
}

/// What an operation makes of a request.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) body: RequestBody,
    /// Parameters for the URL.
    pub(crate) query: Vec<Pair<'static>>,
}

impl GraphQl {
    pub(crate) fn new(
        operation: Operation,
        travels: Travels,
        (query, name): (&str, &str),
        mut variables: Vec<(String, Variable)>,
    ) -> Self {
        variables.sort_by(|(a, _), (b, _)| a.cmp(b));
        let mut begin = b"{\"query\":".to_vec();
        json_string(query.as_bytes(), &mut begin);
        if !name.is_empty() {
            begin.extend_from_slice(b",\"operationName\":");
            json_string(name.as_bytes(), &mut begin);
        }
        let method = match travels {
            Travels::Get => Method::GET,
            Travels::Post => Method::POST,
        };
        let mut graphql = Self {
            operation,
            method,
            query: query.into(),
            name: name.into(),
            variables: variables.into(),
            begin: begin.into(),
            constant: None,
        };
        let depends =
            graphql.variables.iter().any(|(_, variable)| matches!(variable, Variable::Param(_)));
        if operation == Operation::Query && !depends {
            let variables = graphql.for_query(&crate::route::Params::none());
            graphql.constant = Some(graphql.body(variables));
        }
        graphql
    }

    /// The fields of earlier answers that it wants, by place.
    pub(crate) fn answers(&self) -> impl Iterator<Item = usize> {
        self.variables.iter().filter_map(|(_, variable)| match variable {
            Variable::Param(Source::Answer(place)) => Some(*place),
            Variable::Param(_) | Variable::Fixed(_) => None,
        })
    }

    /// The request of one call.
    pub(crate) async fn make(
        &self,
        values: &impl Values,
        body: RequestBody,
    ) -> Result<Made, Failure> {
        let is_post = self.method == Method::POST;
        if let (true, Some(constant)) = (is_post, &self.constant) {
            return Ok(Made { body: RequestBody::Held(constant.clone()), query: Vec::new() });
        }
        let variables = match self.operation {
            Operation::Query => self.for_query(values),
            Operation::Mutation => self.for_mutation(&crate::proxy::hold(body).await?)?,
        };
        Ok(if is_post {
            Made { body: RequestBody::Held(self.body(variables)), query: Vec::new() }
        } else {
            Made { body: RequestBody::Empty, query: self.pairs(variables) }
        })
    }

    /// The variables as JSON; none if there are none.
    fn for_query(&self, values: &impl Values) -> Option<Vec<u8>> {
        let variable = |(name, variable): &(String, Variable)| {
            let value = match variable {
                Variable::Fixed(node) => node.clone(),
                Variable::Param(source) => {
                    let value = source.value(values).unwrap_or_default();
                    text_node(&String::from_utf8_lossy(value))
                },
            };
            (name.clone(), value)
        };
        object(self.variables.iter().map(variable).collect())
    }

    fn for_mutation(&self, body: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        let read = json::read(body).map_err(|error| Failure::Variables(error.text))?;
        let Value::Object(mut members) = read.root.value else { return Ok(None) };
        for (name, variable) in &self.variables {
            if let Variable::Fixed(node) = variable
                && !members.iter().any(|(given, _)| given == name)
            {
                members.push((name.clone(), node.clone()));
            }
        }
        Ok(object(members))
    }

    fn body(&self, variables: Option<Vec<u8>>) -> Bytes {
        let mut body = self.begin.to_vec();
        if let Some(variables) = variables {
            body.extend_from_slice(b",\"variables\":");
            body.extend_from_slice(&variables);
        }
        body.push(b'}');
        body.into()
    }

    /// Sorted by name.
    fn pairs(&self, variables: Option<Vec<u8>>) -> Vec<Pair<'static>> {
        let mut pairs = Vec::new();
        let mut add = |name: &'static str, value: Vec<u8>| {
            pairs.push((Cow::Borrowed(name.as_bytes()), Cow::Owned(value)));
        };
        if !self.name.is_empty() {
            add("operationName", self.name.as_bytes().to_vec());
        }
        add("query", self.query.as_bytes().to_vec());
        if let Some(variables) = variables {
            add("variables", variables);
        }
        pairs
    }
}

fn text_node(text: &str) -> Node {
    Node { line: 0, value: Value::String(text.to_owned()) }
}

fn object(members: Vec<(String, Node)>) -> Option<Vec<u8>> {
    if members.is_empty() {
        return None;
    }
    Some(static_json(&Node { line: 0, value: Value::Object(members) }, Integers::Exact))
}
