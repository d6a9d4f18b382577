//! What the file asks for and Baton does not do: nothing of it fails open, nothing is dropped in silence.
//!
//! Runs once, before endpoints are compiled. What protects an endpoint and is not built closes it (501);
//! a guard of the whole service refuses the start; `--serve-unguarded` overrides, loudly. What
//! only adds is named and skipped.

use std::collections::BTreeMap;

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::namespace::{self, Kind, Owner, Unbuilt};
use baton_shared::control::message::Notice;
use baton_shared::words::JsonPointer;

/// What to do about what is not built.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    /// Endpoints that answer 501, by index, and why.
    pub(super) closed: BTreeMap<usize, String>,
    /// Reasons to refuse the start.
    pub(super) refusals: Vec<Notice>,
    /// What is said of all this.
    pub(super) notices: Vec<Notice>,
}

/// Whether what is unguarded may be served all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unguarded {
    /// `--serve-unguarded`.
    Serve,
    /// It may not.
    Refuse,
}

/// Judges everything that is asked for and not built.
pub(super) fn judge(config: &ServiceConfig, unguarded: Unguarded) -> Verdict {
    let mut verdict = Verdict::default();
    for found in namespace::unbuilt(config) {
        verdict.judge(config, &found, unguarded);
    }
    for (is_asked, key) in
        [(config.plugin.is_some(), "plugin"), (!config.async_agent.is_empty(), "async_agent")]
    {
        if is_asked {
            verdict.tell(
                config,
                &JsonPointer::root().key(key),
                &format!("`{key}` is not built: it is left out"),
            );
        }
    }
    verdict
}

impl Verdict {
    fn tell(&mut self, config: &ServiceConfig, at: &JsonPointer, text: &str) {
        self.notices.push(config.source.notice(at, text));
    }

    fn judge(&mut self, config: &ServiceConfig, found: &Unbuilt, unguarded: Unguarded) {
        let name = format!("`{}`", found.namespace);
        let endpoint = match found.owner {
            Owner::Endpoint(endpoint) | Owner::Backend(endpoint, _) => Some(endpoint),
            Owner::Service | Owner::Agent(_) => None,
        };
        match (found.kind, endpoint, unguarded) {
            (Kind::Adds, _, _) | (Kind::Shapes, None, _) => {
                self.tell(config, &found.at, &format!("{name} is not built: it is left out"));
            },
            (Kind::Protects, Some(_), Unguarded::Serve) => {
                self.tell(config, &found.at, &format!("{name} is not built: SERVED UNGUARDED"));
            },
            (Kind::Protects | Kind::Shapes, Some(endpoint), _) => {
                let text = format!("{name} is not built: this endpoint answers 501");
                self.tell(config, &found.at, &text);
                self.closed.entry(endpoint).or_insert(text);
            },
            (Kind::Protects, None, _) => self.service_guard(config, &found.at, &name, unguarded),
        }
    }

    fn service_guard(
        &mut self,
        config: &ServiceConfig,
        at: &JsonPointer,
        name: &str,
        unguarded: Unguarded,
    ) {
        match unguarded {
            Unguarded::Serve => {
                self.tell(config, at, &format!("{name} is not built: SERVED UNGUARDED"));
            },
            Unguarded::Refuse => self.refusals.push(config.source.notice(
                at,
                format!(
                    "{name} protects the whole service and is not built: remove it, or serve \
                     without it by --serve-unguarded"
                ),
            )),
        }
    }
}
