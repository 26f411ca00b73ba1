//! What is asked of the servers beside the calls that are measured.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use pool_examples::{Command, Reply, RespCodec};
use pool_tokio::{BoxError, Pipelined, call::CallExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep};
use tokio_util::codec::Framed;

use crate::clients::KEY;

pub(crate) const SERVERS: usize = 3;
/// The first is killed or stopped.
pub(crate) const VICTIM: usize = 0;

/// Each server has one life; a victim that is killed has a second, which is the last of all.
pub(crate) const LIVES: usize = SERVERS + 1;
pub(crate) const SECOND_LIFE: usize = SERVERS;

/// How long a server may take to start.
const START_TIMEOUT: Duration = Duration::from_secs(10);

/// What the key's value is in a life: 64 bytes, from which one can tell who answered.
pub(crate) fn value_in(life: usize) -> Vec<u8> {
    format!("{:<64}", format!("life {life}")).into_bytes()
}

/// In which life somebody answered so. Who was killed comes back without its memory.
pub(crate) fn life_of(value: Option<&[u8]>) -> Option<usize> {
    let Some(value) = value else { return Some(SECOND_LIFE) };
    (0..LIVES).find(|life| value_in(*life) == value)
}

/// Sets the key, as soon as the server listens.
pub(crate) async fn prepare(server: SocketAddr, life: usize) -> Result<(), BoxError> {
    let deadline = Instant::now() + START_TIMEOUT;
    let mut connection = loop {
        match connect(server).await {
            Ok(connection) => break connection,
            Err(error) if Instant::now() > deadline => return Err(error.into()),
            Err(_) => sleep(Duration::from_millis(2)).await,
        }
    };
    let set = Command::new("SET").arg(KEY).arg(value_in(life));
    match connection.call(set).await? {
        Reply::Simple(_) => Ok(()),
        reply => Err(format!("a server refuses the key: {reply:?}").into()),
    }
}

/// One connection that answers, of no pool.
async fn connect(server: SocketAddr) -> io::Result<Pipelined<Framed<TcpStream, RespCodec>, Command, Reply>> {
    let stream = TcpStream::connect(server).await?;
    stream.set_nodelay(true)?;
    Ok(Pipelined::new(Framed::new(stream, RespCodec::default())))
}

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Statistics {
    /// `GET`s that it has executed.
    pub(crate) gets: u64,
    /// Seconds of a core that it has used.
    pub(crate) cpu: f64,
}

pub(crate) async fn statistics(server: SocketAddr) -> Result<Statistics, BoxError> {
    let mut connection = connect(server).await?;
    let mut info = String::new();
    for section in ["commandstats", "cpu"] {
        let Reply::Bulk(Some(text)) = connection.call(Command::new("INFO").arg(section)).await? else {
            return Err("a server has no statistics".into());
        };
        info.push_str(str::from_utf8(&text)?);
    }
    let number = |name: &str| {
        let rest = info.lines().find_map(|line| line.strip_prefix(name));
        rest.and_then(|rest| rest.split(',').next()).map_or(Ok(0.0), str::parse::<f64>)
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is a count")]
    let gets = number("cmdstat_get:calls=")? as u64;
    Ok(Statistics { gets, cpu: number("used_cpu_sys:")? + number("used_cpu_user:")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_tells_who_answered() {
        for life in 0..LIVES {
            let value = value_in(life);
            assert_eq!((value.len(), life_of(Some(&value))), (64, Some(life)));
        }
        assert_eq!(life_of(None), Some(SECOND_LIFE));
        assert_eq!(life_of(Some(b"life 0")), None);
    }
}
