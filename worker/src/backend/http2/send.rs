//! One exchange on a stream: the request, and the head of its answer.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, StatusCode, response};
use http_body::Body as _;
use tokio::task::spawn_local;
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::{Stream, Task};
use super::mux::Place;
use super::upload::Stopped;
use super::{Upload, head};
use crate::backend::exchange::{Lost, Outbound};
use crate::backend::expect::Word;
use crate::backend::failure::CallError;
use crate::backend::outgoing::Outgoing;

/// Interim answers in front of one answer.
const INTERIM_MAX: u32 = 32;

/// Takes `request` out of its place, sends it and waits for the head of its answer, at most until `deadline`. `waits`:
/// what is told when the backend asks for the body.
pub(crate) async fn send(
    place: Place,
    request: &mut Option<Outbound>,
    waits: Option<&Word>,
    deadline: Instant,
) -> Result<(response::Parts, Box<Stream>), Lost> {
    let mux = &place.mux;
    let Some((head, body)) = request.take().map(http::Request::into_parts) else {
        return Err(Lost::Unsent);
    };
    let asked =
        head::of(&head, &mux.origin).map_err(|error| Lost::Broken { error, answered: false })?;
    let Ok((answer, stream)) = mux.sender().send_request(asked, body.is_end_stream()) else {
        mux.retire();
        *request = Some(http::Request::from_parts(head, body));
        return Err(Lost::Unsent);
    };
    let body = match body.is_end_stream() {
        true => Sending::Nothing(body),
        false => Sending::Body(Box::new(Upload::new(stream, body, announced(&head.headers)))),
    };
    let heard_bytes = mux.heard.bytes();
    let timer = Box::pin(sleep_until(deadline));
    let mut exchange = Exchange { answer, body, is_sent: false, interim: 0, timer };
    match poll_fn(|context| exchange.poll(waits, context)).await {
        Ok(answer) => Ok(exchange.answered(answer, place)),
        Err(Fault::Late) => {
            if mux.heard.bytes() == heard_bytes {
                // Perhaps nobody is there any more: the next ones need not find out.
                mux.retire();
            }
            Err(Lost::Late)
        },
        Err(Fault::Told(error)) => Err(exchange.broken(error)),
        Err(Fault::Stream(error)) => {
            let told = CallError::of_http2(&error, exchange.answer.stream_id().as_u32());
            if !is_unseen(&error) {
                return Err(exchange.broken(told));
            }
            mux.retire();
            *request = exchange.back().map(|body| http::Request::from_parts(head, body));
            Err(Lost::Unseen { error: told })
        },
    }
}

/// Whether the backend says that it has not looked at the request (RFC 9113 §8.7): its stream was refused, or came behind
/// the last one of a GOAWAY.
fn is_unseen(error: &h2::Error) -> bool {
    error.is_remote() && (error.is_go_away() || error.reason() == Some(Reason::REFUSED_STREAM))
}

/// Trailers that pass: the plan of the request's fields has left those in `Trailer`.
fn announced(headers: &HeaderMap) -> Box<[HeaderName]> {
    let lines = headers.get_all(TRAILER).into_iter();
    let names = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    names.filter_map(|name| HeaderName::from_bytes(name.trim_ascii()).ok()).collect()
}

/// A request on its way, and the wait for its answer.
#[derive(Debug)]
struct Exchange {
    answer: ResponseFuture,
    body: Sending,
    is_sent: bool,
    interim: u32,
    timer: Pin<Box<Sleep>>,
}

#[derive(Debug)]
enum Sending {
    /// The head was all.
    Nothing(Outgoing),
    Body(Box<Upload>),
}

/// Why there is no answer.
#[derive(Debug)]
enum Fault {
    Late,
    Told(CallError),
    Stream(h2::Error),
}

impl Exchange {
    fn poll(
        &mut self,
        waits: Option<&Word>,
        context: &mut Context<'_>,
    ) -> Poll<Result<http::Response<RecvStream>, Fault>> {
        while let Poll::Ready(Some(Ok(interim))) = self.answer.poll_informational(context) {
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return Poll::Ready(Err(Fault::Told(CallError::HeadTooLarge)));
            }
            if let (StatusCode::CONTINUE, Some(waits)) = (interim.status(), waits) {
                waits.invited();
            }
        }
        if let (Sending::Body(upload), false) = (&mut self.body, self.is_sent)
            && let Poll::Ready(ended) = upload.poll(context)
        {
            self.is_sent = true;
            if let Err(Stopped::Client(error)) = ended {
                return Poll::Ready(Err(Fault::Told(CallError::Upload(error))));
            }
        }
        if let Poll::Ready(answer) = Pin::new(&mut self.answer).poll(context) {
            return Poll::Ready(answer.map_err(Fault::Stream));
        }
        self.timer.as_mut().poll(context).map(|()| Err(Fault::Late))
    }

    /// From here on the rest of the request goes its own way: whoever passes the answer on may have to wait for a client
    /// that reads nothing before it has sent everything.
    fn answered(
        self,
        answer: http::Response<RecvStream>,
        place: Place,
    ) -> (response::Parts, Box<Stream>) {
        let (head, body) = answer.into_parts();
        let task = match self.body {
            Sending::Body(mut upload) if !self.is_sent => {
                upload.keep_no_more();
                let going_on = async move { poll_fn(|context| upload.poll(context)).await };
                Some(Task(spawn_local(going_on).abort_handle()))
            },
            Sending::Body(_) | Sending::Nothing(_) => None,
        };
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        (head, Box::new(Stream::new(body, length, self.timer, task, place)))
    }

    fn broken(&self, error: CallError) -> Lost {
        Lost::Broken { error, answered: self.interim > 0 }
    }

    /// The body from its beginning, if it is still here.
    fn back(self) -> Option<Outgoing> {
        match self.body {
            Sending::Nothing(body) => Some(body),
            Sending::Body(upload) => upload.back(),
        }
    }
}
