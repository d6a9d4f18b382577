//! Work of a serving thread that no client waits for: shadow calls.
//!
//! It is bounded in number and bytes, each piece has a deadline, and a worker does not end before it.

use std::cell::Cell;
use std::rc::Rc;

use tokio::sync::Notify;

use crate::plan::ThreadState;

/// What may run at once on one thread.
const TASKS_MAX: usize = 10_000;
/// What it may hold of clients' bodies.
const BYTES_MAX: usize = 64 << 20;

/// What runs on one thread.
#[derive(Debug, Default)]
pub(crate) struct Background {
    tasks: Cell<usize>,
    bytes: Cell<usize>,
    /// Told when the last of it has ended.
    pub(crate) ended: Notify,
    refused: Cell<bool>,
}

/// One piece of it; ends when this is dropped.
#[derive(Debug)]
pub(super) struct Running {
    thread: Rc<ThreadState>,
    bytes: usize,
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// For the first time since there was some: worth a word.
    JustNow,
    /// As before.
    Still,
}

impl Background {
    /// How many pieces run.
    pub(crate) const fn running(&self) -> usize {
        self.tasks.get()
    }

    fn enter(&self, bytes: usize) -> Result<(), Full> {
        let (tasks, held) = (self.tasks.get() + 1, self.bytes.get().saturating_add(bytes));
        if tasks > TASKS_MAX || held > BYTES_MAX {
            return Err(if self.refused.replace(true) { Full::Still } else { Full::JustNow });
        }
        self.tasks.set(tasks);
        self.bytes.set(held);
        Ok(())
    }

    fn leave(&self, bytes: usize) {
        self.tasks.set(self.tasks.get() - 1);
        self.bytes.set(self.bytes.get() - bytes);
        self.refused.set(false);
        if self.tasks.get() == 0 {
            self.ended.notify_one();
        }
    }
}

impl Running {
    /// Begins a piece that holds so many bytes.
    pub(super) fn begin(thread: &Rc<ThreadState>, bytes: usize) -> Result<Self, Full> {
        thread.background.enter(bytes)?;
        Ok(Self { thread: Rc::clone(thread), bytes })
    }

    pub(super) const fn thread(&self) -> &Rc<ThreadState> {
        &self.thread
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.thread.background.leave(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_bytes_are_refused_and_told_of_once() {
        let background = Background::default();
        assert_eq!(background.enter(BYTES_MAX), Ok(()));
        assert_eq!(background.enter(1), Err(Full::JustNow));
        assert_eq!(background.enter(1), Err(Full::Still));
        background.leave(BYTES_MAX);
        assert_eq!(background.running(), 0);
        for _ in 0..TASKS_MAX {
            assert_eq!(background.enter(0), Ok(()));
        }
        assert_eq!(background.enter(0), Err(Full::JustNow));
    }
}
