//! The bytes of a connection: counted, and looked at as long as it is not clear that they are HTTP/2.

use std::cell::Cell;
use std::io;
use std::rc::Rc;

use crate::backend::tap::Hear;

const SETTINGS: u8 = 4;
const ACK: u8 = 1;
/// Length, kind and flags of a frame.
const LOOK_BYTES: usize = 5;

/// What is known of a connection's bytes.
#[derive(Debug, Default)]
pub(super) struct Heard {
    bytes: Cell<u64>,
    begun: Cell<Option<Begun>>,
}

/// How the backend began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Begun {
    /// By SETTINGS (RFC 9113 §3.4).
    Http2,
    /// In some other way.
    Otherwise,
}

impl Heard {
    pub(super) const fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    pub(super) const fn begun(&self) -> Option<Begun> {
        self.begun.get()
    }
}

/// Hears how the backend begins, and how much it says.
#[derive(Debug)]
pub(super) struct Listener {
    heard: Rc<Heard>,
    first: [u8; LOOK_BYTES],
    first_bytes: usize,
}

impl Listener {
    pub(super) const fn new(heard: Rc<Heard>) -> Self {
        Self { heard, first: [0; LOOK_BYTES], first_bytes: 0 }
    }
}

impl Hear for Listener {
    fn hear(&mut self, came: &[u8]) -> io::Result<()> {
        self.heard.bytes.set(self.heard.bytes.get() + came.len() as u64);
        if self.heard.begun.get().is_some() {
            return Ok(());
        }
        for (to, from) in self.first.iter_mut().skip(self.first_bytes).zip(came) {
            *to = *from;
        }
        self.first_bytes = LOOK_BYTES.min(self.first_bytes + came.len());
        if self.first_bytes < LOOK_BYTES {
            return Ok(());
        }
        let [_, _, _, kind, flags] = self.first;
        if kind == SETTINGS && flags & ACK == 0 {
            self.heard.begun.set(Some(Begun::Http2));
            return Ok(());
        }
        self.heard.begun.set(Some(Begun::Otherwise));
        Err(io::ErrorKind::InvalidData.into())
    }
}
