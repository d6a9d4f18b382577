//! Faults on demand, for tests only: a release build has none of this.
//!
//! `BATON_TEST_FAULT_FILE` names a file with `phase:kind`; each new worker reads it.

/// A moment in a worker's life at which a fault can strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Hello,
    Plan,
    Warm,
    Ready,
    Probe,
    Accept,
    Handover,
    Bake,
}

#[cfg(not(debug_assertions))]
pub(crate) const fn strike(_phase: Phase) {}

#[cfg(debug_assertions)]
pub(crate) fn strike(phase: Phase) {
    // Read at the first moment, so that a test can already write what the next worker shall do.
    static WANTED: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    let wanted = WANTED.get_or_init(|| {
        let path = std::env::var_os("BATON_TEST_FAULT_FILE");
        path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
    });
    let Some((at, kind)) = wanted.trim().split_once(':') else { return };
    if at.eq_ignore_ascii_case(&format!("{phase:?}")) {
        imp::commit(kind);
    }
}

#[cfg(debug_assertions)]
mod imp {
    use std::time::{Duration, Instant};

    use nix::sys::resource::{Resource, setrlimit};
    use nix::sys::signal::{Signal, raise};

    /// Far beyond any deadline, and an end for one whose test was killed.
    const LONGEST: Duration = Duration::from_secs(120);

    /// Soon reached.
    const ADDRESS_BYTES_MAX: u64 = 64 << 20;

    #[expect(clippy::exit, clippy::panic, clippy::disallowed_methods, reason = "faults on demand")]
    #[expect(clippy::mem_forget, reason = "faults on demand")]
    pub(super) fn commit(kind: &str) {
        let begun = Instant::now();
        match kind {
            "exit" => std::process::exit(3),
            "panic" => panic!("a fault on demand"),
            "abort" => std::process::abort(),
            "kill" => drop(raise(Signal::SIGKILL)),
            "stop" => drop(raise(Signal::SIGSTOP)),
            "hang" => {
                while begun.elapsed() < LONGEST {
                    std::thread::park_timeout(LONGEST);
                }
            },
            "loop" => {
                while begun.elapsed() < LONGEST {
                    std::hint::spin_loop();
                }
            },
            "fds" => {
                while let Ok(file) = std::fs::File::open("/dev/null") {
                    std::mem::forget(file);
                }
            },
            "memory" => {
                // What is mapped already counts, so the first large block may be one too many.
                let _or_the_machine_has_an_end =
                    setrlimit(Resource::RLIMIT_AS, ADDRESS_BYTES_MAX, ADDRESS_BYTES_MAX);
                let mut hoard = Vec::new();
                while begun.elapsed() < LONGEST {
                    hoard.push(vec![1_u8; 1 << 20]);
                }
            },
            _ => {},
        }
    }
}
