//! What replies mean, by what real servers of Redis say.

use std::collections::BTreeSet;
use std::io;
use std::net::SocketAddr;
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use futures_util::future::try_join_all;
use futures_util::{SinkExt, StreamExt};
use pool_call::{CallPool, Pipelined, Protocol, Retry, RetryBudget};
use pool_driver::{BoxError, BuildError, Verdict};
use pool_examples::{Command, Reply, Resp, RespCodec};
use pool_servers::{REDIS, RealServer};
use pool_tests::{TestResult, run_on_tokio, until};
use tokio::net::TcpStream;
use tokio_util::codec::Framed;

type RedisPool = CallPool<Command, Reply>;

fn pool_of(servers: &[RealServer]) -> Result<RedisPool, BuildError> {
    pool_tokio::call_pool_for(pool_tokio::tcp(RespCodec::default()).pipelined_with(Resp::new()))
        .connect_to_fixed(servers.iter().map(RealServer::address))
        .connections_per_address(2)
        .spawn()
}

/// A command of these words.
fn command(words: &str) -> Command {
    words.split(' ').fold(Command::default(), Command::arg)
}

fn replica_of(master: &RealServer) -> Command {
    let address = master.address();
    Command::new("REPLICAOF").arg(address.ip().to_string()).arg(address.port().to_string())
}

/// Asks one server, with nobody between.
async fn ask(address: SocketAddr, command: Command) -> Result<Reply, BoxError> {
    let mut connection = Framed::new(TcpStream::connect(address).await?, RespCodec::default());
    // One that says no at once may have closed by now.
    let _ = connection.send(command).await;
    connection.next().await.ok_or("it has closed")?.map_err(Into::into)
}

fn judge(reply: &Reply) -> Verdict {
    Protocol::<Command, Reply>::judge(&mut Resp::new(), reply)
}

#[test]
fn errors_of_a_real_server_are_judged() -> TestResult {
    const OVERLOADED: Verdict = Verdict::Overloaded { pause: None };
    let Some(mut servers) = RealServer::start_or_skip(&REDIS, 5)? else { return Ok(()) };
    run_on_tokio(async {
        for (settings, question, code, verdict) in [
            (&["CONFIG SET maxmemory 1"][..], "SET key value", "OOM ", OVERLOADED),
            (&["CONFIG SET requirepass secret"], "GET key", "NOAUTH ", Verdict::Failure),
            (&["REPLICAOF 127.0.0.1 1"], "SET key value", "READONLY ", Verdict::Unfit),
            (
                &["CONFIG SET replica-serve-stale-data no", "REPLICAOF 127.0.0.1 1"],
                "GET key",
                "MASTERDOWN ",
                OVERLOADED,
            ),
            (&["CONFIG SET maxclients 1"], "GET key", "ERR max number of clients", OVERLOADED),
        ] {
            let server = servers.pop().ok_or("there is one for each")?;
            // It keeps its connection, and what it sets comes into force for others.
            let stream = TcpStream::connect(server.address()).await?;
            let mut first = Framed::new(stream, RespCodec::default());
            for setting in settings {
                first.send(command(setting)).await?;
                let reply = first.next().await.ok_or("it has closed")??;
                assert!(matches!(reply, Reply::Simple(_)), "{setting}: {reply:?}");
            }
            let reply = ask(server.address(), command(question)).await?;
            assert!(matches!(&reply, Reply::Error(error) if error.starts_with(code)), "{code}: {reply:?}");
            assert_eq!(judge(&reply), verdict, "{reply:?}");
        }
        Ok(())
    })
}

#[test]
fn nobody_gets_the_error_of_a_replica_that_has_turned_read_only() -> TestResult {
    const CALLS: usize = 3000;
    let Some(servers) = RealServer::start_or_skip(&REDIS, 2)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = pool_of(&servers)?;
        pool.ready(4).await?;
        let replica = pool_of(slice::from_ref(&servers[1]))?;
        let retry = Retry::new().budget(RetryBudget::new(100, 0));
        let incr = async |number: usize| {
            if number == CALLS / 3 {
                replica.call(replica_of(&servers[0])).await?;
            }
            Ok::<_, BoxError>(pool.call(command("INCR counter")).copied().retry(&retry).await?)
        };
        let replies = try_join_all((0..CALLS).map(incr)).await?;
        let errors: BTreeSet<_> = replies.iter().filter_map(error_of).collect();
        assert!(errors.is_empty(), "{errors:?}");
        // Without a copy, the error comes as it is: there was something to be spared.
        let reply = replica.call(command("INCR counter")).await?;
        assert!(error_of(&reply).is_some_and(|error| error.starts_with("READONLY ")), "{reply:?}");
        Ok(())
    })
}

fn error_of(reply: &Reply) -> Option<&str> {
    if let Reply::Error(error) = reply { Some(error) } else { None }
}

/// Connections in RESP3, which are told of every key that changes.
async fn connect_tracking<F: FnMut(Vec<Reply>)>(
    address: SocketAddr,
    on_push: F,
) -> io::Result<Pipelined<Framed<TcpStream, RespCodec>, Command, Reply, Resp<F>>> {
    let mut transport = Framed::new(TcpStream::connect(address).await?, RespCodec::default());
    for greeting in ["HELLO 3", "CLIENT TRACKING ON BCAST"] {
        transport.send(command(greeting)).await?;
        let reply = transport.next().await.ok_or(io::ErrorKind::UnexpectedEof)??;
        if let Some(error) = error_of(&reply) {
            return Err(io::Error::other(error.to_owned()));
        }
    }
    Ok(Pipelined::with_protocol(transport, Resp::with_pushes(on_push)))
}

#[test]
fn invalidations_shift_nobody_s_answer() -> TestResult {
    const CALLS: usize = 1000;
    let Some(servers) = RealServer::start_or_skip(&REDIS, 1)? else { return Ok(()) };
    run_on_tokio(async {
        let (pushes, first) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let connector = {
            let (pushes, first) = (Arc::clone(&pushes), Arc::clone(&first));
            move |address| {
                let (pushes, first) = (Arc::clone(&pushes), Arc::clone(&first));
                connect_tracking(address, move |push| {
                    pushes.fetch_add(1, Ordering::Relaxed);
                    first.lock().expect("nobody panics").get_or_insert(push);
                })
            }
        };
        let pool: RedisPool = pool_tokio::call_pool_for(connector)
            .connect_to_fixed([servers[0].address()])
            .connections_per_address(2)
            .spawn()?;
        let ask = async |number: usize| {
            let key = format!("key {number}");
            let set = pool.call(Command::new("SET").arg(&key).arg(number.to_string())).await?;
            assert_eq!(set, Reply::Simple("OK".to_owned()));
            let echo = pool.call(Command::new("ECHO").arg(&key)).await?;
            assert_eq!(echo, Reply::Bulk(Some(key.clone().into())));
            let get = pool.call(Command::new("GET").arg(&key)).await?;
            assert_eq!(get, Reply::Bulk(Some(number.to_string().into())));
            TestResult::Ok(())
        };
        try_join_all((0..CALLS).map(ask)).await?;
        // Every connection is told of every key.
        until(|| pushes.load(Ordering::Relaxed) >= 2).await;
        let first = first.lock().expect("nobody panics").take().ok_or("there is one")?;
        assert!(
            matches!(&first[..], [kind, Reply::Array(_)] if *kind == Reply::Bulk(Some("invalidate".into()))),
            "{first:?}"
        );
        assert!(pool.last_error().is_none(), "{:?}", pool.last_error());
        Ok(())
    })
}
