//! `backend/static-filesystem`: a folder where other backends have a host.
//!
//! `url_pattern` names the file. What is not there is a 404 of the backend, as from a server.

use std::future::poll_fn;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use http::{HeaderValue, Method, Uri};
use http_body::Body as _;

use super::answer::{Answer, Called};
use super::body::{AnswerBody, AnswerError};
use super::call::Caller;
use super::failure::Failure;
use super::request::{Line, Own};
use super::target::write_target;
use crate::files::{self, FileAnswer, FileBody, Folder, Names, Wanted};
use crate::message::{RequestBody, ResponseBody};
use crate::plan::{BackendPlan, Host, Scheme, ThreadState, Way};
use crate::route::percent;

/// The largest file that is held in memory, to be decoded.
const HELD_BYTES_MAX: u64 = 64 << 20;
/// Shown where other backends have a host.
const NOBODY: &str = "static-filesystem";

/// The file as an answer to be decoded.
pub(super) async fn answer(
    backend: &BackendPlan,
    folder: &Folder,
    caller: &Caller<'_>,
) -> Result<Answer, Failure> {
    let wanted = Wanted { method: &Method::GET, field: &|_name| None, query: None };
    let FileAnswer { status, headers, body } = find(backend, folder, caller, &wanted).await?;
    let bytes = match body {
        ResponseBody::Full(bytes) => bytes,
        ResponseBody::File(body) => hold(*body).await?,
        // A file is one of those two.
        _ => Bytes::new(),
    };
    let host = Host {
        id: None,
        scheme: Scheme::Http,
        authority: NOBODY.into(),
        name: NOBODY.into(),
        port: 0,
        way: Way::default(),
    };
    let called = Called::new(&host, Uri::default());
    Ok(Answer { status, headers, body: AnswerBody::held(bytes), called })
}

/// The file as it is: conditions and ranges hold as far as the fields of the client pass.
pub(crate) async fn stream(
    thread: &ThreadState,
    backend: &BackendPlan,
    folder: &Folder,
    caller: &Caller<'_>,
) -> Result<FileAnswer, Failure> {
    let host = &HeaderValue::from_static(NOBODY);
    let client = thread.client_value(&caller.client);
    let own = Own { agent: &thread.plan.agent, client, host };
    let line = Line { method: &backend.method, uri: Uri::default() };
    let (request, _) = backend.headers.build(caller.head, RequestBody::Empty, line, own);
    let headers = request.headers();
    let field = |name: &http::HeaderName| headers.get(name).map(HeaderValue::as_bytes);
    let wanted = Wanted { method: &backend.method, field: &field, query: None };
    find(backend, folder, caller, &wanted).await
}

async fn find(
    backend: &BackendPlan,
    folder: &Folder,
    caller: &Caller<'_>,
    wanted: &Wanted<'_>,
) -> Result<FileAnswer, Failure> {
    let mut target = Vec::new();
    write_target(backend, caller, NOBODY, &mut target)?;
    let path = target.split(|byte| *byte == b'?').next().unwrap_or_default();
    let name = percent::decode(path).unwrap_or_default();
    Ok(files::answer(folder, &name, Names::Forgive, wanted).await)
}

async fn hold(mut body: FileBody) -> Result<Bytes, Failure> {
    let bytes = body.size_hint().exact().unwrap_or(u64::MAX);
    if bytes > HELD_BYTES_MAX {
        return Err(Failure::TooLarge { bytes_max: HELD_BYTES_MAX });
    }
    let mut whole = BytesMut::with_capacity(usize::try_from(bytes).unwrap_or(0));
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_io| Failure::Body(AnswerError::Cut))?;
        whole.extend_from_slice(frame.data_ref().map_or(b"", |data| data));
    }
    Ok(whole.freeze())
}
