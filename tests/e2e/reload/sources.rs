//! How configurations change on disk, and that what was judged is what is served.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use baton_tests::backend::Backend;
use baton_tests::baton::Starter;
use baton_tests::client::Client;
use baton_tests::{Baton, pause, until};
use nix::sys::signal::Signal;

use crate::fixture::{echo_target, generation, generation_of};

const PATIENCE: Duration = Duration::from_secs(10);

fn watching() -> (Backend, Baton) {
    let backend = Backend::start(echo_target);
    let baton = Starter::new(&generation(&backend.host(), 1)).watching().start();
    (backend, baton)
}

fn comes_into_force(baton: &Baton, number: u64) {
    let mut client = Client::connect(baton.address());
    until(&format!("generation {number} is in force"), PATIENCE, || {
        generation_of(&client.get("/x").text()) == number
    });
}

/// The configuration as the harness writes it, with port and address.
fn text(baton: &Baton, backend: &Backend, number: u64) -> String {
    let old = fs::read_to_string(baton.config_path()).unwrap();
    let mut config: serde_json::Value = serde_json::from_str(&old).unwrap();
    crate::fixture::merge(&mut config, &generation(&backend.host(), number));
    serde_json::to_string_pretty(&config).unwrap()
}

#[test]
fn a_file_that_is_renamed_into_place_reloads() {
    let (backend, baton) = watching();
    for number in 2..5 {
        baton.write_config(&generation(&backend.host(), number));
        comes_into_force(&baton, number);
    }
}

#[test]
fn a_file_that_is_written_in_place_reloads() {
    let (backend, baton) = watching();
    for number in 2..5 {
        fs::write(baton.config_path(), text(&baton, &backend, number)).unwrap();
        comes_into_force(&baton, number);
    }
}

#[test]
fn a_file_that_is_written_slowly_reloads_once_it_is_whole() {
    use std::io::Write as _;
    let (backend, baton) = watching();
    let text = text(&baton, &backend, 2);
    let mut file = fs::File::create(baton.config_path()).unwrap();
    for piece in text.as_bytes().chunks(text.len() / 10) {
        file.write_all(piece).unwrap();
        pause(Duration::from_millis(30));
        assert_eq!(Client::connect(baton.address()).get("/x").status(), 200);
    }
    drop(file);
    comes_into_force(&baton, 2);
}

#[test]
fn a_swapped_symlink_reloads_as_kubernetes_does_it() {
    let backend = Backend::start(echo_target);
    let starter = Starter::new(&generation(&backend.host(), 1));
    let folder = starter.folder().to_path_buf();
    let volume = |name: &str| folder.join(name);
    fs::create_dir(volume("..v1")).unwrap();
    fs::rename(starter.config_path(), volume("..v1").join("krakend.json")).unwrap();
    symlink("..v1", volume("..data")).unwrap();
    symlink("..data/krakend.json", starter.config_path()).unwrap();
    let baton = starter.watching().start();
    for number in 2..4 {
        let version = volume(&format!("..v{number}"));
        fs::create_dir(&version).unwrap();
        fs::write(version.join("krakend.json"), text(&baton, &backend, number)).unwrap();
        symlink(format!("..v{number}"), volume("..next")).unwrap();
        fs::rename(volume("..next"), volume("..data")).unwrap();
        comes_into_force(&baton, number);
    }
}

#[test]
fn a_folder_that_is_moved_away_and_back_reloads() {
    let backend = Backend::start(echo_target);
    let starter = Starter::new(&generation(&backend.host(), 1));
    let outer = starter.folder().to_path_buf();
    let inner = outer.join("conf");
    fs::create_dir(&inner).unwrap();
    fs::rename(starter.config_path(), inner.join("krakend.json")).unwrap();
    let baton = starter.at("conf/krakend.json").watching().start();
    let next = text(&baton, &backend, 2);
    fs::rename(&inner, outer.join("away")).unwrap();
    pause(Duration::from_millis(300));
    assert_eq!(generation_of(&Client::connect(baton.address()).get("/x").text()), 1);
    fs::write(outer.join("away/krakend.json"), next).unwrap();
    fs::rename(outer.join("away"), &inner).unwrap();
    comes_into_force(&baton, 2);
}

#[test]
fn a_broken_file_changes_nothing_and_its_repair_reloads() {
    let (backend, baton) = watching();
    let good = text(&baton, &backend, 2);
    baton.write_text("{ \"version\": 3, ");
    until("the fault is reported", PATIENCE, || {
        baton.status().is_some_and(|status| !status["last_failure"].is_null())
    });
    assert_eq!(generation_of(&Client::connect(baton.address()).get("/x").text()), 1);
    baton.write_text(&good);
    comes_into_force(&baton, 2);
    until("the report is gone", PATIENCE, || {
        baton.status().is_some_and(|status| status["last_failure"].is_null())
    });
}

#[test]
fn a_deleted_file_changes_nothing() {
    let (backend, baton) = watching();
    let next = text(&baton, &backend, 2);
    fs::remove_file(baton.config_path()).unwrap();
    pause(Duration::from_millis(700));
    assert_eq!(generation_of(&Client::connect(baton.address()).get("/x").text()), 1);
    assert!(baton.try_reload(&[]).is_err());
    baton.write_text(&next);
    comes_into_force(&baton, 2);
}

#[test]
fn a_signal_reloads_and_without_watching_nothing_else_does() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 1));
    baton.write_config(&generation(&backend.host(), 2));
    pause(Duration::from_millis(800));
    assert_eq!(generation_of(&Client::connect(baton.address()).get("/x").text()), 1);
    baton.signal(Signal::SIGHUP);
    comes_into_force(&baton, 2);
}

#[test]
fn what_was_judged_is_what_is_served_while_the_file_changes_all_the_time() {
    let backend = Backend::start(echo_target);
    let baton = Baton::start(&generation(&backend.host(), 2));
    let good = [2, 4, 6].map(|number| text(&baton, &backend, number));
    let path = baton.config_path().to_path_buf();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for round in 0..600 {
                // Written in place: what is read may be half of one and half of another.
                let text = good.get(round % good.len()).unwrap();
                let broken = text.replace("/g/", "/wrong/").replacen('{', "{ ,", 1);
                fs::write(&path, if round % 2 == 0 { text } else { &broken }).unwrap();
                pause(Duration::from_millis(3));
            }
        });
        let mut reloads = (0, 0);
        while !writer.is_finished() {
            match baton.try_reload(&[]) {
                Ok(_) => reloads.0 += 1,
                Err(_) => reloads.1 += 1,
            }
            let answer = Client::connect(baton.address()).get("/x");
            assert!(answer.text().starts_with("/g/"), "{} {}", answer.status(), answer.text());
        }
        writer.join().unwrap();
        assert!(reloads.0 > 0, "none of {reloads:?} succeeded");
    });
}
