//! The ways in which people and tools save files, against the real kernel.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::*;
use crate::testing::{Folder, in_runtime};

const LONG: Duration = Duration::from_secs(5);
/// Longer than a burst may last.
const QUIET: Duration = Duration::from_millis(700);

struct Scene {
    folder: Folder,
    watch: Watch,
    commands: mpsc::Receiver<Command>,
}

impl Scene {
    /// Follows `source`, and knows that the watch stands: the test file is seen.
    fn new(prepare: impl FnOnce(&Path), source: &str) -> Self {
        let folder = Folder::new();
        prepare(folder.path());
        let (sender, commands) = mpsc::channel(64);
        let watch = Watch::start(sender, |warning| panic!("{warning}")).unwrap();
        let probe = folder.path().join("probe");
        let sources = vec![folder.path().join(source), probe.clone()];
        watch.follow(sources, SystemTime::now() + LONG);
        let mut scene = Self { folder, watch, commands };
        let deadline = Instant::now() + LONG;
        while scene.next(Duration::from_millis(100)).is_none() {
            assert!(Instant::now() < deadline, "the watch does not stand");
            fs::write(&probe, "").unwrap();
        }
        scene.drain();
        scene
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn next(&mut self, wait: Duration) -> Option<PathBuf> {
        let recv = async { tokio::time::timeout(wait, self.commands.recv()).await };
        match in_runtime(recv) {
            Ok(Some(Command::Reload(ReloadRequest { cause: Cause::File(path), .. }))) => Some(path),
            Ok(other) => panic!("{other:?}"),
            Err(_elapsed) => None,
        }
    }

    fn expect(&mut self, what: &str) {
        assert!(self.next(LONG).is_some(), "not seen: {what}");
        self.drain();
    }

    fn drain(&mut self) {
        while self.next(Duration::from_millis(200)).is_some() {}
    }
}

#[test]
fn a_rewrite_in_place_and_a_replacement_by_rename_are_seen() {
    let mut scene = Scene::new(|dir| fs::write(dir.join("k.json"), "1").unwrap(), "k.json");
    fs::write(scene.at("k.json"), "2").unwrap();
    assert_eq!(scene.next(LONG), Some(scene.at("k.json")));
    scene.drain();
    for content in ["3", "4"] {
        fs::write(scene.at("k.new"), content).unwrap();
        fs::rename(scene.at("k.new"), scene.at("k.json")).unwrap();
        scene.expect("a rename");
    }
}

#[test]
fn neither_readers_nor_neighbours_reload() {
    let mut scene = Scene::new(|dir| fs::write(dir.join("k.json"), "1").unwrap(), "k.json");
    fs::write(scene.at("neighbour"), "").unwrap();
    drop(fs::read(scene.at("k.json")).unwrap());
    assert_eq!(scene.next(QUIET), None);
}

#[test]
fn a_burst_of_writes_is_one_reload() {
    let mut scene = Scene::new(|dir| fs::write(dir.join("k.json"), "1").unwrap(), "k.json");
    for content in 0..200 {
        fs::write(scene.at("k.json"), content.to_string()).unwrap();
    }
    let mut reloads = 0;
    while scene.next(QUIET).is_some() {
        reloads += 1;
    }
    assert!((1..=3).contains(&reloads), "{reloads}");
}

#[test]
fn a_configuration_map_of_kubernetes_is_seen_each_time() {
    let swap = |dir: &Path, version: &str| {
        fs::create_dir(dir.join(version)).unwrap();
        fs::write(dir.join(version).join("k.json"), version).unwrap();
        symlink(version, dir.join("..data_tmp")).unwrap();
        fs::rename(dir.join("..data_tmp"), dir.join("..data")).unwrap();
    };
    let prepare = |dir: &Path| {
        swap(dir, "..v1");
        symlink("..data/k.json", dir.join("k.json")).unwrap();
    };
    let mut scene = Scene::new(prepare, "k.json");
    for (old, new) in [("..v1", "..v2"), ("..v2", "..v3")] {
        swap(scene.folder.path(), new);
        fs::remove_dir_all(scene.at(old)).unwrap();
        scene.expect(new);
    }
}

#[test]
fn a_folder_that_is_moved_away_and_back_is_followed_again() {
    let prepare = |dir: &Path| {
        fs::create_dir_all(dir.join("app/conf")).unwrap();
        fs::write(dir.join("app/conf/k.json"), "1").unwrap();
    };
    let mut scene = Scene::new(prepare, "app/conf/k.json");
    for moved in ["app", "app/conf"] {
        fs::rename(scene.at(moved), scene.at("away")).unwrap();
        scene.expect("moved away");
        fs::rename(scene.at("away"), scene.at(moved)).unwrap();
        scene.expect("moved back");
        fs::write(scene.at("app/conf/k.json"), "2").unwrap();
        scene.expect("written after it came back");
    }
    fs::rename(scene.at("app"), scene.at("old")).unwrap();
    prepare(scene.folder.path());
    scene.expect("another folder in its place");
    fs::write(scene.at("app/conf/k.json"), "3").unwrap();
    scene.expect("written in the new folder");
}

#[test]
fn a_missing_file_is_seen_when_it_appears() {
    let mut scene = Scene::new(|_| (), "a/b/k.json");
    fs::create_dir_all(scene.at("a/b")).unwrap();
    scene.expect("the folder");
    fs::write(scene.at("a/b/k.json"), "1").unwrap();
    scene.expect("the file");
}

#[test]
fn what_changed_between_reading_and_watching_reloads() {
    let mut scene = Scene::new(|_| (), "k.json");
    let before = SystemTime::now();
    fs::write(scene.at("new.json"), "1").unwrap();
    scene.watch.follow(vec![scene.at("new.json")], before);
    assert_eq!(scene.next(LONG), Some(scene.at("new.json")));
}
