//! etcd, of one or several members.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use crate::process::{Folder, Process};
use crate::start::start_or_skip;

/// Its members, which can be killed one by one.
#[derive(Debug)]
pub struct EtcdCluster {
    members: Vec<Member>,
    folder: Folder,
}

#[derive(Debug)]
struct Member {
    name: String,
    clients: SocketAddr,
    peers: SocketAddr,
    /// `None` before its start and after its death.
    process: Option<Process>,
}

const HEALTH_TIMEOUT: Duration = Duration::from_secs(5);

impl EtcdCluster {
    /// Starts one, and waits until all members serve. Returns `None` where etcd is not installed.
    ///
    /// # Errors
    ///
    /// When it doesn't start; and when it is not installed and `POOL_CI` is set.
    pub fn start_or_skip(members: usize) -> io::Result<Option<Self>> {
        let missing = "etcd is not on the PATH (apt-get install etcd-server, brew install etcd)";
        start_or_skip(missing, || Self::start(members))
    }

    fn start(members: usize) -> io::Result<Self> {
        // All ports are looked for at once: one that is let go might be found again.
        let listeners = (0..members * 2).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)));
        let listeners = listeners.collect::<io::Result<Vec<_>>>()?;
        let ports = listeners.iter().map(TcpListener::local_addr).collect::<io::Result<Vec<_>>>()?;
        drop(listeners);
        let members = ports.chunks(2).enumerate().map(|(number, ports)| {
            let name = format!("member{number}");
            Member { name, clients: ports[0], peers: ports[1], process: None }
        });
        let mut cluster =
            Self { members: members.collect(), folder: Folder::create("etcd", ports[0].port())? };
        for member in 0..cluster.members.len() {
            cluster.restart(member)?;
        }
        for Member { clients, process, .. } in &mut cluster.members {
            process.as_mut().map_or(Ok(()), |process| process.wait_until(|| ask_for_health(*clients)))?;
        }
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
        self.members[member].process.take().map_or(Ok(()), |mut process| process.kill())
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
        let mut etcd = Command::new("etcd");
        etcd.args(["--name", name, "--initial-cluster", &all])
            .args(["--listen-client-urls", &clients, "--advertise-client-urls", &clients])
            .args(["--listen-peer-urls", &peers, "--initial-advertise-peer-urls", &peers])
            // Half of what is usual: nobody here is far away.
            .args(["--heartbeat-interval", "50", "--election-timeout", "500"])
            .arg("--data-dir")
            .arg(self.data(member));
        let log = self.folder.join(format!("{name}.log"));
        self.members[member].process = Some(Process::spawn(&mut etcd, log)?);
        Ok(())
    }

    fn data(&self, member: usize) -> PathBuf {
        self.folder.join(&self.members[member].name)
    }
}

fn ask_for_health(clients: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(clients)?;
    stream.set_read_timeout(Some(HEALTH_TIMEOUT))?;
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    if answer.contains("\"health\":\"true\"") { Ok(()) } else { Err(io::Error::other(answer)) }
}
