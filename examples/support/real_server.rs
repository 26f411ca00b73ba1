//! Real servers on free ports of this machine, which end with their handles.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

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

/// A process that serves at an address of its own.
#[derive(Debug)]
pub struct RealServer {
    program: &'static Program,
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
}

/// Between the look for a free port and the server's own bind, somebody else may take the port.
const START_ATTEMPTS: usize = 3;
const START_TIMEOUT: Duration = Duration::from_secs(10);

impl RealServer {
    /// Starts some, and waits until they answer. Where the program is not installed, says that
    /// this is skipped, and returns `None`.
    ///
    /// # Errors
    ///
    /// When one doesn't start; and when the program is not installed and `POOL_CI` is set: then
    /// nothing may be skipped.
    pub fn start_or_skip(program: &'static Program, count: usize) -> io::Result<Option<Vec<Self>>> {
        match (0..count).map(|_| Self::start(program)).collect() {
            Ok(servers) => Ok(Some(servers)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let Program { name, packages, .. } = program;
                let missing = format!("{name} is not on the PATH ({packages})");
                if env::var_os("POOL_CI").is_some() {
                    return Err(io::Error::other(missing));
                }
                println!("skipped: {missing}");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn start(program: &'static Program) -> io::Result<Self> {
        let is_port_taken =
            |result: &io::Result<_>| result.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse);
        let mut result = Self::start_once(program);
        for _ in 1..START_ATTEMPTS {
            if !is_port_taken(&result) {
                break;
            }
            result = Self::start_once(program);
        }
        result
    }

    fn start_once(program: &'static Program) -> io::Result<Self> {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let directory =
            env::temp_dir().join(format!("pool-{}-{}-{}", program.name, process::id(), address.port()));
        fs::create_dir_all(&directory)?;
        let process = program.spawn(address, &directory).inspect_err(|_| {
            // Nothing is in it.
            let _ = fs::remove_dir(&directory);
        })?;
        let mut server = Self { program, address, directory, process };
        server.wait_until_up()?;
        Ok(server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Kills it (SIGKILL), with all it knows.
    ///
    /// # Errors
    ///
    /// When the process can't be killed.
    pub fn kill(&mut self) -> io::Result<()> {
        self.process.kill()?;
        self.process.wait()?;
        Ok(())
    }

    /// Starts one that was killed again, at the same address and with no memory; doesn't wait
    /// until it listens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = self.program.spawn(self.address, &self.directory)?;
        Ok(())
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = self.ask_for_process() {
            if let Some(status) = self.process.try_wait()? {
                // It says why itself. That it can't bind is the only reason known.
                let ended = format!("{} ended at once: {status}", self.program.name);
                return Err(io::Error::new(ErrorKind::AddrInUse, ended));
            }
            if deadline < Instant::now() {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// Whether the one who answers is our server, and not somebody who was given the same port.
    fn ask_for_process(&self) -> io::Result<()> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(START_TIMEOUT))?;
        stream.write_all(self.program.question.as_bytes())?;
        for line in BufReader::new(stream).lines() {
            if let Some(id) = line?.strip_prefix(self.program.process) {
                let is_ours = id.trim_end() == self.process.id().to_string();
                return if is_ours { Ok(()) } else { Err(ErrorKind::AddrInUse.into()) };
            }
        }
        Err(ErrorKind::UnexpectedEof.into())
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        // It may be dead already, and its directory gone.
        let _ = self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Program {
    fn spawn(&self, address: SocketAddr, directory: &PathBuf) -> io::Result<Child> {
        Command::new(self.name)
            .args([self.ip_option, &address.ip().to_string(), self.port_option, &address.port().to_string()])
            .args(self.settings)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
    }
}
