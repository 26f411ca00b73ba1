//! NATS, a server of messages that pings its clients.

use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::process::{Folder, Process, START_TIMEOUT};
use crate::start::{free_address, start_on_free_port, start_or_skip};

/// NATS, which pings its clients 20 times a second, and drops those that leave two pings unanswered.
#[derive(Debug)]
pub struct NatsServer {
    address: SocketAddr,
    _process: Process,
    _folder: Folder,
}

impl NatsServer {
    /// Starts one, and waits until it answers. Returns `None` where NATS is not installed.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set.
    pub fn start_or_skip() -> io::Result<Option<Self>> {
        let missing =
            "nats-server is not on the PATH (apt-get install nats-server, brew install nats-server)";
        start_or_skip(missing, || start_on_free_port(Self::start))
    }

    fn start() -> io::Result<Self> {
        let address = free_address()?;
        let folder = Folder::create("nats", address.port())?;
        // By its name it is told from a server that was given the same port.
        let name = format!("pool-{}-{}", std::process::id(), address.port());
        let config = format!(
            "listen: \"{address}\"\nserver_name: \"{name}\"\nping_interval: \"50ms\"\nping_max: 2\n\
             max_payload: 65536\n"
        );
        fs::write(folder.join("nats.conf"), config)?;
        let mut command = Command::new("nats-server");
        command.arg("-c").arg(folder.join("nats.conf"));
        let mut process = Process::spawn(&mut command, folder.join("log"))?;
        process.wait_until(|| greets_as(address, &name))?;
        Ok(Self { address, _process: process, _folder: folder })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Whether the one who answers is our process.
fn greets_as(address: SocketAddr, name: &str) -> io::Result<()> {
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(START_TIMEOUT))?;
    let mut greeting = String::new();
    BufReader::new(stream).read_line(&mut greeting)?;
    if greeting.contains(name) { Ok(()) } else { Err(ErrorKind::AddrInUse.into()) }
}
