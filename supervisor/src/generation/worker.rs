//! One worker process from our side: a queue of orders, a task that reads what it says, a task
//! that waits for its end. Dropping the handle ends the tasks, never the process.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use baton_shared::control::message::Health;
use baton_shared::control::{Channel, FromWorker, ToWorker};
use baton_shared::os::scm;
use baton_shared::words::GenerationId;
use tokio::process::Child;
use tokio::sync::{Notify, mpsc};
use tokio::task::AbortHandle;

use super::processor::Processor;
use super::spawn::spawn;
use crate::reload::drive::Heard;
use crate::reload::event::{End, WorkerId};
use crate::supervise::WorkerProgram;

/// Orders that may wait for a worker to read; one that lets more pile up is stuck.
const ORDERS_MAX: usize = 1_024;
/// How long the last words of a process that has ended are waited for: its channel ends with it,
/// unless a child of its own holds it open.
const LAST_WORDS: Duration = Duration::from_millis(250);

/// A message with the descriptors that it names.
#[derive(Debug)]
pub struct Order {
    /// The transaction that it belongs to; 0 for none.
    pub txn: u64,
    /// What.
    pub message: ToWorker,
    /// Shared, since listening sockets go to many workers.
    pub fds: Vec<Arc<OwnedFd>>,
}

/// A live worker process.
#[derive(Debug)]
pub struct Worker {
    /// Its generation.
    pub(crate) generation: GenerationId,
    /// Its process.
    pub(crate) pid: u32,
    /// Over its sources, once it has planned.
    pub(crate) hash: String,
    /// Its last figures.
    pub(crate) health: Health,
    /// It as it was when it was last looked at for want of an answer.
    pub(crate) seen: Option<Processor>,
    /// Files that are being read for it.
    pub(crate) reads: usize,
    /// It obeys every order from now on.
    pub(crate) is_ready: bool,
    /// It gets keys of session tickets.
    pub(crate) wants_tickets: bool,
    /// Its configuration as rendered, for `FC_OUT`.
    pub(crate) rendered: Option<OwnedFd>,
    orders: mpsc::Sender<Order>,
    kill: Arc<Notify>,
    tasks: [AbortHandle; 3],
}

impl Worker {
    /// Starts the process and everything that listens to it.
    ///
    /// # Errors
    /// No descriptors, no memory, no executable.
    pub fn start(
        id: WorkerId,
        generation: GenerationId,
        program: &WorkerProgram,
        heard: &mpsc::Sender<Heard>,
    ) -> io::Result<Self> {
        let (ours, theirs) = scm::pair()?;
        let channel = Arc::new(Channel::new(ours)?);
        let child = spawn(program, theirs)?;
        let pid = child.id().unwrap_or_default();
        let (orders, queue) = mpsc::channel(ORDERS_MAX);
        let kill = Arc::new(Notify::new());
        let writer = tokio::spawn(write(id, Arc::clone(&channel), queue, heard.clone()));
        let (ended, end) = tokio::sync::oneshot::channel();
        let reader = tokio::spawn(read(id, channel, heard.clone(), ended));
        let waiter = tokio::spawn(wait(id, child, Arc::clone(&kill), end, heard.clone()));
        let tasks = [writer.abort_handle(), reader.abort_handle(), waiter.abort_handle()];
        let (hash, health) = (String::new(), Health::default());
        Ok(Self {
            generation,
            pid,
            hash,
            health,
            seen: None,
            reads: 0,
            is_ready: false,
            wants_tickets: false,
            rendered: None,
            orders,
            kill,
            tasks,
        })
    }

    /// Queues an order. A worker that does not read its orders is killed: it could not even be
    /// told to end.
    pub fn order(&self, order: Order) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.orders.try_send(order) {
            self.kill();
        }
    }

    /// A ping is not answered: whether for want of a processor, as far as can be told since the one before was not.
    pub(crate) fn waits_for_a_processor(&mut self) -> bool {
        let now = Processor::look(self.pid);
        let before = std::mem::replace(&mut self.seen, now);
        match (&before, &self.seen) {
            (Some(before), Some(now)) => now.has_waited_since(before),
            _ => false,
        }
    }

    /// SIGKILL, unless it has ended.
    pub fn kill(&self) {
        self.kill.notify_one();
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn write(
    id: WorkerId,
    channel: Arc<Channel>,
    mut queue: mpsc::Receiver<Order>,
    heard: mpsc::Sender<Heard>,
) {
    while let Some(order) = queue.recv().await {
        let fds: Vec<BorrowedFd<'_>> = order.fds.iter().map(|fd| fd.as_fd()).collect();
        if channel.send(order.txn, &order.message, &fds).await.is_err() {
            // Its end, if that is the reason, is heard of from the process itself.
            drop(heard.send(Heard::Lost(id)).await);
            return;
        }
    }
}

async fn read(
    id: WorkerId,
    channel: Arc<Channel>,
    heard: mpsc::Sender<Heard>,
    ended: tokio::sync::oneshot::Sender<()>,
) {
    while let Ok((txn, message, fds)) = channel.receive::<FromWorker>().await {
        let what = match fds.into_iter().next() {
            Some(content) => match message {
                FromWorker::Answer { name, at } => Heard::Answer(id, name, at, content),
                _ => Heard::Rendered(id, content), // nothing else comes with a descriptor
            },
            None => Heard::Message(id, txn, Box::new(message)),
        };
        if heard.send(what).await.is_err() {
            return;
        }
    }
    drop(heard.send(Heard::Lost(id)).await);
    drop(ended);
}

/// What a process said before its end is heard before its end.
async fn wait(
    id: WorkerId,
    mut child: Child,
    kill: Arc<Notify>,
    read: tokio::sync::oneshot::Receiver<()>,
    heard: mpsc::Sender<Heard>,
) {
    let status = loop {
        tokio::select! {
            status = child.wait() => break status,
            // Fails only when the process has ended, and then `wait` says so.
            () = kill.notified() => child.start_kill().unwrap_or_default(),
        }
    };
    drop(tokio::time::timeout(LAST_WORDS, read).await);
    let end = match status {
        Ok(status) => end(status),
        Err(error) => End::NotStarted(error.to_string()),
    };
    drop(heard.send(Heard::Exited(id, end)).await);
}

fn end(status: ExitStatus) -> End {
    match (status.signal(), status.code()) {
        (Some(libc_sigkill), _) if libc_sigkill == nix::sys::signal::Signal::SIGKILL as i32 => {
            End::Killed
        },
        (Some(number), _) => End::Signal(number),
        (None, code) => End::Code(code.unwrap_or_default()),
    }
}
