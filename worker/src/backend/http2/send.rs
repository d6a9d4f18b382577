//! One exchange on a stream: the request, and the head of its answer.

use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use h2::client::ResponseFuture;
use h2::{Reason, RecvStream};
use http::header::{CONTENT_LENGTH, TRAILER};
use http::{HeaderMap, HeaderName, StatusCode, request, response};
use http_body::Body as _;
use tokio::time::{Instant, Sleep, sleep_until};

use super::body::{Answering, Stream};
use super::mux::Place;
use super::parting::Begun;
use super::upload::Stopped;
use super::{Upload, head};
use crate::backend::call_error::CallError;
use crate::backend::exchange::{Lost, Outbound};
use crate::backend::expect::Word;
use crate::backend::link::Task;
use crate::backend::outgoing::Outgoing;
use crate::message::RequestBody;

/// Interim answers in front of one answer.
const INTERIM_MAX: u32 = 32;

/// Takes `request` out of its place, sends it and waits for the head of its answer, at most until `deadline`. `waits`:
/// what is told when the backend asks for the body.
pub(crate) async fn send(
    place: Place,
    request: &mut Option<Outbound>,
    waits: Option<&Word>,
    deadline: Instant,
) -> Result<(response::Parts, Stream), Lost> {
    let (mux, mut timer) = (Rc::clone(&place.mux), Box::pin(sleep_until(deadline)));
    let (head, mut wanted) = begin(place, request)?;
    let heard_bytes = mux.heard.bytes();
    match poll_fn(|context| wanted.poll(waits, timer.as_mut(), context)).await {
        Ok(answer) => {
            let asking = wanted.take().ok_or_else(|| lost(CallError::Closed))?;
            let (head, answering) = asking.answered(answer);
            Ok((head, Stream::new(Box::new(answering), timer)))
        },
        Err(Fault::Late) => {
            if mux.heard.bytes() == heard_bytes {
                // Perhaps nobody is there any more: the next ones need not find out.
                mux.retire();
            }
            Err(Lost::Late)
        },
        Err(Fault::Told { error, answered }) => Err(Lost::Broken { error, answered }),
        Err(Fault::Stream(error)) => {
            let asking = wanted.take().ok_or_else(|| lost(CallError::Closed))?;
            let told = CallError::of_http2(&error, asking.answer.stream_id().as_u32());
            if !is_unseen(&error) {
                return Err(Lost::Broken { error: told, answered: asking.interim > 0 });
            }
            mux.retire();
            *request = asking.back().map(|body| http::Request::from_parts(head, body));
            Err(Lost::Unseen { error: told })
        },
    }
}

/// Opens a stream for `request` and takes it out of its place; where that cannot be, it stays there.
fn begin(place: Place, request: &mut Option<Outbound>) -> Result<(request::Parts, Wanted), Lost> {
    let mux = Rc::clone(&place.mux);
    let taken = request.take().ok_or_else(|| lost(CallError::Closed))?;
    let (head, body) = taken.into_parts();
    let asked = head::of(&head, &mux.origin).map_err(lost)?;
    let is_sent = body.is_end_stream();
    let Ok((answer, stream)) = mux.sender().send_request(asked, is_sent) else {
        mux.retire();
        *request = Some(http::Request::from_parts(head, body));
        return Err(Lost::Unseen { error: CallError::Closed });
    };
    let body = match is_sent {
        true => Sending::Nothing(body),
        false => Sending::Body(Box::new(Upload::new(stream, body, announced(&head.headers)))),
    };
    let asking = Asking { answer, body, is_sent, interim: 0, place };
    Ok((head, Wanted(Some(Box::new(asking)))))
}

const fn lost(error: CallError) -> Lost {
    Lost::Broken { error, answered: false }
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
pub(super) struct Asking {
    answer: ResponseFuture,
    body: Sending,
    is_sent: bool,
    interim: u32,
    place: Place,
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
    Told { error: CallError, answered: bool },
    Stream(h2::Error),
}

/// As long as somebody wants the answer.
struct Wanted(Option<Box<Asking>>);

impl Wanted {
    const fn take(&mut self) -> Option<Box<Asking>> {
        self.0.take()
    }

    fn poll(
        &mut self,
        waits: Option<&Word>,
        timer: Pin<&mut Sleep>,
        context: &mut Context<'_>,
    ) -> Poll<Result<http::Response<RecvStream>, Fault>> {
        let Some(asking) = &mut self.0 else { return Poll::Pending };
        match asking.poll(waits, context) {
            Poll::Pending => timer.poll(context).map(|()| Err(Fault::Late)),
            Poll::Ready(answered) => Poll::Ready(answered),
        }
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        if let Some(mut asking) = self.take() {
            // What the client sent is its connection's.
            asking.body = Sending::Nothing(RequestBody::Empty.into());
            let mux = Rc::clone(&asking.place.mux);
            mux.parting.leave(Begun::Asked(asking));
        }
    }
}

impl Asking {
    fn poll(
        &mut self,
        waits: Option<&Word>,
        context: &mut Context<'_>,
    ) -> Poll<Result<http::Response<RecvStream>, Fault>> {
        while let Poll::Ready(Some(Ok(interim))) = self.answer.poll_informational(context) {
            self.interim += 1;
            if self.interim > INTERIM_MAX {
                return Poll::Ready(Err(self.told(CallError::HeadTooLarge)));
            }
            if let (StatusCode::CONTINUE, Some(waits)) = (interim.status(), waits) {
                waits.invited();
            }
        }
        if let (Sending::Body(upload), false) = (&mut self.body, self.is_sent)
            && let Poll::Ready(ended) = upload.poll(context)
        {
            match ended {
                Err(Stopped::Client(error)) => {
                    return Poll::Ready(Err(self.told(CallError::Upload(error))));
                },
                // A backend that wants no more says why by its answer, or by the end of the stream.
                Ok(()) | Err(Stopped::Backend) => self.is_sent = true,
            }
        }
        Pin::new(&mut self.answer).poll(context).map_err(Fault::Stream)
    }

    const fn told(&self, error: CallError) -> Fault {
        Fault::Told { error, answered: self.interim > 0 }
    }

    /// From here on the rest of the request goes its own way: whoever passes the answer on may have to wait for a client
    /// that reads nothing before it has sent everything.
    fn answered(self, answer: http::Response<RecvStream>) -> (response::Parts, Answering) {
        let (head, body) = answer.into_parts();
        let task = match self.body {
            Sending::Body(upload) if !self.is_sent => Some(Task::spawn(upload.go_on())),
            Sending::Body(_) | Sending::Nothing(_) => None,
        };
        let length = head.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|value| value.to_str().ok()?.parse().ok());
        (head, Answering::new(body, length, task, self.place))
    }

    /// The body from its beginning, if it is still here.
    fn back(self) -> Option<Outgoing> {
        match self.body {
            Sending::Nothing(body) => Some(body),
            Sending::Body(upload) => upload.back(),
        }
    }

    /// Waits for an answer that nobody wants. To a request that is not whole there may be none.
    pub(super) async fn finish(mut self: Box<Self>) -> Option<Box<Answering>> {
        if !self.is_sent {
            pending::<()>().await;
        }
        let answer = (&mut self.answer).await.ok()?;
        Some(Box::new(self.answered(answer).1))
    }
}
