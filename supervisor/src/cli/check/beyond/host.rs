//! `--hosts`: can every host of a backend be found, and does something listen there?

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, TcpStream, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use baton_shared::config::model::{BackendConfig, ServiceConfig};
use baton_shared::control::message::Notice;
use baton_shared::words::{JsonPointer, is_host_name};

use super::notes::Notes;

/// One attempt may take so long, and all together twice that.
const CONNECT_MAX: Duration = Duration::from_secs(3);
/// So many hosts are tried at once.
const AT_ONCE: usize = 32;
/// More are not tried.
const HOSTS_MAX: usize = 1_000;

/// Namespaces whose hosts are no HTTP servers.
const OTHERS: [&str; 6] = [
    "backend/amqp/producer",
    "backend/amqp/consumer",
    "backend/pubsub/publisher",
    "backend/pubsub/subscriber",
    "backend/lambda",
    "backend/static-filesystem",
];

pub(in crate::cli::check) fn unreachable(config: &ServiceConfig) -> Vec<Notice> {
    let mut places: BTreeMap<String, JsonPointer> = BTreeMap::new();
    for backend in config.endpoints.iter().flat_map(|endpoint| &endpoint.backend) {
        for (index, host) in backend.host.iter().enumerate().filter(|_| is_server(backend)) {
            places.entry(host.clone()).or_insert_with(|| place(config, backend, index));
        }
    }
    let hosts: Vec<String> = places.keys().take(HOSTS_MAX).cloned().collect();
    let mut notes = Notes::of(config);
    for (host, why) in try_all(&hosts) {
        if let Some(at) = places.get(&host) {
            notes.tell(at, format!("`{host}` cannot be reached: {why}"));
        }
    }
    notes.done()
}

fn is_server(backend: &BackendConfig) -> bool {
    matches!(backend.sd.as_str(), "" | "static")
        && !OTHERS.iter().any(|name| backend.extra_config.namespaces.contains_key(*name))
}

/// Of the backend's own list, or of the service's, which it inherits.
fn place(config: &ServiceConfig, backend: &BackendConfig, index: usize) -> JsonPointer {
    let own = backend.at.key("host");
    match config.source.node(&own) {
        Some(_) => own.index(index),
        None => JsonPointer::root().key("host").index(index),
    }
}

/// Hosts that cannot be reached, and why, sorted.
fn try_all(hosts: &[String]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for some in hosts.chunks(AT_ONCE) {
        let (say, heard) = mpsc::channel();
        for host in some {
            let (host, say) = (host.clone(), say.clone());
            // A name server that never answers keeps its thread; the process ends without it.
            let _detached = thread::spawn(move || {
                let outcome = connect(&host);
                let _asker_gone = say.send((host, outcome));
            });
        }
        drop(say);
        let end = Instant::now() + CONNECT_MAX * 2;
        let mut waiting: Vec<&String> = some.iter().collect();
        while !waiting.is_empty() {
            let left = end.saturating_duration_since(Instant::now());
            let Ok((host, outcome)) = heard.recv_timeout(left) else { break };
            waiting.retain(|one| **one != host);
            found.extend(outcome.err().map(|error| (host, error.to_string())));
        }
        found
            .extend(waiting.into_iter().map(|host| (host.clone(), "no answer in time".to_owned())));
    }
    found.sort();
    found
}

fn connect(host: &str) -> io::Result<()> {
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    let default: u16 = if scheme == "https" { 443 } else { 80 };
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let name = authority.rsplit_once(':').map_or(authority, |(name, _port)| name);
    if !is_host_name(name) && name.parse::<Ipv4Addr>().is_err() && !authority.starts_with('[') {
        return Err(last);
    }
    let addresses = match authority.rsplit_once(':') {
        Some(_) => authority.to_socket_addrs()?,
        None => (authority, default).to_socket_addrs()?,
    };
    for address in addresses {
        match TcpStream::connect_timeout(&address, CONNECT_MAX) {
            Ok(_connected) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn who_listens_is_reached_and_who_does_not_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let open = format!("http://{}", listener.local_addr().unwrap());
        let gone = TcpListener::bind("127.0.0.1:0").unwrap();
        let closed = format!("http://{}", gone.local_addr().unwrap());
        drop(gone);
        let found = try_all(&[open, closed.clone()]);
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].0, closed);
    }

    #[test]
    fn what_only_the_c_library_reads_as_an_address_cannot_be_reached() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        for name in ["127.1", "0x7f.1", "2130706433"] {
            let found = connect(&format!("http://{name}:{port}"));
            assert_eq!(found.unwrap_err().to_string(), "the name has no address", "{name}");
        }
    }
}
