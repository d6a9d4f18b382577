//! Binds an address: a trial alone, then one shard per serving thread.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::os::socket::{self, Sharing};
use nix::errno::Errno;
use tokio::time::Instant;

use super::plan::Trial;

/// Between two trials of an address that is taken.
const RETRY: Duration = Duration::from_millis(50);
/// Backlog where the kernel's bound cannot be read.
const BACKLOG: i32 = 4_096;

/// The sockets of one address, and where they really listen.
#[derive(Debug)]
pub struct Shards {
    /// As wanted, but for a port chosen by the kernel or a machine without IPv6.
    pub address: SocketAddr,
    /// At least one.
    pub sockets: Vec<Arc<OwnedFd>>,
}

/// Binds `wanted` and listens. An address that is taken is tried again for `patience`: who has it
/// may be leaving.
///
/// # Errors
/// In words, with the address.
pub async fn bind(
    wanted: SocketAddr,
    trial: Trial,
    count: usize,
    patience: Duration,
) -> Result<Shards, String> {
    let until = Instant::now() + patience;
    loop {
        match bind_once(wanted, trial, count) {
            Ok(shards) => return Ok(shards),
            Err(Errno::EADDRINUSE) if Instant::now() + RETRY < until => {
                tokio::time::sleep_until(Instant::now() + RETRY).await;
            },
            Err(errno) => {
                return Err(format!("listen tcp {wanted}: bind: {}", words(errno)));
            },
        }
    }
}

fn bind_once(wanted: SocketAddr, trial: Trial, count: usize) -> Result<Shards, Errno> {
    match bind_exactly(wanted, trial, count) {
        // A machine without IPv6 has no address that means both.
        Err(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL)
            if wanted.is_ipv6() && wanted.ip().is_unspecified() =>
        {
            let everywhere = SocketAddr::from((Ipv4Addr::UNSPECIFIED, wanted.port()));
            bind_exactly(everywhere, trial, count)
        },
        bound => bound,
    }
}

fn bind_exactly(wanted: SocketAddr, trial: Trial, count: usize) -> Result<Shards, Errno> {
    let mut address = wanted;
    if trial == Trial::Alone {
        // A stranger may show only when one listens: two sockets with SO_REUSEADDR bind both.
        let alone = socket::bound(wanted, Sharing::Alone)?;
        socket::start_listening(&alone, 1)?;
        // It has just been bound and listens, so this cannot fail.
        address = socket::listening_address(&alone).unwrap_or(wanted);
    }
    let mut sockets = Vec::with_capacity(count.max(1));
    for _ in 0..count.max(1) {
        sockets.push(socket::bound(address, Sharing::Shard)?);
    }
    // Only when all are bound: a connection then finds the final number of shards.
    for shard in &sockets {
        socket::start_listening(shard, backlog())?;
    }
    Ok(Shards { address, sockets: sockets.into_iter().map(Arc::new).collect() })
}

/// The words of Go's listeners, which people search for.
fn words(errno: Errno) -> &'static str {
    match errno {
        Errno::EADDRINUSE => "address already in use",
        Errno::EACCES => "permission denied",
        Errno::EADDRNOTAVAIL => "cannot assign requested address",
        other => other.desc(),
    }
}

/// As long as the kernel allows (and Go's listeners ask for).
fn backlog() -> i32 {
    let bound = fs::read_to_string("/proc/sys/net/core/somaxconn");
    bound.ok().and_then(|text| text.trim().parse().ok()).unwrap_or(BACKLOG)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    const SHORT: Duration = Duration::from_millis(100);

    fn in_runtime<F: Future>(body: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(body)
    }

    #[test]
    fn a_strangers_address_is_noticed_though_we_would_share_it() {
        let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = stranger.local_addr().unwrap();
        let error = in_runtime(bind(address, Trial::Alone, 2, SHORT)).unwrap_err();
        assert_eq!(error, format!("listen tcp {address}: bind: address already in use"));
    }

    #[test]
    fn one_that_is_leaving_is_waited_for() {
        let stranger = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = stranger.local_addr().unwrap();
        let shards = in_runtime(async {
            let leave = async {
                tokio::time::sleep_until(Instant::now() + SHORT).await;
                drop(stranger);
            };
            tokio::join!(bind(address, Trial::Alone, 2, 50 * SHORT), leave).0
        });
        assert_eq!(shards.unwrap().sockets.len(), 2);
    }

    #[test]
    fn every_shard_listens_on_the_port_that_the_kernel_chose() {
        let wanted = "127.0.0.1:0".parse().unwrap();
        let shards = in_runtime(bind(wanted, Trial::Alone, 3, SHORT)).unwrap();
        assert_ne!(shards.address.port(), 0);
        for socket in &shards.sockets {
            assert_eq!(socket::listening_address(socket.as_ref()).unwrap(), shards.address);
        }
    }
}
