//! What is done to the answers of several backends, and what of it cannot be.

use std::net::SocketAddr;

use baton_shared::config::model::ServiceConfig;
use baton_shared::config::node::{Node, Value};
use http::StatusCode;

use super::several::{BAD, asked, config, is_complete, json, text, two};
use crate::harness::{on_a_thread, serving, set};
use crate::plan::{CompileOptions, compile};

/// `flatmap_filter`: each operation its type and its paths.
fn flatmap(config: &mut ServiceConfig, operations: &[&[&str]]) {
    let node = |value| Node { line: 0, value };
    let text = |text: &str| node(Value::String(text.to_owned()));
    let operation = |words: &&[&str]| {
        let args = words[1..].iter().map(|word| text(word)).collect();
        let members =
            [("type".to_owned(), text(words[0])), ("args".to_owned(), node(Value::Array(args)))];
        node(Value::Object(members.into()))
    };
    let list = Value::Array(operations.iter().map(operation).collect());
    set(&mut config.endpoints[0].extra_config, "proxy", "flatmap_filter", list);
}

#[test]
fn fields_of_several_answers_are_moved_where_nothing_failed() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        flatmap(&mut config, &[&["move", "x.y", "z"], &["append", "l1", "l2"], &["del", "a"]]);
        let say = [json(r#"{"a":1,"x":{"y":2},"l1":[1]}"#), json(r#"{"l2":[0]}"#)];
        let response = asked(&config, (&one, &other), [&say[0], &say[1]]).await;
        assert!(is_complete(&response));
        assert_eq!(text(response).await, r#"{"l2":[0,1],"x":null,"z":2}"#);
        let response = asked(&config, (&one, &other), [&say[0], BAD]).await;
        assert_eq!(text(response).await, r#"{"a":1,"l1":[1],"x":{"y":2}}"#);
    });
}

#[test]
fn details_of_an_error_are_one_piece_to_a_flatmap() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        flatmap(&mut config, &[&["del", "error_x.http_body"], &["del", "a"]]);
        let settings = &mut config.endpoints[0].backend[0].extra_config;
        set(settings, "backend/http", "return_error_details", Value::String("x".to_owned()));
        let good = json(r#"{"a":1}"#);
        let response = asked(&config, (&one, &other), [BAD, &good]).await;
        let details = r#"{"error_x":{"http_status_code":404,"http_body":"no"}}"#;
        assert_eq!(text(response).await, details);
        config.endpoints[0].output_encoding = "yaml".to_owned();
        let text = text(asked(&config, (&one, &other), [BAD, &good]).await).await;
        assert!(text.starts_with("error_x:\n  http_"), "an object as others: {text}");
    });
}

#[test]
fn where_krakend_panics_the_answer_says_nothing_of_being_complete() {
    on_a_thread(async {
        let (one, other, mut config) = two().await;
        flatmap(&mut config, &[&["move", "a"]]);
        let thread = serving(&config);
        let doubt = "/proxy/flatmap_filter/0";
        let notices = &thread.plan.notices;
        assert!(notices.iter().any(|notice| notice.pointer.as_str() == doubt), "{notices:?}");
        let good = json(r#"{"a":1}"#);
        let response = asked(&config, (&one, &other), [&good, &good]).await;
        assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.lines, "X-Krakend: Version 2.13.8\r\n");
        assert_eq!(text(response).await, "");
    });
}

#[test]
fn what_krakend_panics_of_at_its_start_is_refused_with_its_place() {
    for (key, value, at) in [
        ("combiner", Value::Bool(true), "combiner"),
        (
            "sequential_propagated_params",
            Value::Array(vec![Node { line: 0, value: Value::Null }]),
            "sequential_propagated_params/0",
        ),
    ] {
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        let mut config = config(&[address, address]);
        set(&mut config.endpoints[0].extra_config, "proxy", key, value);
        let options = CompileOptions { threads: 1, ..CompileOptions::default() };
        let refused = compile(&config, &options).map(|_| ()).unwrap_err();
        let pointer = format!("/proxy/{at}");
        assert_eq!(refused.findings[0].pointer.as_str(), pointer);
        assert_eq!(refused.exit_code, 255);
        config.endpoints[0].backend.truncate(1);
        assert!(compile(&config, &options).is_ok(), "with one backend nobody looks");
    }
}
