//! For tests of the way of a request: a configuration, a request, backends that behave as they are told.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::config::model::{
    BackendConfig, BatonService, EndpointConfig, ExtraConfig, GoDuration, Namespace, ServiceConfig,
    Source,
};
use baton_shared::config::node::{Node, Value};
use baton_shared::words::JsonPointer;
use bytes::{Bytes, BytesMut};
use http::Method;
use http_body::Body as _;
use smallvec::SmallVec;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;
use tokio::time::timeout;

use crate::connection::EdgeLimits;
use crate::connection::http1::UploadBody;
use crate::connection::http1::framing::Framing;
use crate::connection::http1::wire::Wire;
use crate::connection::transport::Transport;
use crate::message::{
    FieldSpan, Head, Peer, Request, RequestBody, Response, ResponseBody, Span, Version,
};
use crate::plan::{CompileOptions, ThreadState, compile};
use crate::serve::serve;

/// No test waits longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// Runs `test` as a serving thread does.
pub(crate) fn on_a_thread(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let test = async { timeout(PATIENCE, test).await.expect("the test took too long") };
    LocalSet::new().block_on(&runtime, test);
}

/// A service with this one endpoint.
pub(crate) fn service(endpoint: EndpointConfig) -> ServiceConfig {
    // The same for POST: what is said of a method's safety needs both.
    let posted = EndpointConfig { method: "POST".to_owned(), ..endpoint.clone() };
    let zero = GoDuration(0);
    let document = Arc::new(Node { line: 1, value: Value::Object(Vec::new()) });
    ServiceConfig {
        source: Source { file: "krakend.json".to_owned(), document },
        name: String::new(),
        port: 8080,
        listen_ip: None,
        host: Vec::new(),
        timeout: endpoint.timeout,
        cache_ttl: zero,
        output_encoding: "json".to_owned(),
        debug_endpoint: false,
        echo_endpoint: false,
        disable_rest: false,
        endpoints: vec![endpoint, posted],
        extra_config: ExtraConfig::default(),
        read_timeout: zero,
        write_timeout: zero,
        idle_timeout: zero,
        read_header_timeout: zero,
        max_header_bytes: 0,
        max_shutdown_wait_time: zero,
        use_h2c: false,
        disable_keep_alives: false,
        disable_compression: false,
        max_idle_connections: 0,
        max_idle_connections_per_host: 250,
        idle_connection_timeout: zero,
        response_header_timeout: zero,
        expect_continue_timeout: zero,
        dialer_timeout: zero,
        dialer_fallback_delay: zero,
        dialer_keep_alive: zero,
        dns_cache_ttl: GoDuration::seconds(30),
        sequential_start: false,
        allow_insecure_connections: false,
        tls: None,
        client_tls: None,
        async_agent: Vec::new(),
        plugin: None,
        baton: BatonService::default(),
    }
}

/// `/a` in this encoding, answered by `/b` of these hosts.
pub(crate) fn endpoint(output_encoding: &str, hosts: &[SocketAddr]) -> EndpointConfig {
    let at = JsonPointer::root().key("endpoints").index(0);
    let encoding = if output_encoding == "no-op" { "no-op" } else { "json" };
    let backend = BackendConfig {
        at: at.key("backend").index(0),
        url_pattern: "/b".to_owned(),
        host: hosts.iter().map(|host| format!("http://{host}")).collect(),
        method: "GET".to_owned(),
        encoding: encoding.to_owned(),
        ..BackendConfig::default()
    };
    EndpointConfig {
        at,
        endpoint: "/a".to_owned(),
        route: "/a".to_owned(),
        method: "GET".to_owned(),
        backend: vec![backend],
        timeout: GoDuration::seconds(2),
        output_encoding: output_encoding.to_owned(),
        concurrent_calls: 1,
        ..EndpointConfig::default()
    }
}

/// Puts one setting into a namespace.
pub(crate) fn set(config: &mut ExtraConfig, namespace: &str, key: &str, value: Value) {
    let empty = || Namespace {
        at: config.at.key(namespace),
        spelling: namespace.to_owned(),
        settings: Node { line: 0, value: Value::Object(Vec::new()) },
    };
    let namespace = config.namespaces.entry(namespace.to_owned()).or_insert_with(empty);
    if let Value::Object(members) = &mut namespace.settings.value {
        members.push((key.to_owned(), Node { line: 0, value }));
    }
}

/// One serving thread for a configuration.
pub(crate) fn serving(config: &ServiceConfig) -> Rc<ThreadState> {
    let options = CompileOptions { threads: 1, ..CompileOptions::default() };
    ThreadState::new(Arc::new(compile(config, &options).unwrap()))
}

/// A head as the edge would have validated it.
pub(crate) fn head(method: &str, target: &str, fields: &[(&str, &str)]) -> Head {
    let mut text = String::new();
    let mut place = |part: &str| -> Span {
        let start = u32::try_from(text.len()).unwrap();
        text.push_str(part);
        start..u32::try_from(text.len()).unwrap()
    };
    let (path, query) = match target.split_once('?') {
        Some((path, query)) => (place(path), Some(place(query))),
        None => (place(target), None),
    };
    let host = place("gw.test");
    let fields =
        fields.iter().map(|(name, value)| FieldSpan { name: place(name), value: place(value) });
    let fields: SmallVec<_> = fields.collect();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    Head { buffer: Bytes::from(text), method, version: Version::Http11, path, query, host, fields }
}

/// A request for `/a`.
pub(crate) fn request(method: &str, fields: &[(&str, &str)], body: RequestBody) -> Request {
    let socket = SocketAddr::from(([192, 0, 2, 7], 1234));
    let peer = Peer { socket, asserted: socket.ip(), local: socket };
    Request::new(head(method, "/a", fields), body, peer)
}

/// A body that is still in a client's connection, and the client's end of it.
pub(crate) async fn upload() -> (RequestBody, Conversation) {
    let (client, server) = (Backend::start().await, TcpStream::connect);
    let server = server(client.address).await.unwrap();
    let limits = Rc::new(EdgeLimits::default());
    let wire = Rc::new(Wire::new(Transport::plain(server), limits, Rc::default(), BytesMut::new()));
    wire.begin_body(Framing::Chunked, false);
    (RequestBody::Upload(UploadBody::new(wire)), client.accept().await)
}

/// `GET /a`.
pub(crate) fn get() -> Request {
    request("GET", &[], RequestBody::Empty)
}

/// Has a request answered.
pub(crate) async fn ask(thread: &Rc<ThreadState>, mut request: Request) -> Response {
    serve(thread, &mut request).await
}

/// Reads a body to its end.
pub(crate) async fn read(response: Response) -> Result<Bytes, crate::backend::AnswerError> {
    let mut body = match response.body {
        ResponseBody::Full(bytes) => return Ok(bytes),
        ResponseBody::Stream(body) => body,
        ResponseBody::File(_) | ResponseBody::Packed(_) | ResponseBody::Tunnel(_) => {
            panic!("neither an answer nor data")
        },
    };
    let mut whole = Vec::new();
    while let Some(frame) = frame(&mut body).await {
        whole.extend_from_slice(&frame?.into_data().unwrap_or_default());
    }
    Ok(whole.into())
}

/// The next piece of a body.
pub(crate) async fn frame(
    body: &mut crate::backend::AnswerBody,
) -> Option<Result<http_body::Frame<Bytes>, crate::backend::AnswerError>> {
    std::future::poll_fn(|context| std::pin::Pin::new(&mut *body).poll_frame(context)).await
}

/// A listening backend; what it does is up to the test.
pub(crate) struct Backend {
    listener: TcpListener,
    pub(crate) address: SocketAddr,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        Self { listener, address }
    }

    /// From now on so many connections may wait to be accepted, and one more.
    pub(crate) fn queue_at_most(&self, connections: i32) {
        let backlog = nix::sys::socket::Backlog::new(connections).unwrap();
        nix::sys::socket::listen(&self.listener, backlog).unwrap();
    }

    /// The next connection of the gateway.
    pub(crate) async fn accept(&self) -> Conversation {
        Conversation { stream: self.listener.accept().await.unwrap().0 }
    }
}

/// The backend's end of a connection.
pub(crate) struct Conversation {
    stream: TcpStream,
}

impl Conversation {
    /// For what is no text.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }

    /// A request head, and what came with it; empty when the gateway closed.
    pub(crate) async fn read(&mut self) -> String {
        let mut whole = Vec::new();
        let mut part = [0; 4096];
        while !whole.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
            match self.stream.read(&mut part).await.unwrap_or(0) {
                0 => break,
                read => whole.extend_from_slice(&part[..read]),
            }
        }
        String::from_utf8_lossy(&whole).into_owned()
    }

    pub(crate) async fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).await.unwrap();
    }

    /// Writes, if the gateway still listens.
    pub(crate) async fn try_write(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).await.is_ok()
    }

    /// Reads a request and answers it.
    pub(crate) async fn answer(&mut self, bytes: impl AsRef<[u8]>) -> String {
        let request = self.read().await;
        self.write(bytes).await;
        request
    }

    /// Reads until `end` was read.
    pub(crate) async fn read_until(&mut self, end: &str) -> String {
        let mut whole = Vec::new();
        let mut byte = [0];
        while !whole.ends_with(end.as_bytes()) {
            if self.stream.read(&mut byte).await.unwrap_or(0) == 0 {
                break;
            }
            whole.push(byte[0]);
        }
        String::from_utf8_lossy(&whole).into_owned()
    }

    /// Whether the gateway has closed.
    pub(crate) async fn is_closed(&mut self) -> bool {
        self.stream.read(&mut [0]).await.unwrap_or(0) == 0
    }
}
