//! The read gate: whether connections of this thread may begin another request.
//!
//! While it is open an idle connection waits for bytes. When it is shut, nobody reads: unread bytes
//! stay in the kernel and move with the socket. One gate per thread; no lock, no atomics.

use std::cell::{Cell, RefCell};
use std::task::{Context, Poll, Waker};

use slab::Slab;

/// What an idle connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It waits for a request.
    Open,
    /// It waits, unread, for what comes next.
    Shut,
    /// It goes to the newer worker.
    Give,
    /// It is closed: the gateway ends.
    End,
}

/// The gate of a thread and who waits at it.
#[derive(Debug)]
pub(crate) struct Gate {
    mode: Cell<Mode>,
    places: RefCell<Slab<Place>>,
    in_flight: Cell<usize>,
    /// Places whose client sent something while the gate was shut: they go first.
    urgent: RefCell<Vec<usize>>,
}

#[derive(Debug)]
struct Place {
    /// Wakes the connection's task; present while it is idle.
    waker: Option<Waker>,
    in_flight: usize,
}

/// A connection's place at the gate, for its whole life on this thread.
#[derive(Debug)]
pub(crate) struct Ticket(usize);

impl Gate {
    pub(crate) fn new(mode: Mode) -> Self {
        let (places, urgent) = (RefCell::new(Slab::new()), RefCell::new(Vec::new()));
        Self { mode: Cell::new(mode), places, in_flight: Cell::new(0), urgent }
    }

    pub(crate) fn mode(&self) -> Mode {
        self.mode.get()
    }

    /// Changes the mode. Nobody is woken yet: see [`Gate::wake`].
    pub(crate) fn set(&self, mode: Mode) {
        self.mode.set(mode);
    }

    /// Connections on this thread.
    pub(crate) fn connections(&self) -> usize {
        self.places.borrow().len()
    }

    /// Requests in flight.
    pub(crate) fn busy(&self) -> usize {
        self.in_flight.get()
    }

    pub(crate) fn enter(&self) -> Ticket {
        Ticket(self.places.borrow_mut().insert(Place { waker: None, in_flight: 0 }))
    }

    pub(crate) fn leave(&self, ticket: &Ticket) {
        if let Some(place) = self.places.borrow_mut().try_remove(ticket.0) {
            self.in_flight.set(self.in_flight.get() - place.in_flight);
        }
    }

    /// Notes that a request begins or has ended.
    pub(crate) fn set_busy(&self, ticket: &Ticket, busy: bool) {
        self.set_in_flight(ticket, usize::from(busy));
    }

    /// Notes how many requests of a connection are in flight.
    pub(crate) fn set_in_flight(&self, ticket: &Ticket, count: usize) {
        if let Some(place) = self.places.borrow_mut().get_mut(ticket.0) {
            let before = std::mem::replace(&mut place.in_flight, count);
            self.in_flight.set(self.in_flight.get() + count - before);
        }
    }

    /// Ready when the mode is not `awaited`; else the task is woken at the next change.
    pub(crate) fn poll_change(
        &self,
        ticket: &Ticket,
        awaited: Mode,
        context: &Context<'_>,
    ) -> Poll<Mode> {
        let mode = self.mode.get();
        if mode != awaited {
            return Poll::Ready(mode);
        }
        if let Some(place) = self.places.borrow_mut().get_mut(ticket.0) {
            match &mut place.waker {
                Some(waker) => waker.clone_from(context.waker()),
                empty @ None => *empty = Some(context.waker().clone()),
            }
        }
        Poll::Pending
    }

    /// The connection was woken while the gate is shut: its client wants something.
    pub(crate) fn hurry(&self, ticket: &Ticket) {
        self.urgent.borrow_mut().push(ticket.0);
    }

    /// Wakes those whose clients want something. Thousands of silent connections need not move
    /// before them.
    pub(crate) fn wake_urgent(&self) {
        let mut places = self.places.borrow_mut();
        for at in self.urgent.borrow_mut().drain(..) {
            if let Some(waker) = places.get_mut(at).and_then(|place| place.waker.take()) {
                waker.wake();
            }
        }
    }

    /// Wakes up to `count` waiting connections from place `from` on; gives the place to go on from,
    /// or `None` at the end. In pieces, so that thousands of connections do not move at once.
    pub(crate) fn wake(&self, from: usize, count: usize) -> Option<usize> {
        let mut places = self.places.borrow_mut();
        let mut woken = 0;
        for at in from..places.capacity() {
            let Some(waker) = places.get_mut(at).and_then(|place| place.waker.take()) else {
                continue;
            };
            waker.wake();
            woken += 1;
            if woken == count {
                return Some(at + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn everybody_who_waits_is_woken_once_in_pieces() {
        let (gate, count) = (Gate::new(Mode::Open), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let context = Context::from_waker(&waker);
        let tickets: Vec<Ticket> = (0..10).map(|_| gate.enter()).collect();
        for ticket in &tickets {
            assert!(gate.poll_change(ticket, Mode::Open, &context).is_pending());
        }
        gate.set(Mode::Give);
        let mut pieces = 0;
        let mut from = Some(0);
        while let Some(start) = from {
            from = gate.wake(start, 4);
            pieces += 1;
        }
        assert_eq!((pieces, count.0.load(Ordering::Relaxed)), (3, 10));
        assert_eq!(gate.poll_change(&tickets[0], Mode::Open, &context), Poll::Ready(Mode::Give));
    }

    #[test]
    fn a_client_that_wants_something_goes_before_the_silent_ones() {
        let (gate, count) = (Gate::new(Mode::Shut), Arc::new(Count::default()));
        let (silent, speaking) = (gate.enter(), gate.enter());
        let (quiet, waker) = (Waker::noop(), Waker::from(Arc::clone(&count)));
        assert!(gate.poll_change(&silent, Mode::Shut, &Context::from_waker(quiet)).is_pending());
        gate.hurry(&speaking);
        assert!(gate.poll_change(&speaking, Mode::Shut, &Context::from_waker(&waker)).is_pending());
        gate.set(Mode::Give);
        gate.wake_urgent();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        gate.wake_urgent();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn busy_connections_are_counted_until_they_end() {
        let gate = Gate::new(Mode::Open);
        let (first, second) = (gate.enter(), gate.enter());
        gate.set_busy(&first, true);
        gate.set_busy(&first, true);
        gate.set_busy(&second, true);
        gate.set_busy(&second, false);
        assert_eq!((gate.connections(), gate.busy()), (2, 1));
        gate.set_in_flight(&second, 7);
        gate.set_in_flight(&second, 3);
        assert_eq!(gate.busy(), 4);
        gate.set_in_flight(&second, 0);
        gate.leave(&first);
        assert_eq!((gate.connections(), gate.busy()), (1, 0));
    }
}
