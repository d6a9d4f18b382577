//! Reloads: nothing is lost, nothing is closed, nothing is answered by a configuration of before.
//!
//! [`kept`] is what a client notices (nothing) · [`streams`] what takes longer than a reload ·
//! [`torture`] everything at once · [`storm`] too many reloads · [`listeners`] addresses that come and go ·
//! [`sources`] how files change · [`flexible`] templates and what they are made of · [`faults`] new
//! workers that fail · [`starved`] such that run out of descriptors · [`death`] old ones that die ·
//! [`leaks`] what is left over · [`limits`] what outlives a worker, [`cached`] what goes along.
//!
//! Which rule of a reload is held by what (rows R, tests T and invariants I of the paper on hitless reloads; a name
//! without a file is one of this folder; the *simulation* is `supervisor/src/reload/simulation`):
//!
//! | rule | test |
//! |---|---|
//! | R1, T1, I1: no connection is refused, no queue of a listening socket is lost or full | `torture`, `listeners`; simulation: somebody accepts |
//! | R2, T2, I2, I3: a kept connection moves, has one owner, closes only after the acknowledgement | `kept`, `torture`; worker `handover/take`, `handover/give/tests` |
//! | R3, T3: streams of HTTP/2 | `http2/reload`, `torture::over_http2_…` |
//! | R4, T4: sessions of TLS go on, certificates change | `tls/reload` |
//! | R5, T5: uploads, downloads, events, WebSockets | `streams`, `websocket/reload`, `websocket/tls` |
//! | R6, T6, I9, I13: a new worker that fails in any phase and way, short of memory and descriptors too | `faults`, `starved`; supervisor `reload/trial` |
//! | R7, T7, I5, I6: too many reloads, and callers at once | `storm`; simulation: one runs, one waits, at most eight drain |
//! | R8, T8: limits, breakers, caches, keys go on | `limits`, `cached`, `token/provider`, `token/credentials` |
//! | R9, T9, I11: the supervisor is killed | `death`, `systemd/boot-test` |
//! | R10, T10: addresses come and go | `listeners`, `starved::clients_that_wait_…` |
//! | R12, T12: latency while it reloads | measured: `scripts/bench reloads`, the table in the README |
//! | R13, T13, I4: after a reload nobody gets the configuration of before | `kept`, `torture` (fault *stale*), `storm::callers_at_once_…` |
//! | R14, T14, I10: descriptors, memory, processes stay level; the supervisor is one process | `leaks`, `torture` |
//! | R15, T15: systemd | `systemd/boot-test`; supervisor `systemd/say` |
//! | R16, T16, I8: what was judged is what is loaded | `sources::what_was_judged_…`, `flexible` |
//! | R17, T17: a close shows at once after a move | `kept::a_close_after_a_move_…` |
//! | R18, T18: deadlines move along | `kept::a_head_that_is_never_completed_…`, `kept::an_idle_connection_…` |
//! | I7: the supervisor never blocks | supervisor `reload/trial` (a pipe in place of a file); `flexible::a_template_that_does_not_end_…` |
//! | I12: counters never fall | `death::requests_are_counted_…` |
//! | T19: any order of events | simulation |
//! | T20: any bytes on the wires | tests of `shared/src/control`; worker `handover/take` |
//! | T21: for a day | by hand: `baton-torture --reloads 86400 --every-ms 1000` |
//! | T22: peers under the same load | `scripts/bench reloads`, `torture::the_torture_notices_…` |
//! | T24: closed only after the acknowledgement | worker `handover/give/tests` |
//!
//! R11 (QUIC) and the exchange of the supervisor itself (of R9; T23: two versions at once) are not built.

mod kept;
mod streams;
mod torture;
mod storm;
mod listeners;
mod sources;
mod flexible;
mod faults;
mod starved;
mod death;
mod leaks;
mod limits;
mod cached;
