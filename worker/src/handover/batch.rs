//! Who waits for the journey, and what one datagram carries.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use baton_shared::control::frame::BODY_BYTES_MAX;
use baton_shared::control::record::{BATCH_MAX, PREFIX_INLINE_MAX, Prefix, Record};
use baton_shared::os::{memfd, scm};

use crate::connection::thread::Moving;

/// Who waits for the journey: those whose clients want something go first.
#[derive(Debug, Default)]
pub(super) struct Queue {
    hurried: VecDeque<Moving>,
    silent: VecDeque<Moving>,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.hurried.len() + self.silent.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn of(&mut self, moving: &Moving) -> &mut VecDeque<Moving> {
        if moving.hurries { &mut self.hurried } else { &mut self.silent }
    }

    pub(super) fn push(&mut self, moving: Moving) {
        self.of(&moving).push_back(moving);
    }

    pub(super) fn pop(&mut self) -> Option<Moving> {
        self.hurried.pop_front().or_else(|| self.silent.pop_front())
    }

    /// What could not go: it stays in front.
    pub(super) fn put_back(&mut self, connections: Vec<Moving>) {
        for moving in connections.into_iter().rev() {
            self.of(&moving).push_front(moving);
        }
    }

    /// Takes the tunnels out; the others stay.
    pub(super) fn take_tunnels(&mut self) -> Vec<Moving> {
        let mut tunnels = Vec::new();
        for queue in [&mut self.hurried, &mut self.silent] {
            let all = std::mem::take(queue).into_iter();
            let (out, stay): (VecDeque<_>, VecDeque<_>) =
                all.partition(|moving| moving.record.tunnel.is_some());
            tunnels.extend(out);
            *queue = stay;
        }
        tunnels
    }

    /// As many connections as fit into one datagram, at least one.
    pub(super) fn next_batch(&mut self) -> Vec<Moving> {
        let (mut bytes, mut fds) = (0, 0);
        let mut batch = Vec::with_capacity(self.len().min(BATCH_MAX));
        while batch.len() < BATCH_MAX
            && let Some(mut moving) = self.pop()
        {
            let (cost, descriptors) = cost(&mut moving.record);
            let fits = bytes + cost <= BODY_BYTES_MAX - 64 && fds + descriptors <= scm::FDS_MAX;
            if !batch.is_empty() && !fits {
                self.put_back(vec![moving]);
                break;
            }
            (bytes, fds) = (bytes + cost, fds + descriptors);
            batch.push(moving);
        }
        batch
    }
}

/// Bytes and descriptors that a record takes of a datagram.
fn cost(record: &mut Record) -> (usize, usize) {
    let (mut bytes, mut descriptors) = (record.encoded_bytes(), record.sockets());
    let inline_max = inline_max(record);
    for prefix in record.prefixes().filter(|prefix| prefix.inline_bytes() > inline_max) {
        bytes -= prefix.inline_bytes();
        descriptors += 1;
    }
    (bytes, descriptors)
}

/// Two prefixes share the room that one has alone; a relayed client's facts stand in it too.
fn inline_max(record: &Record) -> usize {
    PREFIX_INLINE_MAX.saturating_sub(record.relay_bytes()) / record.sockets()
}

/// The records as they travel, and the memfds of long prefixes.
pub(super) fn describe(connections: &[Moving]) -> io::Result<(Vec<Record>, Vec<OwnedFd>)> {
    let mut memfds = Vec::new();
    let mut records = Vec::with_capacity(connections.len());
    for moving in connections {
        let mut record = moving.record.clone();
        let inline_max = inline_max(&record);
        for prefix in record.prefixes() {
            if let Prefix::Inline(unread) = prefix
                && unread.len() > inline_max
            {
                memfds.push(memfd::sealed("unread", unread)?);
                *prefix = Prefix::Memfd(u32::try_from(unread.len()).unwrap_or(u32::MAX));
            }
        }
        records.push(record);
    }
    Ok((records, memfds))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, SocketAddr};

    use baton_shared::words::{ListenerId, Monotonic};

    use super::*;

    fn moving(number: u64, hurries: bool) -> Moving {
        let ip = IpAddr::from(Ipv4Addr::LOCALHOST);
        let record = Record {
            listener: ListenerId(0),
            accepted: Monotonic::now(),
            socket_peer: SocketAddr::new(ip, 1),
            asserted_peer: ip,
            local: SocketAddr::new(ip, 2),
            requests: number,
            deadline: None,
            prefix: Prefix::Inline(Vec::new()),
            tunnel: None,
            relay: None,
        };
        Moving {
            record,
            socket: memfd::open("socket").unwrap(),
            backend: None,
            stays: false,
            hurries,
        }
    }

    fn numbers(batch: &[Moving]) -> Vec<u64> {
        batch.iter().map(|moving| moving.record.requests).collect()
    }

    #[test]
    fn clients_that_want_something_go_first_and_what_comes_back_keeps_its_place() {
        let mut queue = Queue::default();
        for (number, hurries) in [(1, false), (2, false), (3, true), (4, false), (5, true)] {
            queue.push(moving(number, hurries));
        }
        let batch = queue.next_batch();
        assert_eq!(numbers(&batch), [3, 5, 1, 2, 4]);
        queue.put_back(batch);
        queue.push(moving(6, true));
        assert_eq!(numbers(&queue.next_batch()), [3, 5, 6, 1, 2, 4]);
    }

    #[test]
    fn a_batch_has_a_bound() {
        let mut queue = Queue::default();
        (0..=BATCH_MAX as u64).for_each(|number| queue.push(moving(number, false)));
        assert_eq!(queue.next_batch().len(), BATCH_MAX);
        assert_eq!(queue.len(), 1);
    }
}
