//! From the first message to everything that serving needs: the plan, the sockets.
//!
//! Before the control loop; the supervisor's pings are answered meanwhile.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;

use baton_shared::control::Channel;
use baton_shared::control::message::{FromWorker, Health, Shard, Start, ToWorker};
use baton_shared::log;
use baton_shared::os::memfd;
use baton_shared::soft::{Memory, Tenant};
use baton_shared::words::{GenerationId, ListenerId, Monotonic};

use super::control::End;
use super::planning::{self, Planning, Wish};
use super::threads::{Order, Threads};
use crate::plan::Plan;

/// The largest configuration.
const CONFIG_BYTES_MAX: usize = 64 << 20;

pub(super) type Sockets = Vec<(Shard, OwnedFd)>;

/// From the first message to everything that serving needs: the plan, the sockets.
pub(super) async fn prepare(channel: &Channel) -> Result<(Start, Arc<Plan>, Sockets), End> {
    let (txn, start, text) = loop {
        match channel.receive::<ToWorker>().await {
            Ok((txn, ToWorker::Start(start), fds)) => {
                if start.options.json_logs {
                    log::set_format(log::Format::Json);
                }
                break (txn, start, content(&fds).ok_or(End::Failed)?);
            },
            Ok((txn, ToWorker::Ping { nonce }, _)) => alive(channel, txn, nonce).await?,
            Ok(_) | Err(_) => return Err(End::Failed),
        }
    };
    let planning = planning::start(start.clone(), text).map_err(|_error| End::Failed)?;
    let plan = await_plan(channel, txn, planning).await?;
    keep_soft_state(channel, txn, &plan, start.generation).await?;
    take_answers(channel, txn, &plan).await?;
    share_revocations(channel, txn, &plan).await?;
    say(channel, txn, &FromWorker::Plan(plan.summary())).await?;
    let sockets = await_sockets(channel).await?;
    Ok((start, plan, sockets))
}

pub(super) async fn say(channel: &Channel, txn: u64, message: &FromWorker) -> Result<(), End> {
    channel.send(txn, message, &[]).await.map_err(|_gone| End::Failed)
}

/// Alive, with nothing to tell yet.
async fn alive(channel: &Channel, txn: u64, nonce: u64) -> Result<(), End> {
    say(channel, txn, &FromWorker::Pong { nonce, health: Health::default() }).await
}

/// What the sealed memory that came with a message holds.
fn content(fds: &[OwnedFd]) -> Option<Vec<u8>> {
    memfd::read(fds.first()?, CONFIG_BYTES_MAX).ok()
}

/// Passes questions for files on until the plan is made.
async fn await_plan(channel: &Channel, txn: u64, mut planning: Planning) -> Result<Arc<Plan>, End> {
    let mut asked = None;
    loop {
        tokio::select! {
            biased;
            Some(wish) = planning.wishes.recv(), if asked.is_none() => match wish {
                Wish::Need { path, answer } => {
                    say(channel, txn, &FromWorker::Need { path }).await?;
                    asked = Some(answer);
                },
                Wish::Keep(text) => {
                    let sent = channel.send(txn, &FromWorker::Rendered, &[text.as_fd()]).await;
                    sent.map_err(|_gone| End::Failed)?;
                },
            },
            outcome = &mut planning.outcome => return match outcome {
                Ok(Ok(plan)) => Ok(plan),
                Ok(Err(invalid)) => {
                    let code = invalid.exit_code;
                    say(channel, txn, &FromWorker::Invalid(*invalid)).await?;
                    Err(End::Refused(code))
                },
                Err(_panicked) => Err(End::Failed),
            },
            message = channel.receive::<ToWorker>() => match message {
                Ok((_, ToWorker::File { found, .. }, fds)) => {
                    if let Some(answer) = asked.take() {
                        drop(answer.send((found, content(&fds).unwrap_or_default())));
                    }
                },
                Ok((txn, ToWorker::Ping { nonce }, _)) => alive(channel, txn, nonce).await?,
                Ok((_, ToWorker::Quit, _)) => return Err(End::Asked),
                Ok(_) => {},
                Err(_gone) => return Err(End::Failed),
            },
        }
    }
}

/// Limits and breakers go on where the generation before left them.
async fn keep_soft_state(
    channel: &Channel,
    txn: u64,
    plan: &Plan,
    generation: GenerationId,
) -> Result<(), End> {
    let Some(sizes) = plan.soft.sizes() else { return Ok(()) };
    say(channel, txn, &FromWorker::NeedSoft(sizes)).await?;
    let (oldest, memory) = loop {
        match channel.receive::<ToWorker>().await {
            Ok((_, ToWorker::Soft { oldest, failure }, fds)) => match fds.first() {
                Some(memory) => {
                    break (oldest, Memory::map(memory).map_err(|error| error.to_string()));
                },
                None => break (oldest, Err(failure.unwrap_or_default())),
            },
            Ok((txn, ToWorker::Ping { nonce }, _)) => alive(channel, txn, nonce).await?,
            Ok((_, ToWorker::Quit, _)) => return Err(End::Asked),
            Ok(_) => {},
            Err(_gone) => return Err(End::Failed),
        }
    };
    let tenant = Tenant { generation, oldest };
    let kept = memory
        .and_then(|memory| plan.soft.keep_in(memory, tenant).map_err(|error| error.to_string()));
    let Err(reason) = kept else { return Ok(()) };
    log::error("SERVICE", format!("limits and breakers begin anew with every reload: {reason}"));
    let Err(error) = plan.soft.keep_privately() else { return Ok(()) };
    say(channel, txn, &FromWorker::Fatal { reason: error.to_string() }).await?;
    Err(End::Failed)
}

/// What earlier workers fetched need not be fetched again: a provider may be down just now. Nor are passwords checked again.
async fn take_answers(channel: &Channel, txn: u64, plan: &Plan) -> Result<(), End> {
    for name in plan.keys.names() {
        if let (Some(at), fds) = need_answer(channel, txn, &name).await?
            && let Some(content) = content(&fds)
        {
            plan.keys.remember(&name, &content, at);
        }
    }
    for credentials in &plan.credentials {
        let (_, fds) = need_answer(channel, txn, credentials.name()).await?;
        if let Some(content) = content(&fds) {
            credentials.remember(&content);
        }
    }
    for users in &plan.passwords {
        if let (Some(at), fds) = need_answer(channel, txn, &users.record()).await?
            && let Some(content) = content(&fds)
        {
            users.remember(&content, at);
        }
    }
    Ok(())
}

/// What was revoked stays so: the memory is that of the worker before, or new and then that of the next.
async fn share_revocations(channel: &Channel, txn: u64, plan: &Plan) -> Result<(), End> {
    /// It is never too old to be kept.
    const ALWAYS: Monotonic = Monotonic::from_nanos(u64::MAX);
    let Some(revoker) = &plan.revoker else { return Ok(()) };
    let name = revoker.name();
    let (_, fds) = need_answer(channel, txn, &name).await?;
    if fds.first().is_some_and(|memory| revoker.keep_in(memory)) {
        return Ok(());
    }
    let kept = revoker.memory().map(|memory| (revoker.keep_in(&memory), memory));
    match kept {
        Ok((true, memory)) => {
            let message = FromWorker::Answer { name, at: ALWAYS };
            channel.send(txn, &message, &[memory.as_fd()]).await.map_err(|_gone| End::Failed)
        },
        Ok((false, _)) | Err(_) => {
            say(
                channel,
                txn,
                &FromWorker::Fatal { reason: "no memory for revocations".to_owned() },
            )
            .await?;
            Err(End::Failed)
        },
    }
}

async fn need_answer(
    channel: &Channel,
    txn: u64,
    name: &str,
) -> Result<(Option<Monotonic>, Vec<OwnedFd>), End> {
    say(channel, txn, &FromWorker::NeedAnswer { name: name.to_owned() }).await?;
    loop {
        match channel.receive::<ToWorker>().await {
            Ok((_, ToWorker::Answer { at, .. }, fds)) => return Ok((at, fds)),
            Ok((txn, ToWorker::Ping { nonce }, _)) => alive(channel, txn, nonce).await?,
            Ok((_, ToWorker::Quit, _)) => return Err(End::Asked),
            Ok(_) => {},
            Err(_gone) => return Err(End::Failed),
        }
    }
}

async fn await_sockets(channel: &Channel) -> Result<Sockets, End> {
    let mut all = Sockets::new();
    loop {
        match channel.receive::<ToWorker>().await {
            Ok((_, ToWorker::Listen { sockets, last }, fds)) => {
                all.extend(sockets.into_iter().zip(fds));
                if last {
                    return Ok(all);
                }
            },
            Ok((txn, ToWorker::Ping { nonce }, _)) => alive(channel, txn, nonce).await?,
            Ok((_, ToWorker::Quit, _)) => return Err(End::Asked),
            Ok(_) => {},
            Err(_gone) => return Err(End::Failed),
        }
    }
}

/// Every thread gets a socket of every address: its own shard where there are enough.
pub(super) fn deal(threads: &mut Threads, sockets: Sockets) -> io::Result<()> {
    let mut listeners: BTreeMap<ListenerId, Sockets> = BTreeMap::new();
    for (shard, socket) in sockets {
        listeners.entry(shard.listener).or_default().push((shard, socket));
    }
    for (id, shards) in listeners {
        let missing = threads.count().saturating_sub(shards.len());
        for (shard, socket) in shards.iter().cycle().take(missing) {
            let socket = socket.try_clone()?;
            threads.deal(Order::Listen { id, address: shard.address, socket });
        }
        for (shard, socket) in shards {
            threads.deal(Order::Listen { id, address: shard.address, socket });
        }
    }
    Ok(())
}
