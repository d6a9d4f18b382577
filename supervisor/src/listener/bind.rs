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
        // Whoever listens there, on this address or on one that it is part of, is noticed now. The
        // trial itself must not listen: it would take clients and reset them when it ends.
        let alone = socket::bound(wanted, Sharing::Alone)?;
        address = socket::bound_address(&alone)?;
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
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};

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

    /// A stranger listens on one, we want the other: on the same port, each way of sharing.
    #[test]
    fn a_stranger_is_noticed_on_every_address_that_overlaps() {
        let both = |stranger: &str, wanted: &str| {
            for sharing in [Sharing::Alone, Sharing::Shard] {
                let theirs = socket::bound(format!("{stranger}:0").parse().unwrap(), sharing);
                let Ok(theirs) = theirs else { return }; // a machine without IPv6
                socket::start_listening(&theirs, 8).unwrap();
                let port = socket::bound_address(&theirs).unwrap().port();
                let wanted = format!("{wanted}:{port}").parse().unwrap();
                let bound = in_runtime(bind(wanted, Trial::Alone, 2, Duration::ZERO));
                let said = bound.expect_err(&format!("{stranger} ({sharing:?}) beside {wanted}"));
                assert!(said.ends_with("address already in use"), "{said}");
            }
        };
        for (one, other) in [
            ("127.0.0.1", "127.0.0.1"),
            ("127.0.0.1", "0.0.0.0"),
            ("127.0.0.1", "[::]"),
            ("0.0.0.0", "[::]"),
            ("[::1]", "[::]"),
        ] {
            both(one, other);
            both(other, one);
        }
    }

    /// Whoever connects as soon as it is possible belongs to a shard, never to the trial.
    #[test]
    fn the_first_client_of_a_new_address_is_served() {
        // Not one of the kernel's own choice, or a client could meet itself there.
        let mut ports = 10_000 + u16::try_from(std::process::id() % 10_000).unwrap()..;
        for _ in 0..200 {
            let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
            let address = SocketAddr::from(([127, 0, 0, 1], ports.find(is_free).unwrap()));
            let client = std::thread::spawn(move || {
                loop {
                    if let Ok(stream) = TcpStream::connect(address) {
                        return stream;
                    }
                }
            });
            let shards = in_runtime(bind(address, Trial::Alone, 1, SHORT)).unwrap();
            let mut client = client.join().unwrap();
            client.set_read_timeout(Some(10 * SHORT)).unwrap();
            let shard = TcpListener::from(shards.sockets[0].try_clone().unwrap());
            let (mut served, _) = shard.accept().expect("the client was another socket's");
            served.write_all(b"x").unwrap();
            client.read_exact(&mut [0]).unwrap();
        }
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
