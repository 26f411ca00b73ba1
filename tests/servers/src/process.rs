//! A server's process and the folder with its files. Both end with their handles.

use std::env;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a server may take until it answers.
pub(crate) const START_TIMEOUT: Duration = Duration::from_secs(60);

const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A folder of its own among the temporary files.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// The port tells the servers of this program apart.
    pub(crate) fn create(server: &str, port: u16) -> io::Result<Self> {
        let path = env::temp_dir().join(format!("pool-{server}-{}-{port}", process::id()));
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is gone already is as good.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A process that is killed when its handle is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    program: String,
    log: PathBuf,
}

impl Process {
    /// Starts a program, which writes all that it says to `log`.
    pub(crate) fn spawn(command: &mut Command, log: PathBuf) -> io::Result<Self> {
        let output = File::create(&log)?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let program = command.get_program().to_string_lossy().into_owned();
        Ok(Self { child: command.spawn()?, program, log })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Kills it (SIGKILL), unless it has ended.
    pub(crate) fn kill(&mut self) -> io::Result<()> {
        self.child.kill()?;
        self.wait()
    }

    pub(crate) fn wait(&mut self) -> io::Result<()> {
        self.child.wait().map(drop)
    }

    /// Waits until `look` succeeds, for as long as the process lives. Of a process that ended, the error is
    /// `AddrInUse` if its log says that.
    pub(crate) fn wait_until(&mut self, mut look: impl FnMut() -> io::Result<()>) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        while let Err(error) = look() {
            if let Some(status) = self.child.try_wait()? {
                let log = fs::read_to_string(&self.log)?;
                let is_port_taken = log.to_lowercase().contains("address already in use");
                let kind = if is_port_taken { ErrorKind::AddrInUse } else { ErrorKind::Other };
                return Err(io::Error::new(kind, format!("{} ended at once: {status}\n{log}", self.program)));
            }
            if deadline < Instant::now() {
                return Err(error);
            }
            thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // A process that has ended already is as good.
        let _ = self.kill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(folder: &Folder, script: &str) -> io::Result<Process> {
        Process::spawn(Command::new("sh").args(["-c", script]), folder.join("log"))
    }

    #[test]
    fn a_process_that_ends_at_once_says_why() -> io::Result<()> {
        for (port, says, kind) in [
            (1, "bind: Address already in use", ErrorKind::AddrInUse),
            (2, "no such option", ErrorKind::Other),
        ] {
            let folder = Folder::create("process-test", port)?;
            let mut process = shell(&folder, &format!("echo {says} >&2; exit 3"))?;
            let error = process.wait_until(|| Err(ErrorKind::ConnectionRefused.into()));
            let error = error.expect_err("it never answers");
            assert!(error.kind() == kind && error.to_string().contains(says), "{error}");
        }
        Ok(())
    }

    #[test]
    fn a_process_and_its_folder_end_with_their_handles() -> io::Result<()> {
        let folder = Folder::create("process-test", 3)?;
        let path = folder.path().to_owned();
        let process = shell(&folder, "exec sleep 600")?;
        let id = process.id().to_string();
        let is_alive = || Command::new("kill").args(["-0", &id]).stderr(Stdio::null()).status();
        assert!(is_alive()?.success() && path.exists());
        drop((process, folder));
        assert!(!is_alive()?.success() && !path.exists());
        Ok(())
    }
}
