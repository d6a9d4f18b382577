//! Who asks: how many clients of which kind.

use std::time::Duration;

/// What the clients speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.1.
    Http1,
    /// HTTP/2, several streams at once; only who keeps alive, connects anew or uploads.
    Http2,
}

/// The clients of one run; all of them at once.
#[derive(Clone, Debug)]
pub struct Load {
    /// What all of them speak.
    pub protocol: Protocol,
    /// Keep one connection and ask again after a while; a quarter of the heads comes in two pieces.
    pub keep_alive: usize,
    /// A new connection for each request.
    pub fresh: usize,
    /// Five requests in one stream, cut at a random byte; the second is slow.
    pub pipelined: usize,
    /// Bodies that take up to a second, by length or in chunks.
    pub uploads: usize,
    /// Half a head, then up to a second of nothing, then the rest.
    pub half_heads: usize,
    /// Ask once, are silent while everything happens, and ask once more at the end.
    pub idle: usize,
    /// Mean time between the requests of one client.
    pub think: Duration,
    /// How long to measure before the first reload.
    pub steady: Duration,
    /// Same seed, same decisions of each client.
    pub seed: u64,
}

impl Protocol {
    /// What clients ask for in a handshake (RFC 7301).
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http1 => "http/1.1",
            Self::Http2 => "h2",
        }
    }
}

impl Default for Load {
    fn default() -> Self {
        Self {
            protocol: Protocol::Http1,
            keep_alive: 200,
            fresh: 10,
            pipelined: 20,
            uploads: 20,
            half_heads: 20,
            idle: 0,
            think: Duration::from_millis(50),
            steady: Duration::from_secs(2),
            seed: 1,
        }
    }
}

impl Load {
    /// The same over HTTP/2, without those that it does not have.
    #[must_use]
    pub fn over_http2(self) -> Self {
        Self { protocol: Protocol::Http2, pipelined: 0, half_heads: 0, idle: 0, ..self }
    }

    /// All clients.
    pub fn all(&self) -> usize {
        self.lasting() + self.fresh
    }

    /// Those that keep their connection.
    pub fn lasting(&self) -> usize {
        self.keep_alive + self.pipelined + self.uploads + self.half_heads + self.idle
    }
}
