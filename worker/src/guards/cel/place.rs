//! Where expressions stand: at an endpoint, and at one of its backends; each sees the request in its own way.

use bytes::Bytes;

use super::Layer;
use crate::backend::{Caller, Failure, write_target};
use crate::plan::{BackendPlan, ThreadState};
use crate::proxy::Asked;
use crate::script::backend::{NamedParams, draft};
use crate::script::view::View;

/// At an endpoint.
#[derive(Debug)]
pub(crate) struct AtEndpoint {
    pub(crate) layer: Layer,
    /// The request once the endpoint's lists have filtered it.
    pub(crate) view: View,
}

/// At a backend.
#[derive(Debug)]
pub(crate) struct AtBackend {
    pub(crate) layer: Layer,
    /// What is found in `req_params`.
    pub(crate) params: NamedParams,
}

impl AtEndpoint {
    /// Looks at a request that no script has changed.
    pub(crate) fn before(&self, thread: &ThreadState, asked: &Asked<'_>) -> Result<(), Failure> {
        if !self.layer.has_before() {
            return Ok(());
        }
        self.layer.before(&self.view.draft(thread, asked, Bytes::new()))
    }
}

impl AtBackend {
    /// The same, of a call.
    pub(crate) fn before(
        &self,
        thread: &ThreadState,
        backend: &BackendPlan,
        caller: &Caller<'_>,
    ) -> Result<(), Failure> {
        if !self.layer.has_before() {
            return Ok(());
        }
        let mut draft = draft(thread, backend, &self.params, caller);
        write_target(backend, caller, "", &mut draft.path)?;
        self.layer.before(&draft)
    }
}
