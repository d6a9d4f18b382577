//! Async agents: consumers of queues.

use super::endpoint::{backends, object};
use super::service::extra_config;
use super::{Faults, Fields, Place};
use crate::config::duration::GoDuration;
use crate::config::model::AsyncAgent;
use crate::config::node::Node;

/// One entry of `async_agent`. `None`: a fault was noted.
pub(super) fn agent(node: &Node, place: &Place, faults: &mut Faults) -> Option<AsyncAgent> {
    let mut fields = object(node, place, "an agent", faults)?;
    let f = &mut fields;
    let name = f.text("name", faults);
    let connection =
        f.get("connection").map(|(n, p)| connection(n, &p, faults)).unwrap_or_default();
    let consumer = f.get("consumer").map(|(n, p)| consumer(n, &p, faults)).unwrap_or_default();
    let agent = AsyncAgent {
        at: place.at.clone(),
        name,
        encoding: f.text("encoding", faults),
        backend: backends(f, faults),
        timeout: consumer.timeout,
        workers: consumer.workers,
        topic: consumer.topic,
        max_rate: consumer.max_rate,
        max_retries: connection.max_retries,
        backoff_strategy: connection.backoff_strategy,
        health_interval: connection.health_interval,
        extra_config: extra_config(f, faults),
    };
    fields.finish(faults);
    Some(agent)
}

#[derive(Default)]
struct Connection {
    max_retries: i64,
    backoff_strategy: String,
    health_interval: GoDuration,
}

fn connection(node: &Node, place: &Place, faults: &mut Faults) -> Connection {
    let Some(mut f) = Fields::of(node, place, faults) else { return Connection::default() };
    let connection = Connection {
        max_retries: f.integer("max_retries", faults),
        backoff_strategy: f.text("backoff_strategy", faults),
        health_interval: f.duration("health_interval", faults),
    };
    f.finish(faults);
    connection
}

#[derive(Default)]
struct Consumer {
    timeout: GoDuration,
    workers: i64,
    topic: String,
    max_rate: f64,
}

fn consumer(node: &Node, place: &Place, faults: &mut Faults) -> Consumer {
    let Some(mut f) = Fields::of(node, place, faults) else { return Consumer::default() };
    let consumer = Consumer {
        timeout: f.duration("timeout", faults),
        workers: f.integer("workers", faults),
        topic: f.text("topic", faults),
        max_rate: f
            .get("max_rate")
            .and_then(|(node, place)| faults.float(node, &place))
            .unwrap_or_default(),
    };
    f.finish(faults);
    consumer
}
