//! `expect_continue_timeout`: a body waits until the backend asks for it.
//!
//! On the way: a request that says `Expect: 100-continue` to a backend, which only those do whose field passes. KrakenD
//! (Go): the body follows a `100`, or the time; where the answer comes first, it is never sent.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::StatusCode;
use http::header::EXPECT;
use tokio::time::{Sleep, sleep};

use super::exchange::Outbound;

const WAITS: u8 = 0;
const FLOWS: u8 = 1;
const STAYS: u8 = 2;

/// What a body waits for.
#[derive(Debug)]
pub(super) struct Gate {
    word: Word,
    time: Pin<Box<Sleep>>,
}

/// What becomes of a body that waits. hyper wants it `Send`, for one thread.
#[derive(Clone, Debug, Default)]
pub(super) struct Word(Arc<AtomicU8>);

impl Word {
    /// The answer is here: a body that still waits is not wanted.
    pub(super) fn answered(&self) {
        let _has_begun = self.turn(STAYS);
    }

    /// The backend asks for the body.
    pub(super) fn invited(&self) {
        let _was_late = self.turn(FLOWS);
    }

    fn turn(&self, into: u8) -> Result<u8, u8> {
        self.0.compare_exchange(WAITS, into, Ordering::Relaxed, Ordering::Relaxed)
    }
}

/// Holds the body of a request back that asks whether to send it; the word is to be told of the answer.
pub(super) fn hold(request: &mut Outbound, time: Duration) -> Option<Word> {
    let mut lines = request.headers().get_all(EXPECT).into_iter();
    let asks = lines.any(|line| {
        let mut words = line.as_bytes().split(|byte| *byte == b',');
        words.any(|word| word.trim_ascii().eq_ignore_ascii_case(b"100-continue"))
    });
    if !asks || request.body().is_empty() {
        return None;
    }
    let word = Word::default();
    let heard = word.clone();
    hyper::ext::on_informational(request, move |answer| {
        if answer.status() == StatusCode::CONTINUE {
            heard.invited();
        }
    });
    let gate = Gate { word: word.clone(), time: Box::pin(sleep(time)) };
    request.body_mut().wait_for(gate);
    Some(word)
}

impl Gate {
    /// Ready when the body may go.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self.word.0.load(Ordering::Relaxed) {
            FLOWS => Poll::Ready(()),
            STAYS => Poll::Pending,
            _ => {
                ready!(self.time.as_mut().poll(context));
                let _is_first = self.word.turn(FLOWS);
                Poll::Ready(())
            },
        }
    }
}
