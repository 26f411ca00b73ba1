//! A real Postgres on a free port of this machine, which ends with its handle.

use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A cluster of its own, with the superuser `postgres`, whom it trusts.
#[derive(Debug)]
pub struct PostgresServer {
    programs: Programs,
    address: SocketAddr,
    directory: PathBuf,
    process: Child,
}

/// Where Postgres is installed, and as whom it runs.
#[derive(Debug)]
struct Programs {
    directory: PathBuf,
    /// What precedes each command. Postgres refuses to run as root.
    prefix: Vec<String>,
}

/// Between the look for a free port and the server's own bind, somebody else may take the port.
const START_ATTEMPTS: usize = 3;
const START_TIMEOUT: Duration = Duration::from_secs(60);

impl PostgresServer {
    /// Starts one, and waits until it takes connections. Where Postgres is not installed, says that
    /// this is skipped, and returns `None`.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set: then nothing may be
    /// skipped.
    pub fn start_or_skip() -> io::Result<Option<Self>> {
        if let Some(programs) = Programs::find()? {
            return Self::start(programs).map(Some);
        }
        let missing = "there is no Postgres (apt-get install postgresql, brew install postgresql)";
        if env::var_os("POOL_CI").is_some() {
            return Err(io::Error::other(missing));
        }
        println!("skipped: {missing}");
        Ok(None)
    }

    fn start(programs: Programs) -> io::Result<Self> {
        let address = free_address()?;
        let directory = env::temp_dir().join(format!("pool-postgres-{}-{}", process::id(), address.port()));
        fs::create_dir(&directory)?;
        let process = programs.initialise(&directory).and_then(|()| programs.start(address, &directory));
        let process = process.inspect_err(|_| {
            // The error says more than what is in it.
            let _ = fs::remove_dir_all(&directory);
        })?;
        let mut server = Self { programs, address, directory, process };
        for _ in 1..START_ATTEMPTS {
            match server.wait_until_up() {
                Err(error) if error.kind() == ErrorKind::AddrInUse => {
                    server.address = free_address()?;
                    server.restart()?;
                }
                result => return result.map(|()| server),
            }
        }
        server.wait_until_up().map(|()| server)
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it at once; its connections break.
    ///
    /// # Errors
    ///
    /// When it doesn't end.
    pub fn kill(&mut self) -> io::Result<()> {
        // Its children end with it, which a SIGKILL would leave to chance.
        let mut stop = self.programs.command("pg_ctl");
        stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(data(&self.directory));
        if run(&mut stop).is_err() {
            self.process.kill()?;
        }
        self.process.wait()?;
        Ok(())
    }

    /// Starts one that was killed again, at the same address; doesn't wait until it listens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = self.programs.start(self.address, &self.directory)?;
        Ok(())
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while !self.is_up() {
            if let Some(status) = self.process.try_wait()? {
                let log = fs::read_to_string(log(&self.directory))?;
                let is_port_taken = log.contains("could not bind");
                let kind = if is_port_taken { ErrorKind::AddrInUse } else { ErrorKind::Other };
                return Err(io::Error::new(kind, format!("postgres ended at once: {status}\n{log}")));
            }
            if deadline < Instant::now() {
                return Err(ErrorKind::TimedOut.into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    /// It says so itself, in a file: its process id in the first line, its state in the eighth.
    fn is_up(&self) -> bool {
        let status = fs::read_to_string(data(&self.directory).join("postmaster.pid")).unwrap_or_default();
        let mut lines = status.lines().map(str::trim);
        lines.next() == Some(&self.process.id().to_string()) && lines.nth(6) == Some("ready")
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // It may be dead already, and its directory gone.
        let _ = self.kill();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

impl Programs {
    fn find() -> io::Result<Option<Self>> {
        let path = env::var_os("PATH").unwrap_or_default();
        let on_path = env::split_paths(&path).find(|directory| has_postgres(directory));
        let Some(directory) = on_path.or_else(latest_of_debian) else { return Ok(None) };
        let mut prefix = Vec::new();
        if is_root() {
            let id = |of| Ok::<_, io::Error>(run(Command::new("id").args([of, "nobody"]))?.trim().to_owned());
            let (user, group) = (id("-u")?, id("-g")?);
            prefix = vec!["setpriv".into(), "--clear-groups".into()];
            prefix.extend([format!("--reuid={user}"), format!("--regid={group}")]);
        }
        Ok(Some(Self { directory, prefix }))
    }

    fn command(&self, program: &str) -> Command {
        let program = self.directory.join(program);
        let words = self.prefix.iter().map(OsStr::new).chain([program.as_os_str()]);
        let words: Vec<&OsStr> = words.collect();
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        command
    }

    fn initialise(&self, directory: &Path) -> io::Result<()> {
        if !self.prefix.is_empty() {
            run(Command::new("chown").arg("nobody").arg(directory))?;
        }
        let mut initialise = self.command("initdb");
        initialise.args([
            "--auth=trust",
            "--username=postgres",
            "--encoding=UTF8",
            "--no-locale",
            "--no-sync",
        ]);
        run(initialise.arg("--pgdata").arg(data(directory)))?;
        Ok(())
    }

    fn start(&self, address: SocketAddr, directory: &Path) -> io::Result<Child> {
        let (host, port) = (format!("listen_addresses={}", address.ip()), format!("port={}", address.port()));
        let mut start = self.command("postgres");
        for setting in [&*host, &*port, "unix_socket_directories=", "fsync=off"] {
            start.args(["-c", setting]);
        }
        let log = File::create(log(directory))?;
        start.arg("-D").arg(data(directory)).stdout(Stdio::null()).stderr(log).spawn()
    }
}

fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}

fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

fn log(directory: &Path) -> PathBuf {
    directory.join("log")
}

fn has_postgres(directory: &Path) -> bool {
    ["initdb", "pg_ctl", "postgres"].iter().all(|program| directory.join(program).is_file())
}

/// Debian keeps the programs of each version out of the PATH.
fn latest_of_debian() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").ok()?.flatten();
    let installed = versions.map(|version| version.path().join("bin")).filter(|bin| has_postgres(bin));
    let version = |bin: &PathBuf| bin.iter().rev().nth(1)?.to_str()?.parse::<u32>().ok();
    installed.max_by_key(version)
}

fn is_root() -> bool {
    run(Command::new("id").arg("-u")).is_ok_and(|user| user.trim() == "0")
}

/// Runs a command to its end, and returns what it says.
fn run(command: &mut Command) -> io::Result<String> {
    let Output { status, stdout, stderr } = command.stdin(Stdio::null()).output()?;
    if status.success() {
        return Ok(String::from_utf8_lossy(&stdout).into_owned());
    }
    let program = Path::new(command.get_program()).display();
    Err(io::Error::other(format!("{program}: {status}\n{}", String::from_utf8_lossy(&stderr))))
}
