//! A file's bytes on their way to a client: read in pieces off the thread, one piece ahead at most.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Timeout, timeout};

use super::conditional::Span;
use super::look::{DISK_WAIT, Opened, read};
use crate::message::ResponseBody;

/// So much is read at once.
const PIECE_BYTES: u64 = 128 * 1024;

/// What is sent of a file.
#[derive(Debug)]
pub struct FileBody {
    file: Arc<File>,
    /// Its beginning, as far as it was read with the look.
    first: Bytes,
    segments: VecDeque<Segment>,
    reading: Option<Pin<Box<Reading>>>,
}

type Reading = Timeout<JoinHandle<io::Result<Bytes>>>;

#[derive(Debug)]
enum Segment {
    Text(Bytes),
    Span(Span),
}

impl Segment {
    const fn bytes(&self) -> u64 {
        match self {
            Self::Text(text) => text.len() as u64,
            Self::Span(span) => span.bytes,
        }
    }
}

impl FileBody {
    pub(super) fn of(opened: Opened, spans: [Span; 1]) -> Self {
        let Opened { file, first, .. } = opened;
        let segments = spans.into_iter().map(Segment::Span).collect();
        Self { file, first, segments, reading: None }
    }

    /// Several ranges as `multipart/byteranges` (RFC 9110 §14.6), and that type.
    pub(super) fn parts(opened: Opened, spans: &[Span], kind: &str) -> (String, Self) {
        let boundary = boundary();
        let mut segments = VecDeque::with_capacity(spans.len() * 2 + 1);
        let mut text = String::new();
        for span in spans {
            // Writing to a String cannot fail.
            let _infallible = write!(
                text,
                "--{boundary}\r\nContent-Range: {}\r\nContent-Type: {kind}\r\n\r\n",
                span.shown(opened.bytes)
            );
            segments.push_back(Segment::Text(std::mem::take(&mut text).into()));
            segments.push_back(Segment::Span(*span));
            text.push_str("\r\n");
        }
        segments.push_back(Segment::Text(format!("{text}--{boundary}--\r\n").into()));
        let Opened { file, first, .. } = opened;
        let body = Self { file, first, segments, reading: None };
        (format!("multipart/byteranges; boundary={boundary}"), body)
    }

    /// What is here already needs no stream.
    pub(super) fn into_response_body(self) -> ResponseBody {
        let whole = match self.segments.front() {
            Some(Segment::Span(span)) if self.segments.len() == 1 => self.here(*span),
            Some(_) => None,
            None => Some(Bytes::new()),
        };
        whole.map_or_else(|| ResponseBody::File(Box::new(self)), ResponseBody::Full)
    }

    /// A span that was read with the look.
    fn here(&self, span: Span) -> Option<Bytes> {
        let start = usize::try_from(span.start).ok()?;
        let end = start.checked_add(usize::try_from(span.bytes).ok()?)?;
        (end <= self.first.len()).then(|| self.first.slice(start..end))
    }

    /// The next piece of a span, and what is left of it.
    fn begin(&mut self, span: Span) -> Option<Bytes> {
        let piece = Span { bytes: span.bytes.min(PIECE_BYTES), ..span };
        let rest = Span { start: span.start + piece.bytes, bytes: span.bytes - piece.bytes };
        if rest.bytes > 0 {
            self.segments.push_front(Segment::Span(rest));
        }
        if let Some(here) = self.here(piece) {
            return Some(here);
        }
        let file = Arc::clone(&self.file);
        let bytes = usize::try_from(piece.bytes).unwrap_or(0);
        let reading = spawn_blocking(move || read(&file, piece.start, bytes));
        self.reading = Some(Box::pin(timeout(DISK_WAIT, reading)));
        None
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        loop {
            if let Some(reading) = &mut this.reading {
                let read = ready!(reading.as_mut().poll(context));
                this.reading = None;
                let read =
                    read.map_err(io::Error::other).map(|read| read.map_err(io::Error::other));
                let piece = read.flatten().flatten();
                return Poll::Ready(Some(piece.map(Frame::data)));
            }
            match this.segments.pop_front() {
                None => return Poll::Ready(None),
                Some(Segment::Text(text)) => return Poll::Ready(Some(Ok(Frame::data(text)))),
                Some(Segment::Span(span)) => {
                    if let Some(piece) = this.begin(span) {
                        return Poll::Ready(Some(Ok(Frame::data(piece))));
                    }
                },
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.segments.is_empty() && self.reading.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked before the first piece only.
        SizeHint::with_exact(self.segments.iter().map(Segment::bytes).sum())
    }
}

/// Stands in no file by chance.
fn boundary() -> String {
    use std::hash::{BuildHasher as _, RandomState};
    let random = || RandomState::new().hash_one(1_u8);
    format!("{:016x}{:016x}", random(), random())
}
