//! `proxy.shadow`: backends that get a copy of the request and whose answers nobody reads.
//!
//! On the way: before the calls that count, which it neither delays nor fails. A shadow call outlives its
//! client, but not its deadline, and a worker waits for it before it ends.
//! KrakenD: several of them are one group, merged as others are; the longest `shadow_timeout` (default: the
//! endpoint's `timeout`) is that of all.

use std::net::IpAddr;
use std::rc::Rc;

use baton_shared::log;
use tokio::task::spawn_local;
use tokio::time::Instant;

use super::background::{Full, Running};
use super::body::CallBody;
use super::{Asked, data};
use crate::guards::client_ip::ClientAddress;
use crate::guards::jwt::Verified;
use crate::message::Head;
use crate::plan::{Endpoint, Pipe, ThreadState};
use crate::route::Params;

/// A request that outlives its client.
struct Copied {
    head: Head,
    client: Client,
    params: Params<'static>,
    token: Option<Rc<Verified>>,
}

enum Client {
    Peer(IpAddr),
    Forwarded(Box<str>),
}

/// Begins the shadow calls of `endpoint`, which has some.
pub(super) fn begin(
    thread: &Rc<ThreadState>,
    endpoint: &Endpoint,
    asked: &Asked<'_>,
    body: CallBody,
) {
    match Running::begin(thread, body.held_bytes()) {
        Ok(running) => {
            let copied = Copied::of(asked);
            drop(spawn_local(run(running, endpoint.labels.place, copied, body)));
        },
        Err(Full::JustNow) => {
            let text = "too many shadow calls wait for their backends: some are left out";
            log::error(&endpoint.labels.tag, text);
        },
        Err(Full::Still) => {},
    }
}

async fn run(running: Running, place: usize, copied: Copied, body: CallBody) {
    let thread = running.thread();
    let Some(Endpoint { pipe: Pipe::Data(plan), .. }) = thread.plan.endpoints.get(place) else {
        return;
    };
    let Some(shadow) = &plan.shadow else { return };
    let deadline = Instant::now() + shadow.budget;
    let asked = Asked::new(&copied.head, copied.client(), &copied.params);
    let asked = Asked { token: copied.token.as_ref(), ..asked };
    drop(data::call(thread, &shadow.calls, &asked, body, deadline).await);
}

impl Copied {
    fn of(asked: &Asked<'_>) -> Self {
        let client = match asked.client {
            ClientAddress::Peer(ip) => Client::Peer(ip),
            ClientAddress::Forwarded(text) => Client::Forwarded(text.into()),
        };
        let (params, token) = (asked.params.to_owned(), asked.token.cloned());
        Self { head: asked.head.clone(), client, params, token }
    }

    fn client(&self) -> ClientAddress<'_> {
        match &self.client {
            Client::Peer(ip) => ClientAddress::Peer(*ip),
            Client::Forwarded(text) => ClientAddress::Forwarded(text),
        }
    }
}
