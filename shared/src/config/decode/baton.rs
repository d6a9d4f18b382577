//! `"@baton"`: strict where KrakenD is not. Unknown keys and odd kinds are refused, since nothing
//! else tells of a slip here.

use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::time::Duration;

use super::kind::kind_of;
use super::{Faults, Fields, Place};
use crate::config::baton::{BatonBackend, BatonEndpoint, BatonService, EdgeLimits, Wait};
use crate::config::duration::GoDuration;
use crate::config::node::{Node, Value};

/// `"@baton"` of the root.
pub(super) fn service(fields: &mut Fields<'_>, faults: &mut Faults) -> BatonService {
    let Some(mut f) = block(fields, faults) else { return BatonService::default() };
    let baton = BatonService {
        trust_forwarded_for: one(&mut f, "trust_forwarded_for", faults, boolean),
        drain: one(&mut f, "drain", faults, wait),
        bake: one(&mut f, "bake", faults, duration),
        threads: one(&mut f, "threads", faults, threads),
        krakend_version: one(&mut f, "krakend_version", faults, version),
        name_servers: one(&mut f, "name_servers", faults, name_servers).unwrap_or_default(),
        token_cache: one(&mut f, "token_cache", faults, count),
        dynamic_routing: one(&mut f, "dynamic_routing", faults, boolean),
        limits: limits(&mut f, faults),
    };
    f.finish_strictly(faults);
    baton
}

fn limits(fields: &mut Fields<'_>, faults: &mut Faults) -> EdgeLimits {
    let Some((node, place)) = fields.get("limits") else { return EdgeLimits::default() };
    let Some(mut f) = Fields::of_baton(node, &place, faults) else { return EdgeLimits::default() };
    let limits = EdgeLimits {
        header_bytes: one(&mut f, "header_bytes", faults, size),
        header_fields: one(&mut f, "header_fields", faults, size),
        request_line_bytes: one(&mut f, "request_line_bytes", faults, size),
        body_bytes: one(&mut f, "body_bytes", faults, large),
        upload_idle: one(&mut f, "upload_idle", faults, duration),
        head_timeout: one(&mut f, "head_timeout", faults, duration),
        idle_timeout: one(&mut f, "idle_timeout", faults, duration),
        chunk_extension_bytes: one(&mut f, "chunk_extension_bytes", faults, size),
        trailer_bytes: one(&mut f, "trailer_bytes", faults, size),
        answer_header_bytes: one(&mut f, "answer_header_bytes", faults, size),
    };
    f.finish_strictly(faults);
    limits
}

/// `"@baton"` of an endpoint.
pub(super) fn endpoint(fields: &mut Fields<'_>, faults: &mut Faults) -> BatonEndpoint {
    let Some(mut f) = block(fields, faults) else { return BatonEndpoint::default() };
    let baton = BatonEndpoint { stream_timeout: one(&mut f, "stream_timeout", faults, wait) };
    f.finish_strictly(faults);
    baton
}

/// `"@baton"` of a backend.
pub(super) fn backend(fields: &mut Fields<'_>, faults: &mut Faults) -> BatonBackend {
    let Some(mut f) = block(fields, faults) else { return BatonBackend::default() };
    let baton = BatonBackend { http2: one(&mut f, "http2", faults, boolean) };
    f.finish_strictly(faults);
    baton
}

fn block<'a>(fields: &mut Fields<'a>, faults: &mut Faults) -> Option<Fields<'a>> {
    let (node, place) = fields.get("@baton")?;
    Fields::of_baton(node, &place, faults)
}

/// One key: absent, right, or refused.
fn one<T>(
    fields: &mut Fields<'_>,
    key: &'static str,
    faults: &mut Faults,
    read: fn(&Node) -> Result<T, &'static str>,
) -> Option<T> {
    let (node, place) = fields.get(key)?;
    match read(node) {
        Ok(value) => Some(value),
        Err(allowed) => refuse(node, &place, allowed, faults),
    }
}

fn refuse<T>(node: &Node, place: &Place, allowed: &'static str, faults: &mut Faults) -> Option<T> {
    faults.refuse(place, kind_of(node, allowed));
    None
}

fn boolean(node: &Node) -> Result<bool, &'static str> {
    match node.value {
        Value::Bool(flag) => Ok(flag),
        _ => Err("true or false"),
    }
}

fn wait(node: &Node) -> Result<Wait, &'static str> {
    match &node.value {
        Value::String(text) if text == "none" => Ok(Wait::Unbounded),
        _ => duration(node)
            .map(Wait::AtMost)
            .map_err(|_stricter| "a positive duration (100ms, 2s, 1h30m) or \"none\""),
    }
}

fn duration(node: &Node) -> Result<Duration, &'static str> {
    let parsed = match &node.value {
        Value::String(text) => GoDuration::parse(text).ok().and_then(GoDuration::positive),
        _ => None,
    };
    parsed.ok_or("a positive duration: write 100ms, 2s or 1h30m")
}

fn large(node: &Node) -> Result<u64, &'static str> {
    let parsed = match &node.value {
        Value::Number(digits) => digits.parse().ok().filter(|bytes| *bytes > 0),
        _ => None,
    };
    parsed.ok_or("a positive whole number")
}

fn count(node: &Node) -> Result<usize, &'static str> {
    const ALLOWED: &str = "a number from 0 to 10000000";
    const MOST: usize = 10_000_000;
    match &node.value {
        Value::Number(text) => text.parse().ok().filter(|count| *count <= MOST).ok_or(ALLOWED),
        _ => Err(ALLOWED),
    }
}

fn size(node: &Node) -> Result<usize, &'static str> {
    large(node).and_then(|size| {
        usize::try_from(size).map_err(|_too_large| "a number this machine can count")
    })
}

fn threads(node: &Node) -> Result<NonZeroUsize, &'static str> {
    /// As the command line.
    const THREADS_MAX: usize = 512;
    size(node)
        .ok()
        .filter(|count| *count <= THREADS_MAX)
        .and_then(NonZeroUsize::new)
        .ok_or("a number of threads from 1 to 512")
}

fn name_servers(node: &Node) -> Result<Vec<SocketAddr>, &'static str> {
    const DNS: u16 = 53;
    let address = |node: &Node| match &node.value {
        Value::String(text) => {
            let alone = text.parse().ok().map(|ip: IpAddr| SocketAddr::new(ip, DNS));
            alone.or_else(|| text.parse().ok())
        },
        _ => None,
    };
    let servers: Option<Vec<SocketAddr>> = match &node.value {
        Value::Array(items) => items.iter().map(address).collect(),
        _ => None,
    };
    servers
        .filter(|servers| (1..=3).contains(&servers.len()))
        .ok_or("a list of one to three addresses, each with or without a port: \"10.0.0.2\", \"127.0.0.1:5353\"")
}

fn version(node: &Node) -> Result<String, &'static str> {
    match &node.value {
        // It becomes part of header fields.
        Value::String(text)
            if !text.is_empty()
                && text.len() <= 100
                && text.bytes().all(|b| b.is_ascii_graphic() || b == b' ') =>
        {
            Ok(text.clone())
        },
        _ => Err("a version in printable ASCII, such as \"2.13.8\""),
    }
}
