//! One serving thread: its runtime, its connections, its obedience.

use std::rc::Rc;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};
use tokio::task::{JoinHandle, LocalSet};

use super::threads::{Figures, Order, Setup, Told};
use crate::accept::Listener;
use crate::connection::gate::Mode;
use crate::connection::thread::{OWN_PROBE, Thread};
use crate::handover::give::OUTSTANDING_MAX;
use crate::message::Peer;
use crate::observe::access_log::AccessLog;
use crate::plan::ThreadState;

/// Connections that leave in one go, before others on the thread get their turn.
const PIECE: usize = 64;
/// Connections that are adopted in one go: fewer than are polled between two of them (61), so that the
/// queue of tasks stays short and nobody's request waits behind thousands that are new.
const ADOPT_IN_ONE_GO: usize = 32;
/// Rounds between two looks at the sockets; each round polls up to 61 tasks. tokio's default of 61 would
/// keep requests waiting for thousands of them.
const EVENT_INTERVAL: u32 = 1;

/// Threads beside a serving thread for what may block: names that are resolved, files that are read.
const BLOCKING_THREADS_MAX: usize = 32;

/// Runs until the process ends.
pub(crate) fn run(setup: &Setup, orders: UnboundedReceiver<Order>, tell: &UnboundedSender<Told>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .event_interval(EVENT_INTERVAL)
        .max_blocking_threads(BLOCKING_THREADS_MAX)
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            drop(tell.send(Told::Failed(error)));
            return;
        },
    };
    LocalSet::new().block_on(&runtime, async {
        let state = ThreadState::new(std::sync::Arc::clone(&setup.plan));
        let access = setup.plan.access_log.clone().map(AccessLog::new);
        let thread = Thread::new(
            state,
            setup.plan.edge.clone(),
            access,
            setup.leaving.clone(),
            std::sync::Arc::clone(&setup.progress),
            std::sync::Arc::clone(&setup.census),
        );
        let mut obedient = Obedient {
            thread,
            setup: setup.clone(),
            listeners: Vec::new(),
            accepting: Vec::new(),
            adopted: 0,
        };
        drop(tell.send(Told::Ready));
        obedient.obey(orders, tell).await;
    });
}

struct Obedient {
    thread: Rc<Thread>,
    setup: Setup,
    listeners: Vec<Listener>,
    accepting: Vec<JoinHandle<()>>,
    adopted: usize,
}

impl Obedient {
    async fn obey(&mut self, mut orders: UnboundedReceiver<Order>, tell: &UnboundedSender<Told>) {
        loop {
            let order = tokio::select! {
                order = orders.recv() => order,
                () = self.thread.emptied.notified() => {
                    drop(tell.send(Told::Empty));
                    continue;
                },
                () = self.thread.state.background.ended.notified() => {
                    self.thread.tell_if_empty();
                    continue;
                },
            };
            let Some(order) = order else { return };
            if let Some(told) = self.carry_out(order).await {
                drop(tell.send(told));
            }
        }
    }

    async fn carry_out(&mut self, order: Order) -> Option<Told> {
        match order {
            Order::Listen { id, address, socket } => {
                match Listener::adopt(id, address, socket) {
                    Ok(listener) => self.listeners.push(listener),
                    Err(error) => return Some(Told::Failed(error)),
                }
                None
            },
            Order::Accept => {
                self.accept();
                Some(Told::Accepting)
            },
            Order::StopAccept => {
                self.stop_accepting();
                self.thread.gate.set(Mode::Shut);
                Some(Told::Stopped)
            },
            Order::Resume => {
                self.accept();
                self.thread.gate.set(Mode::Open);
                self.wake_all().await;
                Some(Told::Accepting)
            },
            Order::Give => {
                self.thread.gate.set(Mode::Give);
                self.wake_all().await;
                Some(Told::Gave { busy: self.thread.gate.busy() })
            },
            Order::Adopt(moving) => {
                // A socket that cannot be watched is lost with its client; nothing else can be done.
                drop(self.thread.adopt(moving));
                self.setup.arrivals.one_is_here();
                self.adopted = self.adopted.wrapping_add(1);
                if self.adopted.is_multiple_of(ADOPT_IN_ONE_GO) {
                    tokio::task::yield_now().await;
                }
                None
            },
            Order::End => {
                self.stop_accepting();
                self.listeners.clear();
                self.thread.gate.set(Mode::End);
                self.wake_all().await;
                self.thread.tell_if_empty();
                None
            },
            Order::Probe(listener) => {
                self.probe(listener);
                None
            },
            Order::Ping { nonce } => Some(Told::Pong { nonce, figures: self.figures() }),
        }
    }

    fn accept(&mut self) {
        self.stop_accepting();
        self.accepting =
            self.listeners.iter().map(|listener| listener.accept(&self.thread)).collect();
    }

    /// Aborted tasks never run again, so no connection is accepted behind this.
    fn stop_accepting(&mut self) {
        for task in self.accepting.drain(..) {
            task.abort();
        }
    }

    /// Lets every idle connection see the gate, in pieces: serving goes on in between, and no more
    /// leave than the receiver keeps up with.
    async fn wake_all(&self) {
        self.thread.gate.wake_urgent();
        tokio::task::yield_now().await;
        let progress = &self.setup.progress;
        let mut from = Some(0);
        while let Some(start) = from {
            while progress.outstanding() > OUTSTANDING_MAX {
                // Bounded: a receiver that stops acknowledging is replaced by the supervisor.
                let changed = progress.changed.notified();
                drop(tokio::time::timeout(super::control::HANDOVER_STALL, changed).await);
                if self.thread.gate.mode() == Mode::Open {
                    return;
                }
            }
            from = self.thread.gate.wake(start, PIECE);
            tokio::task::yield_now().await;
        }
        // Those that were woken last leave now.
        tokio::task::yield_now().await;
    }

    /// Accepts one connection of the control loop's, as if a client had come.
    fn probe(&self, listener: std::net::TcpListener) {
        let thread = Rc::clone(&self.thread);
        drop(tokio::task::spawn_local(async move {
            let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
            let Ok((stream, peer)) = listener.accept().await else { return };
            let peer = Peer { socket: peer, asserted: peer.ip(), local: peer };
            thread.welcome(stream, peer, OWN_PROBE);
        }));
    }

    fn figures(&self) -> Figures {
        let failing = self.listeners.iter().map(Listener::cannot_accept_for);
        // With many clients it is the load, and no other worker would do better.
        let explained = self.setup.census.has_many();
        let cannot_accept = failing.max().filter(|_| !explained).unwrap_or_default();
        Figures {
            cannot_accept,
            connections: self.thread.gate.connections(),
            busy: self.thread.gate.busy() + self.thread.state.background.running(),
            background: self.thread.state.background.running(),
            requests: self.thread.requests.get(),
            cut: self.thread.cut.get(),
        }
    }
}
