//! Addresses that come, stay and go.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::{Baton, port, until};
use serde_json::{Value, json};

use crate::fixture::{echo_target, generation, generation_of, merge};

fn on_port(host: &str, number: u64, port: u16) -> Value {
    let mut config = generation(host, number);
    merge(&mut config, &json!({ "port": port }));
    config
}

#[test]
fn a_new_port_is_bound_before_the_switch_and_the_old_one_goes_after_it() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let mut kept = Client::connect(baton.address());
    assert_eq!(kept.get("/x").status(), 200);
    let new = SocketAddr::from((Ipv4Addr::LOCALHOST, port::free()));
    baton.reload_with(&on_port(&backend.host(), 2, new.port()));
    assert_eq!(generation_of(&Client::connect(new).get("/x").text()), 2);
    assert_eq!(generation_of(&kept.get("/x").text()), 2, "its connection outlives its listener");
    until("the old port is closed", Duration::from_secs(10), || {
        Client::try_connect(baton.address()).is_err()
    });
    assert_eq!(generation_of(&Client::connect(new).get("/x").text()), 2);
}

#[test]
fn a_port_that_is_taken_refuses_the_reload_and_changes_nothing() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port::free())).unwrap();
    let port = taken.local_addr().unwrap().port();
    baton.write_config(&on_port(&backend.host(), 2, port));
    let said = baton.try_reload(&[]).unwrap_err();
    assert!(said.contains(&port.to_string()), "{said}");
    assert_eq!(generation_of(&Client::connect(baton.address()).get("/x").text()), 1);
    drop(taken);
    baton.reload();
    let new = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    assert_eq!(generation_of(&Client::connect(new).get("/x").text()), 2);
}

#[test]
fn a_port_that_is_taken_at_start_is_exit_1() {
    let backend = Backend::start(echo_target);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port::free())).unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut baton = Starter::new(&on_port(&backend.host(), 1, port)).spawn();
    let status = baton.wait_end(Duration::from_secs(15));
    assert_eq!(status.code(), Some(1), "{}", baton.log());
}

#[test]
fn a_second_instance_on_the_same_port_is_refused_and_the_first_goes_on() {
    let backend = Backend::start(echo_target);
    let first = Baton::start(&generation(&backend.host(), 1));
    let port = first.address().port();
    let mut second = Starter::new(&on_port(&backend.host(), 9, port)).spawn();
    let status = second.wait_end(Duration::from_secs(15));
    assert_eq!(status.code(), Some(1), "{}", second.log());
    for _ in 0..20 {
        assert_eq!(generation_of(&Client::connect(first.address()).get("/x").text()), 1);
    }
}

#[test]
fn a_predecessor_that_is_about_to_leave_is_waited_for() {
    let backend = Backend::start(echo_target);
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, port::free())).unwrap();
    let address = taken.local_addr().unwrap();
    let baton = Starter::new(&on_port(&backend.host(), 1, address.port())).spawn();
    baton_tests::pause(Duration::from_millis(700));
    drop(taken);
    until("the port is taken over", Duration::from_secs(10), || {
        Client::try_connect(address).is_ok_and(|mut client| {
            client.send("GET /x HTTP/1.1\r\nHost: a\r\n\r\n").try_answer().is_ok()
        })
    });
    drop(baton);
}
