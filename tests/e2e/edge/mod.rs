//! The edge: what may come in and what may go out, looked at from both ends.
//!
//! [`framing`], [`chunks`], [`fields`], [`target`] are what a client may send · [`hop_by_hop`],
//! [`forwarded`] what passes · [`answers`] what a backend may send · [`bodies`] who reads a body that the
//! backend did not · [`bounds`], [`time`] and [`amount`] are its limits · [`log`] is what is written
//! about all that.

mod framing;
mod chunks;
mod fields;
mod target;
mod hop_by_hop;
mod forwarded;
mod upgrade;
mod answers;
mod bodies;
mod bounds;
mod time;
mod amount;
mod log;

use std::time::Duration;

use baton_tests::backend::ok;
use baton_tests::http::Message;

use crate::fixture::Gateway;

/// How soon a refused connection must be closed.
const SOON: Duration = Duration::from_secs(2);

/// A gateway before a backend that says `ok`.
fn plain() -> Gateway {
    Gateway::start(|_| ok("ok"))
}

/// `bytes` are answered with `status`, the connection closes, and the backend saw nothing of them.
fn refused(gateway: &Gateway, bytes: &[u8], status: u16) -> Message {
    let shown = String::from_utf8_lossy(bytes).escape_debug().to_string();
    let before = gateway.backend.count();
    let mut client = gateway.client();
    client.send(bytes);
    let answer = client.try_answer().unwrap_or_else(|said| panic!("{shown}: {said}"));
    assert_eq!(answer.status(), status, "{shown}: {}", answer.text());
    let rest = client.stream().rest();
    assert!(rest.is_empty(), "{shown}: more than one answer: {}", String::from_utf8_lossy(&rest));
    let seen = gateway.backend.seen();
    assert_eq!(seen.len(), before, "{shown}: the backend saw {:?}", seen.last());
    answer
}
