//! Spellings that KrakenD's parser takes and ours does not: `--debug=2`, `-d=2`, `--lint=true`, `-t=false`.

use std::ffi::OsString;

/// Commands of KrakenD's.
const COMMANDS: [&str; 6] = ["run", "check", "validate", "audit", "test-plugin", "check-plugin"];

/// Their flags that take no value.
const SWITCHES: [&str; 9] = [
    "--test-gin-routes",
    "--lint",
    "--lint-no-network",
    "--server",
    "--client",
    "--modifier",
    "-m",
    "--help",
    "-h",
];

/// More than this much debugging is no more.
const COUNT_MAX: i64 = 3;

/// The line in spellings that are taken; what is wrong is left for the parser to refuse.
pub(in crate::cli) fn plain(line: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let line: Vec<OsString> = line.into_iter().collect();
    let command = line.get(1).and_then(|word| word.to_str()).unwrap_or_default();
    if !COMMANDS.contains(&command) {
        return line;
    }
    line.iter().flat_map(|word| one(command, word)).collect()
}

fn one(command: &str, word: &OsString) -> Vec<OsString> {
    let as_it_is = || vec![word.clone()];
    let Some((flag, value)) = word.to_str().and_then(|word| word.split_once('=')) else {
        return as_it_is();
    };
    if matches!(flag, "--debug" | "-d") {
        return match value.parse::<i64>() {
            Ok(times) => {
                let times = usize::try_from(times.clamp(0, COUNT_MAX)).unwrap_or(0);
                vec![OsString::from("--debug"); times]
            },
            Err(_) => as_it_is(),
        };
    }
    // Some letters are switches of some commands only.
    let is_switch = match flag {
        "-c" | "-s" => command == "test-plugin",
        "-f" | "--format" => command == "check-plugin",
        "-l" | "-n" | "-t" => matches!(command, "check" | "validate"),
        _ => SWITCHES.contains(&flag),
    };
    match value {
        "1" | "t" | "T" | "TRUE" | "true" | "True" if is_switch => vec![OsString::from(flag)],
        "0" | "f" | "F" | "FALSE" | "false" | "False" if is_switch => Vec::new(),
        _ => as_it_is(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_switches_and_counts_are_understood() {
        let cases = [
            ("baton check --debug=2 -c k", "baton check --debug --debug -c k"),
            ("baton run -d=0 -c k", "baton run -c k"),
            ("baton check -d=99", "baton check --debug --debug --debug"),
            ("baton run -d=false", "baton run -d=false"),
            ("baton check --lint=true -t=1 -n=F", "baton check --lint -t"),
            ("baton check --lint=perhaps", "baton check --lint=perhaps"),
            ("baton check -c=1 -s=true", "baton check -c=1 -s=true"),
            ("baton audit -f=true", "baton audit -f=true"),
            ("baton check-plugin -f=true -l=1", "baton check-plugin -f -l=1"),
            ("baton reload --json=true", "baton reload --json=true"),
        ];
        for (line, wanted) in cases {
            let found = plain(line.split(' ').map(OsString::from));
            let found: Vec<_> = found.iter().map(|word| word.to_str().unwrap()).collect();
            assert_eq!(found.join(" "), wanted, "{line}");
        }
    }
}
