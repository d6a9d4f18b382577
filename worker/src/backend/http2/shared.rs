//! The connections of one host that wants HTTP/2; each serving thread has its own.
//!
//! A request goes to the first connection that has room for it, so that few are open. Where none has, one is made, and all
//! who wait then wait for that one: it serves many. A host that does not take the offer of HTTP/2 (ALPN) is spoken to as
//! all others are.

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout_at};

use super::mux::{Mux, Place};
use crate::backend::call_error::CallError;
use crate::backend::dial::{Dialed, Dialer};
use crate::backend::link::Link;
use crate::backend::via::Proxy;
use crate::plan::Host;

/// How long a connection may take to come about, whoever still waits for it.
const MAKE_TIME_MAX: Duration = Duration::from_secs(10);

/// What a request is sent by.
#[derive(Debug)]
pub(crate) enum Connection {
    Http1(Box<Link>),
    Http2(Place),
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    open: RefCell<Vec<Rc<Mux>>>,
    /// How many connections were asked for; the last may still be in the making.
    asked: Cell<u64>,
    is_asked: Cell<bool>,
    /// Why the one of that number did not come about.
    failed: RefCell<Option<(u64, Arc<CallError>)>>,
    /// The host has turned HTTP/2 down.
    declines: Cell<bool>,
    /// By the connection on which it did so.
    declined: RefCell<Option<Box<Link>>>,
    /// Told of each connection that is made or not, and of room on one.
    news: Rc<Notify>,
}

/// Whom connections lead to, and how they are made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way<'a> {
    pub(crate) dialer: &'a Rc<Dialer>,
    pub(crate) host: &'a Host,
    pub(crate) via: Option<&'a Proxy>,
}

impl From<Dialed> for Connection {
    fn from(dialed: Dialed) -> Self {
        match dialed {
            Dialed::Http1(link) => Self::Http1(link),
            Dialed::Http2(mux) => Self::Http2(mux.enter()),
        }
    }
}

impl Connection {
    /// Whether the backend may have closed it while nobody used it.
    pub(crate) fn is_reused(&self) -> bool {
        match self {
            Self::Http1(link) => link.reused,
            Self::Http2(place) => place.is_reused(),
        }
    }
}

impl Shared {
    /// Room for a request, at most until `deadline`.
    pub(crate) async fn connection(
        self: &Rc<Self>,
        way: Way<'_>,
        deadline: Instant,
    ) -> Result<Connection, CallError> {
        loop {
            if let Some(place) = self.enter() {
                return Ok(Connection::Http2(place));
            }
            if self.declines.get() {
                let declined = self.declined.borrow_mut().take();
                return match declined {
                    Some(link) => Ok(Connection::Http1(link)),
                    None => Ok(self.take(way.dial(&self.news, deadline).await?)),
                };
            }
            let mut news = pin!(self.news.notified());
            news.as_mut().enable();
            let number = self.ask(way);
            if timeout_at(deadline, news).await.is_err() {
                return Err(CallError::Late);
            }
            self.check(number)?;
        }
    }

    /// Room on a connection that is open.
    fn enter(&self) -> Option<Place> {
        let mut open = self.open.borrow_mut();
        open.retain(|mux| mux.is_open());
        open.iter().find(|mux| mux.has_room()).map(Mux::enter)
    }

    fn take(&self, dialed: Dialed) -> Connection {
        if let Dialed::Http2(mux) = &dialed {
            self.declines.set(false);
            self.open.borrow_mut().push(Rc::clone(mux));
        }
        dialed.into()
    }

    /// Has a connection made, unless one is; its number.
    fn ask(self: &Rc<Self>, way: Way<'_>) -> u64 {
        if self.is_asked.replace(true) {
            return self.asked.get();
        }
        let number = self.asked.get() + 1;
        self.asked.set(number);
        let (shared, dialer) = (Rc::clone(self), Rc::clone(way.dialer));
        let (host, via) = (way.host.clone(), way.via.cloned());
        // Whoever asked may leave: others wait for it.
        drop(spawn_local(async move {
            let way = Way { dialer: &dialer, host: &host, via: via.as_ref() };
            let deadline = Instant::now() + MAKE_TIME_MAX;
            match way.dial(&shared.news, deadline).await {
                Ok(Dialed::Http2(mux)) => shared.open.borrow_mut().push(mux),
                Ok(Dialed::Http1(link)) => {
                    shared.declines.set(true);
                    *shared.declined.borrow_mut() = Some(link);
                },
                Err(error) => *shared.failed.borrow_mut() = Some((number, Arc::new(error))),
            }
            shared.is_asked.set(false);
            shared.news.notify_waiters();
        }));
        number
    }

    /// Fails if the connection of that number did.
    fn check(&self, number: u64) -> Result<(), CallError> {
        match &*self.failed.borrow() {
            Some((failed, error)) if *failed == number => Err(match **error {
                CallError::Late => CallError::Late,
                _ => CallError::Same(Arc::clone(error)),
            }),
            Some(_) | None => Ok(()),
        }
    }

    /// Closes what has been idle for so long; how many connections are left.
    pub(crate) fn sweep(&self, idle_time_max: Option<Duration>) -> usize {
        let is_young = |since: Instant| idle_time_max.is_none_or(|most| since.elapsed() < most);
        let mut open = self.open.borrow_mut();
        open.retain(|mux| mux.is_open() && mux.idle_since().is_none_or(is_young));
        open.len()
    }
}

impl Way<'_> {
    pub(crate) async fn dial(
        self,
        news: &Rc<Notify>,
        deadline: Instant,
    ) -> Result<Dialed, CallError> {
        self.dialer.dial_as_wanted(self.host, self.via, news, deadline).await
    }
}
