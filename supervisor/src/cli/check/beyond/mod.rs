//! What Baton finds beyond KrakenD's errors. Nothing here refuses a file (but `--strict` does).
//!
//! A look is one file and one line in [`WARNINGS`] or [`REMARKS`]: a function from the configuration to
//! what it has to say.

mod notes;
mod settings;
mod route;
mod placeholder;
mod twice;
mod token;
mod cors;
mod limit;
mod file;
mod host;

use baton_shared::config::model::ServiceConfig;
use baton_shared::control::message::Notice;

use self::notes::Notes;
use crate::cli::disk::Disk;

pub(super) use host::unreachable;

type Look = fn(&ServiceConfig, &mut Notes<'_>);

/// Something has no effect, or hardly the one that was meant.
const WARNINGS: &[Look] = &[
    settings::look,
    route::unreachable,
    placeholder::unused,
    twice::backends,
    token::look,
    cors::look,
    limit::look,
];

/// Worth knowing.
const REMARKS: &[Look] = &[route::shadowed, twice::entries];

pub(super) fn warnings(config: &ServiceConfig, disk: &Disk) -> Vec<Notice> {
    let mut notes = Notes::of(config);
    for look in WARNINGS {
        look(config, &mut notes);
    }
    file::missing(config, disk, &mut notes);
    notes.done()
}

pub(super) fn remarks(config: &ServiceConfig) -> Vec<Notice> {
    let mut notes = Notes::of(config);
    for look in REMARKS {
        look(config, &mut notes);
    }
    notes.done()
}
