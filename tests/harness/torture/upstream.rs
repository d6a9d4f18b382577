//! The backend of the torture: it counts every request by its number and says in its answer which
//! configuration made the call.
//!
//! The configuration of generation N calls `/g/N/KIND/NUMBER`; the answer repeats both, so a client knows
//! which generation answered and whether the answer is its own. Beside those that count there are calls that
//! only add something (`side`, `fixed`), and shadows, which are counted on their own.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::tally::{Fate, Fault, Tally};
use crate::net::{Background, adopt, listen};

/// How much later than its request a shadow may come.
const SHADOWS_LATE: Duration = Duration::from_secs(5);

/// Fresh for longer than any torture.
const FRESH: &str = "Cache-Control: max-age=100000\r\nDate: Mon, 23 Nov 2036 18:05:18 GMT\r\n";

/// A running backend.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
    _running: Background,
}

/// How often each request came.
#[derive(Debug, Default)]
struct Seen {
    counted: BTreeMap<u64, u32>,
    shadows: BTreeMap<u64, u32>,
    /// Those that have a shadow, if there are shadows.
    shadowed: Vec<u64>,
    /// Answers that may be kept.
    fixed: u64,
}

impl Seen {
    fn note(&mut self, request: &Request) {
        let counts = match request.kind {
            Kind::Side => return,
            Kind::Fixed => {
                self.fixed += 1;
                return;
            },
            Kind::Shadow => &mut self.shadows,
            Kind::Keep => {
                self.shadowed.push(request.number);
                &mut self.counted
            },
            Kind::Slow | Kind::Other => &mut self.counted,
        };
        *counts.entry(request.number).or_insert(0) += 1;
    }

    /// Requests whose shadow did not come, or more than once.
    fn odd_shadows(&self) -> Vec<u64> {
        if self.shadows.is_empty() {
            return Vec::new();
        }
        let odd = |number: &&u64| self.shadows.get(number) != Some(&1);
        self.shadowed.iter().filter(odd).copied().collect()
    }
}

impl Upstream {
    /// Starts it.
    pub fn start() -> Self {
        let (listener, address) = listen();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let counts = Arc::clone(&seen);
        let running = Background::run(move || async move {
            let listener = adopt(listener);
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&counts)));
                }
            }
        });
        Self { address, seen, _running: running }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How often an answer was fetched that caches may keep.
    pub fn fixed(&self) -> u64 {
        self.seen.lock().unwrap().fixed
    }

    /// Compares what was seen here with what the clients were told.
    pub(super) fn settle(&self, tally: &Tally) {
        // The last shadows may still be on their way; what never comes is told below.
        let begun = Instant::now();
        while begun.elapsed() < SHADOWS_LATE && !self.seen.lock().unwrap().odd_shadows().is_empty()
        {
            crate::pause(Duration::from_millis(10));
        }
        let seen = self.seen.lock().unwrap();
        for number in seen.odd_shadows() {
            let times = seen.shadows.get(&number).copied().unwrap_or(0);
            let fault = if times == 0 { Fault::Unseen } else { Fault::Twice };
            tally.fault(fault, &format!("the shadow of request {number} came {times} times"));
        }
        for (number, fate) in (0_u64..).zip(tally.fates()) {
            match (seen.counted.get(&number).copied().unwrap_or(0), fate) {
                (0, Fate::Answered) => tally.fault(Fault::Unseen, &format!("request {number}")),
                (0 | 1, _) => {},
                (times, _) => {
                    tally.fault(Fault::Twice, &format!("request {number} came {times} times"));
                },
            }
        }
    }
}

/// What the answer to request `number` looks like after its first line.
pub(super) fn padding(number: u64) -> String {
    let length = usize::try_from(number.wrapping_mul(2_654_435_761) % 2_048).unwrap();
    let letters = "abcdefghijklmnopqrstuvwxyz";
    let skip = usize::try_from(number % 26).unwrap();
    letters.chars().cycle().skip(skip).take(length).collect()
}

/// The sum that stands for a body.
pub(super) fn sum(body: &[u8]) -> u64 {
    body.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// How long the slow kind takes.
fn slowness(number: u64) -> Duration {
    Duration::from_millis(20 + number.wrapping_mul(7_919) % 180)
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    drop(stream.set_nodelay(true));
    let mut buffer = Vec::new();
    while let Some(request) = read(&mut stream, &mut buffer).await {
        seen.lock().unwrap().note(&request);
        if matches!(request.kind, Kind::Slow | Kind::Shadow) {
            tokio::time::sleep(slowness(request.number)).await;
        }
        if stream.write_all(&answer(&request)).await.is_err() {
            return;
        }
    }
}

fn answer(request: &Request) -> Vec<u8> {
    let Request { generation, number, body, kind } = request;
    if matches!(kind, Kind::Side | Kind::Shadow | Kind::Fixed) {
        let text = format!("{{\"generation\":{generation},\"number\":{number}}}");
        let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n";
        let head = if *kind == Kind::Fixed { format!("{head}{FRESH}") } else { head.to_owned() };
        return format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes();
    }
    let (length, sum) = (body.len(), sum(body));
    let text = format!("{generation} {number} {length} {sum}\n{}", padding(*number));
    let head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n";
    if number % 3 == 0 {
        let size = text.len();
        format!("{head}Transfer-Encoding: chunked\r\n\r\n{size:x}\r\n{text}\r\n0\r\n\r\n")
            .into_bytes()
    } else {
        format!("{head}Content-Length: {}\r\n\r\n{text}", text.len()).into_bytes()
    }
}

struct Request {
    generation: u64,
    number: u64,
    kind: Kind,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Keep,
    Slow,
    /// Adds something to an answer.
    Side,
    /// The same, and always the same: it may be kept.
    Fixed,
    Shadow,
    Other,
}

impl Kind {
    fn of(name: &str) -> Self {
        match name {
            "keep" => Self::Keep,
            "slow" => Self::Slow,
            "side" => Self::Side,
            "fixed" => Self::Fixed,
            "shadow" => Self::Shadow,
            _ => Self::Other,
        }
    }
}

async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Request> {
    let head = take_until(stream, buffer, b"\r\n\r\n").await?;
    let text = String::from_utf8(head).ok()?.to_ascii_lowercase();
    let mut lines = text.split("\r\n");
    let target = lines.next()?.split(' ').nth(1)?.to_owned();
    let mut path = target.split('/').skip(2);
    let generation = path.next()?.parse().ok()?;
    let kind = Kind::of(path.next()?);
    let number = path.next()?.parse().ok()?;
    let mut body = Vec::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        match (name, value.trim()) {
            ("content-length", digits) => {
                let length: usize = digits.parse().ok()?;
                body = take(stream, buffer, length).await?;
            },
            ("transfer-encoding", "chunked") => body = chunks(stream, buffer).await?,
            _ => {},
        }
    }
    Some(Request { generation, number, kind, body })
}

async fn chunks(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = String::from_utf8(take_until(stream, buffer, b"\r\n").await?).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        body.extend(take(stream, buffer, size).await?);
        take_until(stream, buffer, b"\r\n").await?;
        if size == 0 {
            return Some(body);
        }
    }
}

async fn take_until(stream: &mut TcpStream, buffer: &mut Vec<u8>, end: &[u8]) -> Option<Vec<u8>> {
    loop {
        if let Some(at) = buffer.windows(end.len()).position(|window| window == end) {
            let rest = buffer.split_off(at + end.len());
            return Some(std::mem::replace(buffer, rest));
        }
        fill(stream, buffer).await?;
    }
}

async fn take(stream: &mut TcpStream, buffer: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while buffer.len() < count {
        fill(stream, buffer).await?;
    }
    let rest = buffer.split_off(count);
    Some(std::mem::replace(buffer, rest))
}

async fn fill(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    match stream.read_buf(buffer).await {
        Ok(count) if count > 0 => Some(()),
        _ => None,
    }
}
