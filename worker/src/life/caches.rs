//! What backends answered and caches keep goes along to the next worker.
//!
//! Beside the reload, each on a thread of its own: neither end waits for it, and whatever fails is asked for anew.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use baton_shared::log;
use baton_shared::os::memfd;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_blocking;

use crate::backend::cache::snapshot::{self, SNAPSHOT_BYTES_MAX};
use crate::handover::give::{Errand, Order, Progress};
use crate::plan::Plan;

/// Collects what caches keep, and has it given to the worker that gets the connections.
pub(super) fn give(plan: &Arc<Plan>, progress: &Arc<Progress>, giver: &UnboundedSender<Order>) {
    if plan.caches.is_empty() {
        return;
    }
    let (plan, giver, errand) = (Arc::clone(plan), giver.clone(), Errand::begin(progress));
    drop(spawn_blocking(move || {
        let Some(bytes) = snapshot::write(&plan.caches) else { return };
        if let Ok(memory) = memfd::sealed("baton-cache", &bytes) {
            drop(giver.send(Order::Cached(memory, errand)));
        }
    }));
}

/// Takes what the worker before has kept.
pub(super) fn keeper(plan: &Arc<Plan>) -> impl FnMut(OwnedFd) + use<> {
    let plan = Arc::clone(plan);
    move |memory| {
        let plan = Arc::clone(&plan);
        drop(spawn_blocking(move || {
            let Ok(bytes) = memfd::read(memory, SNAPSHOT_BYTES_MAX) else { return };
            let count = snapshot::read(&bytes, &plan.caches);
            if count > 0 {
                log::debug("SERVICE: Cache", format!("answers that came along: {count}"));
            }
        }));
    }
}
