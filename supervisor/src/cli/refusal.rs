//! A command line that cannot be understood: KrakenD's words and code, so that scripts that look
//! for them find them; and the help texts, which come the same way from the parser.

use std::process::ExitCode;

use clap::Error;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::{EXIT_REFUSED, output};

pub(super) fn answer(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp
        | ErrorKind::DisplayVersion
        | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            output::out(error.render().to_string().trim_end());
            ExitCode::SUCCESS
        },
        _ => {
            output::err(format_args!("Error: {}", text(error)));
            ExitCode::from(EXIT_REFUSED)
        },
    }
}

fn text(error: &Error) -> String {
    let found = |kind| error.get(kind).map(words).unwrap_or_default();
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let name = found(ContextKind::InvalidSubcommand);
            let nearest = nearest(error, ContextKind::SuggestedSubcommand);
            format!("unknown command \"{name}\" for \"baton\"{nearest}\n{HELP_HINT}")
        },
        ErrorKind::UnknownArgument => {
            let flag = unknown_flag(&found(ContextKind::InvalidArg));
            format!("{flag}{}{}", nearest(error, ContextKind::SuggestedArg), usage(error))
        },
        ErrorKind::ValueValidation => {
            let (value, flag) = (found(ContextKind::InvalidValue), found(ContextKind::InvalidArg));
            let why = std::error::Error::source(error).map(ToString::to_string).unwrap_or_default();
            let flag = both_spellings(&flag);
            format!("invalid argument \"{value}\" for \"{flag}\" flag: {why}{}", usage(error))
        },
        ErrorKind::InvalidValue if found(ContextKind::InvalidValue).is_empty() => {
            let flag = found(ContextKind::InvalidArg);
            let flag = flag.split([' ', '=']).next().unwrap_or(&flag);
            format!("flag needs an argument: {flag}{}", usage(error))
        },
        _ => {
            let text = error.render().to_string();
            text.strip_prefix("error: ").unwrap_or(&text).trim_end().to_owned()
        },
    }
}

const HELP_HINT: &str = "Run 'baton --help' for usage.";

fn unknown_flag(flag: &str) -> String {
    match flag.strip_prefix('-') {
        Some(short) if !short.starts_with('-') => {
            let letter = short.chars().next().unwrap_or('-');
            format!("unknown shorthand flag: '{letter}' in {flag}")
        },
        _ => format!("unknown flag: {flag}"),
    }
}

/// `--port <PORT>` as KrakenD names it: `-p, --port`.
fn both_spellings(flag: &str) -> String {
    let long = flag.split([' ', '=']).next().unwrap_or(flag);
    match long {
        "--port" => "-p, --port".to_owned(),
        "--config" => "-c, --config".to_owned(),
        _ => long.to_owned(),
    }
}

fn nearest(error: &Error, kind: ContextKind) -> String {
    match error.get(kind).map(words) {
        Some(name) if !name.is_empty() => format!(" (did you mean \"{name}\"?)"),
        _ => String::new(),
    }
}

fn usage(error: &Error) -> String {
    match error.get(ContextKind::Usage) {
        Some(ContextValue::StyledStr(usage)) => format!("\n{usage}\n\nTry --help for all flags."),
        _ => format!("\n{HELP_HINT}"),
    }
}

fn words(value: &ContextValue) -> String {
    match value {
        ContextValue::String(text) => text.clone(),
        ContextValue::Strings(texts) => texts.first().cloned().unwrap_or_default(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::super::args::Cli;
    use super::*;

    fn check(line: &str, begin: &str) {
        let error = Cli::try_parse_from(line.split(' ')).unwrap_err();
        let found = text(&error);
        assert!(found.starts_with(begin), "{line}\nwanted {begin}\nfound {found}");
    }

    #[test]
    fn krakends_words_are_used_for_what_krakend_refuses() {
        check(
            "baton frobnicate",
            "unknown command \"frobnicate\" for \"baton\"\nRun 'baton --help'",
        );
        check("baton check --nope -c k.json", "unknown flag: --nope\nUsage: baton check");
        check("baton check -c", "flag needs an argument: --config\n");
        check("baton run -x", "unknown shorthand flag: 'x' in -x\n");
        check(
            "baton run -p abc -c k.json",
            "invalid argument \"abc\" for \"-p, --port\" flag: strconv.ParseInt: parsing \"abc\": invalid syntax",
        );
    }

    #[test]
    fn a_near_miss_is_told() {
        check(
            "baton reloda",
            "unknown command \"reloda\" for \"baton\" (did you mean \"reload\"?)",
        );
        check("baton run --confg k", "unknown flag: --confg (did you mean \"--config\"?)");
    }

    #[test]
    fn a_wrong_duration_says_how_to_write_one() {
        check(
            "baton reload --timeout 5",
            "invalid argument \"5\" for \"--timeout\" flag: `5` is not",
        );
    }
}
