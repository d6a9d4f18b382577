//! The taking end: a batch is acknowledged when every connection of it belongs to a serving thread.

use std::io;
use std::os::fd::OwnedFd;

use baton_shared::control::channel::{Channel, ChannelError};
use baton_shared::control::frame::{self, BODY_BYTES_MAX, Frame, HEAD_BYTES, Kind};
use baton_shared::control::record::{Handover, Prefix};
use baton_shared::os::memfd;
use nix::errno::Errno;

use crate::connection::thread::Moving;

/// The largest unread prefix that is believed: a head and a body's beginning, no more.
const PREFIX_BYTES_MAX: usize = 4 << 20;

/// Takes connections until the giver has closed its end. `adopt` makes a connection a thread's;
/// `tunnels` are the endpoints whose tunnels go on here.
pub(crate) async fn run(channel: Channel, tunnels: Vec<u64>, mut adopt: impl FnMut(Moving)) {
    if say(&channel, &Handover::Takes { tunnels }).await.is_err() {
        return;
    }
    let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
    loop {
        let answer = match channel.receive_raw(&mut buffer).await {
            Ok((length, fds)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                match open(datagram, fds) {
                    Ok((number, connections)) => {
                        connections.into_iter().for_each(&mut adopt);
                        Handover::Ack { number }
                    },
                    Err(_malformed) => return,
                }
            },
            // Descriptors were lost on the way in: this process is at its limit. The giver has kept
            // its copies.
            Err(ChannelError::Io(error)) if is_cut(&error) => Handover::Refused,
            Err(_) => return,
        };
        if say(&channel, &answer).await.is_err() {
            return;
        }
    }
}

async fn say(channel: &Channel, message: &Handover) -> Result<(), ChannelError> {
    let frame = Frame { kind: Kind::Handover, txn: 0 };
    channel.send_raw(&frame::encode(frame, &message.encode())?, &[]).await
}

fn is_cut(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EMSGSIZE as i32)
}

fn open(datagram: &[u8], fds: Vec<OwnedFd>) -> io::Result<(u64, Vec<Moving>)> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let (frame, body) = frame::decode(datagram).map_err(io::Error::other)?;
    if frame.kind != Kind::Handover {
        return Err(malformed());
    }
    let Ok(Handover::Batch { number, records }) = Handover::decode(body) else {
        return Err(malformed());
    };
    let mut fds = fds.into_iter();
    let mut connections = Vec::with_capacity(records.len());
    for record in records {
        let socket = fds.next().ok_or_else(malformed)?;
        let backend = match &record.tunnel {
            Some(_) => Some(fds.next().ok_or_else(malformed)?),
            None => None,
        };
        connections.push(Moving { record, socket, backend, stays: false });
    }
    for prefix in connections.iter_mut().flat_map(|moving| moving.record.prefixes()) {
        if let Prefix::Memfd(_) = prefix {
            let unread = fds.next().ok_or_else(malformed)?;
            *prefix = Prefix::Inline(memfd::read(unread, PREFIX_BYTES_MAX)?);
        }
    }
    Ok((number, connections))
}
