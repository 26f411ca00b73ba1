//! Redis and memcached.

use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;

use crate::process::{Folder, Process, START_TIMEOUT};
use crate::start::{free_address, start_on_free_port, start_or_skip};

/// A kind of server: how it is started, and how it says that it is up.
#[derive(Debug)]
pub struct Program {
    name: &'static str,
    packages: &'static str,
    ip_option: &'static str,
    port_option: &'static str,
    settings: &'static [&'static str],
    /// What it answers with `process` and its process id, among other lines.
    question: &'static str,
    process: &'static str,
}

/// Redis, which forgets all when it ends.
pub const REDIS: Program = Program {
    name: "redis-server",
    packages: "apt-get install redis-server, brew install redis",
    ip_option: "--bind",
    port_option: "--port",
    settings: &["--save", "", "--appendonly", "no"],
    question: "INFO server\r\n",
    process: "process_id:",
};

/// memcached, with 16 MB of memory.
pub const MEMCACHED: Program = Program {
    name: "memcached",
    packages: "apt-get install memcached, brew install memcached",
    ip_option: "-l",
    port_option: "-p",
    // Root has to become somebody else; for others the user is ignored.
    settings: &["-u", "nobody", "-U", "0", "-m", "16"],
    question: "stats\r\n",
    process: "STAT pid ",
};

/// A server at an address of its own.
#[derive(Debug)]
pub struct RealServer {
    program: &'static Program,
    address: SocketAddr,
    process: Process,
    folder: Folder,
}

impl RealServer {
    /// Starts some, and waits until they answer. Returns `None` where the program is not installed.
    ///
    /// # Errors
    ///
    /// When one doesn't start; and when the program is not installed and `POOL_CI` is set.
    pub fn start_or_skip(program: &'static Program, count: usize) -> io::Result<Option<Vec<Self>>> {
        let Program { name, packages, .. } = program;
        start_or_skip(&format!("{name} is not on the PATH ({packages})"), || {
            (0..count).map(|_| start_on_free_port(|| Self::start(program))).collect()
        })
    }

    fn start(program: &'static Program) -> io::Result<Self> {
        let address = free_address()?;
        let folder = Folder::create(program.name, address.port())?;
        let process = program.spawn(address, &folder)?;
        let mut server = Self { program, address, process, folder };
        let id = server.process.id();
        server.process.wait_until(|| program.ask_for_process(address, id))?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The id of its process, to which signals can be sent.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Kills it (SIGKILL), with all it knows.
    ///
    /// # Errors
    ///
    /// When the process can't be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()
    }

    /// Starts one that was killed again, at the same address and with no memory; doesn't wait
    /// until it listens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = self.program.spawn(self.address, &self.folder)?;
        Ok(())
    }
}

impl Program {
    fn spawn(&self, address: SocketAddr, folder: &Folder) -> io::Result<Process> {
        let (ip, port) = (address.ip().to_string(), address.port().to_string());
        let mut command = Command::new(self.name);
        command.args([self.ip_option, &ip, self.port_option, &port]).args(self.settings);
        Process::spawn(command.current_dir(folder.path()), folder.join("log"))
    }

    /// Whether the one who answers is our process: another server may have been given the same port.
    fn ask_for_process(&self, address: SocketAddr, expected: u32) -> io::Result<()> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        stream.write_all(self.question.as_bytes())?;
        for line in BufReader::new(stream).lines() {
            if let Some(id) = line?.strip_prefix(self.process) {
                let is_ours = id.trim_end() == expected.to_string();
                return if is_ours { Ok(()) } else { Err(ErrorKind::AddrInUse.into()) };
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}
