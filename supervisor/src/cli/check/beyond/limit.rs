//! Rate limits that limit nobody.

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::node::{Node, Value};

use super::notes::{Notes, all_extra, member, namespace, text};

pub(super) fn look(config: &ServiceConfig, notes: &mut Notes<'_>) {
    for name in ["qos/ratelimit/router", "qos/ratelimit/service", "qos/ratelimit/proxy"] {
        for (settings, at) in all_extra(config).filter_map(|extra| namespace(extra, name)) {
            let is_client = positive(settings, "client_max_rate");
            if name != "qos/ratelimit/proxy" && is_client {
                match text(settings, "strategy") {
                    Some("ip") => {},
                    Some("header" | "param")
                        if text(settings, "key").is_some_and(|key| !key.is_empty()) => {},
                    Some("header" | "param") => {
                        notes.tell(&at.key("strategy"), "which one? set `key`");
                    },
                    Some(other) => notes.tell(
                        &at.key("strategy"),
                        format!("`{other}` is no strategy: one of ip, header, param"),
                    ),
                    None => notes.tell(
                        &at.key("client_max_rate"),
                        "who is a client? set `strategy` to ip, header or param: without it \
                         `client_max_rate` has no effect",
                    ),
                }
            }
            if !is_client && !positive(settings, "max_rate") {
                notes.tell(at, "nobody is limited: set `max_rate` above 0");
            }
        }
    }
}

fn positive(settings: &Node, key: &str) -> bool {
    let Some(Value::Number(digits)) = member(settings, key).map(|node| &node.value) else {
        return false;
    };
    digits.parse::<f64>().is_ok_and(|rate| rate > 0.0)
}
