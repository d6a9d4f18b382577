//! `validation/cel`: expressions that must hold of a request, of an answer, or of a token's claims.
//!
//! On the way: [`Layer::before`] in front of a pipe or a call, behind the script that may change the request;
//! [`Layer::after`] on what came of it, where nothing failed; [`Rejecter`] once a token is verified, before its roles.
//! Plain computation, bounded.
//! KrakenD: an expression is filed by the letters in it (`req`, `resp`, `JWT`), perhaps several times, and one without
//! them is never evaluated. What does not parse makes all of its layer void, what does not fit by its types only itself;
//! an error while it is evaluated, and a result that is no bool, refuse.

mod checker;
mod compile;
mod declared;
mod functions;
mod of_value;
mod place;
mod rewrite;
mod types;
mod values;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use baton_shared::log;
use cel::common::ast::IdedExpr;
use cel::common::types::{CelBool, CelInt, CelString};
use cel::{Context, Env, Value};
use http::HeaderMap;

use rewrite::Gathered;
use values::Variables;

use super::jwt::json::{Members, member};
use crate::backend::Failure;
use crate::decode::Data;
use crate::message::Response;
use crate::proxy::Part;
use crate::respond::lines::Completed;
use crate::route::percent;
use crate::script::draft::{Draft, fields_of_map};

pub(crate) use compile::{of_backend, of_endpoint, rejecter};
pub(crate) use of_value::OfValue;
pub(crate) use place::{AtBackend, AtEndpoint};

/// The expressions of an endpoint or of a backend.
#[derive(Debug)]
pub(crate) struct Layer {
    before: Expressions,
    after: Expressions,
}

/// The expressions that a token's claims must hold for.
#[derive(Debug)]
pub(crate) struct Rejecter(Expressions);

/// The expressions of one moment, in order.
struct Expressions {
    /// What stands in the brackets of its log lines.
    tag: Box<str>,
    /// What it is called in them.
    role: &'static str,
    environment: Arc<Env>,
    all: Box<[IdedExpr]>,
    gathered: Gathered,
}

/// What is seen of an answer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'a> {
    /// None where nothing is decoded.
    pub(crate) data: Option<&'a Data>,
    pub(crate) completed: Completed,
    /// Zero where there is data, unless something set it.
    pub(crate) status: u16,
    pub(crate) headers: Option<&'a HeaderMap>,
}

impl fmt::Debug for Expressions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Expressions").field("all", &self.all).finish_non_exhaustive()
    }
}

impl<'a> Seen<'a> {
    pub(crate) fn of_part(part: &'a Part) -> Self {
        let status = part.status.map_or(0, |status| status.as_u16());
        let headers = part.fields.as_deref();
        Self { data: Some(&part.data), completed: part.completed, status, headers }
    }

    /// What is not decoded counts as complete.
    pub(crate) fn of_response(response: &'a Response) -> Self {
        let (status, headers) = (response.status.as_u16(), Some(&response.headers));
        Self { data: None, completed: Completed::True, status, headers }
    }
}

impl Layer {
    /// Whether [`Self::before`] looks at requests at all.
    pub(crate) const fn has_before(&self) -> bool {
        !self.before.all.is_empty()
    }

    /// Looks at a request.
    pub(crate) fn before(&self, request: &Draft) -> Result<(), Failure> {
        self.before.hold(|variables| {
            let whole = |bytes: &[u8]| CelString::from(String::from_utf8_lossy(bytes).into_owned());
            variables.value("req_method", || whole(request.method.as_bytes()));
            variables.value("req_path", || whole(&decoded(&request.path)));
            let params = &request.params;
            variables.map(
                "req_params",
                |name| params.get(name.as_bytes()).map(|value| values::text(value)),
                || params.iter().map(|(name, value)| (lossy(name), values::text(value))).collect(),
            );
            let fields = &request.fields;
            variables.map(
                "req_headers",
                |name| fields.get(name).map(values::texts),
                || fields.iter().map(|(name, all)| (name.clone(), values::texts(all))).collect(),
            );
            variables.map(
                "req_querystring",
                |name| request.query_values(name.as_bytes()).map(values::texts),
                || {
                    let all = request.query_by_name().into_iter();
                    all.map(|(name, all)| (lossy(&name), values::texts(all))).collect()
                },
            );
        })
    }

    /// Looks at an answer.
    pub(crate) fn after(&self, answer: Seen<'_>) -> Result<(), Failure> {
        self.after.hold(|variables| {
            let is_complete = answer.completed == Completed::True;
            variables.value("resp_completed", || CelBool::from(is_complete));
            variables.value("resp_metadata_status", || CelInt::from(i64::from(answer.status)));
            variables.map(
                "resp_data",
                |name| values::of_field(answer.data?, name),
                || answer.data.map(values::of_data).unwrap_or_default(),
            );
            let fields = || answer.headers.map(fields_of_map).unwrap_or_default();
            variables.map(
                "resp_metadata_headers",
                |name| fields().get(name).map(values::texts),
                || fields().iter().map(|(name, all)| (name.clone(), values::texts(all))).collect(),
            );
        })
    }
}

impl Rejecter {
    /// Whether the claims are what is asked for.
    pub(crate) fn lets_pass(&self, claims: &Members) -> bool {
        let held = self.0.hold(|variables| {
            variables.map(
                "JWT",
                |name| member(claims, name).map(values::of_claim),
                || values::of_claims(claims),
            );
        });
        held.is_ok()
    }
}

impl Expressions {
    /// Evaluates them until one does not hold.
    fn hold<'v>(&'v self, fill: impl FnOnce(&mut Variables<'v>)) -> Result<(), Failure> {
        if self.all.is_empty() {
            return Ok(());
        }
        let mut variables = Variables::new(&self.gathered.needs, &self.gathered.patterns);
        variables.value("now", || CelString::from(log::rfc3339_local(SystemTime::now())));
        fill(&mut variables);
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.set_variable_resolver(&variables);
        let Self { tag, role, .. } = self;
        for (number, expression) in self.all.iter().enumerate() {
            functions::begin();
            match Value::resolve_val(expression, &context) {
                Ok(value) => {
                    let is_true = value.downcast_ref::<CelBool>().is_some_and(|held| *held.inner());
                    let line = format!("{role} #{number} result: {}", values::shown(&*value));
                    if is_true {
                        log::debug(tag, line);
                        continue;
                    }
                    log::info(tag, line);
                },
                Err(error) => log::info(tag, format!("{role} #{number} failed: {error}")),
            }
            return Err(Failure::Rejected(number));
        }
        Ok(())
    }
}

/// A path as KrakenD has it, before it is made a URL; the query of a pattern stands as it is.
fn decoded(path: &[u8]) -> Vec<u8> {
    let end = path.iter().position(|byte| *byte == b'?').unwrap_or(path.len());
    let (path, query) = path.split_at_checked(end).unwrap_or((path, b""));
    [&*percent::decode(path).unwrap_or_else(|_invalid| path.into()), query].concat()
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
