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
