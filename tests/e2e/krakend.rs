//! The recorded answers of the real KrakenD, subject by subject.
//!
//! `GOLDEN_CASE=name` plays one case only.

use baton_tests::golden::{NOT_BUILT, command, differences, needs};

const SUBJECTS: &[&str] = &[
    "bot",
    "breaker",
    "cache",
    "cc",
    "cel",
    "coll",
    "concurrent",
    "conf",
    "cors",
    "enc",
    "env",
    "fc",
    "flatmap",
    "fwd",
    "graphql",
    "gzip",
    "host",
    "json",
    "jwt",
    "lb",
    "lua",
    "manip",
    "merge",
    "negotiate",
    "noop",
    "raw",
    "redirect",
    "rl",
    "route",
    "router",
    "schema",
    "sechttp",
    "seq",
    "shadow",
    "sign",
    "static",
    "rss",
    "status",
    "timeout",
    "xml",
    "yaml",
];

fn check(subject: &str) {
    let found = differences(subject);
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn what_is_left_out_is_left_out_for_a_reason_that_still_stands() {
    let needed = SUBJECTS.iter().flat_map(|subject| needs(subject));
    let needed: Vec<String> = needed.chain(command::needs()).collect();
    for need in &needed {
        assert!(NOT_BUILT.contains(&need.as_str()), "{need} is built: take it out of the cases");
    }
    for need in NOT_BUILT {
        assert!(needed.iter().any(|needed| needed == need), "no case needs {need}");
    }
}

#[test]
fn commands_print_what_krakend_prints() {
    let found = command::differences();
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

macro_rules! subjects {
    ($($name:ident: $subject:literal,)*) => {
        $(#[test]
        fn $name() {
            check($subject);
        })*
    };
}

subjects! {
    bots_are_refused_as_in_krakend: "bot",
    breakers_open_and_close_as_in_krakend: "breaker",
    answers_are_cached_as_in_krakend: "cache",
    tokens_are_fetched_as_by_krakend: "cc",
    expressions_hold_as_in_krakend: "cel",
    collections_answer_as_krakend: "coll",
    concurrent_calls_end_as_in_krakend: "concurrent",
    configurations_are_read_as_krakend_reads_them: "conf",
    other_sites_are_let_in_as_in_krakend: "cors",
    encodings_are_used_as_in_krakend: "enc",
    the_environment_overrides_as_in_krakend: "env",
    templates_are_rendered_as_krakend_renders_them: "fc",
    fields_are_moved_as_in_krakend: "flatmap",
    requests_are_forwarded_as_krakend_forwards_them: "fwd",
    operations_of_graphql_are_sent_as_by_krakend: "graphql",
    gzip_is_handled_as_in_krakend: "gzip",
    host_lists_are_read_as_in_krakend: "host",
    json_is_written_as_krakend_writes_it: "json",
    tokens_are_judged_as_in_krakend: "jwt",
    hosts_are_balanced_as_in_krakend: "lb",
    scripts_run_as_in_krakend: "lua",
    data_is_shaped_as_in_krakend: "manip",
    an_accept_is_followed_as_in_krakend: "negotiate",
    answers_are_merged_as_in_krakend: "merge",
    no_op_streams_as_krakend_does: "noop",
    protocol_oddities_are_answered_as_krakend_does: "raw",
    redirects_are_followed_as_in_krakend: "redirect",
    rate_limits_refuse_as_in_krakend: "rl",
    paths_are_routed_as_in_krakend: "route",
    router_options_act_as_in_krakend: "router",
    bodies_are_checked_as_in_krakend: "schema",
    browsers_are_warned_as_in_krakend: "sechttp",
    chains_are_called_as_in_krakend: "seq",
    shadows_are_called_as_in_krakend: "shadow",
    answers_are_signed_as_in_krakend: "sign",
    static_data_is_laid_over_as_in_krakend: "static",
    feeds_are_read_as_in_krakend: "rss",
    failing_backends_show_as_in_krakend: "status",
    timeouts_show_as_in_krakend: "timeout",
    xml_is_read_and_written_as_in_krakend: "xml",
    yaml_is_written_as_in_krakend: "yaml",
}
