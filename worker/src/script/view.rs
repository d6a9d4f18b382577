//! The request of an endpoint once its lists have filtered it: what scripts and expressions of that level see.

use bytes::Bytes;

use super::draft::{Draft, encoded, fields_of_map};
use super::endpoint::params_by_name;
use crate::backend::query::{QueryFilter, QueryState};
use crate::backend::request::HeaderPlan;
use crate::plan::ThreadState;
use crate::proxy::Asked;

/// What makes it.
#[derive(Debug)]
pub(crate) struct View {
    /// `input_headers` of the endpoint alone.
    pub(crate) headers: HeaderPlan,
    /// `input_query_strings` of the endpoint alone.
    pub(crate) query: QueryFilter,
    /// Names of the placeholders, the first letter a capital.
    pub(crate) names: Box<[Box<[u8]>]>,
}

impl View {
    pub(crate) fn draft(&self, thread: &ThreadState, asked: &Asked<'_>, body: Bytes) -> Draft {
        let own = thread.own_fields(&asked.client);
        let fields = fields_of_map(&self.headers.proxied(asked.head, own));
        let mut query = Vec::new();
        self.query.append(asked.head.query(), QueryState::Absent, &mut query);
        let mut params = params_by_name(&self.names, asked.params);
        params.extend(asked.token.into_iter().flat_map(|token| token.params()));
        Draft {
            method: asked.head.method().to_string(),
            path: asked.head.path().to_vec(),
            query: encoded(query.get(1..).unwrap_or_default()),
            host: asked.head.host().to_owned(),
            params,
            fields,
            body,
            ..Draft::default()
        }
    }
}
