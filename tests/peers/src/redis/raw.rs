//! No client at all: the same connections, each with its share of the requests in flight, written at once and read at
//! once. Nothing can do with less, so it is the floor. Its latencies are those of batches.

use std::net::SocketAddr;
use std::time::Instant;

use bytes::BytesMut;
use pool_examples::RespCodec;
use pool_tokio::BoxError;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::codec::Encoder;

use super::callers::VALUE;
use super::measure::{Phase, Seen};
use crate::clients::{CONNECTIONS_PER_SERVER, Request, command};
use crate::executor::{Executor, Task};

/// All connections are at work from now on. Those without a caller are not made.
pub(super) async fn start(
    servers: &[SocketAddr],
    request: Request,
    callers: usize,
    phase: &Phase,
) -> Result<Vec<Task<Result<Seen, BoxError>>>, BoxError> {
    let connections = servers.len() * CONNECTIONS_PER_SERVER as usize;
    let mut tasks = Vec::new();
    for (connection, server) in servers.iter().cycle().take(connections).enumerate() {
        let share = share(callers, connections, connection);
        if share == 0 {
            break;
        }
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        let batch = Batch::new(request, share)?;
        tasks.push(Executor::Tokio.spawn(exchange(stream, batch, phase.clone())));
    }
    Ok(tasks)
}

/// How many of the callers this connection has.
fn share(callers: usize, connections: usize, connection: usize) -> usize {
    callers / connections + usize::from(connection < callers % connections)
}

/// Requests in flight together, with what must come back.
struct Batch {
    size: usize,
    requests: BytesMut,
    replies: Vec<u8>,
}

impl Batch {
    fn new(request: Request, size: usize) -> Result<Self, BoxError> {
        let mut requests = BytesMut::new();
        for _ in 0..size {
            RespCodec::default().encode(command(request), &mut requests)?;
        }
        let reply = match request {
            Request::Ping => b"+PONG\r\n".to_vec(),
            Request::Get => [b"$64\r\n", VALUE, b"\r\n"].concat(),
            Request::Set { .. } => b"+OK\r\n".to_vec(),
        };
        Ok(Self { size, requests, replies: reply.repeat(size) })
    }
}

async fn exchange(mut stream: TcpStream, batch: Batch, phase: Phase) -> Result<Seen, BoxError> {
    let mut seen = Seen::default();
    let mut replies = vec![0; batch.replies.len()];
    while !phase.is_over() {
        let begun = Instant::now();
        stream.write_all(&batch.requests).await?;
        stream.read_exact(&mut replies).await?;
        if replies != batch.replies {
            return Err("a server answers something else".into());
        }
        if phase.is_measured() {
            seen.requests += batch.size as u64;
            seen.latencies.add(begun.elapsed());
        }
    }
    Ok(seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_caller_belongs_to_one_connection_and_no_connection_has_many_more_than_another() {
        for callers in [0, 1, 5, 6, 7, 64, 10_000] {
            let shares: Vec<_> = (0..6).map(|connection| share(callers, 6, connection)).collect();
            assert_eq!(shares.iter().sum::<usize>(), callers, "{shares:?}");
            assert!(shares[0] - shares[5] <= 1, "{shares:?}");
        }
    }
}
