//! From a host's name to a connection.
//!
//! KrakenD (Go): the addresses of a name are tried in turn, the time that is left is divided among them;
//! `dialer_timeout` bounds all of it. Where a name has addresses of both families, those of the first one's family go first,
//! and the others beside them after `dialer_fallback_delay` (Happy Eyeballs, RFC 8305); the first connection wins.

use std::cell::OnceCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{setsockopt, sockopt};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};
use smallvec::SmallVec;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};

use super::call_error::{CallError, DialError};
use super::dialing::Orphans;
use super::http2::Mux;
use super::link::Link;
use super::resolve::Resolver;
use super::stream::Stream;
use super::via::{Proxy, Speaks};
use super::{connect, nested, socks};
use crate::plan::{ClientTlsPlan, DialPlan, Host, Scheme, Speech, TlsId};
use crate::tls::HTTP2;
use crate::tls::client::{self, Offered};
use crate::tls::session::{End, Session};

/// As Go's transport: a handshake may take no longer.
const HANDSHAKE_TIME_MAX: Duration = Duration::from_secs(10);
/// One address gets at least so much of the time that is left, others behind it or not.
const ADDRESS_TIME_MIN: Duration = Duration::from_secs(2);

/// What a connection is for: a proxy in between reads requests, and passes bytes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Carries {
    /// HTTP.
    Requests(Speech),
    /// Whatever both ends agree on.
    Bytes,
}

/// A new connection.
#[derive(Debug)]
pub(crate) enum Dialed {
    Http1(Box<Link>),
    Http2(Rc<Mux>),
}

/// Opens connections for one thread.
#[derive(Debug)]
pub(crate) struct Dialer {
    plan: DialPlan,
    resolver: Arc<Resolver>,
    /// How hosts are met by TLS, by [`TlsId`].
    plans: Box<[ClientTlsPlan]>,
    /// The same with this thread's sessions.
    tls: Box<[Met]>,
    pub(super) orphans: Orphans,
}

/// How a host is met, by what it is offered.
#[derive(Debug, Default)]
struct Met {
    nothing: OnceCell<Arc<ClientConfig>>,
    http2: OnceCell<Arc<ClientConfig>>,
}

type Family = SmallVec<[SocketAddr; 4]>;

impl Dialer {
    pub(crate) fn new(
        plan: DialPlan,
        resolver: Arc<Resolver>,
        plans: Box<[ClientTlsPlan]>,
    ) -> Self {
        let tls = plans.iter().map(|_| Met::default()).collect();
        Self { plan, resolver, plans, tls, orphans: Orphans::default() }
    }

    /// A new connection to `host`, or to whom it is called through, that speaks HTTP/1.1, at most until `deadline`.
    pub(crate) async fn dial(
        &self,
        host: &Host,
        via: Option<&Proxy>,
        deadline: Instant,
    ) -> Result<Box<Link>, CallError> {
        let stream = self.open(host, via, Carries::Requests(Speech::Http1), deadline).await?;
        self.link(stream).await
    }

    async fn link(&self, stream: Stream) -> Result<Box<Link>, CallError> {
        let link = Link::new(stream, self.plan.answer_head_bytes_max).await;
        link.map(Box::new).map_err(|_why: hyper::Error| CallError::Closed)
    }

    /// The same in HTTP/2 where the host wants it so; whoever shares that connection is told of room on it by `news`.
    pub(super) async fn dial_as_wanted(
        &self,
        host: &Host,
        via: Option<&Proxy>,
        news: &Rc<Notify>,
        deadline: Instant,
    ) -> Result<Dialed, CallError> {
        if host.way.speech == Speech::Http1 {
            return self.dial(host, via, deadline).await.map(Dialed::Http1);
        }
        let stream = self.open(host, via, Carries::Requests(Speech::Http2), deadline).await?;
        let is_http2 = match &stream {
            Stream::Tls(session) => session.tls().alpn_protocol() == Some(HTTP2),
            // A proxy in between that reads requests reads them in HTTP/1.1.
            Stream::Plain(_) => !via.is_some_and(|proxy| proxy.reads_requests_for(host)),
        };
        if !is_http2 {
            return self.link(stream).await.map(Dialed::Http1);
        }
        let bounds = (self.plan.answer_head_bytes_max, deadline);
        Mux::meet(stream, host, Rc::clone(news), bounds).await.map(Dialed::Http2)
    }

    /// The same before a word is said.
    pub(crate) async fn open(
        &self,
        host: &Host,
        via: Option<&Proxy>,
        carries: Carries,
        deadline: Instant,
    ) -> Result<Stream, CallError> {
        let Some(proxy) = via else {
            let stream = self.connect_to(host, deadline).await?;
            return self.meet(host, stream, carries, deadline).await;
        };
        // In a box: few calls go through a proxy.
        Box::pin(self.open_through(proxy, host, carries, deadline)).await
    }

    /// The same by way of a proxy.
    async fn open_through(
        &self,
        proxy: &Proxy,
        host: &Host,
        carries: Carries,
        deadline: Instant,
    ) -> Result<Stream, CallError> {
        let speaks = proxy.speaks.as_ref();
        let speaks = speaks.map_err(|error| CallError::ProxyUnusable(error.clone()))?;
        let of_proxy = |error| match error {
            CallError::Late => CallError::Late,
            error => CallError::Proxy(Box::new(error)),
        };
        let mut socket = self.connect_to(&proxy.host, deadline).await.map_err(of_proxy)?;
        if let Speaks::Socks(login) = speaks {
            let asked = socks::through(login.as_ref(), host, &mut socket);
            let opened = timeout_at(deadline, asked).await.map_err(|_late| CallError::Late)?;
            return match opened {
                Ok(()) => self.meet(host, socket, carries, deadline).await,
                Err(error) => Err(match socket.peer_addr() {
                    Ok(proxy) => CallError::Socks { proxy, host: host.into(), error },
                    Err(_gone) => CallError::Closed,
                }),
            };
        }
        // It is judged as the backend behind it is.
        let met = Host { way: host.way, ..proxy.host.clone() };
        let mut stream =
            self.meet(&met, socket, Carries::Bytes, deadline).await.map_err(of_proxy)?;
        if host.scheme == Scheme::Http && carries != Carries::Bytes {
            return Ok(stream);
        }
        let opened = timeout_at(deadline, connect::through(proxy, host, &mut stream)).await;
        opened.map_err(|_late| CallError::Late)??;
        match (host.scheme, stream) {
            (Scheme::Http, stream) => Ok(stream),
            (Scheme::Https, Stream::Plain(socket)) => {
                self.meet(host, socket, carries, deadline).await
            },
            (Scheme::Https, outer @ Stream::Tls(_)) => {
                let inner = nested::socket(outer);
                let inner = inner.map_err(|error| CallError::Broken(error.into()))?;
                self.meet(host, inner, carries, deadline).await
            },
        }
    }

    /// Speaks TLS where the scheme says so.
    async fn meet(
        &self,
        host: &Host,
        stream: TcpStream,
        carries: Carries,
        deadline: Instant,
    ) -> Result<Stream, CallError> {
        match host.scheme {
            Scheme::Http => Ok(Stream::Plain(stream)),
            // In a box: few calls need it, and all would carry the room for it.
            Scheme::Https => Box::pin(self.secure(host, stream, carries, deadline)).await,
        }
    }

    /// Speaks TLS from now on.
    async fn secure(
        &self,
        host: &Host,
        stream: TcpStream,
        carries: Carries,
        deadline: Instant,
    ) -> Result<Stream, CallError> {
        let offered = match carries {
            Carries::Requests(Speech::Http2) => Offered::Http2,
            Carries::Requests(Speech::Http1) | Carries::Bytes => Offered::Nothing,
        };
        let config = self.tls(host.way.tls, offered).ok_or(CallError::TlsUnusable)?;
        let name = ServerName::try_from(&*host.name).map_err(|_invalid| CallError::TlsUnusable)?;
        let connection = ClientConnection::new(config, name.to_owned())
            .map_err(|error| CallError::Tls(io::Error::other(error).into()))?;
        let mut session = Session::new(stream, connection, End::Cut);
        let bound = Instant::now().checked_add(HANDSHAKE_TIME_MAX);
        let stop = bound.map_or(deadline, |bound| bound.min(deadline));
        let handshake = poll_fn(|context| session.poll_handshake(context));
        match timeout_at(stop, handshake).await {
            Ok(Ok(())) => Ok(Stream::Tls(Box::new(session))),
            Ok(Err(_)) if session.begins_with(*b"HTTP/") => Err(CallError::NoTls),
            Ok(Err(error)) => {
                session.say_why();
                Err(CallError::Tls(error.into()))
            },
            Err(_) if stop < deadline => Err(CallError::TlsLate),
            Err(_) => Err(CallError::Late),
        }
    }

    /// How a host is met; made when it is first asked for.
    fn tls(&self, id: TlsId, offered: Offered) -> Option<Arc<ClientConfig>> {
        let met = self.tls.get(id.index())?;
        let place = match offered {
            Offered::Nothing => &met.nothing,
            Offered::Http2 => &met.http2,
        };
        if let Some(made) = place.get() {
            return Some(Arc::clone(made));
        }
        let made = match self.plans.get(id.index())? {
            Some(config) => client::for_a_thread(config, offered),
            // Nobody in the file is called so: a backend has redirected there.
            None => client::for_a_thread(&client::usual_here().ok()?, offered),
        };
        Some(Arc::clone(place.get_or_init(|| made)))
    }

    async fn connect_to(&self, host: &Host, deadline: Instant) -> Result<TcpStream, CallError> {
        let bound = self.plan.time_max.and_then(|time| Instant::now().checked_add(time));
        let stop = bound.map_or(deadline, |bound| bound.min(deadline));
        match timeout_at(stop, self.connect(host, stop)).await {
            Ok(Ok(stream)) => {
                self.prepare(&stream).map_err(|error| CallError::Broken(error.into()))?;
                Ok(stream)
            },
            Ok(Err(error)) => {
                self.resolver.doubt(&host.name);
                Err(CallError::Dial(error))
            },
            Err(_) if stop < deadline => Err(CallError::Dial(DialError::Slow(host.into()))),
            Err(_) => Err(CallError::Late),
        }
    }

    fn prepare(&self, stream: &TcpStream) -> io::Result<()> {
        // Without it small writes wait for the other side's acknowledgement: 40 ms.
        stream.set_nodelay(true)?;
        let Some(every) = self.plan.probe_every else { return Ok(()) };
        let seconds = u32::try_from(every.as_secs().max(1)).unwrap_or(u32::MAX);
        setsockopt(stream, sockopt::KeepAlive, &true)?;
        setsockopt(stream, sockopt::TcpKeepIdle, &seconds)?;
        setsockopt(stream, sockopt::TcpKeepInterval, &seconds)?;
        Ok(())
    }

    async fn connect(&self, host: &Host, stop: Instant) -> Result<TcpStream, DialError> {
        let (first, others) = match host.name.parse::<IpAddr>() {
            Ok(ip) => (Family::from_slice(&[SocketAddr::new(ip, host.port)]), Family::new()),
            Err(_name) => families(&self.resolver.addresses(&host.name).await, host.port),
        };
        if first.is_empty() {
            return Err(DialError::Lookup(host.name.clone()));
        }
        match self.plan.fallback_after {
            Some(after) if !others.is_empty() => race(host, (&first, &others), after, stop).await,
            Some(_) | None => in_turn(host, &[first, others].concat(), stop).await,
        }
    }
}

/// Addresses of the first one's family, and the others.
fn families(addresses: &[IpAddr], port: u16) -> (Family, Family) {
    let is_v4 = addresses.first().is_some_and(IpAddr::is_ipv4);
    let all = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
    all.partition(|address| address.is_ipv4() == is_v4)
}

/// The connection of whoever is first; the error of the first family.
async fn race(
    host: &Host,
    (first, others): (&[SocketAddr], &[SocketAddr]),
    after: Duration,
    stop: Instant,
) -> Result<TcpStream, DialError> {
    let mut leading = std::pin::pin!(in_turn(host, first, stop));
    let early = tokio::select! {
        outcome = &mut leading => Some(outcome),
        () = sleep(after) => None,
    };
    let mut trailing = std::pin::pin!(in_turn(host, others, stop));
    let error = match early {
        Some(Ok(stream)) => return Ok(stream),
        Some(Err(error)) => error,
        None => tokio::select! {
            outcome = &mut leading => match outcome {
                Ok(stream) => return Ok(stream),
                Err(error) => error,
            },
            outcome = &mut trailing => match outcome {
                Ok(stream) => return Ok(stream),
                Err(_second) => return leading.await,
            },
        },
    };
    trailing.await.map_err(|_second| error)
}

/// The first connection that comes about, or the error of the first address.
async fn in_turn(
    host: &Host,
    addresses: &[SocketAddr],
    stop: Instant,
) -> Result<TcpStream, DialError> {
    let mut first = None;
    for (tried, address) in addresses.iter().enumerate() {
        let until = share_of(stop, addresses.len() - tried);
        let error = match timeout_at(until, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => DialError::Connect { address: *address, error },
            Err(_) => DialError::Slow(host.into()),
        };
        first.get_or_insert(error);
    }
    Err(first.unwrap_or_else(|| DialError::Lookup(host.name.clone())))
}

/// When to give up on the first of `left` addresses.
fn share_of(stop: Instant, left: usize) -> Instant {
    let now = Instant::now();
    let remaining = stop.saturating_duration_since(now);
    let share = remaining / u32::try_from(left.max(1)).unwrap_or(u32::MAX);
    now + share.max(ADDRESS_TIME_MIN).min(remaining)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_share_the_time_but_each_gets_two_seconds_if_there_are() {
        let left = |stop_s: u64, left| {
            let now = Instant::now();
            (share_of(now + Duration::from_secs(stop_s), left) - now).as_secs_f64().round()
        };
        assert_eq!(left(9, 3).to_string(), "3");
        assert_eq!(left(3, 3).to_string(), "2");
        assert_eq!(left(1, 3).to_string(), "1");
        assert_eq!(left(1, 0).to_string(), "1");
    }

    #[test]
    fn the_family_of_the_first_address_goes_first() {
        let addresses: Vec<IpAddr> =
            ["::1", "127.0.0.1", "::2"].iter().map(|ip| ip.parse().unwrap()).collect();
        let (first, others) = families(&addresses, 80);
        let text = |family: &Family| family.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(text(&first), ["[::1]:80", "[::2]:80"]);
        assert_eq!(text(&others), ["127.0.0.1:80"]);
        assert!(families(&[], 80).0.is_empty());
    }
}
