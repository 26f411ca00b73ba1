//! A real name server on a free port of this machine, whose records can be changed while it runs.

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Knot, with the zone `svc.test`, in which records are valid for a second; and with the zone
/// `broken.test`, of which it knows nothing, so that every question about it fails there.
#[derive(Debug)]
pub struct KnotServer {
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
    serial: u32,
}

/// Between the look for a free port and the server's own bind, somebody else may take the port.
const START_ATTEMPTS: usize = 3;
const START_TIMEOUT: Duration = Duration::from_secs(30);

impl KnotServer {
    /// Starts one with these records, and waits until it answers. Where Knot is not installed, says that
    /// this is skipped, and returns `None`.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set: then nothing may be
    /// skipped.
    pub fn start_or_skip(records: &str) -> io::Result<Option<Self>> {
        let mut result = Self::start(records);
        for _ in 1..START_ATTEMPTS {
            if !is_port_taken(&result) {
                break;
            }
            result = Self::start(records);
        }
        match result {
            Ok(server) => Ok(Some(server)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let missing = "knotd is not on the PATH (apt-get install knot, brew install knot)";
                if env::var_os("POOL_CI").is_some() {
                    return Err(io::Error::other(missing));
                }
                println!("skipped: {missing}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn start(records: &str) -> io::Result<Self> {
        let address = free_address()?;
        let directory = env::temp_dir().join(format!("pool-knot-{}-{}", process::id(), address.port()));
        fs::create_dir(&directory)?;
        let process = configure(&directory, address, records).and_then(|()| spawn(&directory));
        let process = process.inspect_err(|_| {
            // The error says more than what is in it.
            let _ = fs::remove_dir_all(&directory);
        })?;
        let mut server = Self { address, directory, process, serial: 1 };
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
        write_zone(&self.directory, self.serial, records)?;
        self.control(&["--blocking", "zone-reload", ZONE])
    }

    /// Kills it (SIGKILL).
    ///
    /// # Errors
    ///
    /// When the process can't be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts one that was killed again, at the same address, and waits until it answers.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = spawn(&self.directory)?;
        self.wait_until_up()
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while TcpStream::connect(self.address).and_then(|_| self.control(&["zone-status", ZONE])).is_err() {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(self.directory.join("log"))?;
                let kind = if log.contains("cannot bind") { ErrorKind::AddrInUse } else { ErrorKind::Other };
                return Err(io::Error::new(kind, format!("knotd ended at once: {status}\n{log}")));
            }
            if deadline < Instant::now() {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn control(&self, words: &[&str]) -> io::Result<()> {
        let output =
            Command::new("knotc").arg("-s").arg(self.directory.join("knot.sock")).args(words).output()?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("knotc {}: {said}", words.join(" "))))
    }
}

impl Drop for KnotServer {
    fn drop(&mut self) {
        // It may be dead already, and its directory gone.
        let _ = self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

const ZONE: &str = "svc.test";

fn is_port_taken<T>(result: &io::Result<T>) -> bool {
    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
}

/// One that is free for both protocols.
fn free_address() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    UdpSocket::bind(address)?;
    Ok(address)
}

fn configure(directory: &Path, address: SocketAddr, records: &str) -> io::Result<()> {
    let path = directory.display();
    let (ip, port) = (address.ip(), address.port());
    let config = format!(
        "server:\n    rundir: {path}\n    listen: {ip}@{port}\n    udp-workers: 1\n    tcp-workers: 1\n\
         database:\n    storage: {path}\n\
         log:\n  - target: stderr\n    any: warning\n\
         template:\n  - id: default\n    storage: {path}\n    zonefile-sync: -1\n    journal-content: none\n\
         zone:\n  - domain: {ZONE}\n  - domain: broken.test\n"
    );
    fs::write(directory.join("knot.conf"), config)?;
    write_zone(directory, 1, records)
}

fn write_zone(directory: &Path, serial: u32, records: &str) -> io::Result<()> {
    let mut zone = File::create(directory.join(format!("{ZONE}.zone")))?;
    // That there is no such record is also valid for a second.
    writeln!(zone, "$ORIGIN {ZONE}.\n$TTL 1\n@ SOA ns admin {serial} 60 60 600 1\n@ NS ns\nns A 127.0.0.1")?;
    writeln!(zone, "{records}")
}

fn spawn(directory: &Path) -> io::Result<Child> {
    let log = File::create(directory.join("log"))?;
    let mut knotd = Command::new("knotd");
    knotd.arg("-c").arg(directory.join("knot.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    knotd.spawn()
}
