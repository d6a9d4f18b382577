//! `baton run`: takes its instance, connects the supervisor with its surroundings (signals, saved
//! files, callers, systemd, the log), and serves until somebody wants it to end.
//!
//! Before the first configuration is accepted nothing is printed on standard output: as KrakenD,
//! a refused one is told on standard error alone.

mod announce;
mod surroundings;

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use baton_shared::control::message::{Invalid, Options};
use baton_shared::log;
use baton_shared::os::process;
use tokio::sync::mpsc;

use self::surroundings::Surroundings;
use super::args::{LogFormat, RunArgs};
use super::{EXIT_FAILED, EXIT_REFUSED, output, reload};
use crate::admin;
use crate::instance::{ClaimError, Instance, Key, Places, claim, lexical_absolute};
use crate::supervise::{self, Ending, Settings, WorkerProgram};
use crate::systemd::{Inherited, Notifier, Speaker};
use crate::trigger::Command;
use crate::trigger::signal::Signals;
use crate::trigger::watch::Watch;

/// Commands that may wait for the supervisor's loop.
const COMMANDS_MAX: usize = 64;
/// How long the last log lines may take.
const LOG_DEADLINE: Duration = Duration::from_millis(500);

pub(super) const NO_CONFIG: &str = "Please, provide the path to the configuration file with --config or see \
                         all the options with --help";

pub(super) fn run(args: &RunArgs) -> ExitCode {
    let inherited = Inherited::take();
    // Only this process binds. Fails on no kernel that Baton runs on, and nothing depends on it.
    let _alone = process::keep_capabilities_to_itself();
    let Some(config) = &args.config else {
        output::err(NO_CONFIG);
        return ExitCode::SUCCESS;
    };
    let options = match options(args) {
        Ok(options) => options,
        Err(text) => return failed(text),
    };
    if options.json_logs {
        log::set_format(log::Format::Json);
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(error),
    };
    let ended = runtime.block_on(serve(args, config, options, inherited));
    // A read from a dead file system may hang in the background for ever.
    runtime.shutdown_background();
    log::flush(LOG_DEADLINE);
    match ended {
        Ok(ending) => tell_ending(&ending),
        Err(text) => failed(text),
    }
}

fn options(args: &RunArgs) -> Result<Options, String> {
    let port = match args.port {
        // As KrakenD: 0 leaves the port to the file.
        None | Some(0) => None,
        Some(port) => match u16::try_from(port) {
            Ok(port) => Some(port),
            Err(_) => return Err(format!("listen tcp: address {port}: invalid port")),
        },
    };
    Ok(Options {
        threads: args.threads,
        port,
        debug: args.debug > 0,
        serve_unguarded: args.serve_unguarded,
        json_logs: args.log_format == LogFormat::Json,
    })
}

/// Serves to the end. The error is a reason not to begin, in words.
async fn serve(
    args: &RunArgs,
    config: &Path,
    options: Options,
    inherited: Inherited,
) -> Result<Ending, String> {
    let (sender, commands) = mpsc::channel(COMMANDS_MAX);
    let signals = Signals::catch().map_err(|error| error.to_string())?;
    drop(tokio::spawn(signals.forward(sender.clone())));

    let folder = std::env::current_dir().unwrap_or_default();
    let absolute = lexical_absolute(config, &folder);
    let places = Places::read();
    let mut later = inherited.refused.clone();
    let instance = match reachable(args, &places, &absolute, &sender).await {
        Ok(instance) => Some(instance),
        Err(Unreachable::Fatal(text)) => return Err(text),
        Err(Unreachable::Bearable(text)) => {
            later.push(text);
            None
        },
    };
    let watch = if args.no_watch { None } else { watching(sender, &mut later) };
    let notifier = Notifier::from_environment().unwrap_or_else(|error| {
        later.push(format!("systemd cannot be told anything: {error}"));
        Notifier::default()
    });
    Speaker::tidy(&inherited).into_iter().for_each(|message| notifier.send(message));
    let history = places.state_folder(args.state_dir.as_deref(), Key::of(&absolute).as_ref());
    let history = history.map_err(|error| later.push(no_history(&error))).ok();

    let settings = Settings {
        config: config.to_owned(),
        options,
        threads: threads(args),
        history,
        last_known_good: args.last_known_good,
        rendered: std::env::var_os("FC_OUT").filter(|path| !path.is_empty()).map(PathBuf::from),
        listeners_outlive: keeps_listeners(&notifier, !inherited.listeners.is_empty()),
        inherited: inherited.listeners,
        worker: WorkerProgram::default(),
    };
    let around = Surroundings::new(notifier, Speaker::from_environment(), watch, instance, later);
    let ending = tokio::select! {
        ending = supervise::run(settings, commands, |notice| around.hear(&notice)) => ending,
        never = around.tick() => match never {},
    };
    around.finish(&ending).await;
    Ok(ending)
}

enum Unreachable {
    /// Serving would be wrong.
    Fatal(String),
    /// The gateway can serve without commands.
    Bearable(String),
}

/// Takes the instance and answers callers from now on.
async fn reachable(
    args: &RunArgs,
    places: &Places,
    config: &Path,
    commands: &mpsc::Sender<Command>,
) -> Result<Instance, Unreachable> {
    let grade = |text: String| match &args.control {
        Some(_) => Unreachable::Fatal(text),
        None => {
            Unreachable::Bearable(format!("`baton reload` will not reach this gateway: {text}"))
        },
    };
    let instance = match claim(places, config, args.control.as_deref()).await {
        Ok(instance) => instance,
        Err(ClaimError::Unusable(cause)) => return Err(grade(cause.to_string())),
        Err(taken @ (ClaimError::Taken { .. } | ClaimError::ControlTaken { .. })) => {
            return Err(Unreachable::Fatal(taken.to_string()));
        },
    };
    match admin::bind(instance.control()) {
        Ok(listener) => {
            drop(tokio::spawn(admin::serve(listener, commands.clone())));
            Ok(instance)
        },
        Err(error) => Err(grade(format!("{}: {error}", instance.control().display()))),
    }
}

fn watching(commands: mpsc::Sender<Command>, later: &mut Vec<String>) -> Option<Watch> {
    let watch = Watch::start(commands, |text| log::warning(announce::TAG, text));
    let blind = |error| {
        later.push(format!("saved files will not reload, only SIGHUP and `baton reload`: {error}"));
    };
    watch.map_err(blind).ok()
}

fn no_history(error: &io::Error) -> String {
    format!("the last good configuration will not be kept: {error}")
}

fn threads(args: &RunArgs) -> usize {
    let available = || std::thread::available_parallelism().map_or(1, usize::from);
    args.threads.map_or_else(available, usize::from)
}

/// Whether somebody outside holds the listening sockets when this process ends: they came from
/// there, or systemd has a store for them (it says so from version 254 on).
fn keeps_listeners(notifier: &Notifier, inherited: bool) -> bool {
    notifier.is_connected() && (inherited || std::env::var_os("FDSTORE").is_some())
}

fn tell_ending(ending: &Ending) -> ExitCode {
    match ending {
        Ending::Stopped => {},
        Ending::Refused(invalid) => refused(invalid),
        Ending::Failed { reason } => {
            output::err(format_args!("ERROR: {}", output::harmless(reason)));
        },
    }
    ExitCode::from(ending.exit_code())
}

/// KrakenD's text, exactly: scripts compare it. A person at a terminal also gets the places.
fn refused(invalid: &Invalid) {
    let text = output::harmless(&invalid.text);
    if invalid.exit_code == EXIT_REFUSED {
        output::err(format_args!("ERROR parsing the configuration file: {text}"));
    } else {
        output::err(format_args!("ERROR: {text}"));
    }
    if output::is_read_by_a_person() {
        invalid.findings.iter().map(reload::place).for_each(output::err);
    }
}

fn failed(error: impl std::fmt::Display) -> ExitCode {
    output::err(format_args!("ERROR: {error}"));
    ExitCode::from(EXIT_FAILED)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Command as Line};
    use super::*;

    fn parsed(line: &str) -> Result<Options, String> {
        match Cli::try_parse_from(line.split(' ')).unwrap().command {
            Line::Run(args) => options(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_port_out_of_range_is_refused_and_zero_leaves_it_to_the_file() {
        for port in ["99999", "-1", "65536"] {
            let error = parsed(&format!("baton run -c k -p {port}")).unwrap_err();
            assert_eq!(error, format!("listen tcp: address {port}: invalid port"));
        }
        assert_eq!(parsed("baton run -c k -p 0").unwrap().port, None);
        assert_eq!(parsed("baton run -c k -p 65535").unwrap().port, Some(65535));
    }
}
