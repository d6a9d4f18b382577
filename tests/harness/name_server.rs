//! A real name server (Knot) that answers for one zone, `example.test.`

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::folder::Folder;
use crate::until::{PATIENCE, until};
use crate::{port, process};

/// A running server.
#[derive(Debug)]
pub struct NameServer {
    folder: Folder,
    port: u16,
    child: Child,
    serial: AtomicU32,
}

impl NameServer {
    /// Answers with these records: lines of a zone file below `example.test.`
    ///
    /// # Panics
    /// When `knotd` is not installed.
    pub fn start(records: &str) -> Self {
        let (folder, port) = (Folder::new("dns"), port::free());
        let path = folder.path().display();
        let config = format!(
            "server:\n    listen: 127.0.0.1@{port}\n    rundir: {path}\ndatabase:\n    storage: {path}\n\
             log:\n  - target: stderr\n    any: warning\n\
             zone:\n  - domain: example.test\n    file: {path}/zone\n    zonefile-sync: -1\n    journal-content: none\n"
        );
        fs::write(folder.path().join("knot.conf"), config).unwrap();
        write_zone(&folder, 1, records);
        let child = Command::new("knotd")
            .arg("-c")
            .arg(folder.path().join("knot.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(folder.path().join("log")).unwrap())
            .spawn()
            .expect("knotd (package `knot`)");
        let server = Self { folder, port, child, serial: AtomicU32::new(1) };
        until("the name server answers", PATIENCE, || server.serial_in_force() == Some(1));
        server
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// From now on answers with these records, when this returns.
    pub fn replace(&self, records: &str) {
        let serial = self.serial.fetch_add(1, Ordering::SeqCst) + 1;
        write_zone(&self.folder, serial, records);
        process::signal(self.child.id(), Signal::SIGHUP);
        until("the new zone is in force", PATIENCE, || self.serial_in_force() == Some(serial));
    }

    /// The serial number of the zone, asked for as any client would.
    fn serial_in_force(&self) -> Option<u32> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
        socket.set_read_timeout(Some(Duration::from_millis(100))).ok()?;
        socket.connect(self.address()).ok()?;
        // Number, flags, one question: example.test. SOA IN.
        let mut question = vec![0x12, 0x34, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        question.extend(b"\x07example\x04test\0\0\x06\0\x01");
        socket.send(&question).ok()?;
        let mut answer = [0; 512];
        let length = socket.recv(&mut answer).ok()?;
        // The data of a SOA record end with the serial number and four more.
        let end = answer.get(..length)?;
        let serial = end.get(end.len().checked_sub(20)?..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*serial))
            .filter(|_| answer.get(3).is_some_and(|code| code & 15 == 0))
    }
}

fn write_zone(folder: &Folder, serial: u32, records: &str) {
    let zone = format!(
        "$ORIGIN example.test.\n$TTL 60\n@ SOA ns admin {serial} 3600 600 86400 60\n@ NS ns\nns A 127.0.0.1\n{records}\n"
    );
    fs::write(folder.path().join("zone"), zone).unwrap();
}

impl Drop for NameServer {
    fn drop(&mut self) {
        // One that has ended already is as good.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
