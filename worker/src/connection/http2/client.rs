//! What the streams of one client share, and one stream: a request in, its answer out.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::RecvStream;
use h2::server::SendResponse;
use http::{Method, StatusCode};

use super::head;
use super::io::Line;
use super::link::Links;
use super::response::{Sent, Way};
use super::upload::StreamBody;
use crate::connection::facts::Facts;
use crate::connection::http1::framing::{self, Framing};
use crate::connection::thread::{OWN_PROBE, Thread};
use crate::message::{Head, Request, RequestBody, Response};
use crate::respond::gzip;
use crate::serve::serve;

/// A request of the protocol's, and where its answer goes.
pub(super) type Asked = (http::Request<RecvStream>, SendResponse<Bytes>);

/// One client's connection, as its streams see it.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) thread: Rc<Thread>,
    pub(super) line: Rc<Line>,
    pub(super) facts: Facts,
    pub(super) links: Links,
    active: Cell<usize>,
    /// The connection's own task.
    driver: RefCell<Option<Waker>>,
}

/// Where a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Here,
    /// By the worker that serves now.
    There,
}

/// A stream that is being answered.
struct Active(Rc<Client>);

impl Drop for Active {
    fn drop(&mut self) {
        let left = self.0.active.get() - 1;
        self.0.active.set(left);
        if left == 0
            && let Some(driver) = self.0.driver.take()
        {
            driver.wake();
        }
    }
}

impl Client {
    pub(super) fn new(thread: Rc<Thread>, line: Rc<Line>, facts: Facts) -> Rc<Self> {
        let (active, driver) = (Cell::new(0), RefCell::new(None));
        Rc::new(Self { thread, line, facts, links: Links::default(), active, driver })
    }

    /// Streams that are being answered.
    pub(super) const fn active(&self) -> usize {
        self.active.get()
    }

    /// The task is woken when the last stream has ended.
    pub(super) fn await_the_last(&self, context: &Context<'_>) {
        if self.active.get() > 0 {
            self.driver.replace(Some(context.waker().clone()));
        }
    }

    /// Answers a stream in a task of its own.
    pub(super) fn answer(self: &Rc<Self>, asked: Asked, place: Place) {
        self.active.set(self.active.get() + 1);
        let active = Active(Rc::clone(self));
        drop(tokio::task::spawn_local(async move {
            let client = &*active.0;
            if client.exchange(asked, place).await == Sent::Cut {
                client.thread.cut.set(client.thread.cut.get() + 1);
            }
        }));
    }

    async fn exchange(&self, (request, mut respond): Asked, place: Place) -> Sent {
        let (parts, stream) = request.into_parts();
        let limits = &self.thread.limits;
        let taken = head::build(&parts, limits.head()).and_then(|head| {
            framing::intent(&head, limits.body_bytes).map(|intent| (head, intent))
        });
        drop(parts);
        let (head, intent) = match taken {
            Ok(taken) => taken,
            Err(refusal) => {
                let heard = Rc::new(Cell::new(stream.is_end_stream()));
                self.line.meter.borrow_mut().refused();
                return Way { client: self, respond, heard, earns: false }.refuse(refusal).await;
            },
        };
        let length = match intent.framing {
            Framing::Length(bytes) => Some(bytes),
            Framing::None | Framing::Chunked => None,
        };
        let heard = Rc::new(Cell::new(stream.is_end_stream()));
        let body = if heard.get() {
            RequestBody::Empty
        } else {
            if head.field("expect").is_some_and(|value| !value.is_empty()) {
                invite(&mut respond);
            }
            let told = (Rc::clone(&self.line), Rc::clone(&heard));
            RequestBody::Stream(Box::new(StreamBody::new(stream, length, told, limits)))
        };
        let mut way = Way { client: self, respond, heard, earns: true };
        let sent = match place {
            Place::Here => self.serve(head, body, &mut way).await,
            Place::There => self.pass_on(&head, length, body, &mut way).await,
        };
        if sent == Sent::Whole {
            self.line.meter.borrow_mut().exchange_ended();
        }
        sent
    }

    async fn serve(&self, head: Head, body: RequestBody, way: &mut Way<'_>) -> Sent {
        let thread = &self.thread;
        let head_only = head.method == Method::HEAD;
        let is_client = self.facts.listener != OWN_PROBE;
        let log = thread.access.as_ref().filter(|_| is_client).and_then(|log| log.begin(&head));
        let mut request = Request::new(head, body, self.facts.peer);
        request.tls.clone_from(&self.facts.tls);
        let Some(mut response) = self.ask(&mut request, &mut way.respond).await else {
            return Sent::Cut;
        };
        if thread.state.plan.packs {
            response = gzip::pack(&request.head, response);
        }
        let status = response.status;
        let sent = way.send(head_only, response).await;
        thread.requests.set(thread.requests.get() + u64::from(is_client));
        if let (Some(access), Some(entry), false) = (&thread.access, log, request.unlogged.get()) {
            access.end(&entry, thread.state.client_of(&request), status);
        }
        sent
    }

    /// The answer of `serve`; `None` when the client does not want it any more. A panic is a 500, as in
    /// KrakenD.
    async fn ask(
        &self,
        request: &mut Request,
        respond: &mut SendResponse<Bytes>,
    ) -> Option<Response> {
        let mut serving = pin!(serve(&self.thread.state, request));
        poll_fn(|context| {
            // First: most streams that are reset are so before they are looked at.
            if respond.poll_reset(context).is_ready() {
                return Poll::Ready(None);
            }
            match catch_unwind(AssertUnwindSafe(|| serving.as_mut().poll(context))) {
                Ok(served) => served.map(Some),
                Err(_panic) => {
                    let failed = StatusCode::INTERNAL_SERVER_ERROR;
                    Poll::Ready(Some(Response::new(failed, Bytes::new())))
                },
            }
        })
        .await
    }
}

/// `100 Continue`. A client that does not hear it sends its body anyway.
fn invite(respond: &mut SendResponse<Bytes>) {
    let mut response = http::Response::new(());
    *response.status_mut() = StatusCode::CONTINUE;
    drop(respond.send_informational(response));
}
