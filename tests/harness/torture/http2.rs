//! The clients over HTTP/2: a real library, several streams at once on each connection. A connection that
//! is told to go away is left, as every library does; a stream that was sent and has no answer is lost,
//! although a client might send it again.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;
use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};
use tokio_rustls::rustls::ClientConfig;

use super::clients::check;
use super::door::Door;
use super::load::Load;
use super::random::Random;
use super::tally::{Begun, Fate, Fault, Tally};
use super::upstream;
use super::wire::{ANSWER_MAX, Answer};

/// Streams that one client has open at once.
const LINES: usize = 4;

/// One connection, and the next once it is told to go away.
struct Shared {
    door: Door,
    tally: Arc<Tally>,
    present: Mutex<Present>,
}

/// The connection that is used now; its number tells it from those that were left.
#[derive(Default)]
struct Present {
    number: u64,
    sender: Option<SendRequest<Bytes>>,
}

/// One of the lines of a client.
struct Line {
    shared: Arc<Shared>,
    random: Random,
    kind: Kind,
    think: Duration,
    is_first: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    KeepAlive,
    Fresh,
    Upload,
}

/// Starts every client of `load`.
pub(super) fn start(
    address: SocketAddr,
    tls: Option<&Arc<ClientConfig>>,
    load: &Load,
    tally: &Arc<Tally>,
) {
    let mut stream = 0;
    for (kind, count) in [
        (Kind::KeepAlive, load.keep_alive),
        (Kind::Fresh, load.fresh),
        (Kind::Upload, load.uploads),
    ] {
        for _ in 0..count {
            let door = Door::new(address, tls, tally);
            let tally = Arc::clone(tally);
            let shared = Arc::new(Shared { door, tally, present: Mutex::default() });
            let lines = if kind == Kind::KeepAlive { LINES } else { 1 };
            let lines = (0..lines).map(|at| {
                stream += 1;
                let random = Random::new(load.seed, stream);
                let shared = Arc::clone(&shared);
                Line { shared, random, kind, think: load.think, is_first: at == 0 }
            });
            let lines: Vec<_> = lines.map(|line| tokio::spawn(line.live())).collect();
            tokio::spawn(live(Arc::clone(&shared), lines));
        }
    }
}

/// A client has ended when all its lines have.
async fn live(shared: Arc<Shared>, lines: Vec<tokio::task::JoinHandle<()>>) {
    for line in lines {
        // A line that panicked has told why.
        drop(line.await);
    }
    shared.tally.client_ended();
}

impl Line {
    async fn live(mut self) {
        self.turn().await;
        if self.is_first && self.kind != Kind::Fresh {
            self.shared.tally.client_warm();
        }
        while !self.shared.tally.stopping() {
            sleep(self.random.up_to(self.think * 2)).await;
            self.turn().await;
        }
    }

    async fn turn(&mut self) {
        if self.kind == Kind::Fresh {
            self.shared.present.lock().await.sender = None;
        }
        let mut begun = self.shared.tally.begin();
        let number = begun.number;
        let (method, path) = match self.kind {
            Kind::Upload => ("POST", "upload"),
            Kind::KeepAlive if self.random.one_in(16) => ("GET", "slow"),
            Kind::KeepAlive | Kind::Fresh => ("GET", "keep"),
        };
        let request = || {
            let uri = format!("http://torture.test/{path}/{number}");
            Request::builder().method(method).uri(uri).body(()).unwrap()
        };
        // A request that no connection took was not sent: it goes to the next.
        let (response, mut upload) = loop {
            let Some((number, sender)) = self.shared.connection().await else {
                return self.lost(begun, Fault::Refused, "no connection");
            };
            let Ok(mut sender) = sender.ready().await else {
                self.shared.leave(number).await;
                continue;
            };
            self.shared.tally.begin_later(&mut begun);
            match sender.send_request(request(), method == "GET") {
                Ok(sent) => break sent,
                Err(_goes_away) => self.shared.leave(number).await,
            }
        };
        let mut body = Vec::new();
        if self.kind == Kind::Upload {
            let length = self.random.below(40 * 1024);
            body = upstream::padding(number + 1).bytes().cycle().take(length).collect();
            let pieces = 1 + self.random.below(10);
            let pause = self.random.up_to(Duration::from_secs(1)) / u32::try_from(pieces).unwrap();
            for piece in body.chunks((length / pieces).max(1)) {
                sleep(pause).await;
                // What happened to the stream is told by its answer.
                drop(upload.send_data(Bytes::copy_from_slice(piece), false));
            }
            drop(upload.send_data(Bytes::new(), true));
        }
        match timeout(ANSWER_MAX, read(response)).await {
            Ok(Ok(answer)) => self.settle(begun, &answer, &body, path),
            Ok(Err(error)) => self.lost(begun, Fault::Lost, &error.to_string()),
            Err(_late) => self.lost(begun, Fault::Lost, "no answer"),
        }
    }

    fn settle(&self, begun: Begun, answer: &Answer, body: &[u8], path: &str) {
        let tally = &self.shared.tally;
        tally.end(begun, Fate::Answered);
        match check(answer, begun.number, body) {
            Ok(generation) if generation < begun.committed => tally.stale(begun, generation),
            Ok(_) => {},
            Err(words) => {
                tally.fault(Fault::Wrong, &format!("{:?} {}: {words}", self.kind, begun.number));
            },
        }
        if path == "keep" && self.kind == Kind::KeepAlive {
            tally.latency(begun);
        }
    }

    fn lost(&self, begun: Begun, fault: Fault, words: &str) {
        self.shared.tally.end(begun, Fate::Lost);
        let told = format!("{:?} {}: {words}", self.kind, begun.number);
        self.shared.tally.fault(fault, &told);
    }
}

impl Shared {
    /// The connection that is used now, or a new one.
    async fn connection(&self) -> Option<(u64, SendRequest<Bytes>)> {
        let mut present = self.present.lock().await;
        if let Some(sender) = &present.sender {
            return Some((present.number, sender.clone()));
        }
        let stream = self.door.open().await.ok()?;
        let (sender, connection) = h2::client::handshake(stream).await.ok()?;
        // How it ends is told by its streams.
        tokio::spawn(async move { drop(connection.await) });
        *present = Present { number: present.number + 1, sender: Some(sender.clone()) };
        Some((present.number, sender))
    }

    /// This one takes no more streams; those that it has go on.
    async fn leave(&self, number: u64) {
        let mut present = self.present.lock().await;
        if present.number == number {
            present.sender = None;
        }
    }
}

async fn read(response: h2::client::ResponseFuture) -> Result<Answer, h2::Error> {
    let whole = crate::h2::read(response).await?;
    Ok(Answer { status: whole.status, closing: false, allows_page: false, body: whole.body })
}
