//! Backends that speak HTTP/2, by the library and by hand.

use std::rc::Rc;

use baton_shared::config::model::{BatonBackend, ServiceConfig};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::{HeaderMap, Request, StatusCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, spawn_local};

use crate::harness::{Backend, ask, endpoint, get, read, service, serving};
use crate::message::Response;
use crate::plan::ThreadState;

/// `/a` passes what this backend says in HTTP/2.
pub(super) fn config(backend: &Backend) -> ServiceConfig {
    let mut config = service(endpoint("no-op", &[backend.address]));
    for endpoint in &mut config.endpoints {
        endpoint.backend[0].baton = BatonBackend { http2: Some(true) };
    }
    config.endpoints[1].backend[0].method = "POST".to_owned();
    config
}

pub(super) fn thread(backend: &Backend) -> Rc<ThreadState> {
    serving(&config(backend))
}

/// `GET /a`, and its whole answer.
pub(super) async fn get_a(thread: &Rc<ThreadState>) -> (StatusCode, Bytes) {
    whole(ask(thread, get()).await).await
}

pub(super) async fn whole(response: Response) -> (StatusCode, Bytes) {
    (response.status, read(response).await.unwrap())
}

/// The backend's end of a connection.
pub(super) struct Peer {
    streams: mpsc::UnboundedReceiver<Stream>,
    goodbye: Option<mpsc::Sender<()>>,
    driver: JoinHandle<()>,
}

/// The backend's end of a stream.
pub(super) struct Stream {
    pub(super) request: Request<RecvStream>,
    pub(super) respond: SendResponse<Bytes>,
}

impl Peer {
    pub(super) async fn accept(backend: &Backend) -> Self {
        Self::accept_with(backend, &h2::server::Builder::new()).await
    }

    pub(super) async fn accept_with(backend: &Backend, builder: &h2::server::Builder) -> Self {
        let stream = backend.accept().await.into_stream();
        let mut connection = builder.handshake::<_, Bytes>(stream).await.unwrap();
        let (tell, streams) = mpsc::unbounded_channel();
        let (goodbye, mut said) = mpsc::channel(1);
        let driver = spawn_local(async move {
            loop {
                tokio::select! {
                    accepted = connection.accept() => match accepted {
                        Some(Ok((request, respond))) => {
                            drop(tell.send(Stream { request, respond }));
                        },
                        Some(Err(_)) | None => return,
                    },
                    Some(()) = said.recv() => connection.graceful_shutdown(),
                }
            }
        });
        Self { streams, goodbye: Some(goodbye), driver }
    }

    /// The next request.
    pub(super) async fn next(&mut self) -> Stream {
        self.streams.recv().await.expect("the gateway closed")
    }

    /// The next request, unless the gateway closes.
    pub(super) async fn next_if_any(&mut self) -> Option<Stream> {
        self.streams.recv().await
    }

    /// GOAWAY in two steps.
    pub(super) async fn say_goodbye(&self) {
        self.goodbye.as_ref().unwrap().send(()).await.unwrap();
    }

    /// Closes at once, and says nothing.
    pub(super) fn cut(self) {
        self.driver.abort();
    }

    /// Until the connection has ended.
    pub(super) async fn ended(self) {
        drop(self.driver.await);
    }
}

impl Stream {
    /// Begins an answer.
    pub(super) fn begin(&mut self, fields: &[(&'static str, &str)]) -> SendStream<Bytes> {
        self.respond.send_response(head(fields), false).unwrap()
    }

    /// A whole answer.
    pub(super) fn answer(mut self, body: &'static str) {
        let length = body.len().to_string();
        let mut stream = self.begin(&[("content-length", &length)]);
        stream.send_data(Bytes::from_static(body.as_bytes()), true).unwrap();
    }

    pub(super) fn refuse(mut self) {
        self.respond.send_reset(Reason::REFUSED_STREAM);
    }

    /// The body of the request, and its trailers.
    pub(super) async fn body(&mut self) -> (String, Option<HeaderMap>) {
        let body = self.request.body_mut();
        let mut whole = Vec::new();
        while let Some(data) = body.data().await {
            let data = data.unwrap();
            body.flow_control().release_capacity(data.len()).unwrap();
            whole.extend_from_slice(&data);
        }
        (String::from_utf8(whole).unwrap(), body.trailers().await.unwrap())
    }
}

pub(super) fn head(fields: &[(&'static str, &str)]) -> http::Response<()> {
    let mut head = http::Response::builder();
    for (name, value) in fields {
        head = head.header(*name, *value);
    }
    head.body(()).unwrap()
}

pub(super) const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
pub(super) const HEADERS: u8 = 1;
pub(super) const GOAWAY: u8 = 7;

/// A backend that writes frames by hand.
pub(super) struct Raw(pub(super) TcpStream);

impl Raw {
    pub(super) async fn accept(backend: &Backend) -> Self {
        let mut stream = backend.accept().await.into_stream();
        stream.write_all(SETTINGS).await.unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        Self(stream)
    }

    /// Reads up to the next frame of this kind: its stream and what it holds.
    pub(super) async fn frame(&mut self, wanted: u8) -> (u32, Vec<u8>) {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.unwrap();
            let [l0, l1, l2, kind, _flags, s0, s1, s2, s3] = head;
            let mut payload = vec![0; u32::from_be_bytes([0, l0, l1, l2]) as usize];
            self.0.read_exact(&mut payload).await.unwrap();
            if kind == wanted {
                return (u32::from_be_bytes([s0, s1, s2, s3]), payload);
            }
        }
    }

    /// What is behind `last` was not looked at.
    pub(super) async fn go_away(&mut self, last: u8) {
        let frame = [0, 0, 8, GOAWAY, 0, 0, 0, 0, 0, 0, 0, 0, last, 0, 0, 0, 0];
        self.0.write_all(&frame).await.unwrap();
    }
}
