//! The whole supervisor with real processes: workers that do what their configuration says.

use std::io::Read as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout};

use super::fake_worker;
use super::notice::Notice;
use super::report::{Outcome, Report, Status};
use crate::supervise::{Ending, Settings, run};
use crate::trigger::{Cause, Command, ReloadRequest, Wait};

const PATIENCE: Duration = Duration::from_secs(20);

struct Trial {
    folder: PathBuf,
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    notices: Arc<Mutex<Vec<Notice>>>,
    supervisor: JoinHandle<Ending>,
}

impl Trial {
    /// The text gets a `port=` of its own.
    fn start(name: &str, text: &str) -> Self {
        Self::start_with(name, text, |_| {})
    }

    fn start_with(name: &str, text: &str, change: impl FnOnce(&mut Settings)) -> Self {
        let folder =
            std::env::temp_dir().join(format!("baton-trial-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (commands, receiver) = mpsc::channel(16);
        let notices = Arc::new(Mutex::new(Vec::new()));
        let mut settings = Settings {
            config: folder.join("krakend.json"),
            options: Default::default(),
            threads: 2,
            history: Some(folder.join("state")),
            last_known_good: false,
            rendered: None,
            inherited: Vec::new(),
            listeners_outlive: false,
            worker: fake_worker::program(),
        };
        change(&mut settings);
        let told = Arc::clone(&notices);
        let tell = move |notice| told.lock().unwrap().push(notice);
        std::fs::write(&settings.config, format!("port={} {text}", address.port())).unwrap();
        let supervisor = tokio::spawn(run(settings, receiver, tell));
        Self { folder, address, commands, notices, supervisor }
    }

    fn save(&self, text: &str) {
        let text = format!("port={} {text}", self.address.port());
        std::fs::write(self.folder.join("krakend.json"), text).unwrap();
    }

    async fn reload(&self) -> Report {
        self.ask(false, Wait::Committed).await.await.unwrap()
    }

    async fn ask(&self, force: bool, wait: Wait) -> oneshot::Receiver<Report> {
        let (sender, answer) = oneshot::channel();
        let (cause, answer_to) = (Cause::Caller, Some(sender));
        let request = ReloadRequest { cause, force, wait, answer: answer_to };
        self.commands.send(Command::Reload(request)).await.unwrap();
        answer
    }

    async fn status(&self) -> Status {
        let (sender, answer) = oneshot::channel();
        self.commands.send(Command::Status(sender)).await.unwrap();
        answer.await.unwrap()
    }

    async fn until(&self, what: &str, is_it: impl Fn(&Notice) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !self.notices.lock().unwrap().iter().any(&is_it) {
            let told = || format!("{:#?}", self.notices.lock().unwrap());
            assert!(Instant::now() < deadline, "never: {what}\n{}", told());
            assert!(!self.supervisor.is_finished(), "ended before: {what}\n{}", told());
            tokio::time::sleep_until(Instant::now() + Duration::from_millis(2)).await;
        }
    }

    async fn ready(self) -> Self {
        self.until("ready", |notice| matches!(notice, Notice::Ready { .. })).await;
        self
    }

    /// The generation that answers a new connection.
    async fn served(&self) -> String {
        let address = self.address;
        let client = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(PATIENCE)).unwrap();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        client.await.unwrap()
    }

    async fn kill_worker(&self) {
        let status = self.status().await;
        let serving = status.workers.iter().find(|worker| worker.state == "serving").unwrap();
        kill(Pid::from_raw(i32::try_from(serving.pid).unwrap()), Signal::SIGKILL).unwrap();
    }

    async fn end(self) -> Ending {
        let ending = timeout(PATIENCE, self.supervisor).await.expect("it ends").unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
        ending
    }

    async fn stop(self) {
        let (sender, stopped) = oneshot::channel();
        self.commands.send(Command::Stop { answer: Some(sender) }).await.unwrap();
        timeout(PATIENCE, stopped).await.unwrap().unwrap();
        assert!(TcpStream::connect(self.address).is_err());
        assert_eq!(self.end().await, Ending::Stopped);
    }
}

fn trial<F: Future>(body: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let output = runtime.block_on(body);
    runtime.shutdown_background();
    output
}

#[test]
fn a_reload_puts_the_new_content_in_force_and_the_same_content_is_none() {
    trial(async {
        let baton = Trial::start("reload", "one").ready().await;
        assert_eq!(baton.served().await, "1");
        assert_eq!(baton.reload().await.outcome, Outcome::Unchanged);
        baton.save("two");
        let report = baton.reload().await;
        assert_eq!((report.outcome, report.generation.0), (Outcome::Committed, 2));
        assert_eq!(baton.served().await, "2");
        let phases: Vec<&str> = report.phases.iter().map(|one| one.phase.as_str()).collect();
        let all = ["snapshot", "spawn", "plan", "bind", "warm", "probe", "drainers", "switch"];
        assert_eq!(phases[..8], all);
        baton.save("three");
        let drained = baton.ask(false, Wait::Drained).await.await.unwrap();
        assert_eq!(drained.outcome, Outcome::Committed);
        assert_eq!(baton.status().await.workers.len(), 1);
        baton.stop().await;
    });
}

#[test]
fn whatever_befalls_a_new_worker_the_old_one_serves_and_the_next_reload_works() {
    trial(async {
        let baton = Trial::start("failing", "one").ready().await;
        baton.save("refuse");
        assert!(matches!(baton.reload().await.outcome, Outcome::Refused(_)));
        for (text, wanted) in [
            ("die-at-plan", "plan"),
            ("exit-at-warm", "warm"),
            ("die-at-probe", "probe"),
            ("hang-at-probe", "probe"),
            ("die-at-accept", "switch"),
            ("hang-at-accept", "switch"),
            ("port=1 port=70", "bind"),
        ] {
            baton.save(text);
            let outcome = baton.reload().await.outcome;
            let is_root = text.starts_with("port") && outcome == Outcome::Committed;
            let Outcome::Failed { phase, .. } = outcome else {
                assert!(is_root, "{text}: {outcome:?}");
                continue;
            };
            assert_eq!(phase, wanted, "{text}");
            assert_eq!(baton.served().await, "1", "{text}");
        }
        baton.save("good");
        assert_eq!(baton.reload().await.outcome, Outcome::Committed);
        baton.stop().await;
    });
}

#[test]
fn a_worker_that_is_killed_is_replaced_without_the_file() {
    trial(async {
        let baton = Trial::start("killed", "one need=part.tmpl bake=60000").ready().await;
        std::fs::remove_file(baton.folder.join("krakend.json")).unwrap();
        baton.kill_worker().await;
        assert_eq!(baton.served().await, "1");
        baton.until("replaced", |notice| matches!(notice, Notice::WorkerReplaced { .. })).await;
        baton.stop().await;
    });
}

#[test]
fn a_generation_that_crashes_in_its_watch_is_rolled_back_and_remembered() {
    trial(async {
        let baton = Trial::start("rollback", "one").ready().await;
        baton.save("slow-at-bake die-at-bake bake=60000");
        let rolled =
            |notice: &Notice| matches!(notice, Notice::Committed { rollback: Some(_), .. });
        assert_eq!(baton.reload().await.outcome, Outcome::Committed);
        baton.until("rolled back", rolled).await;
        assert_eq!(baton.served().await, "3");
        assert_eq!(baton.reload().await.outcome, Outcome::RolledBackBefore);
        let failure = baton.status().await.last_failure.unwrap();
        assert!(failure.contains("rolled back before"), "{failure}");
        let forced = baton.ask(true, Wait::Committed).await.await.unwrap();
        assert_eq!(forced.outcome, Outcome::Committed);
        let again = Instant::now() + PATIENCE;
        while baton.status().await.generation.unwrap().0 != forced.generation.0 + 1 {
            assert!(Instant::now() < again, "not rolled back a second time");
        }
        baton.stop().await;
    });
}

#[test]
fn twenty_callers_at_once_get_the_result_of_the_generation_that_contains_their_change() {
    trial(async {
        let baton = Trial::start("many", "one").ready().await;
        let mut answers = Vec::new();
        for at in 0..20 {
            baton.save(&format!("number-{at}"));
            answers.push(baton.ask(false, Wait::Committed).await);
        }
        let mut last = None;
        for answer in answers {
            last = Some(answer.await.unwrap());
        }
        let last = last.unwrap();
        assert!(matches!(last.outcome, Outcome::Committed | Outcome::Unchanged));
        assert!(last.generation.0 <= 4, "{}", last.generation);
        assert_eq!(baton.served().await, last.generation.to_string());
        baton.stop().await;
    });
}

#[test]
fn a_pipe_in_place_of_the_configuration_holds_nobody_up() {
    trial(async {
        let baton = Trial::start("pipe", "one").ready().await;
        let path = baton.folder.join("krakend.json");
        std::fs::remove_file(&path).unwrap();
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(baton.reload().await.outcome, Outcome::Refused(_)));
        std::fs::remove_file(&path).unwrap();
        baton.save("two");
        assert_eq!(baton.reload().await.outcome, Outcome::Committed);
        baton.stop().await;
    });
}

#[test]
fn a_first_start_that_is_refused_ends_with_its_reason_or_serves_the_copy() {
    trial(async {
        let first = Trial::start("copy", "refuse");
        let Ending::Refused(invalid) = first.end().await else { panic!("not refused") };
        assert_eq!(invalid.exit_code, 255);
        let state = std::env::temp_dir().join(format!("baton-trial-{}-state", std::process::id()));
        let keep = |settings: &mut Settings| settings.history = Some(state.clone());
        Trial::start_with("copy", "good", keep).ready().await.stop().await;
        let fall_back = |settings: &mut Settings| {
            settings.history = Some(state.clone());
            settings.last_known_good = true;
        };
        let baton = Trial::start_with("copy", "refuse", fall_back).ready().await;
        baton.save("repaired");
        assert_eq!(baton.reload().await.outcome, Outcome::Committed);
        baton.commands.send(Command::StopNow).await.unwrap();
        assert_eq!(baton.end().await, Ending::Stopped);
        std::fs::remove_dir_all(state).unwrap();
    });
}
