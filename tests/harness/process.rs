//! What `/proc` says about processes: which live, how many descriptors, how much memory.

use std::fs;
use std::process::{Child, Command};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// One process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's id.
    pub parent: u32,
    /// `R`, `S`, `T` (stopped), `Z` (zombie) …
    pub state: char,
}

/// Every process of the machine that may be seen.
pub fn all() -> Vec<Process> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(read)
        .collect()
}

/// One process; `None`: it does not exist.
pub fn read(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything, so the fields begin after the last one.
    let (_, fields) = stat.rsplit_once(") ")?;
    let mut fields = fields.split(' ');
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some(Process { pid, parent, state })
}

/// Children of `pid`, zombies too.
pub fn children(pid: u32) -> Vec<Process> {
    all().into_iter().filter(|process| process.parent == pid).collect()
}

/// Every process that was started with `marker` (`NAME=value`) in its environment.
pub fn marked(marker: &str) -> Vec<Process> {
    all()
        .into_iter()
        .filter(|process| {
            fs::read(format!("/proc/{}/environ", process.pid)).is_ok_and(|environment| {
                environment.split(|byte| *byte == 0).any(|entry| entry == marker.as_bytes())
            })
        })
        .collect()
}

/// How many descriptors `pid` has open.
pub fn descriptors(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count)
}

/// Where the descriptors of `pid` lead, sorted: what a failed count prints.
pub fn descriptor_targets(pid: u32) -> Vec<String> {
    let mut targets: Vec<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .map(|entries| {
            entries
                .flatten()
                .filter_map(|entry| fs::read_link(entry.path()).ok())
                .map(|target| target.display().to_string())
                .collect()
        })
        .unwrap_or_default();
    targets.sort();
    targets
}

/// Resident memory of `pid` in KiB, without pages shared with files.
pub fn rss_kib(pid: u32) -> u64 {
    field(pid, "RssAnon").unwrap_or(0)
}

/// Resident memory of `pid` in KiB, all of it.
pub fn rss_all_kib(pid: u32) -> u64 {
    field(pid, "VmRSS").unwrap_or(0)
}

/// Memory of `pid` in KiB, of shared pages its share.
pub fn pss_kib(pid: u32) -> u64 {
    kib_in(&format!("/proc/{pid}/smaps_rollup"), "Pss:").unwrap_or(0)
}

fn field(pid: u32, name: &str) -> Option<u64> {
    kib_in(&format!("/proc/{pid}/status"), name)
}

fn kib_in(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// CPU time of `pid` so far, user and system, in milliseconds.
pub fn cpu_ms(pid: u32) -> u64 {
    const TICK_MS: u64 = 10; // USER_HZ is 100 on every Linux
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else { return 0 };
    let Some((_, fields)) = stat.rsplit_once(") ") else { return 0 };
    let ticks: u64 = fields.split(' ').skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    ticks * TICK_MS
}

/// How often any listening socket of the machine had no room for a connection; `None` where the kernel does not tell.
pub fn full_queues() -> Option<u64> {
    let text = fs::read_to_string("/proc/net/netstat").ok()?;
    let mut lines = text.lines().filter(|line| line.starts_with("TcpExt:"));
    let (names, values) = (lines.next()?, lines.next()?);
    let place = names.split(' ').position(|name| name == "ListenOverflows")?;
    values.split(' ').nth(place)?.parse().ok()
}

/// Segments that the listening sockets on `port` have dropped: for want of room ([`full_queues`] tells), or since they
/// belonged to nothing, as a late one of a client that has left. `None` where `ss` does not tell.
pub fn dropped_by_listeners(port: u16) -> Option<u64> {
    let sockets = ["-Hltnm", &format!("sport = :{port}")];
    let output = Command::new("ss").args(sockets).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    // skmem:(r0,rb131072,…,d0): the last one counts.
    let drops = said.lines().filter_map(|line| line.split_once("skmem:(")?.1.split_once(')'));
    let drops = drops.filter_map(|(figures, _)| figures.rsplit_once(",d")?.1.parse::<u64>().ok());
    let drops: Vec<u64> = drops.collect();
    (!drops.is_empty()).then(|| drops.iter().sum())
}

/// From now on `pid` gets no descriptor with this number or a higher one.
pub fn limit_descriptors(pid: u32, most: u32) {
    let limit = format!("--nofile={most}:");
    let done = Command::new("prlimit").args(["--pid", &pid.to_string(), &limit]).status().unwrap();
    assert!(done.success(), "prlimit {limit}");
}

/// The number that the next descriptor of `pid` will have.
pub fn next_descriptor(pid: u32) -> u32 {
    let open = |number: &u32| fs::symlink_metadata(format!("/proc/{pid}/fd/{number}")).is_ok();
    (0..).find(|number| !open(number)).unwrap_or(0)
}

/// Sends a signal; a process that is gone already is no fault.
pub fn signal(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(pid, signal).unwrap_or_default();
}

/// Ends a process of ours and those that it has started.
pub fn kill_with_children(child: &mut Child) {
    let workers = children(child.id());
    signal(child.id(), Signal::SIGKILL);
    for worker in workers {
        signal(worker.pid, Signal::SIGKILL);
    }
    drop(child.wait());
}

/// Whether `pid` lives, zombies not counted.
pub fn lives(pid: u32) -> bool {
    read(pid).is_some_and(|process| process.state != 'Z')
}
