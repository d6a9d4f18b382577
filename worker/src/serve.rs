//! One request from head to response, on one page: read this first.

use std::rc::Rc;

use crate::message::{Request, Response};
use crate::plan::ThreadState;

/// Stand-in.
pub async fn serve(_thread: &Rc<ThreadState>, _request: Request) -> Response {
    Response::new(http::StatusCode::OK, bytes::Bytes::from_static(b"hello"))
}
