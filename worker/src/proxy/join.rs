//! Several futures of one request, polled by the request's own task.
//!
//! No task and no wake-up between tasks: whatever wakes the request polls those that still run. They are few.

use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll};

use smallvec::SmallVec;

/// Futures that run at once.
#[derive(Debug)]
pub(super) struct Join<F> {
    running: SmallVec<[Pin<Box<F>>; 4]>,
}

impl<F: Future> FromIterator<F> for Join<F> {
    fn from_iter<T: IntoIterator<Item = F>>(futures: T) -> Self {
        Self { running: futures.into_iter().map(Box::pin).collect() }
    }
}

impl<F: Future> Join<F> {
    /// Polls those that run, each once. Gives what is ready to `take`, in turn, until that breaks; ready when
    /// nothing runs any more or `take` broke.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        mut take: impl FnMut(F::Output) -> ControlFlow<()>,
    ) -> Poll<()> {
        let mut flow = ControlFlow::Continue(());
        self.running.retain(|future| {
            if flow.is_break() {
                return true;
            }
            match future.as_mut().poll(context) {
                Poll::Ready(output) => {
                    flow = take(output);
                    false
                },
                Poll::Pending => true,
            }
        });
        if flow.is_break() || self.running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
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
