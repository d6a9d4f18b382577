//! The backend of the torture: it counts every request by its number and says in its answer which
//! configuration made the call.
//!
//! The configuration of generation N calls `/g/N/KIND/NUMBER`; the answer repeats both, so a client knows
//! which generation answered and whether the answer is its own. Beside those that count there are calls that
//! only add something (`side`, `fixed`), and shadows, which are counted on their own.
//! It speaks what it is spoken to in: [`http1`] or [`http2`].

mod http1;
mod http2;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

use super::tally::{Fate, Fault, Tally};
use crate::net::{Background, adopt, listen};

/// How much later than its request a shadow may come.
const SHADOWS_LATE: Duration = Duration::from_secs(5);

/// Fresh for longer than any torture.
const FRESH: [(&str, &str); 2] =
    [("Cache-Control", "max-age=100000"), ("Date", "Mon, 23 Nov 2036 18:05:18 GMT")];

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

async fn serve(stream: TcpStream, seen: Arc<Mutex<Seen>>) {
    drop(stream.set_nodelay(true));
    let mut first = [0; 3];
    match stream.peek(&mut first).await {
        Ok(_) if first == *b"PRI" => http2::serve(stream, seen).await,
        Ok(_) | Err(_) => http1::serve(stream, &seen).await,
    }
}

/// What a request gets.
struct Answer {
    fields: Vec<(&'static str, &'static str)>,
    text: String,
    /// Whether its length is told.
    has_length: bool,
}

/// Counts a request, and answers it.
async fn answer(request: &Request, seen: &Mutex<Seen>) -> Answer {
    seen.lock().unwrap().note(request);
    if matches!(request.kind, Kind::Slow | Kind::Shadow) {
        tokio::time::sleep(slowness(request.number)).await;
    }
    let Request { generation, number, body, kind } = request;
    if matches!(kind, Kind::Side | Kind::Shadow | Kind::Fixed) {
        let text = format!("{{\"generation\":{generation},\"number\":{number}}}");
        let mut fields = vec![("Content-Type", "application/json")];
        if *kind == Kind::Fixed {
            fields.extend(FRESH);
        }
        return Answer { fields, text, has_length: true };
    }
    let (length, sum) = (body.len(), sum(body));
    let text = format!("{generation} {number} {length} {sum}\n{}", padding(*number));
    Answer { fields: vec![("Content-Type", "text/plain")], text, has_length: number % 3 != 0 }
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

impl Request {
    /// From its target; the body is still to come.
    fn of(target: &str) -> Option<Self> {
        let mut path = target.split('/').skip(2);
        let generation = path.next()?.parse().ok()?;
        let kind = Kind::of(path.next()?);
        let number = path.next()?.parse().ok()?;
        Some(Self { generation, number, kind, body: Vec::new() })
    }
}
