//! Questions for `SRV` records: over UDP, over TCP where the answer is cut.
//!
//! Each wait is bounded. Nothing is kept here: how long an answer is good is KrakenD's `dns_cache_ttl`, not the record's.

use hickory_resolver::config::{NameServerConfig, ResolverConfig, ServerOrderingStrategy};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError as Said, NetError};
use hickory_resolver::proto::rr::{Name, RData};
use hickory_resolver::{Resolver, TokioResolver};

use super::conf::Conf;
use super::service::Record;

/// Records of one answer that are looked at.
const RECORDS_MAX: usize = 4096;

/// Why a service has no records.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DnsError {
    /// There is no such name, or it has no such records.
    #[error("no such host")]
    NoRecords,
    /// The name cannot be asked for.
    #[error("`{0}` is no name of the DNS")]
    Name(String),
    /// No server gave an answer; the last one's reason.
    #[error("no answer from the servers: {0}")]
    Servers(NetError),
}

/// The records of `name`, also below the domains of the search list.
pub(crate) async fn services(conf: &Conf, name: &str) -> Result<Vec<Record>, DnsError> {
    let resolver = resolver(conf).map_err(DnsError::Servers)?;
    for name in conf.names(name) {
        match ask(&resolver, &name).await {
            Err(DnsError::NoRecords) => {},
            other => return other,
        }
    }
    Err(DnsError::NoRecords)
}

/// Asks the servers in their order. Made for each look, since the system's file may have changed.
fn resolver(conf: &Conf) -> Result<TokioResolver, NetError> {
    let servers = conf.servers.iter().map(|server| {
        let mut config = NameServerConfig::udp_and_tcp(server.ip());
        config.connections.iter_mut().for_each(|connection| connection.port = server.port());
        config
    });
    let config = ResolverConfig::from_parts(None, Vec::new(), servers.collect());
    let mut builder = Resolver::builder_with_config(config, TokioRuntimeProvider::default());
    let options = builder.options_mut();
    (options.timeout, options.attempts) = (conf.timeout, conf.attempts);
    (options.ndots, options.cache_size, options.num_concurrent_reqs) = (0, 0, 1);
    options.server_ordering_strategy = ServerOrderingStrategy::UserProvidedOrder;
    builder.build()
}

async fn ask(resolver: &TokioResolver, name: &str) -> Result<Vec<Record>, DnsError> {
    let name = Name::from_ascii(name).map_err(|_why| DnsError::Name(name.to_owned()))?;
    let answer = match resolver.srv_lookup(name).await {
        Ok(answer) => answer,
        Err(NetError::Dns(Said::NoRecordsFound(_))) => return Err(DnsError::NoRecords),
        Err(error) => return Err(DnsError::Servers(error)),
    };
    let records =
        answer.answers().iter().take(RECORDS_MAX).filter_map(|record| match &record.data {
            // RFC 2782: a target that is the root says that there is decidedly no such service.
            RData::SRV(service) if !service.target.is_root() => Some(Record {
                priority: service.priority,
                weight: service.weight,
                target: dotted(&service.target.to_ascii()),
                port: service.port,
            }),
            _ => None,
        });
    let records: Vec<Record> = records.collect();
    if records.is_empty() { Err(DnsError::NoRecords) } else { Ok(records) }
}

fn dotted(name: &str) -> String {
    if name.ends_with('.') { name.to_owned() } else { format!("{name}.") }
}
