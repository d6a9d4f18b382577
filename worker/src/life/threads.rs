//! The serving threads: one current-thread runtime each, told what to do by the control loop.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::words::ListenerId;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::serving;
use crate::connection::census::Census;
use crate::connection::thread::Moving;
use crate::handover::give::Progress;
use crate::handover::take::Arrivals;
use crate::plan::Plan;

/// What the control loop tells a serving thread.
#[derive(Debug)]
pub(crate) enum Order {
    /// A listening socket of yours; accept when told.
    Listen { id: ListenerId, address: SocketAddr, socket: OwnedFd },
    /// Accept on all listeners.
    Accept,
    /// Accept no more and begin no request.
    StopAccept,
    /// Undo `StopAccept`.
    Resume,
    /// Give idle connections away; busy ones follow after their response.
    Give,
    /// A connection that comes from another worker, or back.
    Adopt(Moving),
    /// Close idle connections, busy ones after their response.
    End,
    /// Serve one connection of the loopback that the probe makes.
    Probe(std::net::TcpListener),
    /// Tell your figures.
    Ping { nonce: u64 },
}

/// What a serving thread tells the control loop.
#[derive(Debug)]
pub(crate) enum Told {
    /// It runs.
    Ready,
    /// It could not start or go on.
    Failed(io::Error),
    /// It accepts on every listener.
    Accepting,
    /// It does not accept, its gate is shut.
    Stopped,
    /// Every connection that was idle has left.
    Gave { busy: usize },
    /// The answer to `Ping`.
    Pong { nonce: u64, figures: Figures },
    /// The last connection has ended or left.
    Empty,
}

/// A thread's figures.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) connections: usize,
    /// Requests in flight, and what runs in the background.
    pub(crate) busy: usize,
    /// What no client waits for.
    pub(crate) background: usize,
    pub(crate) requests: u64,
    pub(crate) cut: u64,
    /// For how long one of its listeners has been out of descriptors.
    pub(crate) cannot_accept: Duration,
}

impl Figures {
    /// Nothing is left to be done for anybody.
    pub(crate) const fn is_done(self) -> bool {
        self.connections == 0 && self.background == 0
    }

    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            connections: self.connections + other.connections,
            busy: self.busy + other.busy,
            background: self.background + other.background,
            requests: self.requests + other.requests,
            cut: self.cut + other.cut,
            cannot_accept: self.cannot_accept.max(other.cannot_accept),
        }
    }
}

/// What a serving thread is made with.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) plan: Arc<Plan>,
    pub(crate) leaving: UnboundedSender<Moving>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) census: Arc<Census>,
    pub(crate) arrivals: Arc<Arrivals>,
}

/// All serving threads, seen from the control loop.
#[derive(Debug)]
pub(crate) struct Threads {
    orders: Vec<UnboundedSender<Order>>,
    next: usize,
    arrivals: Arc<Arrivals>,
}

impl Threads {
    /// Starts `count` threads; each answers `Ready` or `Failed`.
    pub(crate) fn start(
        count: usize,
        setup: &Setup,
    ) -> io::Result<(Self, UnboundedReceiver<Told>)> {
        let (tell, told) = unbounded_channel();
        let mut orders = Vec::with_capacity(count);
        for index in 0..count {
            let (order, inbox) = unbounded_channel();
            let (setup, tell) = (setup.clone(), tell.clone());
            // Detached: a thread ends with the process.
            drop(
                std::thread::Builder::new()
                    .name(format!("serve-{index}"))
                    .spawn(move || serving::run(&setup, inbox, &tell))?,
            );
            orders.push(order);
        }
        Ok((Self { orders, next: 0, arrivals: Arc::clone(&setup.arrivals) }, told))
    }

    pub(crate) fn count(&self) -> usize {
        self.orders.len()
    }

    /// Tells every thread. A thread that has ended has said `Failed` already.
    pub(crate) fn tell_all(&self, order: impl Fn() -> Order) {
        for thread in &self.orders {
            drop(thread.send(order()));
        }
    }

    /// Tells the next thread in turn: listeners and connections are dealt out evenly.
    pub(crate) fn deal(&mut self, order: Order) {
        if let Some(thread) = self.orders.get(self.next % self.orders.len().max(1)) {
            drop(thread.send(order));
        }
        self.next = self.next.wrapping_add(1);
    }

    /// Connections on their way to a thread.
    pub(crate) fn arrivals(&self) -> Arc<Arrivals> {
        Arc::clone(&self.arrivals)
    }

    /// A handle that deals connections out from elsewhere on the control thread.
    pub(crate) fn dealer(&self) -> impl FnMut(Moving) + use<> {
        let (orders, arrivals) = (self.orders.clone(), Arc::clone(&self.arrivals));
        let mut next = 0_usize;
        move |moving| {
            arrivals.one_comes();
            if let Some(thread) = orders.get(next % orders.len().max(1)) {
                drop(thread.send(Order::Adopt(moving)));
            }
            next = next.wrapping_add(1);
        }
    }
}
