//! `baton test-plugin` and `baton check-plugin`: KrakenD's plugins are shared objects for the Go
//! runtime, which Baton is not. The commands are there so that a pipeline that calls them says why.

use std::process::ExitCode;

use super::args::TestPluginArgs;
use super::{EXIT_FAILED, output};

const WHY: &str = "Go plugins cannot be loaded: they need the Go runtime of the gateway that they were \
                   built for. `baton check` tells where a configuration asks for one.";

pub(super) fn test(args: &TestPluginArgs) -> ExitCode {
    for line in told(args) {
        output::err(output::harmless(&line));
    }
    ExitCode::from(EXIT_FAILED)
}

/// KrakenD's lines: one for each plugin and kind, and a last one.
fn told(args: &TestPluginArgs) -> Vec<String> {
    if args.plugins.is_empty() {
        return vec!["At least one plugin is required.".to_owned()];
    }
    let kinds = [(args.server, "SERVER"), (args.client, "CLIENT"), (args.modifier, "MODIFIER")];
    let kinds: Vec<&str> =
        kinds.iter().filter(|(is_it, _)| *is_it).map(|(_, kind)| *kind).collect();
    if kinds.is_empty() {
        return vec!["You must declare the expected type of the plugin.".to_owned()];
    }
    let mut lines: Vec<String> = args
        .plugins
        .iter()
        .flat_map(|plugin| kinds.iter().map(move |kind| format!("[KO] {kind}\t{plugin}: {WHY}")))
        .collect();
    lines.push(format!("[KO] {} plugin(s) failed.", args.plugins.len()));
    lines
}

pub(super) fn check() -> ExitCode {
    output::err(WHY);
    ExitCode::from(EXIT_FAILED)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::{Cli, Command};
    use super::*;

    fn said(line: &str) -> Vec<String> {
        let Command::TestPlugin(args) = Cli::parse_from(line.split(' ')).command else {
            panic!("{line}")
        };
        told(&args)
    }

    #[test]
    fn every_plugin_is_named_and_why_it_cannot_be() {
        let lines = said("baton test-plugin -s -c a.so b.so");
        assert_eq!(lines.len(), 5);
        assert!(
            lines[0].starts_with("[KO] SERVER\ta.so: Go plugins cannot be loaded"),
            "{lines:?}"
        );
        assert!(lines[3].starts_with("[KO] CLIENT\tb.so: "), "{lines:?}");
        assert_eq!(lines[4], "[KO] 2 plugin(s) failed.");
    }

    #[test]
    fn what_is_missing_is_told_as_krakend_does() {
        assert_eq!(said("baton test-plugin"), ["At least one plugin is required."]);
        assert_eq!(
            said("baton test-plugin a.so"),
            ["You must declare the expected type of the plugin."]
        );
    }
}
