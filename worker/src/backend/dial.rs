//! From a host's name to a connection.
//!
//! KrakenD (Go): the addresses of a name are tried in turn, the time that is left is divided among them;
//! `dialer_timeout` bounds all of it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};

use super::failure::{CallError, DialError};
use super::link::Link;
use crate::plan::{Host, HostId, Scheme};

/// One address gets at least so much of the time that is left, others behind it or not.
const ADDRESS_TIME_MIN: Duration = Duration::from_secs(2);

/// Bound for addresses of one name that are tried.
const ADDRESSES_MAX: usize = 16;

/// Opens connections for one thread and remembers the addresses of names.
#[derive(Debug)]
pub(crate) struct Dialer {
    /// `dialer_timeout`.
    time_max: Option<Duration>,
    /// `dns_cache_ttl`.
    keep_addresses: Duration,
    /// Only hosts of the plan: as many entries as it has at most.
    addresses: RefCell<HashMap<HostId, Found>>,
}

#[derive(Clone, Debug)]
struct Found {
    addresses: Vec<SocketAddr>,
    until: Instant,
}

impl Dialer {
    pub(crate) fn new(time_max: Option<Duration>, keep_addresses: Duration) -> Self {
        Self { time_max, keep_addresses, addresses: RefCell::default() }
    }

    /// A new connection to `host` that speaks HTTP/1.1, at most until `deadline`.
    pub(crate) async fn dial(
        &self,
        host: &Host,
        deadline: Instant,
    ) -> Result<Box<Link>, CallError> {
        let stream = self.open(host, deadline).await?;
        Link::new(stream).await.map(Box::new).map_err(|_why: hyper::Error| CallError::Closed)
    }

    /// A new connection to `host`, at most until `deadline`.
    pub(crate) async fn open(
        &self,
        host: &Host,
        deadline: Instant,
    ) -> Result<TcpStream, CallError> {
        if host.scheme == Scheme::Https {
            return Err(CallError::TlsNotBuilt);
        }
        let bound = self.time_max.and_then(|time| Instant::now().checked_add(time));
        let stop = bound.map_or(deadline, |bound| bound.min(deadline));
        match timeout_at(stop, self.connect(host, stop)).await {
            Ok(Ok(stream)) => {
                // Without it small writes wait for the other side's acknowledgement: 40 ms.
                stream.set_nodelay(true).map_err(|error| CallError::Broken(error.into()))?;
                Ok(stream)
            },
            Ok(Err(error)) => {
                self.forget(host);
                Err(CallError::Dial(error))
            },
            Err(_) if stop < deadline => Err(CallError::Dial(DialError::Slow(host.into()))),
            Err(_) => Err(CallError::Late),
        }
    }

    async fn connect(&self, host: &Host, stop: Instant) -> Result<TcpStream, DialError> {
        let addresses = self.resolve(host).await?;
        let mut last = None;
        for (tried, address) in addresses.iter().take(ADDRESSES_MAX).enumerate() {
            let until = share_of(stop, addresses.len().min(ADDRESSES_MAX) - tried);
            match timeout_at(until, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Some(DialError::Connect { address: *address, error }),
                Err(_) => last = Some(DialError::Slow(host.into())),
            }
        }
        Err(last.unwrap_or_else(|| DialError::Lookup(host.name.clone())))
    }

    async fn resolve(&self, host: &Host) -> Result<Vec<SocketAddr>, DialError> {
        if let Ok(ip) = host.name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, host.port)]);
        }
        if let Some(known) = self.known(host) {
            return Ok(known);
        }
        let found = lookup_host((&*host.name, host.port)).await;
        let addresses: Vec<_> = found
            .map_err(|_reason| DialError::Lookup(host.name.clone()))?
            .take(ADDRESSES_MAX)
            .collect();
        if let Some(id) = host.id {
            let until = Instant::now() + self.keep_addresses;
            let found = Found { addresses: addresses.clone(), until };
            self.addresses.borrow_mut().insert(id, found);
        }
        Ok(addresses)
    }

    fn known(&self, host: &Host) -> Option<Vec<SocketAddr>> {
        let addresses = self.addresses.borrow();
        let found = addresses.get(&host.id?)?;
        (Instant::now() < found.until).then(|| found.addresses.clone())
    }

    /// The addresses of a host that cannot be reached may have changed.
    fn forget(&self, host: &Host) {
        if let Some(id) = host.id {
            self.addresses.borrow_mut().remove(&id);
        }
    }
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
}
