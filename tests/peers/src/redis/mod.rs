//! How many requests a second callers get answered, what they cost the client, and how long they take.

mod callers;
mod cores;
mod measure;
mod raw;
mod runtime;

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use pool_servers::{REDIS, RealServer};
use pool_tokio::BoxError;

use crate::clients::{Bb8, Client, ConnectionManagers, Deadpool, Freds, HandWritten, KEY, Pool, Request};
use crate::executor::Executor;
use crate::usage;
use callers::{Neighbours, VALUE};
use measure::{Figures, Phase, measure};
use runtime::Runtime;

const SERVERS: usize = 3;

/// What is to be measured.
#[derive(Clone, Copy)]
struct Case {
    request: Request,
    neighbours: Neighbours,
    callers: usize,
    runtime: Runtime,
    duration: Duration,
}

/// `CLIENT COMMAND CALLERS RUNTIME MILLISECONDS`.
pub(crate) fn run(arguments: &[String]) -> Result<(), BoxError> {
    let [client, command, callers, runtime, milliseconds] = arguments else { return Err(usage()) };
    let (request, neighbours) = match command.as_str() {
        "ping" => (Request::Ping, Neighbours::Nobody),
        "get" => (Request::Get, Neighbours::Nobody),
        "set" => (Request::Set { key: KEY, value: VALUE }, Neighbours::Nobody),
        "beside-cancels" => (Request::Get, Neighbours::Cancellers),
        "beside-huge" => (Request::Get, Neighbours::Huge),
        _ => return Err(usage()),
    };
    let case = Case {
        request,
        neighbours,
        callers: callers.parse().map_err(|_| usage())?,
        runtime: Runtime::parse(runtime)?,
        duration: milliseconds.parse().map(Duration::from_millis).map_err(|_| usage())?,
    };
    let start = || RealServer::start_or_skip(&REDIS, SERVERS);
    let Some(servers) = case.runtime.start_apart(start)? else { return Ok(()) };
    let addresses: Vec<_> = servers.iter().map(RealServer::address).collect();
    for address in &addresses {
        set_key(*address)?;
    }
    let figures = match client.as_str() {
        "pool-tokio" if case.runtime != Runtime::Smol => case.measure::<Pool>(addresses),
        "pool-smol" if case.runtime == Runtime::Smol => case.measure::<Pool>(addresses),
        "pool-tokio" | "pool-smol" => Err(format!("{client} runs elsewhere than on {runtime}").into()),
        "redis-rs" => case.measure::<ConnectionManagers>(addresses),
        "fred" => case.measure::<Freds>(addresses),
        "bb8" => case.measure::<Bb8>(addresses),
        "deadpool" => case.measure::<Deadpool>(addresses),
        "loop" => case.measure::<HandWritten>(addresses),
        "raw" => case.measure_raw(addresses),
        _ => Err(usage()),
    }?;
    println!("{figures}");
    Ok(())
}

impl Case {
    fn measure<C: Client>(self, servers: Vec<SocketAddr>) -> Result<Figures, BoxError> {
        let Self { request, neighbours, callers, runtime, duration } = self;
        let executor = runtime.executor();
        runtime.block_on(async move {
            let client = C::connect(executor, &servers).await?;
            let phase = Phase::new();
            let load = callers::start(&client, executor, request, callers, neighbours, &phase);
            measure(executor, phase, load, duration).await
        })
    }

    fn measure_raw(self, servers: Vec<SocketAddr>) -> Result<Figures, BoxError> {
        let Self { request, neighbours, callers, runtime, duration } = self;
        let executor = runtime.executor();
        if executor != Executor::Tokio || neighbours != Neighbours::Nobody {
            return Err("raw sockets run on Tokio, with nobody beside them".into());
        }
        runtime.block_on(async move {
            let phase = Phase::new();
            let load = raw::start(&servers, request, callers, &phase).await?;
            measure(executor, phase, load, duration).await
        })
    }
}

/// Callers ask for 64 bytes.
fn set_key(server: SocketAddr) -> io::Result<()> {
    let mut stream = TcpStream::connect(server)?;
    stream.write_all(b"SET ")?;
    stream.write_all(KEY.as_bytes())?;
    stream.write_all(b" ")?;
    stream.write_all(VALUE)?;
    stream.write_all(b"\r\n")?;
    let mut reply = [0; 5];
    stream.read_exact(&mut reply)?;
    if reply == *b"+OK\r\n" { Ok(()) } else { Err(io::Error::other("a server refuses the key")) }
}
