//! `/etc/resolv.conf`: whom to ask, and under which names.
//!
//! As Go's resolver reads it: what is missing or wrong has a default, numbers are bounded.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// Where the system says it.
const PATH: &str = "/etc/resolv.conf";
/// As the C library and Go: more servers are not asked.
const SERVERS_MAX: usize = 3;
const SEARCH_MAX: usize = 32;
const PORT: u16 = 53;

/// Whom to ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Servers {
    /// Those of the system.
    System,
    /// `"@baton".name_servers`.
    These(Box<[SocketAddr]>),
}

/// How names are looked up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Conf {
    pub(crate) servers: Vec<SocketAddr>,
    search: Vec<String>,
    ndots: usize,
    /// For one question to one server.
    pub(crate) timeout: Duration,
    /// How often each server is asked.
    pub(crate) attempts: usize,
}

impl Conf {
    /// The system's as it is now, but for the servers. Reads a small file.
    pub(crate) fn now(servers: &Servers) -> Self {
        let mut conf = Self::parse(&std::fs::read_to_string(PATH).unwrap_or_default());
        if let Servers::These(servers) = servers {
            conf.servers = servers.to_vec();
        }
        conf
    }

    fn parse(text: &str) -> Self {
        let (timeout, attempts) = (Duration::from_secs(5), 2);
        let mut conf =
            Self { servers: Vec::new(), search: Vec::new(), ndots: 1, timeout, attempts };
        for line in text.lines().filter(|line| !line.starts_with([';', '#'])) {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(server)),
                Some("domain") => conf.search = words.take(1).map(str::to_owned).collect(),
                Some("search") => conf.search = words.take(SEARCH_MAX).map(str::to_owned).collect(),
                Some("options") => words.for_each(|option| conf.option(option)),
                Some(_) | None => {},
            }
        }
        conf.servers.truncate(SERVERS_MAX);
        if conf.servers.is_empty() {
            conf.servers.push(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT));
        }
        conf
    }

    fn option(&mut self, option: &str) {
        let Some((name, Ok(number))) =
            option.split_once(':').map(|(name, number)| (name, number.parse::<u64>()))
        else {
            return;
        };
        let number = number.min(30);
        match name {
            "ndots" => self.ndots = usize::try_from(number.min(15)).unwrap_or(1),
            "timeout" => self.timeout = Duration::from_secs(number.max(1)),
            "attempts" => self.attempts = usize::try_from(number.clamp(1, 5)).unwrap_or(1),
            _ => {},
        }
    }

    /// The names to ask for in turn, each with its final dot.
    pub(crate) fn names(&self, name: &str) -> Vec<String> {
        if name.ends_with('.') {
            return vec![name.to_owned()];
        }
        let has_dots = name.bytes().filter(|byte| *byte == b'.').count() >= self.ndots;
        let alone = format!("{name}.");
        let below =
            self.search.iter().map(|domain| format!("{name}.{}.", domain.trim_matches('.')));
        let mut names: Vec<String> = below.collect();
        names.insert(if has_dots { 0 } else { names.len() }, alone);
        names
    }
}

/// An address, possibly with a port behind it (`[::1]:5353`, which only musl and we read).
fn server(text: &str) -> Option<SocketAddr> {
    let alone = || text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, PORT));
    alone().or_else(|| text.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_word_asks_the_machine_itself() {
        let conf = Conf::parse("# nothing\n;\nnameserver\nnameserver x\noptions ndots:x timeout\n");
        assert_eq!(conf.servers, ["127.0.0.1:53".parse().unwrap()]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (1, Duration::from_secs(5), 2));
    }

    #[test]
    fn servers_and_options_are_read_within_bounds() {
        let conf = Conf::parse(
            "nameserver 10.0.0.1\nnameserver ::1\nnameserver 10.0.0.3\nnameserver 10.0.0.4\n\
             options ndots:99 timeout:0 attempts:9 rotate\n",
        );
        let servers: Vec<_> = conf.servers.iter().map(ToString::to_string).collect();
        assert_eq!(servers, ["10.0.0.1:53", "[::1]:53", "10.0.0.3:53"]);
        assert_eq!((conf.ndots, conf.timeout, conf.attempts), (15, Duration::from_secs(1), 5));
    }

    #[test]
    fn names_are_tried_below_the_search_list_and_alone() {
        let conf = Conf::parse("domain x\nsearch svc.local cluster.\noptions ndots:2\n");
        assert_eq!(conf.names("a"), ["a.svc.local.", "a.cluster.", "a."]);
        assert_eq!(conf.names("_h._t.a"), ["_h._t.a.", "_h._t.a.svc.local.", "_h._t.a.cluster."]);
        assert_eq!(conf.names("a.b."), ["a.b."]);
    }
}
