//! Settings of namespaces: keys that nobody reads, values of the wrong kind.

use std::cell::RefCell;

use baton_shared::config::model::{ExtraConfig, ServiceConfig};

use super::super::lint::Judge;
use super::notes::Notes;

/// What is said of their keys in better words elsewhere.
const TOLD_ELSEWHERE: [&str; 5] = [
    "auth/signer",
    "auth/validator",
    "qos/ratelimit/router",
    "qos/ratelimit/service",
    "qos/ratelimit/proxy",
];

thread_local! {
    /// Compiled once: a thread of tests checks hundreds of files.
    static JUDGE: RefCell<Option<Judge>> = RefCell::new(Judge::new());
}

pub(super) fn look(config: &ServiceConfig, notes: &mut Notes<'_>) {
    JUDGE.with_borrow_mut(|judge| {
        if let Some(judge) = judge {
            all(config, judge, notes);
        }
    });
}

fn all(config: &ServiceConfig, judge: &mut Judge, notes: &mut Notes<'_>) {
    let mut one = |extra: &ExtraConfig, level| {
        for (name, found) in &extra.namespaces {
            for fault in judge.faults(name, level, &found.settings, &found.at) {
                let is_told = TOLD_ELSEWHERE.contains(&name.as_str())
                    && fault.text.contains("must stand here");
                if !is_told {
                    notes.tell(&fault.at, fault.text);
                }
            }
        }
    };
    one(&config.extra_config, "service");
    for agent in &config.async_agent {
        one(&agent.extra_config, "agent");
        agent.backend.iter().for_each(|backend| one(&backend.extra_config, "backend"));
    }
    for endpoint in &config.endpoints {
        one(&endpoint.extra_config, "endpoint");
        endpoint.backend.iter().for_each(|backend| one(&backend.extra_config, "backend"));
    }
}
