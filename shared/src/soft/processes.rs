//! The memory under several processes at once, one of which is killed in the middle.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};

use super::{ClientLimit, Memory, Rate, Sizes, Tenant, create};
use crate::words::{GenerationId, Monotonic};

const MARK: &str = "BATON_TEST_SOFT_MEMORY";
const TENANT: Tenant = Tenant { generation: GenerationId(1), oldest: GenerationId(1) };
const TOKENS: u64 = 200_000;
const CLIENTS: u64 = 5_000;
const OF_A_CLIENT: u64 = 7;

/// Takes tokens until none is left, then those of all clients; gives how many it got of each.
fn take_all(memory: &Memory) -> [u64; 2] {
    let rate = Rate::new(1e-9, TOKENS);
    let slot = memory.slot(77, TENANT).unwrap();
    memory.begin_bucket(slot, &rate, Monotonic::now());
    let mut got = [0, 0];
    while memory.take(slot, &rate, Monotonic::now()) {
        got[0] += 1;
    }
    let rate = Rate::new(1e-9, OF_A_CLIENT);
    let limit = ClientLimit { name: 3, rate, forget: Duration::from_secs(600) };
    for client in (0..2 * OF_A_CLIENT).flat_map(|_| 0..CLIENTS) {
        got[1] += u64::from(memory.take_client(&limit, &client.to_le_bytes(), Monotonic::now()));
    }
    got
}

/// Does nothing among the tests: it is the other process when started as one.
#[test]
fn the_other_process() {
    let Some(path) = std::env::var_os(MARK) else { return };
    let file = File::options().read(true).write(true).open(path).unwrap();
    let [all, clients] = take_all(&Memory::map(file).unwrap());
    println!("\nGOT {all} {clients}");
}

fn start(path: &str) -> Child {
    let this = "soft::processes::the_other_process";
    let mut command = Command::new("/proc/self/exe");
    command.args(["--exact", this, "-q", "--nocapture"]).env(MARK, path);
    command.stdout(Stdio::piped()).spawn().unwrap()
}

fn got(child: &mut Child) -> Option<[u64; 2]> {
    let mut text = String::new();
    child.stdout.take()?.read_to_string(&mut text).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("GOT "))?;
    let (all, clients) = line.split_once(' ')?;
    Some([all.parse().ok()?, clients.parse().ok()?])
}

#[test]
fn processes_together_get_what_there_is_and_one_that_is_killed_stops_nobody() {
    let memory = create(Sizes::of(1)).unwrap();
    // Children find it as an open file of ours.
    let number = fcntl(memory.as_fd(), FcntlArg::F_DUPFD_CLOEXEC(500)).unwrap();
    let path = format!("/proc/{}/fd/{number}", std::process::id());
    let mut children: Vec<Child> = (0..3).map(|_| start(&path)).collect();
    let slot = Memory::map(&memory).unwrap().slot(77, TENANT).unwrap();
    let rate = Rate::new(1e-9, TOKENS);
    let memory = Memory::map(&memory).unwrap();
    memory.begin_bucket(slot, &rate, Monotonic::now());
    children[0].kill().unwrap();
    let ended = children.iter_mut().map(|child| {
        child.wait().unwrap();
        got(child)
    });
    let ended: Vec<_> = ended.collect();
    assert!(ended[1].is_some() && ended[2].is_some());
    let [all, clients] =
        ended.iter().flatten().fold([0, 0], |sum, got| [sum[0] + got[0], sum[1] + got[1]]);
    assert!(all <= TOKENS, "{all}");
    if ended[0].is_some() {
        assert_eq!(all, TOKENS);
    }
    let [left, _] = take_all(&memory);
    assert_eq!(left, 0);
    // Two that see a client for the first time in one moment may begin it twice.
    let most = CLIENTS * OF_A_CLIENT + 3 * OF_A_CLIENT;
    assert!(clients <= most, "{clients}");
}
