//! The taking end: a batch is acknowledged when every connection of it belongs to a serving thread.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use baton_shared::control::channel::{Channel, ChannelError};
use baton_shared::control::frame::{self, BODY_BYTES_MAX, Frame, HEAD_BYTES, Kind};
use baton_shared::control::record::{Handover, Prefix, Record};
use baton_shared::os::memfd;
use nix::errno::Errno;
use tokio::sync::Notify;
use tokio::time::timeout;

use crate::connection::thread::Moving;

/// The largest unread prefix that is believed: a head and a body's beginning, no more.
const PREFIX_BYTES_MAX: usize = 4 << 20;

/// Connections that may wait to be adopted when a batch is acknowledged: more than the threads adopt until
/// the next batch is here, and few enough for a client that asks meanwhile to wait behind.
const ARRIVING_MAX: usize = 64;
/// Whoever waits for room looks again after this at the latest; a thread that hangs is the supervisor's.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What comes from other workers.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    /// Connections that were dealt to a serving thread and are not yet adopted by it.
    waiting: AtomicUsize,
    room: Notify,
    /// Batches that came, and those of them that were answered.
    came: AtomicU64,
    answered: AtomicU64,
    /// This worker ends: whoever gives keeps what it has.
    is_over: AtomicBool,
}

impl Arrivals {
    /// A connection is dealt to a thread.
    pub(crate) fn one_comes(&self) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// A thread has adopted one.
    pub(crate) fn one_is_here(&self) {
        if self.waiting.fetch_sub(1, Ordering::Relaxed) == ARRIVING_MAX + 1 {
            self.room.notify_one();
        }
    }

    /// Batches that came so far.
    pub(crate) fn came(&self) -> u64 {
        self.came.load(Ordering::Relaxed)
    }

    /// Takes nothing more, unless something has come since there were `came` batches, or is not
    /// acknowledged yet: then its connections are not counted. Whether it has stopped.
    pub(crate) fn stop_after(&self, came: u64) -> bool {
        let answered = self.answered.load(Ordering::Relaxed);
        let is_over = self.came() == came && answered == came;
        self.is_over.fetch_or(is_over, Ordering::Relaxed);
        is_over
    }

    /// A batch is here; none: it must not be taken any more.
    fn begin_batch(&self) -> Option<Unanswered<'_>> {
        if self.is_over.load(Ordering::Relaxed) {
            return None;
        }
        self.came.fetch_add(1, Ordering::Relaxed);
        Some(Unanswered(self))
    }

    /// Waits until the threads keep up.
    async fn have_room(&self) {
        while self.waiting.load(Ordering::Relaxed) > ARRIVING_MAX {
            // Either way the count decides.
            let _told_or_late = timeout(LOOK_AGAIN, self.room.notified()).await;
        }
    }
}

/// A batch whose giver does not know yet what becomes of it.
struct Unanswered<'a>(&'a Arrivals);

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        self.0.answered.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a giver sends at once.
enum Parcel {
    Connections(Vec<Moving>),
    /// Answers of backends, in sealed memory.
    Cached(OwnedFd),
}

/// Takes connections until the giver has closed its end. `adopt` makes a connection a thread's, `keep` gets what was
/// cached; `tunnels` are the endpoints whose tunnels go on here.
pub(crate) async fn run(
    channel: Channel,
    tunnels: Vec<u64>,
    mut adopt: impl FnMut(Moving),
    mut keep: impl FnMut(OwnedFd),
    arrivals: Arc<Arrivals>,
) {
    if say(&channel, &Handover::Takes { tunnels }).await.is_err() {
        return;
    }
    let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
    loop {
        let mut unanswered = None;
        let answer = match channel.receive_raw(&mut buffer).await {
            Ok((length, fds)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                match open(datagram, fds) {
                    Ok((number, Parcel::Connections(connections))) => {
                        unanswered = arrivals.begin_batch();
                        if unanswered.is_none() {
                            return;
                        }
                        connections.into_iter().for_each(&mut adopt);
                        arrivals.have_room().await;
                        Handover::Ack { number }
                    },
                    Ok((number, Parcel::Cached(memory))) => {
                        keep(memory);
                        Handover::Ack { number }
                    },
                    // Long prefixes need descriptors of their own for a moment.
                    Err(error) if is_short(&error) => Handover::Refused,
                    Err(_malformed) => return,
                }
            },
            // Descriptors were lost on the way in: this process is at its limit. The giver has kept
            // its copies.
            Err(ChannelError::Io(error)) if is_cut(&error) => Handover::Refused,
            Err(_) => return,
        };
        let said = say(&channel, &answer).await;
        drop(unanswered);
        if said.is_err() {
            return;
        }
    }
}

async fn say(channel: &Channel, message: &Handover) -> Result<(), ChannelError> {
    let frame = Frame { kind: Kind::Handover, txn: 0 };
    channel.send_raw(&frame::encode(frame, &message.encode())?, &[]).await
}

fn is_cut(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

fn is_short(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMFILE as i32)
}

fn open(datagram: &[u8], fds: Vec<OwnedFd>) -> io::Result<(u64, Parcel)> {
    let (frame, body) = frame::decode(datagram).map_err(io::Error::other)?;
    if frame.kind != Kind::Handover {
        return Err(malformed());
    }
    match Handover::decode(body) {
        Ok(Handover::Batch { number, records }) => {
            Ok((number, Parcel::Connections(unpack(records, fds)?)))
        },
        Ok(Handover::Cached { number }) => match <[OwnedFd; 1]>::try_from(fds) {
            Ok([memory]) => Ok((number, Parcel::Cached(memory))),
            Err(_more_or_none) => Err(malformed()),
        },
        Ok(Handover::Ack { .. } | Handover::Refused | Handover::Takes { .. }) | Err(_) => {
            Err(malformed())
        },
    }
}

fn malformed() -> io::Error {
    io::ErrorKind::InvalidData.into()
}

fn unpack(records: Vec<Record>, fds: Vec<OwnedFd>) -> io::Result<Vec<Moving>> {
    let mut fds = fds.into_iter();
    let mut connections = Vec::with_capacity(records.len());
    for record in records {
        let socket = fds.next().ok_or_else(malformed)?;
        let backend = match &record.tunnel {
            Some(_) => Some(fds.next().ok_or_else(malformed)?),
            None => None,
        };
        connections.push(Moving { record, socket, backend, stays: false, hurries: false });
    }
    for prefix in connections.iter_mut().flat_map(|moving| moving.record.prefixes()) {
        if let &mut Prefix::Memfd(bytes) = prefix {
            let unread = fds.next().ok_or_else(malformed)?;
            let unread = memfd::read(unread, PREFIX_BYTES_MAX)?;
            if u32::try_from(unread.len()) != Ok(bytes) {
                return Err(malformed());
            }
            *prefix = Prefix::Inline(unread);
        }
    }
    if fds.next().is_some() {
        return Err(malformed());
    }
    Ok(connections)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::os::fd::AsFd as _;
    use std::rc::Rc;

    use baton_shared::os::scm;
    use baton_shared::words::{ListenerId, Monotonic};

    use super::*;

    fn batch(prefixes: &[Prefix]) -> Vec<u8> {
        let address = "127.0.0.1:1".parse().unwrap();
        let record = |prefix: &Prefix| Record {
            listener: ListenerId(1),
            accepted: Monotonic::from_nanos(1),
            socket_peer: address,
            asserted_peer: address.ip(),
            local: address,
            requests: 0,
            deadline: None,
            prefix: prefix.clone(),
            tunnel: None,
            relay: None,
        };
        let records = prefixes.iter().map(record).collect();
        let frame = Frame { kind: Kind::Handover, txn: 0 };
        frame::encode(frame, &Handover::Batch { number: 7, records }.encode()).unwrap()
    }

    fn socket() -> OwnedFd {
        scm::pair().unwrap().0
    }

    fn unread(bytes: &[u8]) -> OwnedFd {
        memfd::sealed("unread", bytes).unwrap()
    }

    #[test]
    fn a_batch_is_taken_whole_or_not_at_all() {
        let datagram = batch(&[Prefix::Inline(b"GET".to_vec()), Prefix::Memfd(4)]);
        let opened = open(&datagram, vec![socket(), socket(), unread(b"POST")]).unwrap();
        let (number, Parcel::Connections(connections)) = opened else { panic!("no batch") };
        let prefixes = connections.iter().map(|moving| moving.record.prefix.clone());
        let expected = [b"GET".to_vec(), b"POST".to_vec()].map(Prefix::Inline);
        assert_eq!((number, prefixes.collect::<Vec<_>>()), (7, expected.to_vec()));
        for wrong in [
            vec![],
            vec![socket()],
            vec![socket(), socket()],
            vec![socket(), socket(), unread(b"POST"), socket()],
            vec![socket(), socket(), unread(b"POS")],
            vec![socket(), socket(), socket()],
            vec![unread(b"POST"), socket(), socket()],
        ] {
            let count = wrong.len();
            assert!(open(&datagram, wrong).is_err(), "{count} descriptors");
        }
    }

    #[test]
    fn any_cut_or_flipped_datagram_is_an_error_or_a_batch_and_never_a_panic() {
        let datagram = batch(&[Prefix::Inline(b"GET".to_vec()), Prefix::Memfd(4)]);
        let (socket, unread) = (socket(), unread(b"POST"));
        let copies = || {
            [&socket, &socket, &unread].map(|fd| fd.as_fd().try_clone_to_owned().unwrap()).into()
        };
        for end in 0..datagram.len() {
            assert!(open(&datagram[..end], copies()).is_err(), "cut at {end}");
        }
        for bit in 0..datagram.len() * 8 {
            let mut flipped = datagram.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            drop(open(&flipped, copies()));
        }
    }

    #[test]
    fn what_was_cached_comes_with_one_descriptor() {
        let frame = Frame { kind: Kind::Handover, txn: 0 };
        let datagram = frame::encode(frame, &Handover::Cached { number: 3 }.encode()).unwrap();
        let opened = |fds| open(&datagram, fds);
        assert!(matches!(opened(vec![unread(b"x")]), Ok((3, Parcel::Cached(_)))));
        assert!(opened(vec![]).is_err());
        assert!(opened(vec![unread(b"x"), unread(b"y")]).is_err());
    }

    /// A taker, and the end of its giver. What it takes is counted.
    fn taker() -> (Channel, Arc<Arrivals>, Rc<Cell<usize>>, impl Future<Output = ()>) {
        let (give, take) = scm::pair().unwrap();
        let (arrivals, taken) = (Arc::<Arrivals>::default(), Rc::new(Cell::new(0)));
        let count = Rc::clone(&taken);
        let adopt = move |_| count.set(count.get() + 1);
        let channel = Channel::new(take).unwrap();
        let running = run(channel, Vec::new(), adopt, drop, Arc::clone(&arrivals));
        (Channel::new(give).unwrap(), arrivals, taken, running)
    }

    async fn give_one(giver: &Channel) {
        let datagram = batch(&[Prefix::Inline(Vec::new())]);
        giver.send_raw(&datagram, &[socket().as_fd()]).await.unwrap();
    }

    /// Passes over the taker's first word.
    async fn answer(giver: &Channel) -> Option<Handover> {
        let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
        loop {
            let (length, _) = giver.receive_raw(&mut buffer).await.ok()?;
            let (_, body) = frame::decode(&buffer[..length]).unwrap();
            match Handover::decode(body).unwrap() {
                Handover::Takes { .. } => {},
                other => return Some(other),
            }
        }
    }

    #[tokio::test]
    async fn a_worker_that_has_ended_acknowledges_nothing_and_its_giver_keeps_the_batch() {
        let (giver, arrivals, taken, running) = taker();
        assert!(arrivals.stop_after(0));
        give_one(&giver).await;
        running.await;
        assert_eq!((answer(&giver).await, taken.get()), (None, 0));
    }

    #[tokio::test]
    async fn a_worker_does_not_end_over_a_batch_that_came_since_it_counted() {
        let (giver, arrivals, taken, running) = taker();
        let counted = arrivals.came();
        give_one(&giver).await;
        tokio::select! {
            () = running => panic!("the giver lives"),
            said = answer(&giver) => assert_eq!(said, Some(Handover::Ack { number: 7 })),
        }
        assert!(!arrivals.stop_after(counted), "its connection is in no count");
        assert!(arrivals.stop_after(arrivals.came()));
        assert_eq!(taken.get(), 1);
    }

    #[tokio::test]
    async fn a_worker_does_not_end_over_a_batch_that_is_not_acknowledged() {
        let (giver, arrivals, _taken, running) = taker();
        (0..=ARRIVING_MAX).for_each(|_| arrivals.one_comes());
        give_one(&giver).await;
        let mut running = std::pin::pin!(running);
        let mut look = std::task::Context::from_waker(std::task::Waker::noop());
        while arrivals.came() == 0 {
            assert!(running.as_mut().poll(&mut look).is_pending());
            tokio::task::yield_now().await;
        }
        assert!(!arrivals.stop_after(1), "its giver would give it once more");
        (0..=ARRIVING_MAX).for_each(|_| arrivals.one_is_here());
        tokio::select! {
            () = running => panic!("the giver lives"),
            said = answer(&giver) => assert_eq!(said, Some(Handover::Ack { number: 7 })),
        }
        assert!(arrivals.stop_after(1));
    }

    #[tokio::test]
    async fn a_batch_is_acknowledged_only_when_the_threads_keep_up() {
        let arrivals = Arrivals::default();
        (0..=ARRIVING_MAX).for_each(|_| arrivals.one_comes());
        let mut room = std::pin::pin!(arrivals.have_room());
        let mut look = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(room.as_mut().poll(&mut look).is_pending(), "one too many is waiting");
        arrivals.one_is_here();
        assert!(room.as_mut().poll(&mut look).is_ready());
    }
}
