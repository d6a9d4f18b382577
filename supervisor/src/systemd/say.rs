//! What systemd is told at which moment. Data in, messages out; time is an argument.
//!
//! Under `Type=notify` a reload that failed must end with `READY=1` too, or the unit hangs in
//! `reloading`; that it failed is in the status line and in the exit code of `baton reload`.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::log::escape;
use baton_shared::words::Monotonic;

use super::Inherited;
use crate::reload::notice::Notice;
use crate::reload::report::Report;
use crate::supervise::Ending;

/// systemd ignores datagrams beyond 4096 bytes.
const STATUS_BYTES_MAX: usize = 1024;
/// How much longer than announced a phase may take before systemd loses patience.
const GRACE: Duration = Duration::from_secs(5);
/// `EINVAL`: the code for a refused configuration.
const ERRNO_REFUSED: i32 = 22;

/// One datagram.
#[derive(Clone, Debug)]
pub struct Message {
    /// `NAME=value` lines.
    pub text: String,
    /// What the manager shall keep.
    pub fds: Vec<Arc<OwnedFd>>,
}

/// Knows what was said before.
#[derive(Debug)]
pub struct Speaker {
    /// `WATCHDOG_USEC`, when it is meant for this process.
    watchdog: Option<Duration>,
    petted: Option<Monotonic>,
    serving: String,
    /// When the drain of a stop must be over.
    stop_by: Option<Monotonic>,
}

impl Speaker {
    /// A speaker that obeys the watchdog of the environment.
    #[must_use]
    pub fn from_environment() -> Self {
        let number = |name| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
        let for_us = number("WATCHDOG_PID").is_none_or(|pid| pid == u64::from(std::process::id()));
        Self::new(number("WATCHDOG_USEC").filter(|_| for_us).map(Duration::from_micros))
    }

    fn new(watchdog: Option<Duration>) -> Self {
        let watchdog = watchdog.filter(|interval| !interval.is_zero());
        Self { watchdog, petted: None, serving: "starting".to_owned(), stop_by: None }
    }

    /// The first word: what the process is at before anything serves.
    #[must_use]
    pub fn starting(&self) -> Message {
        text(&["STATUS=preparing the first configuration"])
    }

    /// Rids the descriptor store of what is of no use, such as a socket that was stopped when the
    /// supervisor died: it would fill the store. A name goes with everything that it has, so what is
    /// good comes back.
    #[must_use]
    pub fn tidy(inherited: &Inherited) -> Vec<Message> {
        let mut messages = Vec::new();
        for dead in inherited.dead.iter().filter(|dead| dead.starts_with(NAME)) {
            messages.push(text(&["FDSTOREREMOVE=1", &format!("FDNAME={dead}")]));
            for (address, sockets) in &inherited.listeners {
                if name(*address) == *dead {
                    // What cannot be copied now is stored again after the next restart.
                    let copies = sockets.iter().filter_map(|socket| socket.try_clone().ok());
                    messages.push(store(*address, copies.map(Arc::new).collect()));
                }
            }
        }
        messages
    }

    /// What a notice means to systemd.
    pub fn hear(&mut self, notice: &Notice, now: Monotonic) -> Option<Message> {
        match notice {
            Notice::ListenerOpened { address, sockets, inherited: false } => {
                Some(store(*address, sockets.clone()))
            },
            // At a stop the sockets stay in the store: a restart takes them from there.
            Notice::ListenerClosed { address } if self.stop_by.is_none() => {
                Some(text(&["FDSTOREREMOVE=1", &format!("FDNAME={}", name(*address))]))
            },
            Notice::Ready { report, endpoints, addresses } => {
                let (at, first) = (addresses.len(), serving(report));
                self.serving = format!("{first}, {endpoints} endpoints, {at} addresses");
                Some(self.ready(""))
            },
            Notice::Reloading { .. } => {
                let monotonic = format!("MONOTONIC_USEC={}", now.as_nanos() / 1000);
                let status = format!("STATUS={}; reloading", self.serving);
                Some(text(&["RELOADING=1", &monotonic, &status]))
            },
            Notice::Committed { report, rollback } => {
                self.serving = serving(report);
                let why = rollback.as_ref().map(|why| format!("; rolled back: {}", escape(why)));
                Some(self.ready(&why.unwrap_or_default()))
            },
            Notice::Unchanged { .. } => Some(self.ready("")),
            Notice::Rejected { reason, .. } => {
                Some(self.ready(&format!("; reload rejected: {}", escape(reason))))
            },
            Notice::Warming { longest, .. } | Notice::WaitingForDrainers { longest } => {
                Some(text(&[&extend(*longest + GRACE)]))
            },
            Notice::WorkerHealthy => self.pet(now),
            Notice::Stopping { longest } => {
                self.stop_by = Some(now.after(*longest));
                let status = "STATUS=stopping: no new connections, requests finish";
                Some(text(&["STOPPING=1", status, &extend(GRACE)]))
            },
            Notice::ListenerOpened { .. }
            | Notice::ListenerClosed { .. }
            | Notice::RollingBack { .. }
            | Notice::Proven { .. }
            | Notice::WorkerDied { .. }
            | Notice::WorkerReplaced { .. }
            | Notice::Drained { .. }
            | Notice::Sources { .. }
            | Notice::ConfigNotices { .. }
            | Notice::Warning(_) => None,
        }
    }

    /// Called about every second: while a stop drains, systemd must not lose patience before Baton
    /// does.
    #[must_use]
    pub fn tick(&self, now: Monotonic) -> Option<Message> {
        let stop_by = self.stop_by?;
        (now < stop_by.after(GRACE)).then(|| text(&[&extend(GRACE)]))
    }

    /// The last word, when it is worth one.
    #[must_use]
    pub fn ending(ending: &Ending) -> Option<Message> {
        match ending {
            Ending::Stopped => None,
            Ending::Refused(invalid) => {
                let status = format!("STATUS=refused: {}", cut(&escape(&invalid.text)));
                Some(text(&[&format!("ERRNO={ERRNO_REFUSED}"), &status]))
            },
            Ending::Failed { reason } => {
                Some(text(&[&format!("STATUS=failed: {}", cut(&escape(reason)))]))
            },
        }
    }

    fn ready(&self, more: &str) -> Message {
        text(&["READY=1", &format!("STATUS={}", cut(&format!("{}{more}", self.serving)))])
    }

    /// The watchdog is fed by a healthy worker's answer that came through the supervisor's loop:
    /// if either hangs, it starves. Four times per interval are enough.
    fn pet(&mut self, now: Monotonic) -> Option<Message> {
        let interval = self.watchdog?;
        if self.petted.is_some_and(|before| now.since(before) < interval / 4) {
            return None;
        }
        self.petted = Some(now);
        Some(text(&["WATCHDOG=1"]))
    }
}

fn serving(report: &Report) -> String {
    let hash = report.hash.get(..8).unwrap_or(&report.hash);
    format!("serving generation {}, config {hash}", report.generation)
}

fn extend(by: Duration) -> String {
    format!("EXTEND_TIMEOUT_USEC={}", by.as_micros())
}

/// How names of ours in the descriptor store begin.
const NAME: &str = "listen-";

/// The name in the descriptor store; colons separate names there.
fn name(address: SocketAddr) -> String {
    format!("{NAME}{address}").replace(':', "_")
}

fn store(address: SocketAddr, fds: Vec<Arc<OwnedFd>>) -> Message {
    Message { text: format!("FDSTORE=1\nFDPOLL=0\nFDNAME={}", name(address)), fds }
}

fn cut(status: &str) -> &str {
    status.get(..status.floor_char_boundary(STATUS_BYTES_MAX)).unwrap_or(status)
}

fn text(lines: &[&str]) -> Message {
    Message { text: lines.join("\n"), fds: Vec::new() }
}

#[cfg(test)]
mod tests {
    use baton_shared::control::message::Invalid;
    use baton_shared::words::GenerationId;

    use super::*;
    use crate::reload::report::Outcome;

    fn report() -> Report {
        Report {
            outcome: Outcome::Committed,
            generation: GenerationId(4),
            hash: "3fa94c21deadbeef".to_owned(),
            moved: 0,
            left: 0,
            cut: 0,
            phases: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn at(ms: u64) -> Monotonic {
        Monotonic::from_nanos(ms * 1_000_000)
    }

    fn heard(speaker: &mut Speaker, notice: &Notice) -> String {
        speaker.hear(notice, at(7)).map(|message| message.text).unwrap_or_default()
    }

    #[test]
    fn a_rejected_reload_ends_ready_with_its_reason_on_one_line() {
        let mut speaker = Speaker::new(None);
        let addresses = vec!["127.0.0.1:80".parse().unwrap()];
        let ready = Notice::Ready { report: report(), endpoints: 3, addresses };
        let status = "STATUS=serving generation 4, config 3fa94c21";
        assert_eq!(
            heard(&mut speaker, &ready),
            format!("READY=1\n{status}, 3 endpoints, 1 addresses")
        );
        let begin = heard(&mut speaker, &Notice::Reloading { cause: None });
        assert!(begin.starts_with("RELOADING=1\nMONOTONIC_USEC=7000\nSTATUS="), "{begin}");
        let reason = format!("line\nREADY=0 {}", "x".repeat(5000));
        let end = heard(&mut speaker, &Notice::Rejected { report: report(), reason, quiet: false });
        assert!(end.starts_with("READY=1\nSTATUS=serving generation 4"), "{end}");
        assert!(end.contains(r"; reload rejected: line\nREADY=0 x"), "{end}");
        assert!(end.len() < 2000 && end.lines().count() == 2);
    }

    #[test]
    fn the_watchdog_starves_without_a_healthy_worker_and_is_not_overfed() {
        let mut speaker = Speaker::new(Some(Duration::from_secs(4)));
        assert!(speaker.tick(at(1)).is_none());
        let mut fed = Vec::new();
        for ms in (0..3000).step_by(500) {
            fed.extend(speaker.hear(&Notice::WorkerHealthy, at(ms)).map(|_| ms));
        }
        assert_eq!(fed, [0, 1000, 2000]);
        assert!(Speaker::new(None).hear(&Notice::WorkerHealthy, at(0)).is_none());
    }

    #[test]
    fn a_stop_asks_for_more_time_until_its_own_deadline_only() {
        let mut speaker = Speaker::new(None);
        let longest = Duration::from_secs(60);
        let stop = heard(&mut speaker, &Notice::Stopping { longest });
        assert!(stop.starts_with("STOPPING=1\n"), "{stop}");
        assert_eq!(speaker.tick(at(30_000)).unwrap().text, "EXTEND_TIMEOUT_USEC=5000000");
        assert!(speaker.tick(at(66_000)).is_none());
        let address = "[::]:80".parse().unwrap();
        assert_eq!(heard(&mut speaker, &Notice::ListenerClosed { address }), "");
    }

    #[test]
    fn sockets_are_stored_by_name_and_those_from_outside_are_there_already() {
        let mut speaker = Speaker::new(None);
        let address = "[::1]:8080".parse().unwrap();
        let opened = |inherited| Notice::ListenerOpened { address, sockets: Vec::new(), inherited };
        assert_eq!(heard(&mut speaker, &opened(true)), "");
        let stored = heard(&mut speaker, &opened(false));
        assert_eq!(stored, "FDSTORE=1\nFDPOLL=0\nFDNAME=listen-[__1]_8080");
        let removed = heard(&mut speaker, &Notice::ListenerClosed { address });
        assert_eq!(removed, "FDSTOREREMOVE=1\nFDNAME=listen-[__1]_8080");
    }

    #[test]
    fn what_is_dead_leaves_the_store_and_what_is_good_under_its_name_stays() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        let (own, other) = (name(address), "listen-127.0.0.1_1".to_owned());
        let inherited = Inherited {
            listeners: vec![(address, vec![socket.into()])],
            refused: Vec::new(),
            dead: vec![own.clone(), other.clone(), "http.socket".to_owned()],
        };
        let said: Vec<(String, usize)> = Speaker::tidy(&inherited)
            .into_iter()
            .map(|message| (message.text, message.fds.len()))
            .collect();
        let expected = [
            (format!("FDSTOREREMOVE=1\nFDNAME={own}"), 0),
            (format!("FDSTORE=1\nFDPOLL=0\nFDNAME={own}"), 1),
            (format!("FDSTOREREMOVE=1\nFDNAME={other}"), 0),
        ];
        assert_eq!(said, expected);
    }

    #[test]
    fn a_refused_start_says_why() {
        let invalid =
            Invalid { text: "'k.json': bad\n".to_owned(), findings: Vec::new(), exit_code: 255 };
        let message = Speaker::ending(&Ending::Refused(invalid)).unwrap();
        assert_eq!(message.text, "ERRNO=22\nSTATUS=refused: 'k.json': bad\\n");
        assert!(Speaker::ending(&Ending::Stopped).is_none());
    }
}
