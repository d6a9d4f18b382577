//! Listening sockets that systemd passes in: from a `.socket` unit or from its descriptor store.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use baton_shared::os::{inherited, socket};
use nix::fcntl::{FcntlArg, OFlag, fcntl};
use nix::sys::stat::fstat;

/// What came with the start of this process.
#[derive(Debug, Default)]
pub struct Inherited {
    /// Listening TCP sockets by address; several of one address are its shards.
    pub listeners: Vec<(SocketAddr, Vec<OwnedFd>)>,
    /// What came and is of no use, in words.
    pub refused: Vec<String>,
    /// Its names: if it came from the descriptor store, it would come again each time.
    pub dead: Vec<String>,
}

impl Inherited {
    /// Takes what the environment announces. Call it once, first thing in `main`.
    #[must_use]
    pub fn take() -> Self {
        let variable = |name| std::env::var(name).ok();
        let announced =
            announced(variable("LISTEN_PID"), variable("LISTEN_FDS"), std::process::id());
        if announced == 0 {
            return Self::default();
        }
        let names = variable("LISTEN_FDNAMES").unwrap_or_default();
        let named = names.split(':').map(str::to_owned).chain(std::iter::repeat(String::new()));
        Self::sort(inherited::take(announced).into_iter().zip(named))
    }

    fn sort(fds: impl Iterator<Item = (Option<OwnedFd>, String)>) -> Self {
        let mut sorted = Self::default();
        let mut known = Vec::new();
        for (number, (fd, name)) in fds.enumerate() {
            match fd.ok_or_else(|| "it is not open".to_owned()).and_then(usable) {
                // The same socket from a `.socket` unit and from the store: one is enough.
                Ok((_, _, inode)) if known.contains(&inode) => {},
                Ok((address, fd, inode)) => {
                    known.push(inode);
                    sorted.add(address, fd);
                },
                Err(why) => {
                    sorted.refused.push(format!("descriptor {} `{name}`: {why}", number + 3));
                    if !sorted.dead.contains(&name) {
                        sorted.dead.push(name);
                    }
                },
            }
        }
        sorted
    }

    fn add(&mut self, address: SocketAddr, fd: OwnedFd) {
        match self.listeners.iter_mut().find(|(known, _)| *known == address) {
            Some((_, shards)) => shards.push(fd),
            None => self.listeners.push((address, vec![fd])),
        }
    }
}

/// How many descriptors are meant for this process.
fn announced(pid: Option<String>, count: Option<String>, own_pid: u32) -> usize {
    let for_us = pid.and_then(|pid| pid.parse().ok()) == Some(own_pid);
    count.filter(|_| for_us).and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// Address, descriptor (non-blocking from now on) and identity of a listening TCP socket.
fn usable(fd: OwnedFd) -> Result<(SocketAddr, OwnedFd, u64), String> {
    let address = socket::listening_address(&fd).map_err(|error| error.to_string())?;
    let inode = fstat(&fd).map_err(|errno| errno.to_string())?.st_ino;
    let flags = fcntl(&fd, FcntlArg::F_GETFL).map_err(|errno| errno.to_string())?;
    let flags = OFlag::from_bits_retain(flags) | OFlag::O_NONBLOCK;
    fcntl(&fd, FcntlArg::F_SETFL(flags)).map_err(|errno| errno.to_string())?;
    Ok((address, fd, inode))
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, UdpSocket};

    use baton_shared::os::socket::Sharing;

    use super::*;

    #[test]
    fn what_was_meant_for_another_process_is_left_alone() {
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(announced(text("7"), text("2"), 8), 0);
        assert_eq!(announced(None, text("2"), 8), 0);
        assert_eq!(announced(text("8"), text("-1"), 8), 0);
        assert_eq!(announced(text("x"), text("2"), 8), 0);
        assert_eq!(announced(text("8"), text("2"), 8), 2);
    }

    #[test]
    fn shards_stay_together_doubles_are_dropped_and_strangers_named() {
        let shard = |address| {
            let fd = socket::bound(address, Sharing::Shard).unwrap();
            socket::start_listening(&fd, 8).unwrap();
            fd
        };
        let first = shard("127.0.0.1:0".parse().unwrap());
        let address = socket::listening_address(&first).unwrap();
        let double = first.try_clone().unwrap();
        let other = TcpListener::bind("127.0.0.1:0").unwrap();
        let other_address = other.local_addr().unwrap();
        let deaf = UdpSocket::bind("127.0.0.1:0").unwrap();
        let fds = [first, shard(address), double, other.into(), deaf.into()];
        let named = fds.map(|fd| (Some(fd), "x".to_owned()));
        let sorted = Inherited::sort(named.into_iter().chain([(None, "gone".to_owned())]));
        let counts: Vec<_> = sorted.listeners.iter().map(|(at, fds)| (*at, fds.len())).collect();
        assert_eq!(counts, [(address, 2), (other_address, 1)]);
        assert_eq!(sorted.refused.len(), 2, "{:?}", sorted.refused);
        assert!(sorted.refused[1].contains("descriptor 8 `gone`: it is not open"));
        assert_eq!(sorted.dead, ["x", "gone"]);
        let flags = fcntl(&sorted.listeners[1].1[0], FcntlArg::F_GETFL).unwrap();
        assert!(OFlag::from_bits_retain(flags).contains(OFlag::O_NONBLOCK));
    }
}
