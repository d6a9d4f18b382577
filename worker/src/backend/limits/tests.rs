//! Breakers and rate limits of a backend, call by call.

use std::rc::Rc;

use baton_shared::config::read::{Format, read};
use http::StatusCode;
use tokio::join;

use super::*;
use crate::harness::{Backend, ask, endpoint, get, on_a_thread, service, serving, set};
use crate::message::UploadError;
use crate::plan::Pipe;

/// A `no-op` endpoint whose backend has these blocks.
fn limited(blocks: &[(&str, &str)], hosts: &[std::net::SocketAddr]) -> Rc<ThreadState> {
    let mut endpoint = endpoint("no-op", hosts);
    for (namespace, block) in blocks {
        let extra = &mut endpoint.backend[0].extra_config;
        let document = read(Format::Json, block.as_bytes()).unwrap();
        set(extra, namespace, "", Value::Null);
        extra.namespaces.get_mut(*namespace).unwrap().settings = document.root;
    }
    serving(&service(endpoint))
}

fn backend(thread: &ThreadState) -> &BackendPlan {
    match &thread.plan.endpoints[0].pipe {
        Pipe::NoOp(plan) => &plan.backend,
        other => panic!("{other:?}"),
    }
}

/// One call with that result; what the limits say of it.
fn play(thread: &ThreadState, result: &Result<(), Failure>) -> Option<Failure> {
    match enter(thread, backend(thread)) {
        Ok(pass) => {
            pass.hear(result);
            None
        },
        Err(failure) => Some(failure),
    }
}

#[test]
fn calls_pass_until_the_breaker_opens_and_what_the_rate_limit_refuses_is_a_failure() {
    let breaker = ("qos/circuit-breaker", r#"{"max_errors": 1, "timeout": 60}"#);
    let thread = limited(&[breaker], &[]);
    let failures: Vec<_> = (0..3).map(|_| play(&thread, &Err(Failure::Late))).collect();
    assert!(matches!(failures[..], [None, None, Some(Failure::BreakerOpen)]));

    let rate = ("qos/ratelimit/proxy", r#"{"max_rate": 1, "capacity": 2, "every": "1h"}"#);
    let thread = limited(&[breaker, rate], &[]);
    let answers: Vec<String> = (0..5)
        .map(|_| play(&thread, &Ok(())).map_or_else(String::new, |failure| failure.to_string()))
        .collect();
    let (limited, open) = ("rate limit exceded", "circuit breaker is open");
    assert_eq!(answers, ["", "", limited, limited, open]);
}

#[test]
fn what_is_no_fault_of_the_backend_opens_nothing() {
    let thread = limited(&[("qos/circuit-breaker", r#"{"name": "x"}"#)], &[]);
    for failure in [
        Failure::NoHosts,
        Failure::DotSegment,
        Failure::Url(String::new()),
        Failure::Upload(UploadError::Broken),
    ] {
        assert!(play(&thread, &Err(failure)).is_none());
    }
    // A client who gives up: what was let through is dropped.
    drop(enter(&thread, backend(&thread)).unwrap());
    assert!(play(&thread, &Err(Failure::Late)).is_none());
    assert!(matches!(play(&thread, &Ok(())), Some(Failure::BreakerOpen)));
}

#[test]
fn a_block_in_which_nothing_is_said_is_no_breaker() {
    for (block, is_one) in [
        ("{}", false),
        (r#"{"max_errors": 0, "interval": 0, "timeout": 0.9, "name": ""}"#, false),
        (r#"{"max_errors": "1", "log_status_change": "true"}"#, false),
        (r#"{"max_errors": 1}"#, true),
        (r#"{"interval": 1}"#, true),
        (r#"{"name": "x"}"#, true),
        (r#"{"log_status_change": true}"#, true),
    ] {
        let thread = limited(&[("qos/circuit-breaker", block)], &[]);
        assert_eq!(backend(&thread).limits.is_some(), is_one, "{block}");
    }
}

#[test]
fn integers_of_toml_count_as_those_of_json() {
    let text = b"[x]\nmax_errors = 1\ntimeout = 5\n[y]\nmax_rate = 3\n";
    let root = read(Format::Toml, text).unwrap().root;
    let breaker = read_breaker(&mut SoftPlan::default(), "", member(&root, "x").unwrap(), GRACE);
    assert_eq!((breaker.breaker.max_errors, breaker.breaker.timeout.as_secs()), (1, 5));
    assert_eq!(rate(member(&root, "y").unwrap()), Some((3.0, 3)));
}

#[test]
fn a_rate_of_a_backend_has_krakends_defaults_and_no_shortest_time() {
    for (block, expected) in [
        (r#"{"max_rate": 3}"#, Some((3.0, 3))),
        (r#"{"max_rate": 0.5}"#, Some((0.5, 1))),
        (r#"{"max_rate": 1, "capacity": 7}"#, Some((1.0, 7))),
        (r#"{"max_rate": 2, "every": "10s"}"#, Some((0.2, 1))),
        (r#"{"max_rate": 2, "every": "100ms"}"#, Some((20.0, 20))),
        (r#"{"max_rate": 2, "every": "x"}"#, Some((2.0, 2))),
        (r#"{"max_rate": 2, "every": "-1s"}"#, None),
        (r#"{"max_rate": 0, "every": "0s"}"#, None),
        (r#"{"max_rate": 1, "every": "0s"}"#, Some((f64::INFINITY, u64::MAX))),
        (r#"{"max_rate": "3"}"#, None),
    ] {
        let document = read(Format::Json, block.as_bytes()).unwrap();
        assert_eq!(rate(&document.root), expected, "{block}");
    }
}

#[test]
fn the_http_breaker_judges_by_status_where_nothing_is_decoded() {
    on_a_thread(async {
        let peer = Backend::start().await;
        let block =
            r#"{"interval": 60, "timeout": 60, "max_errors": 1, "valid_status_codes": [200, 404]}"#;
        let thread = limited(&[("qos/circuit-breaker/http", block)], &[peer.address]);
        let answered = async |status: &str| {
            let answer =
                format!("HTTP/1.1 {status} X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            let (response, _) =
                join!(ask(&thread, get()), async { peer.accept().await.answer(&answer).await });
            response.status.as_u16()
        };
        for status in ["503", "404", "503", "200", "503", "502"] {
            assert_eq!(answered(status).await.to_string(), status);
        }
        assert_eq!(ask(&thread, get()).await.status, StatusCode::INTERNAL_SERVER_ERROR);
    });
}
