//! `static` where answers stream: the data itself is never seen.

use baton_shared::config::model::{GoDuration, ServiceConfig};
use baton_shared::config::node::{Node, Value};
use http::StatusCode;
use tokio::join;

use crate::harness::{Backend, ask, endpoint, get, on_a_thread, read, service, serving, set};

const ANSWER: &str = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\nX-B: 1\r\n\r\nok";

fn with_static(config: &mut ServiceConfig, strategy: &str, is_empty: bool) {
    let node = |value| Node { line: 0, value };
    let field = ("s".to_owned(), node(Value::Bool(true)));
    let data = Value::Object(if is_empty { Vec::new() } else { vec![field] });
    let members = vec![
        ("strategy".to_owned(), node(Value::String(strategy.to_owned()))),
        ("data".to_owned(), node(data)),
    ];
    set(&mut config.endpoints[0].extra_config, "proxy", "static", Value::Object(members));
    config.endpoints[0].cache_ttl = GoDuration::seconds(9);
}

#[test]
fn a_stream_with_static_data_is_complete_and_has_each_field_once() {
    on_a_thread(async {
        for (strategy, is_empty, complete) in [
            ("always", false, true),
            ("success", false, true),
            ("complete", false, true),
            ("errored", false, false),
            ("always", true, false),
        ] {
            let backend = Backend::start().await;
            let mut config = service(endpoint("no-op", &[backend.address]));
            with_static(&mut config, strategy, is_empty);
            let thread = serving(&config);
            let (response, _open) = join!(ask(&thread, get()), async {
                let mut only = backend.accept().await;
                only.answer(ANSWER).await;
                only
            });
            assert_eq!(response.status, StatusCode::CREATED);
            let lines = String::from_utf8_lossy(&response.lines).into_owned();
            let completed = format!("X-Krakend-Completed: {complete}\r\n");
            assert!(lines.contains(&completed), "{strategy}: {lines}");
            assert_eq!(lines.contains("Cache-Control: public, max-age=9"), complete, "{lines}");
            assert_eq!(response.headers.get_all("x-b").iter().count(), 1);
            assert_eq!(read(response).await.unwrap(), "ok");
        }
    });
}

#[test]
fn a_stream_that_fails_is_an_empty_answer_where_static_data_hides_that() {
    on_a_thread(async {
        for (strategy, status) in [
            ("always", StatusCode::OK),
            ("errored", StatusCode::OK),
            ("incomplete", StatusCode::OK),
            ("success", StatusCode::INTERNAL_SERVER_ERROR),
        ] {
            let mut config = service(endpoint("no-op", &[]));
            with_static(&mut config, strategy, false);
            let response = ask(&serving(&config), get()).await;
            assert_eq!(response.status, status, "{strategy}");
            let lines = String::from_utf8_lossy(&response.lines).into_owned();
            assert!(lines.contains("X-Krakend-Completed: false"), "{lines}");
            assert!(!lines.contains("Cache-Control"), "{lines}");
            assert_eq!(read(response).await.unwrap(), "");
        }
    });
}
