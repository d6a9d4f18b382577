//! How a client comes in: by TCP, and by TLS where the gateway speaks it. Each client keeps sessions of its
//! own, as browsers and libraries do.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::client::Resumption;
use tokio_rustls::rustls::pki_types::ServerName;
use tokio_rustls::rustls::{ClientConfig, HandshakeKind};

use super::tally::Tally;
use crate::tls::NAME;

/// After this nobody lets the client in.
const CONNECT_MAX: Duration = Duration::from_secs(20);
/// Sessions that a client remembers: all are with the one gateway.
const SESSIONS_MAX: usize = 2;

/// See the module.
pub(super) struct Door {
    address: SocketAddr,
    tls: Option<TlsConnector>,
    tally: Arc<Tally>,
    /// It has a session from an earlier connection.
    is_known: AtomicBool,
}

/// What it gives.
#[derive(Debug)]
pub(super) enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Door {
    pub(super) fn new(
        address: SocketAddr,
        tls: Option<&Arc<ClientConfig>>,
        tally: &Arc<Tally>,
    ) -> Self {
        let tls = tls.map(|shared| {
            let mut own = ClientConfig::clone(shared);
            own.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
            TlsConnector::from(Arc::new(own))
        });
        Self { address, tls, tally: Arc::clone(tally), is_known: AtomicBool::new(false) }
    }

    pub(super) async fn open(&self) -> io::Result<Stream> {
        let stream = timeout(CONNECT_MAX, self.connect()).await??;
        self.tally.connected();
        Ok(stream)
    }

    async fn connect(&self) -> io::Result<Stream> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let Some(tls) = &self.tls else { return Ok(Stream::Plain(stream)) };
        let name = ServerName::try_from(NAME).map_err(io::Error::other)?;
        let stream = tls.connect(name, stream).await?;
        if self.is_known.swap(true, Ordering::Relaxed) {
            let kind = stream.get_ref().1.handshake_kind();
            self.tally.met_again(kind == Some(HandshakeKind::Resumed));
        }
        Ok(Stream::Tls(Box::new(stream)))
    }
}

impl Stream {
    /// Looks, without waiting, whether the other side has ended the connection.
    pub(super) fn is_closed(&mut self) -> bool {
        let mut byte = [0; 1];
        match self {
            Self::Plain(stream) => match stream.try_read(&mut byte) {
                Err(error) => error.kind() != io::ErrorKind::WouldBlock,
                Ok(_) => true, // an end, or bytes nobody asked for
            },
            // Tickets may come at any time: only what is inside counts.
            Self::Tls(stream) => {
                let mut room = ReadBuf::new(&mut byte);
                let mut nobody = Context::from_waker(Waker::noop());
                Pin::new(&mut **stream).poll_read(&mut nobody, &mut room).is_ready()
            },
        }
    }
}

/// Both kinds, for who need not know.
trait Both: AsyncRead + AsyncWrite + Unpin {}

impl Both for TcpStream {}
impl Both for TlsStream<TcpStream> {}

impl Stream {
    fn inner(self: Pin<&mut Self>) -> Pin<&mut dyn Both> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream),
            Self::Tls(stream) => Pin::new(&mut **stream),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        room: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.inner().poll_read(context, room)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write(context, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(context)
    }
}
