//! The configuration compiled into what is served: parsed once, always valid, read-only.
//!
//! Nothing on the way of a request reads a configuration: what can be decided, parsed, looked up or formatted
//! beforehand is done here. [`compile()`] tells all problems at once.

pub mod template;
mod edge;
pub(crate) mod block;
mod backend;
mod client_credentials;
mod client;
mod compile;
mod endpoint;
mod files;
mod graphql;
mod guard;
mod host;
mod http_cache;
mod include;
pub(crate) mod lasting;
mod metrics;
mod payload;
mod pipe;
mod md5;
mod script;
mod service;
pub(crate) mod settings;
mod shared;
pub(crate) mod soft;
mod thread;
mod tls;
mod via;
mod unbuilt;
mod websocket;
mod wildcard;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::message::{self, Notice, Policy};
use http::HeaderValue;
use tokio::sync::mpsc::UnboundedSender;

pub use backend::BackendPlan;
pub(crate) use backend::{HostTarget, Hosts, OnError, OnRedirect};
pub(crate) use compile::Compiler;
pub use compile::{CompileOptions, check_plan, compile};
pub use endpoint::Endpoint;
pub(crate) use endpoint::StreamDeadline;
pub use host::{Host, HostError, HostId, Scheme, Speech, Way};
pub use include::{Content, Files, Included, include};
pub(crate) use pipe::{BodyUse, CallPlan, Calls, ConcurrentPlan, SequentialPlan};
pub use pipe::{DataPlan, NoOpPlan, Pipe};
pub(crate) use script::Scripts;
use soft::SoftPlan;
pub use thread::ThreadState;
pub(crate) use tls::ClientTlsPlan;
pub use tls::TlsId;
pub use via::ViaId;
pub use websocket::WebSocketPlan;

use crate::backend::balance::Balance;
use crate::backend::cache::Cache;
use crate::backend::exchange::Reuse;
use crate::backend::oauth2::ClientCredentials;
use crate::backend::pool::PoolLimits;
use crate::backend::resolve::Resolver;
use crate::backend::via::{Proxies, Proxy};
use crate::connection::EdgeLimits;
use crate::connection::tunnel;
use crate::files::Site;
use crate::guards::basic::{Checks, Users};
use crate::guards::client_ip::ClientIp;
use crate::guards::jwt::{KeyStore, Revoker};
use crate::guards::service::ServiceGuards;
use crate::life::keep::Fetched;
use crate::observe::access_log::AccessLogPlan;
use crate::respond::FailureLines;
use crate::respond::lines::Lines;
use crate::route::miss::MissPages;
use crate::route::table::Target;
use crate::route::{Miss, Router};
use crate::tls::server::ServerTls;

/// All that is served. Shared by the threads of a worker, never changed.
#[derive(Debug)]
pub struct Plan {
    /// Addresses to listen on.
    pub(crate) listeners: Vec<SocketAddr>,
    /// What the supervisor does by this configuration.
    pub(crate) policy: Policy,
    /// What is asked for and not done, and what looks wrong.
    pub(crate) notices: Vec<Notice>,
    /// Bounds of the edge.
    pub(crate) edge: EdgeLimits,
    /// `use_h2c`: HTTP/2 in clear text.
    pub(crate) h2c: bool,
    /// The access log; none: switched off.
    pub(crate) access_log: Option<AccessLogPlan>,
    /// Method and path to what answers.
    pub(crate) router: Router<Target>,
    /// Answers of the router's own.
    pub(crate) misses: MissPages,
    /// `server/static-filesystem`.
    pub(crate) site: Option<Site>,
    /// Whether answers are packed for clients that take gzip.
    pub(crate) packs: bool,
    /// `/__catchall`: the endpoint that gets what no other does.
    pub(crate) catch_all: Option<usize>,
    /// `timeout` of the service.
    pub(crate) timeout: Duration,
    /// `security/*` of the service; none, usually.
    pub(crate) guards: Option<Box<ServiceGuards>>,
    /// Whose request it is.
    pub(crate) client_ip: ClientIp,
    /// In file order.
    pub(crate) endpoints: Box<[Endpoint]>,
    /// Every host that any backend names.
    pub(crate) hosts: Box<[Host]>,
    /// `Host` for each of them.
    pub(crate) host_values: Box<[HeaderValue]>,
    /// How many backend entries there are.
    pub(crate) backends: usize,
    /// `qos/http-cache` of those that have it.
    pub(crate) caches: Box<[Cache]>,
    /// Names and services, looked up beside the serving threads.
    pub(crate) resolver: Arc<Resolver>,
    /// How clients are met; none: in clear text.
    pub(crate) tls: Option<ServerTls>,
    /// How backends are met, by [`Host::way`].
    pub(crate) client_tls: Box<[ClientTlsPlan]>,
    /// Keys of providers, fetched beside the serving threads.
    pub(crate) keys: Arc<KeyStore>,
    /// `auth/client-credentials` of all backends.
    pub(crate) credentials: Box<[Arc<ClientCredentials>]>,
    /// `auth/revoker`
    pub(crate) revoker: Option<Arc<Revoker>>,
    /// `auth/basic`: the users of all blocks.
    pub(crate) passwords: Box<[Arc<Users>]>,
    /// Who checks passwords, beside the serving threads.
    pub(crate) checks: Checks,
    /// Good tokens that a thread remembers.
    pub(crate) tokens_kept: usize,
    /// How backends are spoken to.
    pub(crate) client: ClientPlan,
    /// Serving threads; at least one.
    pub(crate) threads: usize,
    /// Whom backends are called through (`HTTP_PROXY`, `proxy_address`); none, usually.
    pub(crate) proxies: Option<Proxies>,
    /// What the gateway calls itself towards backends.
    pub(crate) agent: HeaderValue,
    /// Field lines of answers, each set once.
    pub(crate) lines: Lines,
    /// Which of them failures have.
    pub(crate) failures: FailureLines,
    /// The states of limits and breakers.
    pub(crate) soft: SoftPlan,
    /// Whether clients are told why something failed (`router.return_error_msg`).
    pub(crate) tell_errors: TellErrors,
}

/// Whether an error's text goes to the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TellErrors {
    /// `router.return_error_msg`.
    Yes,
    /// The body stays empty.
    No,
}

/// Settings of the service for its calls to backends; limits are those of one thread.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ClientPlan {
    pub(crate) pool: PoolLimits,
    pub(crate) balance: Balance,
    pub(crate) reuse: Reuse,
    pub(crate) dial: DialPlan,
    /// `response_header_timeout`.
    pub(crate) head_time_max: Option<Duration>,
    /// `expect_continue_timeout`.
    pub(crate) continue_time_max: Option<Duration>,
}

/// How connections are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DialPlan {
    /// `dialer_timeout`.
    pub(crate) time_max: Option<Duration>,
    /// `dialer_fallback_delay`: when the other family of addresses is tried too; none: only after the first has failed.
    pub(crate) fallback_after: Option<Duration>,
    /// `dialer_keep_alive`: the time between TCP probes; none: there are none.
    pub(crate) probe_every: Option<Duration>,
    /// `answer_header_bytes`: of one answer, interim ones in front of it included.
    pub(crate) answer_head_bytes_max: u32,
}

impl Plan {
    /// What the supervisor must know.
    #[must_use]
    pub fn summary(&self) -> message::Plan {
        message::Plan {
            listeners: self.listeners.clone(),
            policy: self.policy.clone(),
            endpoints: self.endpoints.len(),
            notices: self.notices.clone(),
        }
    }

    /// The endpoint that a route leads to; `None` for what is KrakenD's own.
    pub(crate) fn endpoint(&self, target: Target) -> Option<&Endpoint> {
        match target {
            Target::Endpoint(index) => self.endpoints.get(index as usize),
            Target::Health | Target::Debug | Target::Echo | Target::AutoOptions { .. } => None,
        }
    }

    /// The endpoints whose tunnels may go on here.
    pub(crate) fn tunnels(&self) -> Vec<u64> {
        self.websockets().map(|websocket| websocket.key).collect()
    }

    /// What is said of the tunnels of an endpoint.
    pub(crate) fn tunnel(&self, endpoint: u64) -> Option<tunnel::Settings> {
        let found = self.websockets().find(|websocket| websocket.key == endpoint);
        found.map(|websocket| websocket.settings)
    }

    fn websockets(&self) -> impl Iterator<Item = &WebSocketPlan> {
        self.endpoints.iter().filter_map(|endpoint| match &endpoint.pipe {
            Pipe::WebSocket(websocket) => Some(&**websocket),
            _ => None,
        })
    }

    /// The endpoint for a request that no route takes.
    pub(crate) fn fallback(&self, miss: &Miss) -> Option<&Endpoint> {
        let is_missed = matches!(miss, Miss::NotFound | Miss::MethodNotAllowed { .. });
        self.endpoints.get(self.catch_all.filter(|_| is_missed)?)
    }

    /// The place of a host that a redirect names, if any backend names it too.
    pub(crate) fn find_host(&self, wanted: &Host) -> Option<HostId> {
        let is_it = |host: &&Host| {
            host.scheme == wanted.scheme
                && host.way == wanted.way
                && host.authority.eq_ignore_ascii_case(&wanted.authority)
        };
        self.hosts.iter().find(is_it)?.id
    }

    /// Who is called in place of a host.
    pub(crate) fn via(&self, host: &Host) -> Option<&Proxy> {
        self.proxies.as_ref()?.of(host)
    }

    /// Looks up the hosts and services that backends name, so that the first requests need not; a few seconds at
    /// most.
    pub(crate) async fn warm(&self) {
        let is_direct = |host: &&Host| self.via(host).is_none();
        let names = self.hosts.iter().filter(is_direct).map(|host| &*host.name);
        let names = names.filter(|name| name.parse::<IpAddr>().is_err());
        tokio::join!(self.resolver.warm(names), self.keys.warm());
    }

    /// Whom to tell of what is found out from now on and a later worker may need.
    pub(crate) fn tell_of_fetched(&self, keeper: &UnboundedSender<Fetched>) {
        self.keys.tell_of(keeper.clone());
        self.passwords.iter().for_each(|one| one.tell_of(keeper.clone()));
        self.credentials.iter().for_each(|one| one.tell_of(keeper.clone()));
    }

    /// `Host` for a host of the table.
    pub(crate) fn host_value(&self, host: HostId) -> Option<&HeaderValue> {
        self.host_values.get(host.index())
    }

    /// A host of the table.
    pub(crate) fn host(&self, host: HostId) -> Option<&Host> {
        self.hosts.get(host.index())
    }
}
