//! Knot, a name server whose records can be changed while it runs.

use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::Command;

use crate::process::{Folder, Process};
use crate::start::{free_address, start_or_skip};

/// Knot, with the zone `svc.test`, in which records are valid for a second; and with the zone
/// `broken.test`, of which it knows nothing, so that every question about it fails there.
#[derive(Debug)]
pub struct KnotServer {
    address: SocketAddr,
    process: Process,
    folder: Folder,
    serial: u32,
}

const ZONE: &str = "svc.test";

impl KnotServer {
    /// Starts one with these records, and waits until it answers. Returns `None` where Knot is not installed.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set.
    pub fn start_or_skip(records: &str) -> io::Result<Option<Self>> {
        let missing = "knotd is not on the PATH (apt-get install knot, brew install knot)";
        start_or_skip(missing, || Self::start(records))
    }

    fn start(records: &str) -> io::Result<Self> {
        let address = free_address()?;
        // The port must be free for both protocols.
        UdpSocket::bind(address)?;
        let folder = Folder::create("knot", address.port())?;
        configure(&folder, address, records)?;
        let process = spawn(&folder)?;
        let mut server = Self { address, process, folder, serial: 1 };
        server.wait_until_up()?;
        Ok(server)
    }

    /// Where it listens, on UDP and TCP.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes records in one step. A change is a command of `knotc` without the zone's name, such as
    /// `set host 1 A 127.0.0.1` or `unset host A`.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn change(&self, changes: &[&str]) -> io::Result<()> {
        self.control(&["zone-begin", ZONE])?;
        for change in changes {
            let mut words = change.split(' ');
            let command = format!("zone-{}", words.next().unwrap_or_default());
            let words: Vec<&str> = [&*command, ZONE].into_iter().chain(words).collect();
            self.control(&words)?;
        }
        self.control(&["zone-commit", ZONE])
    }

    /// Replaces all records by those of a zone file, which outlive the process.
    ///
    /// # Errors
    ///
    /// When the server refuses.
    pub fn load(&mut self, records: &str) -> io::Result<()> {
        self.serial += 1;
        write_zone(&self.folder, self.serial, records)?;
        self.control(&["--blocking", "zone-reload", ZONE])
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    ///
    /// When the process can't be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Starts one that was killed again, at the same address, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = spawn(&self.folder)?;
        self.wait_until_up()
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let Self { address, process, folder, .. } = self;
        process.wait_until(|| {
            TcpStream::connect(*address)?;
            control(folder, &["zone-status", ZONE])
        })
    }

    fn control(&self, words: &[&str]) -> io::Result<()> {
        control(&self.folder, words)
    }
}

fn control(folder: &Folder, words: &[&str]) -> io::Result<()> {
    let output = Command::new("knotc").arg("-s").arg(folder.join("knot.sock")).args(words).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(io::Error::other(format!("knotc {}: {said}", words.join(" "))))
}

fn configure(folder: &Folder, address: SocketAddr, records: &str) -> io::Result<()> {
    let path = folder.path().display();
    let (ip, port) = (address.ip(), address.port());
    let config = format!(
        "server:\n    rundir: {path}\n    listen: {ip}@{port}\n    udp-workers: 1\n    tcp-workers: 1\n\
         database:\n    storage: {path}\n\
         log:\n  - target: stderr\n    any: warning\n\
         template:\n  - id: default\n    storage: {path}\n    zonefile-sync: -1\n    journal-content: none\n\
         zone:\n  - domain: {ZONE}\n  - domain: broken.test\n"
    );
    fs::write(folder.join("knot.conf"), config)?;
    write_zone(folder, 1, records)
}

fn write_zone(folder: &Folder, serial: u32, records: &str) -> io::Result<()> {
    let mut zone = File::create(folder.join(format!("{ZONE}.zone")))?;
    // That there is no such record is also valid for a second.
    writeln!(zone, "$ORIGIN {ZONE}.\n$TTL 1\n@ SOA ns admin {serial} 60 60 600 1\n@ NS ns\nns A 127.0.0.1")?;
    writeln!(zone, "{records}")
}

fn spawn(folder: &Folder) -> io::Result<Process> {
    let mut knotd = Command::new("knotd");
    Process::spawn(knotd.arg("-c").arg(folder.join("knot.conf")), folder.join("log"))
}
