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

/// Takes connections until the giver has closed its end. `adopt` makes a connection a thread's.
pub(crate) async fn run(channel: Channel, mut adopt: impl FnMut(Moving)) {
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
        let frame = Frame { kind: Kind::Handover, txn: 0 };
        let Ok(datagram) = frame::encode(frame, &answer.encode()) else { return };
        if channel.send_raw(&datagram, &[]).await.is_err() {
            return;
        }
    }
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
    let sockets: Vec<OwnedFd> = fds.by_ref().take(records.len()).collect();
    if sockets.len() != records.len() {
        return Err(malformed());
    }
    let mut connections = Vec::with_capacity(records.len());
    for (mut record, socket) in records.into_iter().zip(sockets) {
        if let Prefix::Memfd(_) = record.prefix {
            let unread = fds.next().ok_or_else(malformed)?;
            record.prefix = Prefix::Inline(memfd::read(unread, PREFIX_BYTES_MAX)?);
        }
        connections.push(Moving { record, socket });
    }
    Ok((number, connections))
}
