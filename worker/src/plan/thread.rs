//! What one serving thread has of its own: nothing of it is shared, so nothing of it is locked.

use std::cell::{Cell, RefCell};
use std::net::{IpAddr, Ipv4Addr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use http::HeaderValue;

use super::Plan;
use crate::backend::balance::Balancer;
use crate::backend::dial::Dialer;
use crate::backend::discover::Discovered;
use crate::backend::exchange::Client;
use crate::backend::pool::Pool;
use crate::backend::request::Own;
use crate::guards::basic::Known;
use crate::guards::client_ip::ClientAddress;
use crate::guards::jwt::{ThreadKeys, TokenCache};
use crate::message::Request;
use crate::proxy::Background;
use crate::route::builtin::GoTime;
use crate::script::Machines;

/// Client addresses whose text is remembered; a power of two.
const CLIENTS: usize = 64;

/// A serving thread's view of the plan, and its connections.
#[derive(Debug)]
pub struct ThreadState {
    /// What is served.
    pub(crate) plan: Arc<Plan>,
    pub(crate) client: Client,
    pub(crate) balancer: Balancer,
    /// Hosts of services.
    pub(crate) discovered: Discovered,
    /// Keys of providers.
    pub(crate) keys: ThreadKeys,
    /// Tokens that were found good.
    pub(crate) tokens: TokenCache,
    /// Names and passwords that were found good.
    pub(crate) credentials: Known,
    clients: RefCell<Box<[(IpAddr, HeaderValue)]>>,
    /// What is held of clients' bodies for several calls.
    pub(crate) held_bytes: Cell<usize>,
    /// What scripts run in.
    pub(crate) machines: Machines,
    /// What runs here and no client waits for.
    pub(crate) background: Background,
    started: Instant,
}

impl ThreadState {
    /// For the thread that calls it.
    #[must_use]
    pub fn new(plan: Arc<Plan>) -> Rc<Self> {
        let nobody = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
        let clients = vec![(nobody, text_of(nobody)); CLIENTS];
        let settings = &plan.client;
        let state = Self {
            client: Client {
                pool: Pool::new(settings.pool, plan.hosts.len()),
                dialer: Rc::new(Dialer::new(
                    settings.dial,
                    Arc::clone(&plan.resolver),
                    plan.client_tls.clone(),
                )),
                head_time_max: settings.head_time_max,
                continue_time_max: settings.continue_time_max,
                reuse: settings.reuse,
            },
            balancer: Balancer::new(settings.balance, plan.backends),
            discovered: Discovered::new(plan.resolver.services.len()),
            keys: ThreadKeys::new(plan.keys.len()),
            tokens: TokenCache::new(plan.tokens_kept),
            credentials: Known::new(),
            clients: RefCell::new(clients.into()),
            held_bytes: Cell::new(0),
            machines: Machines::default(),
            background: Background::default(),
            started: Instant::now(),
            plan,
        };
        Rc::new(state)
    }

    /// Both clocks, for `/__health`.
    pub(crate) fn now(&self) -> GoTime {
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let since_start = self.started.elapsed();
        GoTime { since_epoch: since_epoch.unwrap_or_default(), since_start }
    }

    /// Whose request it was, as an address; what was not routed was not asked before.
    pub(crate) fn client_of(&self, request: &Request) -> Option<IpAddr> {
        let find = || self.plan.client_ip.find(&request.head, &request.peer).ip();
        request.client.get().or_else(find)
    }

    /// What the gateway tells about a request, but for the host.
    pub(crate) fn own_fields(&self, client: &ClientAddress<'_>) -> Own<'_> {
        static NOBODY: HeaderValue = HeaderValue::from_static("");
        Own { agent: &self.plan.agent, client: self.client_value(client), host: &NOBODY }
    }

    /// `X-Forwarded-For` for a client.
    pub(crate) fn client_value(&self, client: &ClientAddress<'_>) -> HeaderValue {
        let client = match client {
            ClientAddress::Peer(client) => *client,
            ClientAddress::Forwarded(text) => return copy(text),
        };
        let mut clients = self.clients.borrow_mut();
        let Some(kept) = clients.get_mut(slot(client)) else { return text_of(client) };
        if kept.0 != client {
            *kept = (client, text_of(client));
        }
        kept.1.clone()
    }
}

/// A place that the last byte of the address chooses: clients of one network differ there.
fn slot(client: IpAddr) -> usize {
    let last = match client {
        IpAddr::V4(client) => client.octets()[3],
        IpAddr::V6(client) => client.octets()[15],
    };
    usize::from(last) % CLIENTS
}

fn text_of(client: IpAddr) -> HeaderValue {
    copy(client.to_string())
}

/// A value that shares nothing with what it is made from; an invalid one is empty.
fn copy(text: impl AsRef<[u8]>) -> HeaderValue {
    let bytes = Bytes::copy_from_slice(text.as_ref());
    HeaderValue::from_maybe_shared(bytes).unwrap_or(HeaderValue::from_static(""))
}
