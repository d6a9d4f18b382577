//! The clients. None of them ever retries, none closes a connection that it could keep, and each looks
//! whether its connection has been ended before it uses it again: fair to every gateway.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use super::Gateway;
use super::door::Door;
use super::http2;
use super::load::{Load, Protocol};
use super::random::Random;
use super::tally::{Begun, Fate, Fault, Tally};
use super::upstream;
use super::wire::{Answer, Missing, Wire};

/// The page that asks, as a browser would say.
pub(super) const ORIGIN: &str = "http://page.test";

/// Runs every client of `load` until the tally says stop.
pub(super) async fn all(gateway: Gateway, load: Load, tally: Arc<Tally>) {
    let Gateway { address, tls, allows_pages } = gateway;
    if load.protocol == Protocol::Http2 {
        http2::start(address, tls.as_ref(), &load, &tally);
        return std::future::pending().await;
    }
    let mut stream = 0;
    let mut client = |kind| {
        stream += 1;
        let random = Random::new(load.seed, stream);
        let door = Door::new(address, tls.as_ref(), &tally);
        let (tally, think) = (Arc::clone(&tally), load.think);
        Client { door, allows_pages, tally, random, wire: None, kind, think }
    };
    let kinds = [
        (Kind::KeepAlive, load.keep_alive),
        (Kind::Fresh, load.fresh),
        (Kind::Pipelined, load.pipelined),
        (Kind::Upload, load.uploads),
        (Kind::HalfHead, load.half_heads),
        (Kind::Idle, load.idle),
    ];
    for (kind, count) in kinds {
        for _ in 0..count {
            tokio::spawn(client(kind).live());
        }
    }
    std::future::pending::<()>().await;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    KeepAlive,
    Fresh,
    Pipelined,
    Upload,
    HalfHead,
    Idle,
}

struct Client {
    door: Door,
    allows_pages: bool,
    tally: Arc<Tally>,
    random: Random,
    wire: Option<Wire>,
    kind: Kind,
    think: Duration,
}

impl Client {
    async fn live(mut self) {
        self.turn().await;
        if self.kind != Kind::Fresh {
            self.tally.client_warm();
        }
        while !self.tally.stopping() {
            self.pause().await;
            if self.kind != Kind::Idle {
                self.turn().await;
            }
        }
        if self.kind == Kind::Idle {
            self.turn().await;
        }
        if self.wire.as_mut().is_some_and(Wire::is_closed) {
            self.tally.fault(Fault::Closed, "found at the end");
        }
        self.tally.client_ended();
    }

    async fn pause(&mut self) {
        let time = match self.kind {
            Kind::Idle => Duration::from_millis(50),
            _ => self.random.up_to(self.think * 2),
        };
        sleep(time).await;
    }

    async fn turn(&mut self) {
        let Some(wire) = self.connection().await else { return };
        let kept = match self.kind {
            Kind::KeepAlive if self.random.one_in(16) => self.simple(wire, "slow").await,
            Kind::KeepAlive | Kind::Fresh | Kind::Idle => self.simple(wire, "keep").await,
            Kind::Pipelined => self.pipeline(wire).await,
            Kind::Upload => self.upload(wire).await,
            Kind::HalfHead => self.half_head(wire).await,
        };
        self.wire = kept.filter(|_| self.kind != Kind::Fresh);
    }

    async fn connection(&mut self) -> Option<Wire> {
        if let Some(mut wire) = self.wire.take() {
            if !wire.is_closed() {
                return Some(wire);
            }
            self.tally.fault(Fault::Closed, "found before its next request");
        }
        match Wire::connect(&self.door).await {
            Ok(wire) => Some(wire),
            Err(error) => {
                self.tally.fault(Fault::Refused, &error.to_string());
                None
            },
        }
    }

    async fn simple(&mut self, mut wire: Wire, path: &str) -> Option<Wire> {
        let begun = self.tally.begin();
        let head = get(path, begun.number);
        if self.random.one_in(4) {
            let at = 1 + self.random.below(head.len() - 1);
            let sent = self.in_two(&mut wire, &head, at, Duration::from_millis(2)).await;
            return self.finish(wire, begun, sent, &[]).await;
        }
        let sent = wire.write(&head).await;
        let kept = self.finish(wire, begun, sent, &[]).await;
        if path == "keep" && self.kind == Kind::KeepAlive {
            self.tally.latency(begun);
        }
        kept
    }

    async fn half_head(&mut self, mut wire: Wire) -> Option<Wire> {
        let begun = self.tally.begin();
        let head = get("keep", begun.number);
        let at = 1 + self.random.below(head.len() - 1);
        let pause = self.random.up_to(Duration::from_secs(1));
        let sent = self.in_two(&mut wire, &head, at, pause).await;
        self.finish(wire, begun, sent, &[]).await
    }

    async fn in_two(
        &self,
        wire: &mut Wire,
        bytes: &[u8],
        at: usize,
        pause: Duration,
    ) -> Result<(), Missing> {
        let (first, second) = bytes.split_at(at);
        wire.write(first).await?;
        sleep(pause).await;
        wire.write(second).await
    }

    async fn upload(&mut self, mut wire: Wire) -> Option<Wire> {
        let begun = self.tally.begin();
        let pieces = 1 + self.random.below(10);
        let length = self.random.below(40 * 1024);
        let pause = self.random.up_to(Duration::from_secs(1)) / u32::try_from(pieces).unwrap();
        let body: Vec<u8> =
            upstream::padding(begun.number + 1).bytes().cycle().take(length).collect();
        let chunked = self.random.one_in(2);
        let sent = send_body(&mut wire, begun.number, &body, pieces, pause, chunked).await;
        self.finish(wire, begun, sent, &body).await
    }

    /// Five requests; what stands before the cut is begun before the pause, the rest after it.
    async fn pipeline(&mut self, mut wire: Wire) -> Option<Wire> {
        let mut begun: Vec<Begun> = (0..5).map(|_| self.tally.begin()).collect();
        let heads: Vec<Vec<u8>> = begun
            .iter()
            .zip(["keep", "slow", "keep", "keep", "keep"])
            .map(|(begun, path)| get(path, begun.number))
            .collect();
        let stream = heads.concat();
        let cut = 1 + self.random.below(stream.len() - 1);
        let (first, second) = stream.split_at(cut);
        let mut sent = wire.write(first).await;
        sleep(self.random.up_to(Duration::from_millis(20))).await;
        let mut start = 0;
        for (begun, head) in begun.iter_mut().zip(&heads) {
            if start >= cut {
                self.tally.begin_later(begun);
            }
            start += head.len();
        }
        if sent.is_ok() {
            sent = wire.write(second).await;
        }
        let mut kept = Ok(wire);
        for begun in begun {
            kept = match kept {
                Ok(wire) => {
                    self.settle(wire, begun, std::mem::replace(&mut sent, Ok(())), &[]).await
                },
                Err(gone) => {
                    self.lost(begun, gone, "behind another in a pipeline");
                    Err(gone)
                },
            };
        }
        kept.ok()
    }

    /// Settles the request; gives the connection back when it can be kept.
    async fn finish(
        &self,
        wire: Wire,
        begun: Begun,
        sent: Result<(), Missing>,
        body: &[u8],
    ) -> Option<Wire> {
        self.settle(wire, begun, sent, body).await.ok()
    }

    /// Reads the answer and settles the request; what a request behind this one in a pipeline suffers
    /// when the connection cannot be kept.
    async fn settle(
        &self,
        mut wire: Wire,
        begun: Begun,
        sent: Result<(), Missing>,
        body: &[u8],
    ) -> Result<Wire, Fault> {
        let kind = self.kind;
        let answer = match sent {
            Ok(()) => wire.answer().await,
            Err(missing) => Err(missing),
        };
        let answer = match answer {
            Ok(answer) => answer,
            Err(missing) => {
                self.lost(begun, Fault::Lost, &format!("{kind:?}: {}", missing.words()));
                return Err(Fault::Lost);
            },
        };
        self.tally.end(begun, Fate::Answered);
        if self.allows_pages && !answer.allows_page {
            let words = format!("{kind:?} {}: no page may read it", begun.number);
            self.tally.fault(Fault::Wrong, &words);
        }
        match check(&answer, begun.number, body) {
            Ok(generation) if generation < begun.committed => self.tally.stale(begun, generation),
            Ok(_) => {},
            Err(words) => {
                self.tally.fault(Fault::Wrong, &format!("{kind:?} {}: {words}", begun.number));
            },
        }
        if answer.closing {
            self.tally.fault(Fault::Closed, "announced in an answer");
            return Err(Fault::Unanswered);
        }
        Ok(wire)
    }

    fn lost(&self, begun: Begun, fault: Fault, words: &str) {
        self.tally.end(begun, Fate::Lost);
        self.tally.fault(fault, &format!("request {}: {words}", begun.number));
    }
}

fn get(path: &str, number: u64) -> Vec<u8> {
    let fields = format!("Host: torture.test\r\nOrigin: {ORIGIN}\r\nX-Number: {number}\r\n");
    format!("GET /{path}/{number} HTTP/1.1\r\n{fields}\r\n").into_bytes()
}

async fn send_body(
    wire: &mut Wire,
    number: u64,
    body: &[u8],
    pieces: usize,
    pause: Duration,
    chunked: bool,
) -> Result<(), Missing> {
    let fields = format!("Host: torture.test\r\nOrigin: {ORIGIN}\r\n");
    let mut head = format!("POST /upload/{number} HTTP/1.1\r\n{fields}");
    let framing = if chunked {
        "Transfer-Encoding: chunked\r\n\r\n".to_owned()
    } else {
        format!("Content-Length: {}\r\n\r\n", body.len())
    };
    write!(head, "{framing}").unwrap();
    wire.write(head.as_bytes()).await?;
    for piece in body.chunks((body.len() / pieces).max(1)) {
        sleep(pause).await;
        if chunked {
            let size = piece.len();
            let chunk = [format!("{size:x}\r\n").as_bytes(), piece, b"\r\n"].concat();
            wire.write(&chunk).await?;
        } else {
            wire.write(piece).await?;
        }
    }
    if chunked { wire.write(b"0\r\n\r\n").await } else { Ok(()) }
}

/// The generation that answered, or what is wrong with the answer.
pub(super) fn check(answer: &Answer, number: u64, body: &[u8]) -> Result<u64, String> {
    let text = String::from_utf8_lossy(&answer.body);
    if answer.status != 200 {
        return Err(format!("status {}: {text}", answer.status));
    }
    let (line, padding) = text.split_once('\n').ok_or_else(|| format!("cut: {text}"))?;
    let fields: Vec<u64> = line.split(' ').filter_map(|field| field.parse().ok()).collect();
    let length = u64::try_from(body.len()).unwrap();
    match fields.as_slice() {
        [generation, n, l, s]
            if *n == number
                && *l == length
                && *s == upstream::sum(body)
                && padding == upstream::padding(number) =>
        {
            Ok(*generation)
        },
        _ => Err(format!("expected {number} with {length} bytes, got {line}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Answer {
        Answer { status: 200, closing: false, allows_page: false, body: text.as_bytes().to_vec() }
    }

    #[test]
    fn only_the_own_and_whole_answer_is_right() {
        let sum = upstream::sum(b"");
        let good = format!("3 7 0 {sum}\n{}", upstream::padding(7));
        assert_eq!(check(&answer(&good), 7, b""), Ok(3));
        assert!(check(&answer(&good), 8, b"").is_err(), "another request's");
        assert!(check(&answer(&good), 7, b"x").is_err(), "another body's");
        let mut cut = good.clone();
        cut.pop();
        assert!(check(&answer(&cut), 7, b"").is_err(), "cut");
        let failed = Answer { status: 500, ..answer(&good) };
        assert!(check(&failed, 7, b"").is_err());
    }
}
