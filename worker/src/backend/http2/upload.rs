//! A request's body on a stream: as the backend has room for it.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use h2::{Reason, SendStream};
use http::{HeaderMap, HeaderName};
use http_body::{Body as _, Frame};

use crate::backend::outgoing::Outgoing;
use crate::message::UploadError;

/// What is kept of a body in case that the backend does not look at it.
const KEPT_BYTES_MAX: usize = 64 << 10;

/// See the module.
#[derive(Debug)]
pub(super) struct Upload {
    stream: SendStream<Bytes>,
    body: Outgoing,
    /// Trailers that may pass.
    trailers: Box<[HeaderName]>,
    /// Read, and not sent yet.
    left: Bytes,
    /// What was read so far; none: too much, or nobody needs it.
    kept: Option<VecDeque<Bytes>>,
    kept_bytes: usize,
}

/// How it ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The client broke off.
    Client(UploadError),
    /// The backend does not want more; the stream says why.
    Backend,
}

impl Upload {
    pub(super) fn new(
        stream: SendStream<Bytes>,
        body: Outgoing,
        trailers: Box<[HeaderName]>,
    ) -> Self {
        let kept = Some(VecDeque::new());
        Self { stream, body, trailers, left: Bytes::new(), kept, kept_bytes: 0 }
    }

    /// Sends what can be sent now.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Stopped>> {
        loop {
            if !self.left.is_empty() {
                match self.poll_send(context) {
                    Poll::Ready(Ok(Sent::Some)) => continue,
                    Poll::Ready(Ok(Sent::Last)) => return Poll::Ready(Ok(())),
                    Poll::Ready(Err(stopped)) => return Poll::Ready(Err(stopped)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            let sent = match Pin::new(&mut self.body).poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    match frame.into_data().map_err(Frame::into_trailers) {
                        Ok(data) => {
                            self.keep(&data);
                            self.left = data;
                            continue;
                        },
                        Err(Ok(trailers)) => self.stream.send_trailers(self.passing(trailers)),
                        Err(Err(_other)) => continue,
                    }
                },
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(Err(Stopped::Client(error)));
                },
                Poll::Ready(None) => self.stream.send_data(Bytes::new(), true),
                Poll::Pending if self.stream.poll_reset(context).is_ready() => {
                    return Poll::Ready(Err(Stopped::Backend));
                },
                Poll::Pending => return Poll::Pending,
            };
            return Poll::Ready(sent.map_err(|_why| Stopped::Backend));
        }
    }

    /// As much as there is room for.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<Sent, Stopped>> {
        self.stream.reserve_capacity(self.left.len());
        let mut room = self.stream.capacity();
        if room == 0 {
            room = match self.stream.poll_capacity(context) {
                Poll::Ready(Some(Ok(room))) => room,
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(Err(Stopped::Backend)),
                Poll::Pending => return Poll::Pending,
            };
        }
        let piece = self.left.split_to(room.min(self.left.len()));
        let is_last = self.left.is_empty() && self.body.is_end_stream();
        match self.stream.send_data(piece, is_last) {
            Ok(()) => Poll::Ready(Ok(if is_last { Sent::Last } else { Sent::Some })),
            Err(_why) => Poll::Ready(Err(Stopped::Backend)),
        }
    }

    fn keep(&mut self, data: &Bytes) {
        self.kept_bytes += data.len();
        match &mut self.kept {
            Some(kept) if self.kept_bytes <= KEPT_BYTES_MAX => kept.push_back(data.clone()),
            Some(_) => self.kept = None,
            None => {},
        }
    }

    /// The rest, beside an answer that has begun. A client that breaks off has the answer cut, too.
    pub(super) async fn go_on(mut self: Box<Self>) {
        self.keep_no_more();
        if let Err(Stopped::Client(_)) = poll_fn(|context| self.poll(context)).await {
            self.stream.send_reset(Reason::CANCEL);
        }
    }

    /// The backend has begun to answer: the body is its own.
    fn keep_no_more(&mut self) {
        (self.kept, self.kept_bytes) = (None, KEPT_BYTES_MAX);
    }

    /// The same from its beginning, if that is still here.
    pub(super) fn back(self) -> Option<Outgoing> {
        Some(self.body.with_again(self.kept?))
    }

    fn passing(&self, mut trailers: HeaderMap) -> HeaderMap {
        let names: Vec<_> = trailers.keys().cloned().collect();
        for name in names.iter().filter(|name| !self.trailers.contains(name)) {
            drop(trailers.remove(name));
        }
        trailers
    }
}

enum Sent {
    Some,
    Last,
}
