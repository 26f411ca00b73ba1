//! What happens to one of the servers, and how it comes back.

use std::io;

use pool_servers::RealServer;
use pool_tokio::BoxError;
use rustix::process::{Pid, Signal, kill_process};

use super::servers::{self, SECOND_LIFE, VICTIM};
use crate::usage;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// It is killed, and started again: its connections break, and it comes back without its memory.
    Kill,
    /// It is stopped, and goes on: its connections live, new ones are accepted by the system, and nobody answers.
    Hang,
}

impl Fault {
    pub(crate) fn parse(name: &str) -> Result<Self, BoxError> {
        match name {
            "kill" => Ok(Self::Kill),
            "hang" => Ok(Self::Hang),
            _ => Err(usage()),
        }
    }

    /// From now on the server answers no more. It ends with its handle, also if it is stopped.
    pub(crate) fn begin(self, server: &mut RealServer) -> io::Result<()> {
        match self {
            Self::Kill => server.kill(),
            Self::Hang => signal(server, Signal::STOP),
        }
    }

    /// The server can answer again.
    pub(crate) async fn end(self, server: &mut RealServer) -> Result<(), BoxError> {
        match self {
            Self::Kill => {
                server.restart()?;
                servers::prepare(server.address(), SECOND_LIFE).await
            }
            Self::Hang => Ok(signal(server, Signal::CONT)?),
        }
    }

    /// In which life a server is at the end.
    pub(crate) fn last_life(self, server: usize) -> usize {
        if self == Self::Kill && server == VICTIM { SECOND_LIFE } else { server }
    }
}

fn signal(server: &RealServer, signal: Signal) -> io::Result<()> {
    let process =
        i32::try_from(server.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(process, signal)?)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    use pool_servers::REDIS;
    use rustix::process::test_kill_process;

    use super::*;

    /// What a server that answers says at once, and one that is stopped never.
    fn ask(server: SocketAddr, patience: Duration) -> io::Result<()> {
        let mut stream = TcpStream::connect(server)?;
        stream.set_read_timeout(Some(patience))?;
        stream.write_all(b"PING\r\n")?;
        stream.read_exact(&mut [0; 7])
    }

    fn start_one() -> Option<RealServer> {
        RealServer::start_or_skip(&REDIS, 1).expect("it starts")?.pop()
    }

    #[test]
    fn a_stopped_server_accepts_and_is_silent_and_goes_on() {
        let Some(mut server) = start_one() else { return };
        let address = server.address();
        Fault::Hang.begin(&mut server).expect("it can be stopped");
        assert!(ask(address, Duration::from_millis(50)).is_err());
        smol::block_on(Fault::Hang.end(&mut server)).expect("it goes on");
        assert!(ask(address, Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn a_stopped_server_ends_with_its_handle_when_somebody_panics() {
        let Some(mut server) = start_one() else { return };
        let process = Pid::from_raw(server.id().try_into().expect("it fits")).expect("it is none of all");
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
            Fault::Hang.begin(&mut server).expect("it can be stopped");
            panic!("in the middle of a run");
        }));
        assert!(panicked.is_err());
        assert!(test_kill_process(process).is_err());
    }
}
