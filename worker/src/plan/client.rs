//! How backends are called, by what the service says once for all of them.

use std::time::Duration;

use baton_shared::config::model::{GoDuration, ServiceConfig};

use super::{ClientPlan, DialPlan};
use crate::backend::balance::Balance;
use crate::backend::exchange::Reuse;
use crate::backend::pool::PoolLimits;
use crate::backend::resolve::conf::Servers;

/// KrakenD's default for idle connections per host.
const IDLE_PER_HOST: i64 = 250;
/// KrakenD's default for how long addresses are kept; less than a second is ignored.
const KEEP_ADDRESSES: Duration = Duration::from_secs(30);

pub(super) fn client(config: &ServiceConfig, threads: usize) -> ClientPlan {
    let share = |limit: i64| usize::try_from(limit).unwrap_or(0).div_ceil(threads);
    let idle_per_host = match config.max_idle_connections_per_host {
        0 => IDLE_PER_HOST,
        limit => limit,
    };
    ClientPlan {
        pool: PoolLimits {
            idle_max: match config.max_idle_connections {
                0 => usize::MAX,
                limit => share(limit),
            },
            idle_per_host_max: share(idle_per_host),
            idle_time_max: config.idle_connection_timeout.positive(),
        },
        balance: if threads == 1 { Balance::RoundRobin } else { Balance::Random },
        reuse: if config.disable_keep_alives { Reuse::Never } else { Reuse::KeepAlive },
        dial: dial(config),
        head_time_max: config.response_header_timeout.positive(),
        continue_time_max: config.expect_continue_timeout.positive(),
    }
}

/// KrakenD (Go): a fallback delay below zero switches Happy Eyeballs off, one of zero is 300 ms; probes as they are by
/// default come every 15 s, and below zero not at all.
fn dial(config: &ServiceConfig) -> DialPlan {
    const FALLBACK_AFTER: Duration = Duration::from_millis(300);
    const PROBE_EVERY: Duration = Duration::from_secs(15);
    const ANSWER_HEAD_BYTES: u32 = 1 << 20;
    let or = |duration: GoDuration, default| match duration.0 {
        0 => Some(default),
        _ => duration.positive(),
    };
    let head_bytes = config.baton.limits.answer_header_bytes;
    DialPlan {
        time_max: config.dialer_timeout.positive(),
        fallback_after: or(config.dialer_fallback_delay, FALLBACK_AFTER),
        probe_every: or(config.dialer_keep_alive, PROBE_EVERY),
        answer_head_bytes_max: head_bytes
            .map_or(ANSWER_HEAD_BYTES, |bytes| u32::try_from(bytes).unwrap_or(u32::MAX)),
    }
}

pub(super) fn name_servers(config: &ServiceConfig) -> Servers {
    match &*config.baton.name_servers {
        [] => Servers::System,
        servers => Servers::These(servers.into()),
    }
}

/// `dns_cache_ttl`; less than a second is ignored.
pub(super) fn keep_addresses(config: &ServiceConfig) -> Duration {
    let asked = config.dns_cache_ttl.positive();
    asked.filter(|ttl| *ttl >= Duration::from_secs(1)).unwrap_or(KEEP_ADDRESSES)
}
