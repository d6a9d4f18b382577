//! The hand at what workers fetched from others, or found out, and their successors would have to do again: key sets, tokens,
//! who gave the right password.
//!
//! Kept as it came, in sealed memory; nothing in here reads it, and nothing of it is written anywhere.

use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use baton_shared::control::ToWorker;
use baton_shared::words::Monotonic;

use super::drive::Drive;
use super::event::WorkerId;
use super::notice::Notice;

/// The most answers that are kept; each costs a descriptor.
const ANSWERS_MAX: usize = 256;
/// The longest name of one.
const NAME_BYTES_MAX: usize = 4_096;

/// Answers, by their names.
#[derive(Debug, Default)]
pub(super) struct Answers(BTreeMap<String, (Monotonic, Arc<OwnedFd>)>);

impl Answers {
    /// A newer answer replaces the older one; beyond the bound the oldest goes.
    pub(super) fn keep(&mut self, name: String, at: Monotonic, content: OwnedFd) {
        let is_older = self.0.get(&name).is_some_and(|(known, _)| *known > at);
        if is_older || name.len() > NAME_BYTES_MAX {
            return;
        }
        self.0.insert(name, (at, Arc::new(content)));
        if self.0.len() > ANSWERS_MAX
            && let Some((oldest, _)) = self.0.iter().min_by_key(|(_, (at, _))| *at)
        {
            let oldest = oldest.clone();
            self.0.remove(&oldest);
        }
    }

    fn of(&self, name: &str) -> Option<(Monotonic, Arc<OwnedFd>)> {
        self.0.get(name).map(|(at, content)| (*at, Arc::clone(content)))
    }
}

impl<T: FnMut(Notice)> Drive<T> {
    /// A worker begins where the one before it is.
    pub(super) fn need_answer(&self, id: WorkerId, name: String) {
        let (at, content) = self.answers.of(&name).unzip();
        self.order(id, 0, ToWorker::Answer { name, at }, content.into_iter().collect());
    }
}

#[cfg(test)]
mod tests {
    use baton_shared::os::memfd;

    use super::*;

    fn at(nanos: u64) -> Monotonic {
        Monotonic::from_nanos(nanos)
    }

    fn content(text: &str) -> OwnedFd {
        memfd::sealed("test", text.as_bytes()).unwrap()
    }

    fn text(answers: &Answers, name: &str) -> Option<Vec<u8>> {
        answers.of(name).map(|(_, content)| memfd::read(content.as_ref(), 100).unwrap())
    }

    #[test]
    fn the_newest_answer_is_kept_whoever_tells_last() {
        let mut answers = Answers::default();
        assert_eq!(text(&answers, "a"), None);
        answers.keep("a".to_owned(), at(2), content("new"));
        answers.keep("a".to_owned(), at(1), content("old"));
        assert_eq!(text(&answers, "a").unwrap(), b"new");
        answers.keep("a".to_owned(), at(3), content("newer"));
        assert_eq!(text(&answers, "a").unwrap(), b"newer");
    }

    #[test]
    fn beyond_the_bound_the_oldest_goes() {
        let mut answers = Answers::default();
        for nth in 0..300_u64 {
            answers.keep(nth.to_string(), at(nth), content("x"));
        }
        answers.keep("n".repeat(NAME_BYTES_MAX + 1), at(999), content("x"));
        assert_eq!(answers.0.len(), ANSWERS_MAX);
        assert_eq!((text(&answers, "43"), text(&answers, "44").is_some()), (None, true));
    }
}
