//! A worker that speaks the protocol and does what its configuration says, in a word per trait:
//! `port=N`, `need=PATH`, `refuse`, `bake=MS`, and `slow-at-STEP`, `die-at-STEP`, `exit-at-STEP`,
//! `hang-at-STEP` for a STEP of its life. Who connects to it gets its generation.

use std::io::Write as _;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsFd as _, OwnedFd};
use std::time::Duration;

use baton_shared::control::message::{Found, Health, Invalid, Plan, Policy};
use baton_shared::control::{Channel, FromWorker, ToWorker};
use baton_shared::os::memfd;
use baton_shared::words::GenerationId;

use crate::supervise::WorkerProgram;

const MARK: &str = "BATON_TEST_FAKE_WORKER";

/// This test binary, as a worker.
pub(super) fn program() -> WorkerProgram {
    WorkerProgram {
        program: "/proc/self/exe".into(),
        arguments: ["--exact", "reload::fake_worker::the_worker_process", "-q", "--nocapture"]
            .map(Into::into)
            .to_vec(),
        environment: vec![(MARK.into(), "1".into())],
    }
}

/// Does nothing among the tests: it is the worker's `main` when started as one.
#[test]
fn the_worker_process() {
    if std::env::var_os(MARK).is_none() {
        return;
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let stdin = std::io::stdin().as_fd().try_clone_to_owned().unwrap();
        Fake::live(Channel::new(stdin).unwrap()).await;
    });
}

struct Fake {
    channel: Channel,
    traits: Vec<String>,
    generation: GenerationId,
    sockets: Vec<OwnedFd>,
    accepting: Vec<tokio::task::JoinHandle<()>>,
}

impl Fake {
    async fn live(channel: Channel) {
        let hello = FromWorker::Hello { pid: std::process::id(), build: "fake".to_owned() };
        channel.send(0, &hello, &[]).await.unwrap();
        let (_, ToWorker::Start(start), fds) = channel.receive().await.unwrap() else { return };
        let text = String::from_utf8(memfd::read(&fds[0], 1 << 20).unwrap()).unwrap();
        let traits = text.split_whitespace().map(str::to_owned).collect();
        let generation = start.generation;
        let (sockets, accepting) = (Vec::new(), Vec::new());
        let mut fake = Self { channel, traits, generation, sockets, accepting };
        fake.plan().await;
        while let Ok((txn, message, fds)) = fake.channel.receive().await {
            if !fake.obey(txn, message, fds).await {
                return;
            }
        }
    }

    async fn plan(&self) {
        self.at("plan").await;
        for path in self.values("need=") {
            self.say(0, FromWorker::Need { path: path.clone() }).await;
            let (_, answer, _) = self.channel.receive::<ToWorker>().await.unwrap();
            let ToWorker::File { path: answered, found } = answer else { panic!("{answer:?}") };
            assert_eq!(answered, path);
            if !matches!(found, Found::File { .. } | Found::Missing) {
                return self.refuse(&format!("{found:?}")).await;
            }
        }
        if self.has("refuse") {
            return self.refuse("as it says").await;
        }
        let number = |key| self.values(key).first().and_then(|text| text.parse().ok());
        let ports = self.values("port=").into_iter();
        let address = |port: String| format!("127.0.0.1:{port}").parse::<SocketAddr>().unwrap();
        let policy = Policy {
            bake_ms: number("bake=").unwrap_or(300),
            stop_ms: 2_000,
            drain_ms: Some(2_000),
        };
        let listeners = ports.map(address).collect();
        let plan = Plan { listeners, policy, endpoints: 1, notices: Vec::new() };
        self.say(0, FromWorker::Plan(plan)).await;
    }

    async fn refuse(&self, why: &str) {
        let invalid = Invalid { text: why.to_owned(), findings: Vec::new(), exit_code: 255 };
        self.say(0, FromWorker::Invalid(invalid)).await;
    }

    async fn obey(&mut self, txn: u64, message: ToWorker, fds: Vec<OwnedFd>) -> bool {
        match message {
            ToWorker::Listen { last, .. } => {
                self.sockets.extend(fds);
                if last {
                    self.at("warm").await;
                    self.say(txn, FromWorker::Ready).await;
                }
            },
            ToWorker::Probe => {
                self.at("probe").await;
                self.say(txn, FromWorker::Probed { failure: None }).await;
            },
            ToWorker::Accept | ToWorker::Resume => {
                self.at("accept").await;
                self.accept();
                self.say(txn, FromWorker::Accepting).await;
                self.at("bake").await;
            },
            ToWorker::StopAccept => {
                self.at("stop").await;
                self.accepting.drain(..).for_each(|task| task.abort());
                self.say(txn, FromWorker::Stopped).await;
            },
            ToWorker::HandOverTo => {
                self.say(txn, FromWorker::HandedOver { moved: 0, left: 0 }).await;
            },
            ToWorker::Ping { nonce } => {
                let health = Health::default();
                self.say(txn, FromWorker::Pong { nonce, health }).await;
            },
            ToWorker::Drain { .. } => {
                self.at("drain").await;
                self.say(txn, FromWorker::Drained { cut: 0, requests: 0 }).await;
                return false;
            },
            ToWorker::Quit => return false,
            ToWorker::Start(_)
            | ToWorker::File { .. }
            | ToWorker::Soft { .. }
            | ToWorker::Tickets
            | ToWorker::Answer { .. }
            | ToWorker::Revocations { .. }
            | ToWorker::HandOverFrom => {},
        }
        true
    }

    fn accept(&mut self) {
        for socket in &self.sockets {
            let socket = TcpListener::from(socket.try_clone().unwrap());
            let (listener, generation) =
                (tokio::net::TcpListener::from_std(socket).unwrap(), self.generation);
            self.accepting.push(tokio::spawn(async move {
                while let Ok((client, _)) = listener.accept().await {
                    let mut client = client.into_std().unwrap();
                    client.set_nonblocking(false).unwrap();
                    client.write_all(generation.to_string().as_bytes()).unwrap_or_default();
                }
            }));
        }
    }

    /// A step of its life, in which something may happen to it.
    async fn at(&self, step: &str) {
        if self.has(&format!("slow-at-{step}")) {
            let until = tokio::time::Instant::now() + Duration::from_millis(300);
            tokio::time::sleep_until(until).await;
        }
        if self.has(&format!("die-at-{step}")) {
            std::process::abort();
        }
        if self.has(&format!("exit-at-{step}")) {
            #[expect(clippy::disallowed_methods, reason = "that is what it plays")]
            std::process::exit(3);
        }
        if self.has(&format!("hang-at-{step}")) {
            std::future::pending::<()>().await;
        }
    }

    fn has(&self, word: &str) -> bool {
        self.traits.iter().any(|one| one == word)
    }

    fn values(&self, key: &str) -> Vec<String> {
        self.traits.iter().filter_map(|word| word.strip_prefix(key)).map(str::to_owned).collect()
    }

    async fn say(&self, txn: u64, message: FromWorker) {
        drop(self.channel.send(txn, &message, &[]).await); // the end of the supervisor is ours
    }
}
