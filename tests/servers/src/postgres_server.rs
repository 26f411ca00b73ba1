//! Postgres.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::process::{Folder, Process};
use crate::start::{free_address, skip, start_on_free_port};

/// A cluster of its own, with the superuser `postgres`, whom it trusts.
#[derive(Debug)]
pub struct PostgresServer {
    programs: Programs,
    address: SocketAddr,
    process: Process,
    folder: Folder,
}

/// Where Postgres is installed, and as whom it runs.
#[derive(Clone, Debug)]
struct Programs {
    directory: PathBuf,
    /// What precedes each command. Postgres refuses to run as root.
    prefix: Vec<String>,
}

impl PostgresServer {
    /// Starts one, and waits until it takes connections. Returns `None` where Postgres is not installed.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set.
    pub fn start_or_skip() -> io::Result<Option<Self>> {
        match Programs::find()? {
            Some(programs) => start_on_free_port(|| Self::start(programs.clone())).map(Some),
            None => skip("there is no Postgres (apt-get install postgresql, brew install postgresql)"),
        }
    }

    fn start(programs: Programs) -> io::Result<Self> {
        let address = free_address()?;
        let folder = Folder::create("postgres", address.port())?;
        programs.initialise(&folder)?;
        let process = programs.start(address, &folder)?;
        let mut server = Self { programs, address, process, folder };
        let Self { process, folder, .. } = &mut server;
        let id = process.id();
        process.wait_until(|| is_up(folder, id))?;
        Ok(server)
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
        stop.args(["stop", "--mode=immediate", "--silent", "--pgdata"]).arg(data(&self.folder));
        match run(&mut stop) {
            Ok(_) => self.process.wait(),
            Err(_) => self.process.kill(),
        }
    }

    /// Starts one that was killed again, at the same address; doesn't wait until it listens.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self) -> io::Result<()> {
        self.process = self.programs.start(self.address, &self.folder)?;
        Ok(())
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        // It may be dead already.
        let _ = self.kill();
    }
}

/// It says so itself, in a file: its process id in the first line, its state in the eighth.
fn is_up(folder: &Folder, id: u32) -> io::Result<()> {
    let status = fs::read_to_string(data(folder).join("postmaster.pid"))?;
    let mut lines = status.lines().map(str::trim);
    let is_up = lines.next() == Some(&id.to_string()) && lines.nth(6) == Some("ready");
    if is_up { Ok(()) } else { Err(ErrorKind::TimedOut.into()) }
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

    fn initialise(&self, folder: &Folder) -> io::Result<()> {
        if !self.prefix.is_empty() {
            run(Command::new("chown").arg("nobody").arg(folder.path()))?;
        }
        let mut initialise = self.command("initdb");
        initialise.args(["--auth=trust", "--username=postgres", "--encoding=UTF8"]);
        run(initialise.args(["--no-locale", "--no-sync", "--pgdata"]).arg(data(folder)))?;
        Ok(())
    }

    fn start(&self, address: SocketAddr, folder: &Folder) -> io::Result<Process> {
        let (host, port) = (format!("listen_addresses={}", address.ip()), format!("port={}", address.port()));
        let mut start = self.command("postgres");
        for setting in [&*host, &*port, "unix_socket_directories=", "fsync=off"] {
            start.args(["-c", setting]);
        }
        Process::spawn(start.arg("-D").arg(data(folder)), folder.join("log"))
    }
}

fn data(folder: &Folder) -> PathBuf {
    folder.join("data")
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
