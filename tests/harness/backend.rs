//! Backends: each remembers what it saw, byte for byte, and answers as a test says.

use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::socket::setsockopt;
use nix::sys::socket::sockopt::Linger;

use crate::http::{Message, Reading, Stream};
use crate::net::listen;
use crate::until::{PATIENCE, pause, until_some};

/// What a backend does after it has read a request, in order.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Does nothing for a while.
    Wait(Duration),
    /// Ends the connection.
    Close,
    /// Resets the connection.
    Reset,
    /// Keeps the connection open and never says a word again.
    Stall,
}

/// An answer with a length and this body.
pub fn ok(body: &str) -> Vec<Step> {
    answer("200 OK", "", body)
}

/// An answer with this status, these further header lines (each with its end) and a length.
pub fn answer(status: &str, headers: &str, body: &str) -> Vec<Step> {
    let length = body.len();
    raw(format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\n\r\n{body}"))
}

/// These bytes; the connection stays.
pub fn raw(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(bytes.into())]
}

/// These bytes, then the end of the connection.
pub fn raw_then_close(bytes: impl Into<Vec<u8>>) -> Vec<Step> {
    vec![Step::Send(bytes.into()), Step::Close]
}

type Seen = Arc<Mutex<Vec<Message>>>;

/// A running backend.
#[derive(Debug)]
pub struct Backend {
    address: SocketAddr,
    seen: Seen,
    accepted: Arc<AtomicUsize>,
    open: Arc<Mutex<BTreeMap<usize, TcpStream>>>,
    stopping: Arc<AtomicBool>,
}

impl Backend {
    /// Reads whole requests, remembers each, and does what `reply` says.
    pub fn start(reply: impl Fn(&Message) -> Vec<Step> + Send + Sync + 'static) -> Self {
        let seen = Seen::default();
        let remembered = Arc::clone(&seen);
        let handle = move |socket| {
            // A gateway that goes away in the middle is part of many tests.
            drop(serve(Stream::new(socket), &remembered, &reply));
        };
        Self::with_seen(seen, handle)
    }

    /// Does with each connection what `handle` says; it remembers nothing.
    pub fn by_connection(handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        Self::with_seen(Seen::default(), handle)
    }

    fn with_seen(seen: Seen, handle: impl Fn(TcpStream) + Send + Sync + 'static) -> Self {
        let (listener, address) = listen();
        let backend = Self {
            address,
            seen,
            accepted: Arc::default(),
            open: Arc::default(),
            stopping: Arc::default(),
        };
        let (accepted, open) = (Arc::clone(&backend.accepted), Arc::clone(&backend.open));
        let (stopping, handle) = (Arc::clone(&backend.stopping), Arc::new(handle));
        std::thread::spawn(move || {
            while let Ok((socket, _)) = listener.accept() {
                if stopping.load(Ordering::SeqCst) {
                    return;
                }
                let number = accepted.fetch_add(1, Ordering::SeqCst);
                let Ok(copy) = socket.try_clone() else { continue };
                open.lock().unwrap().insert(number, copy);
                let (handle, open) = (Arc::clone(&handle), Arc::clone(&open));
                std::thread::spawn(move || {
                    handle(socket);
                    // The last copy: only now is the connection closed, or reset.
                    open.lock().unwrap().remove(&number);
                });
            }
        });
        backend
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// As a host of a configuration.
    pub fn host(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that came so far, in the order of its end.
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// How many requests came.
    pub fn count(&self) -> usize {
        self.seen.lock().unwrap().len()
    }

    /// How many connections were made to it.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// The newest request, once there is one.
    pub fn last(&self) -> Message {
        until_some("the backend sees a request", PATIENCE, || self.seen().pop())
    }
}

fn serve(
    mut stream: Stream,
    seen: &Seen,
    reply: &impl Fn(&Message) -> Vec<Step>,
) -> io::Result<()> {
    while let Some(request) = stream.message(Reading::Request)? {
        seen.lock().unwrap().push(request.clone());
        for step in reply(&request) {
            match step {
                Step::Send(bytes) => stream.send(&bytes)?,
                Step::Wait(time) => pause(time),
                Step::Close => {
                    return stream.socket().shutdown(Shutdown::Both);
                },
                Step::Reset => {
                    setsockopt(stream.socket(), Linger, &NO_LINGER).unwrap();
                    return Ok(());
                },
                Step::Stall => {
                    stream.rest();
                    return Ok(());
                },
            }
        }
    }
    stream.socket().shutdown(Shutdown::Both)
}

/// Makes a close a reset.
const NO_LINGER: nix::libc::linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };

impl Drop for Backend {
    fn drop(&mut self) {
        self.stopping.store(true, Ordering::SeqCst);
        // Wakes the accepting thread.
        drop(TcpStream::connect(self.address));
        for socket in self.open.lock().unwrap().values() {
            drop(socket.shutdown(Shutdown::Both));
        }
    }
}
