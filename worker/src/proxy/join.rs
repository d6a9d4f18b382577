//! Several futures of one request, run by the request's own task.
//!
//! Each has a waker of its own: an answer that arrives polls the call that waits for it and none of the others.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::stream::{FuturesUnordered, Stream as _};

/// Futures that run at once.
#[derive(Debug)]
pub(super) struct Join<F> {
    running: FuturesUnordered<F>,
}

impl<F: Future> FromIterator<F> for Join<F> {
    fn from_iter<T: IntoIterator<Item = F>>(futures: T) -> Self {
        Self { running: futures.into_iter().collect() }
    }
}

impl<F: Future> Join<F> {
    /// Polls those that were woken. Gives what is ready to `take`, in turn, until that breaks; ready when nothing
    /// runs any more or `take` broke.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut take: impl FnMut(F::Output) -> ControlFlow<()>,
    ) -> Poll<()> {
        while let Some(output) = ready!(Pin::new(&mut self.running).poll_next(context)) {
            if take(output).is_break() {
                break;
            }
        }
        Poll::Ready(())
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};
    use std::task::Waker;

    use super::*;

    #[test]
    fn what_is_ready_is_taken_once_and_the_rest_stays() {
        type Any = Pin<Box<dyn Future<Output = u8>>>;
        let futures: [Any; 3] = [Box::pin(ready(1)), Box::pin(pending()), Box::pin(ready(3))];
        let mut join: Join<Any> = futures.into_iter().collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        for _ in 0..2 {
            let polled = join.poll(&mut context, |output| {
                taken.push(output);
                ControlFlow::Continue(())
            });
            assert!(polled.is_pending());
        }
        assert_eq!(taken, [1, 3]);
    }

    #[test]
    fn a_break_ends_it_and_polls_nobody_else() {
        let mut join: Join<_> = [ready(1), ready(2)].into_iter().collect();
        let mut context = Context::from_waker(Waker::noop());
        let mut taken = Vec::new();
        let polled = join.poll(&mut context, |output| {
            taken.push(output);
            ControlFlow::Break(())
        });
        assert!(polled.is_ready());
        assert_eq!(taken, [1]);
    }
}
