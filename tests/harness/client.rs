//! A client that sends exactly what it is told.

use std::io;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::http::{Message, Reading, State, Stream};

/// One connection to a gateway.
#[derive(Debug)]
pub struct Client {
    stream: Stream,
}

impl Client {
    /// Connects.
    ///
    /// # Panics
    /// When it is refused.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"))
    }

    /// Connects, or says why not.
    ///
    /// # Errors
    /// The kernel's.
    pub fn try_connect(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        Ok(Self { stream: Stream::new(socket) })
    }

    /// Sends bytes; that the other side has closed already shows in what is read next.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        self.try_send(bytes).unwrap_or_default();
        self
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// When the other side has closed.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.send(bytes.as_ref())
    }

    /// The next answer, 1xx too.
    ///
    /// # Panics
    /// When none comes.
    pub fn answer(&mut self) -> Message {
        self.try_answer().unwrap_or_else(|said| panic!("no answer: {said}"))
    }

    /// The next answer, or why there is none.
    ///
    /// # Errors
    /// In words.
    pub fn try_answer(&mut self) -> Result<Message, String> {
        self.read(Reading::Answer)
    }

    /// The answer to a HEAD request.
    ///
    /// # Errors
    /// In words.
    pub fn read(&mut self, reading: Reading) -> Result<Message, String> {
        match self.stream.message(reading) {
            Ok(Some(message)) => Ok(message),
            Ok(None) => Err("closed without an answer".to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// GET over this connection.
    pub fn get(&mut self, target: &str) -> Message {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: gw.test\r\n\r\n")).answer()
    }

    /// Sends no more; the answer can still be read.
    pub fn finish_sending(&mut self) -> &mut Self {
        // It may be closed already.
        drop(self.stream.socket().shutdown(Shutdown::Write));
        self
    }

    /// The stream, to look closer.
    pub fn stream(&mut self) -> &mut Stream {
        &mut self.stream
    }

    /// What the gateway does with the connection within `time`.
    pub fn state_within(&mut self, time: Duration) -> State {
        self.stream.state_within(time)
    }

    /// The gateway ends the connection within `time`, and sends nothing more.
    pub fn expect_closed(&mut self, time: Duration) {
        let state = self.state_within(time);
        assert_eq!(state, State::Closed, "the gateway was to close");
    }

    /// The connection is open and silent.
    pub fn expect_open(&mut self) {
        let state = self.state_within(Duration::from_millis(100));
        assert_eq!(state, State::Open, "the connection was to stay");
    }
}
