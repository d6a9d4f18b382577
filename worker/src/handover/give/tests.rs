//! The giver against a receiver that is played.

use std::cell::RefCell;
use std::net::{TcpListener, TcpStream};
use std::rc::Rc;

use baton_shared::control::frame::BODY_BYTES_MAX;
use baton_shared::control::record::{PREFIX_INLINE_MAX, Prefix, Record};
use baton_shared::os::{memfd, scm};
use baton_shared::words::{ListenerId, Monotonic};

use super::*;

/// A giver with its queues, the receiver's end, and what came back.
struct Trial {
    leaving: mpsc::UnboundedSender<Moving>,
    orders: mpsc::UnboundedSender<Order>,
    receiver: Channel,
    back: Rc<RefCell<Vec<u64>>>,
    progress: Arc<Progress>,
}

/// `requests` tells one connection from another.
fn moving(requests: u64, unread: Vec<u8>) -> Moving {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let record = Record {
        listener: ListenerId(1),
        accepted: Monotonic::from_nanos(1),
        socket_peer: address,
        asserted_peer: address.ip(),
        local: address,
        requests,
        deadline: None,
        prefix: Prefix::Inline(unread),
        tunnel: None,
        relay: None,
    };
    let socket = TcpStream::connect(address).unwrap().into();
    Moving { record, socket, backend: None, stays: false, hurries: false }
}

impl Trial {
    fn start() -> Self {
        let (ours, theirs) = scm::pair().unwrap();
        let (leaving, departures) = mpsc::unbounded_channel();
        let (orders, inbox) = mpsc::unbounded_channel();
        let (back, progress) = (Rc::new(RefCell::new(Vec::new())), Arc::default());
        let home = Rc::clone(&back);
        let come_back =
            Box::new(move |moving: Moving| home.borrow_mut().push(moving.record.requests));
        let giver = Giver::new(Arc::clone(&progress), come_back);
        orders.send(Order::Target(Channel::new(ours).unwrap())).unwrap();
        drop(tokio::task::spawn_local(giver.run(inbox, departures)));
        let receiver = Channel::new(theirs).unwrap();
        Self { leaving, orders, receiver, back, progress }
    }

    fn give(&self, requests: u64, unread: Vec<u8>) {
        self.progress.released();
        self.leaving.send(moving(requests, unread)).unwrap();
    }

    /// The next batch: its number, who is in it, how many descriptors came.
    async fn batch(&self) -> (u64, Vec<u64>, usize) {
        let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
        let (length, fds) = self.receiver.receive_raw(&mut buffer).await.unwrap();
        let (_, body) = frame::decode(&buffer[..length]).unwrap();
        let Handover::Batch { number, records } = Handover::decode(body).unwrap() else {
            panic!("no batch")
        };
        (number, records.iter().map(|record| record.requests).collect(), fds.len())
    }

    async fn all_settled(&self) {
        while self.progress.outstanding() > 0 {
            tokio::task::yield_now().await;
        }
    }

    async fn say(&self, answer: Handover) {
        let frame = Frame { kind: Kind::Handover, txn: 0 };
        let datagram = frame::encode(frame, &answer.encode()).unwrap();
        self.receiver.send_raw(&datagram, &[]).await.unwrap();
    }
}

fn trial(body: impl AsyncFnOnce(Trial)) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let body = async { body(Trial::start()).await };
    local.block_on(&runtime, async {
        tokio::time::timeout(Duration::from_secs(10), body).await.expect("it comes to an end");
    });
}

#[test]
fn a_refused_batch_comes_again_and_one_behind_it_that_was_taken_does_not() {
    trial(async |trial| {
        trial.give(1, Vec::new());
        let (_, first, _) = trial.batch().await;
        trial.give(2, Vec::new());
        let (second_number, second, _) = trial.batch().await;
        assert_eq!((first, second), (vec![1], vec![2]));
        trial.say(Handover::Refused).await;
        trial.say(Handover::Ack { number: second_number }).await;
        let (number, again, _) = trial.batch().await;
        assert_eq!(again, [1], "only what was refused");
        trial.say(Handover::Ack { number }).await;
        trial.all_settled().await;
        assert_eq!(trial.progress.moved(), 2);
    });
}

#[test]
fn many_unread_bytes_travel_in_a_descriptor_of_their_own() {
    trial(async |trial| {
        trial.give(1, vec![b'x'; PREFIX_INLINE_MAX + 1]);
        assert_eq!(trial.batch().await, (1, vec![1], 2));
    });
}

#[test]
fn an_undone_reload_gets_back_what_nobody_took() {
    trial(async |trial| {
        trial.give(1, Vec::new());
        let (number, ..) = trial.batch().await;
        trial.orders.send(Order::Return).unwrap();
        tokio::task::yield_now().await;
        trial.give(2, Vec::new());
        trial.say(Handover::Ack { number }).await;
        trial.all_settled().await;
        // Of a thread that has not heard of it yet.
        trial.give(3, Vec::new());
        trial.all_settled().await;
        assert_eq!((trial.back.borrow().clone(), trial.progress.moved()), (vec![2, 3], 1));
    });
}

#[test]
fn cached_answers_are_an_errand_until_they_are_acknowledged_refused_or_given_up() {
    trial(async |trial| {
        let give_cached = || {
            let memory = memfd::sealed("cached", b"answers").unwrap();
            let errand = Errand::begin(&trial.progress);
            trial.orders.send(Order::Cached(memory, errand)).unwrap();
        };
        let over = async || {
            while !trial.progress.is_over() {
                tokio::task::yield_now().await;
            }
        };
        for answer in [Handover::Ack { number: 1 }, Handover::Refused] {
            give_cached();
            let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
            let (length, fds) = trial.receiver.receive_raw(&mut buffer).await.unwrap();
            let (_, body) = frame::decode(&buffer[..length]).unwrap();
            assert!(matches!(Handover::decode(body), Ok(Handover::Cached { .. })));
            assert_eq!(memfd::read(&fds[0], 100).unwrap(), b"answers");
            assert!(!trial.progress.is_over());
            trial.say(answer).await;
            over().await;
        }
        trial.give(1, Vec::new());
        let (number, connections, _) = trial.batch().await;
        assert_eq!((number, connections), (3, vec![1]), "nothing refused is tried again");
        trial.say(Handover::Ack { number }).await;
        trial.all_settled().await;
        trial.orders.send(Order::Return).unwrap();
        give_cached();
        over().await;
    });
}
