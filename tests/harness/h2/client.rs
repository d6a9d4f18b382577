//! A real client: the `h2` crate, driven by a thread of its own, so that tests can wait in line.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use http::{HeaderMap, Request};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::until::PATIENCE;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// Fields behind the body.
    pub trailers: Option<HeaderMap>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The value of a field; empty without one.
    pub fn field(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// One connection of a client that keeps to the rules.
#[derive(Debug)]
pub struct Client {
    runtime: Handle,
    /// Dropped, it ends the thread.
    _stop: oneshot::Sender<()>,
    sender: SendRequest<Bytes>,
    ended: Arc<Mutex<Option<Result<(), String>>>>,
}

/// A request whose answer has not been read.
#[derive(Debug)]
pub struct Pending {
    runtime: Handle,
    response: ResponseFuture,
    upload: SendStream<Bytes>,
}

impl Client {
    /// Connects, with prior knowledge.
    ///
    /// # Panics
    /// When that does not succeed.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap()
    }

    /// Connects, with prior knowledge.
    ///
    /// # Errors
    /// What went wrong.
    pub fn try_connect(address: SocketAddr) -> Result<Self, String> {
        let (stop, stopped) = oneshot::channel::<()>();
        let (tell, told) = std::sync::mpsc::channel();
        drop(std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            tell.send(runtime.handle().clone()).unwrap();
            // Either way it is over.
            drop(runtime.block_on(stopped));
        }));
        let runtime = told.recv().unwrap();
        let ended = Arc::new(Mutex::new(None));
        let end = Arc::clone(&ended);
        let sender = runtime.block_on(async move {
            let shake = async {
                let stream = TcpStream::connect(address).await.map_err(|e| e.to_string())?;
                stream.set_nodelay(true).map_err(|e| e.to_string())?;
                h2::client::handshake(stream).await.map_err(|e| e.to_string())
            };
            let (sender, connection) =
                timeout(PATIENCE, shake).await.map_err(|_late| "no handshake".to_owned())??;
            drop(tokio::spawn(async move {
                let result = connection.await.map_err(|error| error.to_string());
                *end.lock().unwrap() = Some(result);
            }));
            Ok::<_, String>(sender)
        })?;
        Ok(Self { runtime, _stop: stop, sender, ended })
    }

    /// GET, and the answer.
    ///
    /// # Panics
    /// When there is none.
    pub fn get(&mut self, path: &str) -> Answer {
        self.ask(get(path), b"").unwrap()
    }

    /// Sends a request with this body and reads the answer.
    ///
    /// # Errors
    /// What happened to the stream or the connection.
    pub fn ask(&mut self, request: Request<()>, body: &[u8]) -> Result<Answer, String> {
        let mut pending = self.begin(request, body.is_empty())?;
        if !body.is_empty() {
            let sent = pending.upload.send_data(Bytes::copy_from_slice(body), true);
            sent.map_err(|error| error.to_string())?;
        }
        pending.answer()
    }

    /// Sends the head of a request.
    ///
    /// # Errors
    /// When the connection takes no more.
    pub fn begin(&mut self, request: Request<()>, is_whole: bool) -> Result<Pending, String> {
        let sender = self.sender.clone();
        let ready = self.runtime.block_on(async { timeout(PATIENCE, sender.ready()).await });
        let mut sender = ready.map_err(|_late| "not ready")?.map_err(|error| error.to_string())?;
        let (response, upload) = self
            .runtime
            .block_on(async { sender.send_request(request, is_whole) })
            .map_err(|error| error.to_string())?;
        self.sender = sender;
        Ok(Pending { runtime: self.runtime.clone(), response, upload })
    }

    /// How the connection ended, if it has.
    pub fn ended(&self) -> Option<Result<(), String>> {
        self.ended.lock().unwrap().clone()
    }
}

impl Pending {
    /// Its body, to be written on.
    pub fn upload(&mut self) -> &mut SendStream<Bytes> {
        &mut self.upload
    }

    /// Reads the whole answer.
    ///
    /// # Errors
    /// What happened to the stream or the connection.
    pub fn answer(self) -> Result<Answer, String> {
        let Self { runtime, response, upload: _upload } = self;
        runtime.block_on(async {
            timeout(PATIENCE, read(response))
                .await
                .map_err(|_late| "no answer in time".to_owned())?
                .map_err(|error| error.to_string())
        })
    }

    /// Reads the head of the answer; the body is the caller's.
    ///
    /// # Errors
    /// What happened to the stream or the connection.
    pub fn head(self) -> Result<(u16, RecvStream, Handle), String> {
        let Self { runtime, response, upload: _upload } = self;
        let answer = runtime.block_on(async { timeout(PATIENCE, response).await });
        let answer = answer.map_err(|_late| "no answer")?.map_err(|error| error.to_string())?;
        Ok((answer.status().as_u16(), answer.into_body(), runtime))
    }

    /// Waits until the stream is reset, and says why.
    ///
    /// # Errors
    /// When it is not, in time.
    pub fn reset(self, longest: Duration) -> Result<String, String> {
        let Self { runtime, response, upload: _upload } = self;
        match runtime.block_on(async { timeout(longest, read(response)).await }) {
            Err(_late) => Err("nothing happened".to_owned()),
            Ok(Ok(answer)) => Err(format!("answered: {answer:?}")),
            Ok(Err(error)) => Ok(error.to_string()),
        }
    }
}

/// The whole answer.
pub(crate) async fn read(response: ResponseFuture) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.await?.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?;
    Ok(Answer { status: head.status.as_u16(), headers: head.headers, body, trailers })
}

/// GET of this path.
fn get(path: &str) -> Request<()> {
    Request::get(format!("http://gw.test{path}")).body(()).unwrap()
}
