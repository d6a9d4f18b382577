//! The dump against what KrakenD shows of the same file.

use super::*;
use crate::config::dump::{Detail, dump};

#[test]
fn the_dump_is_krakends() {
    let config = config(include_str!("dump.json"));
    assert_eq!(dump(&config, Detail::Main, "\t"), include_str!("dump_d.txt"));
    assert_eq!(dump(&config, Detail::More, "\t"), include_str!("dump_dd.txt"));
    assert_eq!(dump(&config, Detail::All, "\t"), include_str!("dump_ddd.txt"));
}

#[test]
fn blocks_that_are_there_are_shown() {
    let config = config(include_str!("good.json"));
    let text = dump(&config, Detail::All, "  ");
    for line in [
        "  TLS Disabled: false",
        "  TLS Public key: ",
        "  TLS Min version: TLS12",
        "  Client TLS Curve preferences: [23]",
        "  Folder: /p/",
        "  - a",
        "  Consumer Max Rate: 0.500000",
        "    [+] POST /in",
        "    Timeout: 3s",
        "    Mapping: map[a:b]",
        "- router",
        "\terror_body: map[404:<nil>]",
    ] {
        assert!(text.lines().any(|found| found == line), "lacks {line:?}:\n{text}");
    }
}
