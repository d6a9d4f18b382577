//! The network between client and gateway: servers on a thread of their own, and a proxy that delays.
//!
//! The kernel's own delay (netem) needs privileges that test machines do not give, so the delay is made
//! in userspace: every byte and every end of stream arrives late by the same time, in order.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use nix::sys::socket::Backlog;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A future that runs on its own thread and ends with this value.
#[derive(Debug)]
pub struct Background {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Background {
    /// Runs the future that `make` gives, on a current-thread runtime.
    pub fn run<F: Future<Output = ()>>(make: impl FnOnce() -> F + Send + 'static) -> Self {
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = make() => {},
                    _ = stopped => {},
                }
            });
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // Its panic was printed already.
            drop(thread.join());
        }
    }
}

/// A listener on a free loopback port, made where a panic shows in the test, and its address.
pub fn listen() -> (std::net::TcpListener, SocketAddr) {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    // std's 128 are too few for a gateway that meets its backends anew: a dropped SYN costs a second.
    nix::sys::socket::listen(&listener, Backlog::new(4_096).unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The same for a runtime: to be called on it.
pub fn adopt(listener: std::net::TcpListener) -> TcpListener {
    listener.set_nonblocking(true).unwrap();
    TcpListener::from_std(listener).unwrap()
}

/// A way to `target` on which everything takes `delay` longer, each way.
#[derive(Debug)]
pub struct DelayProxy {
    address: SocketAddr,
    _running: Background,
}

impl DelayProxy {
    /// Starts it.
    pub fn start(target: SocketAddr, delay: Duration) -> Self {
        let (listener, address) = listen();
        let running = Background::run(move || async move {
            let listener = adopt(listener);
            loop {
                if let Ok((client, _)) = listener.accept().await {
                    tokio::spawn(relay(client, target, delay));
                }
            }
        });
        Self { address, _running: running }
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

async fn relay(client: TcpStream, target: SocketAddr, delay: Duration) {
    let Ok(server) = TcpStream::connect(target).await else {
        reset(&client);
        return;
    };
    drop(client.set_nodelay(true));
    drop(server.set_nodelay(true));
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    tokio::spawn(late(client_read, server_write, delay));
    tokio::spawn(late(server_read, client_write, delay));
}

/// What one direction carries.
enum Piece {
    Bytes(Vec<u8>),
    End,
    Reset,
}

async fn late(from: OwnedReadHalf, to: OwnedWriteHalf, delay: Duration) {
    const PIECES_MAX: usize = 256;
    let (sender, receiver) = mpsc::channel(PIECES_MAX);
    tokio::spawn(collect(from, sender, delay));
    deliver(receiver, to).await;
}

async fn collect(mut from: OwnedReadHalf, to: mpsc::Sender<(Instant, Piece)>, delay: Duration) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let piece = match from.read(&mut buffer).await {
            Ok(0) => Piece::End,
            Ok(count) => Piece::Bytes(buffer.iter().take(count).copied().collect()),
            Err(_) => Piece::Reset,
        };
        let last = !matches!(piece, Piece::Bytes(_));
        if to.send((Instant::now() + delay, piece)).await.is_err() || last {
            return;
        }
    }
}

async fn deliver(mut from: mpsc::Receiver<(Instant, Piece)>, mut to: OwnedWriteHalf) {
    while let Some((due, piece)) = from.recv().await {
        tokio::time::sleep_until(due).await;
        let written: io::Result<()> = match piece {
            Piece::Bytes(bytes) => to.write_all(&bytes).await,
            Piece::End => to.shutdown().await,
            Piece::Reset => {
                reset(to.as_ref());
                return;
            },
        };
        if written.is_err() {
            return;
        }
    }
}

/// Makes the coming close a reset, as the other side's was.
fn reset(stream: &TcpStream) {
    drop(stream.set_zero_linger());
}
