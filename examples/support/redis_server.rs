//! A real Redis on a free port of this machine, which ends with its handle.

use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A `redis-server` process.
#[derive(Debug)]
pub struct RedisServer {
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
}

/// A connection of our own to a server, to ask for its counter.
#[derive(Debug)]
pub(crate) struct CounterReader {
    stream: BufReader<TcpStream>,
}

const START_TIMEOUT: Duration = Duration::from_secs(5);
const REPLY_TIMEOUT: Duration = Duration::from_secs(5);

impl RedisServer {
    /// Whether there is a `redis-server` on the PATH.
    #[must_use]
    pub fn is_installed() -> bool {
        let version = Command::new("redis-server").arg("--version").stdout(Stdio::null()).status();
        version.is_ok_and(|status| status.success())
    }

    /// Starts one, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn start() -> io::Result<Self> {
        // The port is free again when the listener is gone, and nobody else is given it soon.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let directory = env::temp_dir().join(format!("pool-redis-{}-{}", process::id(), address.port()));
        fs::create_dir_all(&directory)?;
        let process = spawn(address, &directory)?;
        let mut server = Self { address, directory, process };
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
        self.process = spawn(self.address, &self.directory)?;
        Ok(())
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = self.counter() {
            if let Some(status) = self.process.try_wait()? {
                return Err(io::Error::other(format!("redis-server ended at once: {status}")));
            }
            if deadline < Instant::now() {
                return Err(error);
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    pub(crate) fn connect(&self) -> io::Result<CounterReader> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(REPLY_TIMEOUT))?;
        Ok(CounterReader { stream: BufReader::new(stream) })
    }

    fn counter(&self) -> io::Result<u64> {
        self.connect()?.read()
    }

    /// Asks for the counter on a connection of its own, until it is `expected` or has not changed
    /// for a second: who sent with replies off can't know when all is done.
    ///
    /// # Errors
    ///
    /// When the server doesn't answer.
    pub fn settled_counter(&self, expected: u64) -> io::Result<u64> {
        let mut reader = self.connect()?;
        let mut counter = reader.read()?;
        let mut changed = Instant::now();
        while counter != expected && changed.elapsed() < Duration::from_secs(1) {
            thread::sleep(Duration::from_millis(10));
            let latest = reader.read()?;
            if latest != counter {
                counter = latest;
                changed = Instant::now();
            }
        }
        Ok(counter)
    }
}

fn spawn(address: SocketAddr, directory: &PathBuf) -> io::Result<Child> {
    Command::new("redis-server")
        .args(["--port", &address.port().to_string(), "--bind", &address.ip().to_string()])
        .args(["--save", "", "--appendonly", "no", "--dir"])
        .arg(directory)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        // It may be dead already, and its directory gone.
        let _ = self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl CounterReader {
    pub(crate) fn read(&mut self) -> io::Result<u64> {
        self.stream.get_mut().write_all(b"GET counter\r\n")?;
        // `$-1` if there is none; otherwise `$` and its length, and a line with the counter.
        if self.line()? == "$-1" {
            return Ok(0);
        }
        let counter = self.line()?;
        counter.parse().map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}
