//! The breaker step by step, with a clock that stands still.

use super::*;

const SECOND: u64 = 1_000_000_000;
const BEGIN: u64 = 5_000 * SECOND;

struct Bench {
    breaker: Breaker,
    state: AtomicU64,
    failures: AtomicU64,
    now: u64,
}

impl Bench {
    fn new(max_errors: u32, interval: u64, timeout: u64) -> Self {
        let interval = (interval > 0).then(|| Duration::from_secs(interval));
        let (timeout, trial) = (Duration::from_secs(timeout), Duration::from_secs(3));
        let breaker = Breaker { max_errors, interval, timeout, trial };
        Self { breaker, state: AtomicU64::new(0), failures: AtomicU64::new(0), now: BEGIN }
    }

    fn words(&self) -> Words<'_> {
        Words { state: &self.state, failures: &self.failures }
    }

    fn wait(&mut self, millis: u64) {
        self.now += millis * 1_000_000;
    }

    fn enter(&self) -> Result<Ticket, Refused> {
        self.breaker.enter(self.words(), Monotonic::from_nanos(self.now)).0
    }

    fn leave(&self, ticket: Ticket, outcome: Outcome) -> Option<Change> {
        self.breaker.leave(self.words(), ticket, outcome, Monotonic::from_nanos(self.now))
    }

    /// `+` a success, `-` a failure, `.` a client that gives up; what became of each: `o` open, `b` busy.
    fn play(&self, script: &str) -> String {
        let one = |letter| match (self.enter(), letter) {
            (Err(Refused::Open), _) => 'o',
            (Err(Refused::Busy), _) => 'b',
            (Ok(ticket), letter) => {
                let outcome = match letter {
                    '+' => Outcome::Success,
                    '-' => Outcome::Failure,
                    _ => Outcome::Void,
                };
                self.leave(ticket, outcome);
                letter
            },
        };
        script.chars().map(one).collect()
    }
}

#[test]
fn it_opens_when_more_than_max_errors_follow_each_other() {
    for (max_errors, script, expected) in [
        (0, "---", "-oo"),
        (1, "----", "--oo"),
        (1, "-+-+--+", "-+-+--o"),
        (3, "--.-.-+", "--.-.-o"),
        (u32::MAX, "----------", "----------"),
    ] {
        assert_eq!(Bench::new(max_errors, 60, 1).play(script), expected, "{max_errors}");
    }
}

#[test]
fn after_its_timeout_one_request_tries() {
    let mut bench = Bench::new(1, 60, 1);
    assert_eq!(bench.play("--+"), "--o");
    bench.wait(1000);
    assert_eq!(bench.play("+"), "o", "not before the timeout has passed");
    bench.wait(1);
    assert_eq!(bench.play("-+"), "-o", "a failure opens it again");
    bench.wait(1001);
    let trial = bench.enter().unwrap();
    assert_eq!(bench.enter(), Err(Refused::Busy));
    let closed = Change { from: State::HalfOpen, to: State::Closed };
    assert_eq!(bench.leave(trial, Outcome::Success), Some(closed));
    assert_eq!(bench.play("-+--"), "-+--", "the count has begun anew");
    assert_eq!(bench.play("+"), "o");
}

#[test]
fn a_client_that_gives_up_while_trying_leaves_the_trial_to_the_next() {
    let mut bench = Bench::new(0, 0, 1);
    assert_eq!(bench.play("-"), "-");
    bench.wait(1100);
    assert_eq!(bench.play(".+-"), ".+-");
    assert_eq!(bench.play("+"), "o");
}

#[test]
fn a_trial_whose_process_was_killed_does_not_last() {
    let mut bench = Bench::new(0, 0, 1);
    assert_eq!(bench.play("-"), "-");
    bench.wait(1100);
    let lost = bench.enter().unwrap();
    bench.wait(2900);
    assert_eq!(bench.enter(), Err(Refused::Busy));
    bench.wait(200);
    let next = bench.enter().unwrap();
    assert_eq!(bench.leave(lost, Outcome::Failure), None, "too late to be heard");
    assert!(bench.leave(next, Outcome::Success).is_some());
}

#[test]
fn while_closed_the_count_begins_anew_with_every_interval() {
    let mut bench = Bench::new(1, 10, 1);
    assert_eq!(bench.play("-"), "-");
    bench.wait(10100);
    assert_eq!(bench.play("-+"), "-+");
    assert_eq!(bench.play("-"), "-");
    bench.wait(9000);
    assert_eq!(bench.play("-+"), "-o");

    let mut never = Bench::new(1, 0, 1);
    assert_eq!(never.play("-"), "-");
    never.wait(1000000000);
    assert_eq!(never.play("-+"), "-o");
}

#[test]
fn a_request_that_began_before_a_change_is_not_heard() {
    let mut bench = Bench::new(1, 10, 1);
    let early = bench.enter().unwrap();
    assert_eq!(bench.play("--"), "--");
    assert_eq!(bench.leave(early, Outcome::Success), None);
    assert_eq!(bench.play("+"), "o");
    bench.wait(1100);
    assert_eq!(bench.play("+"), "+");
    let early = bench.enter().unwrap();
    bench.wait(10100);
    assert_eq!(bench.leave(early, Outcome::Failure), None);
    assert_eq!(bench.play("-+"), "-+", "the failure of the interval before does not count");
}

#[test]
fn every_change_is_told_once() {
    let mut bench = Bench::new(0, 0, 1);
    let enter =
        |bench: &Bench| bench.breaker.enter(bench.words(), Monotonic::from_nanos(bench.now));
    let (ticket, told) = enter(&bench);
    assert_eq!(told, None);
    let opened = Change { from: State::Closed, to: State::Open };
    let ticket = ticket.unwrap();
    assert_eq!(bench.leave(ticket, Outcome::Failure), Some(opened));
    assert_eq!(bench.leave(ticket, Outcome::Failure), None);
    bench.wait(1500);
    let (ticket, told) = enter(&bench);
    assert_eq!(told, Some(Change { from: State::Open, to: State::HalfOpen }));
    assert_eq!(bench.leave(ticket.unwrap(), Outcome::Void), None);
    let (ticket, told) = enter(&bench);
    assert_eq!(told, None, "it is half open already");
    let again = Change { from: State::HalfOpen, to: State::Open };
    assert_eq!(bench.leave(ticket.unwrap(), Outcome::Failure), Some(again));
}

#[test]
fn garbage_does_not_close_the_way_for_ever() {
    for garbage in [1, 2, 3, u64::MAX, u64::MAX - 1, u64::MAX - 2, u64::MAX - 3, (BEGIN * 9) << 2] {
        let mut bench = Bench::new(0, 10, 1);
        bench.state.store(garbage, Ordering::Relaxed);
        bench.failures.store(u64::MAX, Ordering::Relaxed);
        bench.wait(1100);
        assert_eq!(bench.play("+"), "+", "{garbage:x}");
        assert_eq!(bench.play("+-+"), "+-o", "{garbage:x}");
    }
}

#[test]
fn of_many_threads_one_tries() {
    let mut bench = Bench::new(0, 0, 1);
    for _ in 0..200 {
        assert_eq!(bench.play("-"), "-");
        bench.wait(1100);
        let entered: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(|| bench.enter())).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let trials: Vec<_> = entered.into_iter().filter_map(Result::ok).collect();
        assert_eq!(trials.len(), 1);
        assert_eq!(bench.leave(trials[0], Outcome::Void), None);
        assert_eq!(bench.play("+"), "+");
    }
}
