//! One connection that speaks HTTP/2.
//!
//! A task of its own drives it, since several exchanges wait for it at once. It takes streams as long as it is in the
//! list of its host; who has a stream keeps it, and when the last has gone it says goodbye and closes.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};
use tokio::sync::{Notify, oneshot};
use tokio::task::spawn_local;
use tokio::time::{Instant, timeout, timeout_at};

use super::head::Origin;
use super::line::{Begun, Heard, Listener};
use super::parting::{Attended, Parting};
use crate::backend::call_error::CallError;
use crate::backend::stream::Stream;
use crate::backend::tap::Tap;
use crate::plan::Host;

/// Streams at once, where the backend does not want fewer.
const STREAMS_MAX: u16 = 100;
/// What of one answer is held for a client that does not take it.
const STREAM_WINDOW_BYTES: u32 = 64 << 10;
/// All streams may have that at once: a client that takes nothing holds up no other.
const WINDOW_BYTES: u32 = STREAM_WINDOW_BYTES * STREAMS_MAX as u32;
/// What of one request is held until the backend has room for it.
const UNSENT_BYTES_MAX: usize = 64 << 10;
/// A backend that knows the protocol says so at once.
const BEGIN_TIME_MAX: Duration = Duration::from_secs(10);
/// How long a connection that nobody needs may take for its goodbye.
const GOODBYE_TIME_MAX: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Debug)]
pub(crate) struct Mux {
    pub(super) origin: Origin,
    sender: RefCell<SendRequest<Bytes>>,
    pub(super) heard: Rc<Heard>,
    active: Cell<usize>,
    /// It takes no more streams.
    retired: Cell<bool>,
    /// Whether an exchange was completed here.
    used: Cell<bool>,
    idle_since: Cell<Instant>,
    /// Told of room for a stream.
    news: Rc<Notify>,
    /// Of what was begun and nobody wants any more.
    pub(super) parting: Rc<Parting>,
    /// Closed when nobody needs it any more.
    _needed: oneshot::Sender<()>,
}

/// Room for one exchange.
#[derive(Debug)]
pub(crate) struct Place {
    pub(super) mux: Rc<Mux>,
}

impl Mux {
    /// Speaks HTTP/2 on `stream` if the backend does, which it says before anything is asked of it.
    pub(crate) async fn meet(
        stream: Stream,
        host: &Host,
        news: Rc<Notify>,
        (head_bytes_max, deadline): (u32, Instant),
    ) -> Result<Rc<Self>, CallError> {
        let origin = Origin::of(host)?;
        let heard = Rc::new(Heard::default());
        let line = Tap::new(stream, Listener::new(Rc::clone(&heard)));
        let stop = deadline.min(Instant::now() + BEGIN_TIME_MAX);
        let met = match timeout_at(stop, begin(line, &heard, head_bytes_max)).await {
            Ok(met) => met,
            Err(_late) if stop < deadline => return Err(CallError::Http2Late),
            Err(_late) => return Err(CallError::Late),
        };
        let (sender, connection) = met.map_err(|error| match heard.begun() {
            Some(Begun::Otherwise) => CallError::NotHttp2,
            Some(Begun::Http2) | None => CallError::of_http2(&error, 0),
        })?;
        let (needed, needless) = oneshot::channel();
        let parting = Rc::new(Parting::new());
        drop(spawn_local(drive(connection, needless, Attended(Rc::clone(&parting)))));
        let met = Rc::new(Self {
            origin,
            sender: RefCell::new(sender),
            heard,
            active: Cell::new(0),
            retired: Cell::new(false),
            used: Cell::new(false),
            idle_since: Cell::new(Instant::now()),
            news,
            parting,
            _needed: needed,
        });
        // One that has ended already serves nobody: who waits for it is told, and does not come again at once.
        if met.is_open() { Ok(met) } else { Err(CallError::Closed) }
    }

    /// Whether it takes another stream, now or when one has ended: the backend has not said goodbye.
    pub(super) fn is_open(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        let ready = self.sender.borrow_mut().poll_ready(&mut context);
        !self.retired.get() && !matches!(ready, Poll::Ready(Err(_)))
    }

    pub(super) fn has_room(&self) -> bool {
        let theirs = self.sender.borrow().current_max_send_streams();
        // A backend that wants none at first gets one, which waits.
        self.active.get() < theirs.clamp(1, usize::from(STREAMS_MAX))
    }

    /// Begins an exchange.
    pub(super) fn enter(self: &Rc<Self>) -> Place {
        self.active.set(self.active.get() + 1);
        Place { mux: Rc::clone(self) }
    }

    /// Since when nothing happens on it.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        (self.active.get() == 0).then(|| self.idle_since.get())
    }

    /// What it has goes on, and nothing new begins.
    pub(super) fn retire(&self) {
        self.retired.set(true);
    }

    pub(super) fn sender(&self) -> SendRequest<Bytes> {
        self.sender.borrow().clone()
    }
}

impl Place {
    /// Whether the backend may have closed the connection while nobody used it.
    pub(crate) fn is_reused(&self) -> bool {
        self.mux.used.get()
    }

    /// The exchange is complete.
    pub(super) fn complete(&self) {
        self.mux.used.set(true);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mux = &self.mux;
        mux.active.set(mux.active.get() - 1);
        if mux.active.get() == 0 {
            mux.idle_since.set(Instant::now());
        }
        mux.news.notify_one();
    }
}

type Line = Tap<Listener>;
type Met = (SendRequest<Bytes>, Connection<Line, Bytes>);

/// Says who we are and waits until the backend has.
async fn begin(line: Line, heard: &Heard, head_bytes_max: u32) -> Result<Met, h2::Error> {
    let (sender, mut connection) = Builder::new()
        .enable_push(false)
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_header_list_size(head_bytes_max)
        .max_send_buffer_size(UNSENT_BYTES_MAX)
        .handshake(line)
        .await?;
    poll_fn(|context| match std::pin::Pin::new(&mut connection).poll(context) {
        Poll::Ready(ended) => Poll::Ready(ended),
        Poll::Pending if heard.begun().is_some() => Poll::Ready(Ok(())),
        Poll::Pending => Poll::Pending,
    })
    .await?;
    Ok((sender, connection))
}

/// Until it has ended; not for long any more when nobody needs it.
async fn drive(
    mut connection: Connection<Line, Bytes>,
    needless: oneshot::Receiver<()>,
    attended: Attended,
) {
    tokio::select! {
        biased;
        _how = &mut connection => return,
        () = attended.0.attend() => {},
        _nobody = needless => {},
    }
    drop(timeout(GOODBYE_TIME_MAX, connection).await);
}
