//! One end of the wire, for tokio. Sending never waits for ever: a peer that does not read is dead.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use super::frame::{self, BODY_BYTES_MAX, Frame, FrameError, HEAD_BYTES};
use super::message::Message;
use super::reserve::Reserve;
use crate::os::scm;

/// How long a message may wait for room in the peer's queue.
pub const SEND_DEADLINE: Duration = Duration::from_secs(2);

/// One end of a worker's control channel, or of a handover channel.
#[derive(Debug)]
pub struct Channel {
    socket: AsyncFd<OwnedFd>,
}

/// Why a channel cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ChannelError {
    /// The peer closed its end or ended.
    #[error("the other process is gone")]
    Closed,
    /// The peer does not read.
    #[error("the other process did not read for {} ms", SEND_DEADLINE.as_millis())]
    Stuck,
    /// What came is no frame.
    #[error("malformed message")]
    Frame(#[from] FrameError),
    /// What came is not of this vocabulary.
    #[error("malformed message body")]
    Body(#[from] serde_json::Error),
    /// A message came with a wrong number of descriptors.
    #[error("a message came with {found} descriptors instead of {wanted}")]
    Descriptors {
        /// How many came.
        found: usize,
        /// How many the message names.
        wanted: usize,
    },
    /// The kernel says no.
    #[error("the channel failed")]
    Io(#[from] io::Error),
}

impl From<Errno> for ChannelError {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::EPIPE | Errno::ECONNRESET | Errno::ENOTCONN => Self::Closed,
            other => Self::Io(other.into()),
        }
    }
}

impl Channel {
    /// Takes over one end of [`scm::pair`]. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// When the socket cannot be registered with the runtime.
    pub fn new(socket: OwnedFd) -> io::Result<Self> {
        Ok(Self { socket: scm::register(socket)? })
    }

    /// Gives the socket back.
    #[must_use]
    pub fn into_inner(self) -> OwnedFd {
        self.socket.into_inner()
    }

    /// Sends one message with the descriptors it names.
    ///
    /// # Errors
    /// [`ChannelError::Stuck`] after [`SEND_DEADLINE`]; [`ChannelError::Closed`].
    pub async fn send<M: Message>(
        &self,
        txn: u64,
        message: &M,
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ChannelError> {
        if fds.len() != message.fds() {
            let (found, wanted) = (fds.len(), message.fds());
            return Err(ChannelError::Descriptors { found, wanted });
        }
        let body = serde_json::to_vec(message)?;
        let datagram = frame::encode(Frame { kind: M::KIND, txn }, &body)?;
        self.send_raw(&datagram, fds).await
    }

    /// Sends one datagram as it is.
    ///
    /// # Errors
    /// As [`Channel::send`].
    pub async fn send_raw(
        &self,
        datagram: &[u8],
        fds: &[BorrowedFd<'_>],
    ) -> Result<(), ChannelError> {
        let write = self.socket.async_io(Interest::WRITABLE, |socket| {
            scm::send(socket, datagram, fds).map_err(io::Error::from)
        });
        match tokio::time::timeout(SEND_DEADLINE, write).await {
            Ok(sent) => sent.map_err(closed_or_io),
            Err(_elapsed) => Err(ChannelError::Stuck),
        }
    }

    /// Waits for the next message. Cancelling loses nothing.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] at the end of the peer; the others for malformed input.
    pub async fn receive<M: Message>(&self) -> Result<(u64, M, Vec<OwnedFd>), ChannelError> {
        let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
        let (length, fds) = self.receive_raw(&mut buffer).await?;
        open(buffer.get(..length).unwrap_or_default(), fds)
    }

    /// As [`Channel::receive`]; what `reserve` keeps makes room for descriptors that come along.
    ///
    /// # Errors
    /// As [`Channel::receive`].
    pub async fn receive_with<M: Message>(
        &self,
        reserve: &mut Reserve,
    ) -> Result<(u64, M, Vec<OwnedFd>), ChannelError> {
        let mut buffer = vec![0; HEAD_BYTES + BODY_BYTES_MAX];
        let read = self.socket.async_io(Interest::READABLE, |socket| {
            reserve.let_go();
            let received = scm::receive(socket, &mut buffer).map_err(io::Error::from);
            reserve.refill(socket);
            received
        });
        let (length, fds) = not_the_end(read.await)?;
        open(buffer.get(..length).unwrap_or_default(), fds)
    }

    /// Waits for the next datagram as it is.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] at the end of the peer.
    pub async fn receive_raw(
        &self,
        buffer: &mut [u8],
    ) -> Result<(usize, Vec<OwnedFd>), ChannelError> {
        let read = self.socket.async_io(Interest::READABLE, |socket| {
            scm::receive(socket, buffer).map_err(io::Error::from)
        });
        not_the_end(read.await)
    }
}

fn not_the_end(
    read: io::Result<(usize, Vec<OwnedFd>)>,
) -> Result<(usize, Vec<OwnedFd>), ChannelError> {
    match read.map_err(closed_or_io)? {
        (0, _) => Err(ChannelError::Closed),
        received => Ok(received),
    }
}

/// A datagram and its descriptors as a message.
fn open<M: Message>(
    datagram: &[u8],
    fds: Vec<OwnedFd>,
) -> Result<(u64, M, Vec<OwnedFd>), ChannelError> {
    let (frame, body) = frame::decode(datagram)?;
    if frame.kind != M::KIND {
        return Err(FrameError::Kind { found: frame.kind as u16 }.into());
    }
    let message: M = serde_json::from_slice(body)?;
    if message.fds() != fds.len() {
        let (found, wanted) = (fds.len(), message.fds());
        return Err(ChannelError::Descriptors { found, wanted });
    }
    Ok((frame.txn, message, fds))
}

impl AsFd for Channel {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
    }
}

fn closed_or_io(error: io::Error) -> ChannelError {
    error.raw_os_error().map_or(ChannelError::Io(error), |code| Errno::from_raw(code).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::message::{FromWorker, ToWorker};

    fn in_runtime<F: Future>(body: F) -> F::Output {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(body)
    }

    #[test]
    fn messages_keep_their_order_and_their_transaction() {
        in_runtime(async {
            let (left, right) = scm::pair().unwrap();
            let (left, right) = (Channel::new(left).unwrap(), Channel::new(right).unwrap());
            left.send(4, &ToWorker::Accept, &[]).await.unwrap();
            left.send(5, &ToWorker::Ping { nonce: 9 }, &[]).await.unwrap();
            assert_eq!(right.receive::<ToWorker>().await.unwrap().1, ToWorker::Accept);
            let (txn, message, _) = right.receive::<ToWorker>().await.unwrap();
            assert_eq!((txn, message), (5, ToWorker::Ping { nonce: 9 }));
        });
    }

    #[test]
    fn a_message_without_its_descriptor_is_refused_on_both_sides() {
        in_runtime(async {
            let (left, right) = scm::pair().unwrap();
            let (left, right) = (Channel::new(left).unwrap(), Channel::new(right).unwrap());
            let refused = left.send(1, &ToWorker::HandOverTo, &[]).await;
            assert!(matches!(refused, Err(ChannelError::Descriptors { found: 0, wanted: 1 })));
            let frame = Frame { kind: frame::Kind::ToWorker, txn: 1 };
            let body = serde_json::to_vec(&ToWorker::HandOverTo).unwrap();
            left.send_raw(&frame::encode(frame, &body).unwrap(), &[]).await.unwrap();
            let refused = right.receive::<ToWorker>().await;
            assert!(matches!(refused, Err(ChannelError::Descriptors { found: 0, wanted: 1 })));
        });
    }

    #[test]
    fn the_wrong_vocabulary_and_the_end_are_told_apart() {
        in_runtime(async {
            let (left, right) = scm::pair().unwrap();
            let (left, right) = (Channel::new(left).unwrap(), Channel::new(right).unwrap());
            left.send(1, &FromWorker::Ready, &[]).await.unwrap();
            drop(left);
            assert!(matches!(right.receive::<ToWorker>().await, Err(ChannelError::Frame(_))));
            assert!(matches!(right.receive::<ToWorker>().await, Err(ChannelError::Closed)));
        });
    }
}
