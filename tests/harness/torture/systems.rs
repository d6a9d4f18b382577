//! The gateways that can be measured: each serves `/KIND/NUMBER` from a backend's `/g/N/KIND/NUMBER`,
//! where N is the generation of its configuration.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tokio_rustls::rustls::ClientConfig;

use super::load::Protocol;
use super::shape::Shape;
use crate::baton::Baton;
use crate::folder::Folder;
use crate::tls::{Authority, Pair};
use crate::{nginx, port, process, until};

/// A gateway under torture. Generation 1 serves once it is made.
pub trait System {
    /// Its name in tables.
    fn name(&self) -> String;
    /// Where clients connect.
    fn address(&self) -> SocketAddr;
    /// Writes the configuration of `generation`.
    fn prepare(&mut self, generation: u64);
    /// Reloads as its manual says, and returns when its command does.
    ///
    /// # Errors
    /// What the command said when it failed.
    fn reload(&mut self, generation: u64) -> Result<(), String>;
    /// The process that stays over reloads.
    fn main_pid(&self) -> u32;
    /// Whether every client's page may read its answers (CORS).
    fn allows_pages(&self) -> bool {
        false
    }
    /// How clients speak TLS; none: they speak in clear text.
    fn tls(&self, _protocol: Protocol) -> Option<Arc<ClientConfig>> {
        None
    }
}

/// Baton.
#[derive(Debug)]
pub struct BatonSystem {
    baton: Baton,
    upstream: SocketAddr,
    shape: Shape,
    sides: Sides,
    tls: Option<(Authority, Pair)>,
}

/// What is spoken on either side of Baton.
#[derive(Clone, Copy, Debug)]
pub struct Sides {
    /// Whether clients speak TLS.
    pub tls: bool,
    /// What backends are asked in.
    pub backends: Protocol,
}

impl Default for Sides {
    fn default() -> Self {
        Self { tls: false, backends: Protocol::Http1 }
    }
}

impl BatonSystem {
    /// Starts it.
    pub fn start(upstream: SocketAddr, shape: Shape, sides: Sides) -> Self {
        let tls = sides.tls.then(|| {
            let authority = Authority::new();
            let pair = authority.issue("gw");
            (authority, pair)
        });
        let baton = shape.start(&config(upstream, shape, (sides, tls.as_ref()), 1));
        Self { baton, upstream, shape, sides, tls }
    }

    /// The gateway, to look at it afterwards.
    pub fn baton(&self) -> &Baton {
        &self.baton
    }
}

fn config(
    upstream: SocketAddr,
    shape: Shape,
    (sides, tls): (Sides, Option<&(Authority, Pair)>),
    generation: u64,
) -> Value {
    let mut config = shape.config(upstream, generation);
    if let Some((_, pair)) = tls {
        config["tls"] = json!({ "keys": [pair.json()] });
    }
    if sides.backends == Protocol::Http2 {
        for endpoint in config["endpoints"].as_array_mut().unwrap() {
            for backend in endpoint["backend"].as_array_mut().unwrap() {
                backend["@baton"] = json!({ "http2": true });
            }
        }
    }
    config
}

impl System for BatonSystem {
    fn name(&self) -> String {
        "Baton".to_owned()
    }

    fn address(&self) -> SocketAddr {
        self.baton.address()
    }

    fn prepare(&mut self, generation: u64) {
        let sides = (self.sides, self.tls.as_ref());
        let config = config(self.upstream, self.shape, sides, generation);
        self.shape.save(&self.baton, &config, generation);
    }

    fn reload(&mut self, _generation: u64) -> Result<(), String> {
        self.baton.try_reload(&[]).map(|_| ())
    }

    fn main_pid(&self) -> u32 {
        self.baton.pid()
    }

    fn allows_pages(&self) -> bool {
        self.shape.allows_pages()
    }

    fn tls(&self, protocol: Protocol) -> Option<Arc<ClientConfig>> {
        let (authority, _) = self.tls.as_ref()?;
        Some(authority.client(None, &[protocol.name()]))
    }
}

/// A peer: a master process with a configuration file, told to reload by its own means.
#[derive(Debug)]
pub struct Peer {
    kind: PeerKind,
    child: Child,
    folder: Folder,
    address: SocketAddr,
    upstream: SocketAddr,
}

/// Which peer, and how it is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerKind {
    /// nginx as it comes, `nginx -s reload`.
    Nginx,
    /// HAProxy in master-worker mode as it comes, SIGUSR2.
    Haproxy,
    /// HAProxy with `option idle-close-on-response`, which favours it here.
    HaproxyIdleClose,
}

impl Peer {
    /// Starts it from the `PATH`.
    ///
    /// # Panics
    /// When it is not installed or does not start.
    pub fn start(kind: PeerKind, upstream: SocketAddr) -> Self {
        let folder = Folder::new("peer");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()));
        let config = folder.path().join("peer.conf");
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let text = peer_config(kind, folder.path(), address, upstream, 1);
        fs::write(&config, text).unwrap();
        let mut command = match kind {
            PeerKind::Nginx => nginx::command(folder.path(), &config),
            PeerKind::Haproxy | PeerKind::HaproxyIdleClose => haproxy(&config),
        };
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command
            .spawn()
            .unwrap_or_else(|error| panic!("{kind:?}: {error}: is the Debian package installed?"));
        let peer = Self { kind, child, folder, address, upstream };
        until("the peer listens", Duration::from_secs(10), || {
            std::net::TcpStream::connect(address).is_ok()
        });
        peer
    }
}

fn haproxy(config: &Path) -> Command {
    let mut command = Command::new("haproxy");
    command.arg("-W").arg("-f").arg(config);
    command
}

fn peer_config(
    kind: PeerKind,
    folder: &Path,
    address: SocketAddr,
    upstream: SocketAddr,
    generation: u64,
) -> String {
    match kind {
        PeerKind::Nginx => nginx_config(folder, address, upstream, generation),
        PeerKind::Haproxy => haproxy_config("", address, upstream, generation),
        PeerKind::HaproxyIdleClose => {
            haproxy_config("option idle-close-on-response", address, upstream, generation)
        },
    }
}

fn nginx_config(
    folder: &Path,
    address: SocketAddr,
    upstream: SocketAddr,
    generation: u64,
) -> String {
    let http = format!(
        "keepalive_requests 100000000;
         upstream torture {{ server {upstream}; keepalive 64; }}
         server {{
           listen {address} backlog=1024;
           location / {{
             proxy_http_version 1.1; proxy_set_header Connection \"\";
             proxy_request_buffering off;
             proxy_pass http://torture/g/{generation}/;
           }}
         }}"
    );
    nginx::whole(folder, &http)
}

fn haproxy_config(
    option: &str,
    address: SocketAddr,
    upstream: SocketAddr,
    generation: u64,
) -> String {
    format!(
        "global
           maxconn 8000
         defaults
           mode http
           timeout connect 5s
           timeout client 60s
           timeout server 60s
           {option}
         frontend front
           bind {address}
           http-request set-path /g/{generation}%[path]
           default_backend back
         backend back
           server torture {upstream}\n"
    )
}

impl System for Peer {
    fn name(&self) -> String {
        match self.kind {
            PeerKind::Nginx => "nginx, default reload".to_owned(),
            PeerKind::Haproxy => "HAProxy, default reload".to_owned(),
            PeerKind::HaproxyIdleClose => "HAProxy, idle-close-on-response".to_owned(),
        }
    }

    fn address(&self) -> SocketAddr {
        self.address
    }

    fn prepare(&mut self, generation: u64) {
        let config: PathBuf = self.folder.path().join("peer.conf");
        let text =
            peer_config(self.kind, self.folder.path(), self.address, self.upstream, generation);
        fs::write(config, text).unwrap();
    }

    fn reload(&mut self, _generation: u64) -> Result<(), String> {
        match self.kind {
            PeerKind::Nginx => {
                let config = self.folder.path().join("peer.conf");
                let output = nginx::command(self.folder.path(), &config)
                    .args(["-s", "reload"])
                    .output()
                    .map_err(|error| error.to_string())?;
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                if output.status.success() { Ok(()) } else { Err(said) }
            },
            PeerKind::Haproxy | PeerKind::HaproxyIdleClose => {
                process::signal(self.child.id(), Signal::SIGUSR2);
                Ok(())
            },
        }
    }

    fn main_pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        process::kill_with_children(&mut self.child);
    }
}
