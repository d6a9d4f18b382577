//! Who hears what the supervisor tells: the log, systemd, the file watch, the instance. None of it
//! waits.

use std::cell::RefCell;
use std::convert::Infallible;
use std::mem;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use baton_shared::log;
use baton_shared::words::Monotonic;
use tokio::time::{MissedTickBehavior, interval};

use super::announce;
use crate::instance::Instance;
use crate::reload::notice::Notice;
use crate::supervise::Ending;
use crate::systemd::{Notifier, Speaker};
use crate::trigger::watch::Watch;

/// How often systemd is asked for patience while a stop drains.
const TICK: Duration = Duration::from_secs(1);

pub(super) struct Surroundings {
    notifier: Notifier,
    watch: Option<Watch>,
    state: RefCell<State>,
}

struct State {
    speaker: Speaker,
    instance: Option<Instance>,
    /// When the sources that are tried now were about to be read.
    reading_since: SystemTime,
    /// What to warn of once the first configuration is accepted.
    later: Vec<String>,
}

impl Surroundings {
    pub(super) fn new(
        notifier: Notifier,
        speaker: Speaker,
        watch: Option<Watch>,
        instance: Option<Instance>,
        later: Vec<String>,
    ) -> Self {
        notifier.send(speaker.starting());
        let reading_since = SystemTime::now();
        Self {
            notifier,
            watch,
            state: RefCell::new(State { speaker, instance, reading_since, later }),
        }
    }

    pub(super) fn hear(&self, notice: &Notice) {
        let state = &mut *self.state.borrow_mut();
        match notice {
            Notice::Ready { addresses, .. } => {
                announce::start(addresses);
                for text in mem::take(&mut state.later) {
                    log::warning(announce::TAG, text);
                }
            },
            Notice::Reloading { .. } => state.reading_since = SystemTime::now(),
            Notice::Sources { serving, tried } => self.follow(serving, tried, state.reading_since),
            Notice::Stopping { .. } => {
                // It accepts no more: a successor may have the place while this one drains.
                if let Some(instance) = &mut state.instance {
                    instance.release();
                }
            },
            _ => {},
        }
        for line in announce::lines(notice) {
            log::line(line.level, announce::TAG, line.text);
        }
        if let Some(message) = state.speaker.hear(notice, Monotonic::now()) {
            self.notifier.send(message);
        }
    }

    fn follow(&self, serving: &[PathBuf], tried: &[PathBuf], since: SystemTime) {
        let Some(watch) = &self.watch else { return };
        let folder = std::env::current_dir().unwrap_or_default();
        let all = serving.iter().chain(tried);
        // Not cleaned of `..`: behind a link it leads elsewhere.
        let mut sources: Vec<_> = all.map(|source| folder.join(source)).collect();
        sources.sort_unstable();
        sources.dedup();
        watch.follow(sources, since);
    }

    /// Keeps systemd patient, for ever.
    #[expect(clippy::infinite_loop, reason = "it is dropped when the supervisor ends")]
    pub(super) async fn tick(&self) -> Infallible {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            let message = self.state.borrow().speaker.tick(Monotonic::now());
            if let Some(message) = message {
                self.notifier.send(message);
            }
        }
    }

    /// The last words; then the instance is free for the next.
    pub(super) async fn finish(self, ending: &Ending) {
        if let Some(message) = Speaker::ending(ending) {
            self.notifier.send(message);
        }
        if *ending == Ending::Stopped {
            log::info("", "Router execution ended");
        }
        self.notifier.finish().await;
    }
}
