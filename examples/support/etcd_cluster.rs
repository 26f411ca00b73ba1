//! A real etcd of one or several members on free ports of this machine, which ends with its handle.

use std::env;
use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{self, Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// Its members, which can be killed one by one.
#[derive(Debug)]
pub struct EtcdCluster {
    directory: PathBuf,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: String,
    clients: SocketAddr,
    peers: SocketAddr,
    process: Option<Child>,
}

/// Between the look for free ports and the members' own binds, somebody else may take one.
const START_ATTEMPTS: usize = 3;
const START_TIMEOUT: Duration = Duration::from_secs(30);

impl EtcdCluster {
    /// Starts one, and waits until all members serve. Where etcd is not installed, says that this is
    /// skipped, and returns `None`.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set: then nothing may be
    /// skipped.
    pub fn start_or_skip(members: usize) -> io::Result<Option<Self>> {
        let mut result = Self::start(members);
        for _ in 1..START_ATTEMPTS {
            if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::AddrInUse) {
                result = Self::start(members);
            }
        }
        match result {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let missing = "etcd is not on the PATH (apt-get install etcd-server, brew install etcd)";
                if env::var_os("POOL_CI").is_some() {
                    return Err(io::Error::other(missing));
                }
                println!("skipped: {missing}");
                Ok(None)
            }
            result => result.map(Some),
        }
    }

    fn start(members: usize) -> io::Result<Self> {
        // All are looked for at once: one that is let go might be found again.
        let listeners = (0..members * 2).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let ports = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        drop(listeners);
        let members = ports.chunks(2).enumerate().map(|(number, ports)| {
            let name = format!("member{number}");
            Member { name, clients: ports[0], peers: ports[1], process: None }
        });
        let members: Vec<Member> = members.collect();
        let name = format!("pool-etcd-{}-{}", process::id(), members[0].clients.port());
        let directory = env::temp_dir().join(name);
        fs::create_dir_all(&directory)?;
        let mut cluster = Self { directory, members };
        for member in 0..cluster.members.len() {
            cluster.restart(member)?;
        }
        cluster.wait_until_up()?;
        Ok(cluster)
    }

    /// The URLs of all members.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| format!("http://{}", member.clients)).collect()
    }

    /// Kills a member (SIGKILL); what it has written stays.
    ///
    /// # Errors
    ///
    /// When it can't be killed.
    pub fn kill(&mut self, member: usize) -> io::Result<()> {
        if let Some(mut process) = self.members[member].process.take() {
            process.kill()?;
            process.wait()?;
        }
        Ok(())
    }

    /// Takes all that a killed member has written away.
    ///
    /// # Errors
    ///
    /// When that can't be removed.
    pub fn wipe(&mut self, member: usize) -> io::Result<()> {
        fs::remove_dir_all(self.data(member))
    }

    /// Starts a member that was killed again, at the same ports; doesn't wait until it serves.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub fn restart(&mut self, member: usize) -> io::Result<()> {
        let all = self.members.iter().map(|member| format!("{}=http://{}", member.name, member.peers));
        let all = all.collect::<Vec<_>>().join(",");
        let Member { name, clients, peers, .. } = &self.members[member];
        let (clients, peers) = (format!("http://{clients}"), format!("http://{peers}"));
        let process = Command::new("etcd")
            .args(["--name", name, "--initial-cluster", &all])
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            // Half of what is usual: nobody here is far away.
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .arg("--data-dir")
            .arg(self.data(member))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        self.members[member].process = Some(process);
        Ok(())
    }

    fn data(&self, member: usize) -> PathBuf {
        self.directory.join(&self.members[member].name)
    }

    fn wait_until_up(&mut self) -> io::Result<()> {
        let deadline = Instant::now() + START_TIMEOUT;
        for member in &mut self.members {
            while !member.is_healthy() {
                if let Some(process) = &mut member.process
                    && let Some(status) = process.try_wait()?
                {
                    // That it can't bind is the only reason known.
                    return Err(io::Error::new(
                        ErrorKind::AddrInUse,
                        format!("etcd ended at once: {status}"),
                    ));
                }
                if deadline < Instant::now() {
                    return Err(io::Error::new(ErrorKind::TimedOut, "etcd doesn't become healthy"));
                }
                thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Member {
    fn is_healthy(&self) -> bool {
        let ask = || {
            let mut stream = TcpStream::connect(self.clients)?;
            stream.set_read_timeout(Some(Duration::from_secs(5)))?;
            stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer)?;
            Ok::<_, io::Error>(answer)
        };
        ask().is_ok_and(|answer| answer.contains("\"health\":\"true\""))
    }
}

impl Drop for EtcdCluster {
    fn drop(&mut self) {
        for member in 0..self.members.len() {
            // It may be dead already.
            let _ = self.kill(member);
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}
