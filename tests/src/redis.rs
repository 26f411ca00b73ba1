//! What is asked of the Redis examples, on any runtime.
#![expect(
    missing_docs,
    clippy::missing_errors_doc,
    clippy::missing_panics_doc,
    reason = "the names say what is tested"
)]

use std::net::SocketAddr;
use std::slice;

use futures_util::future::{join, join_all, try_join_all};
use pool_call::{CallError, CallPool, ConnectionError, MaybeSentReason};
use pool_driver::{BoxError, BuildError};
use pool_examples::{Command, Reply};
use pool_servers::RealServer;

use crate::{CONNECTIONS_PER_SERVER, TestResult, all_up, row, until};

type RedisPool = CallPool<Command, Reply>;

/// A pool of these servers, on the runtime of the example.
type PoolOf = fn(&[RealServer]) -> Result<RedisPool, BuildError>;

pub async fn every_kind_of_reply_comes_as_it_was_sent(pool: &RedisPool) -> TestResult {
    let any_bytes: Vec<u8> = (0..=255).chain(*b"\r\n$-1\r\n").collect();
    let long = vec![b'x'; 100_000];
    let script = "return {7, {'a', false, {}}, redis.status_reply('fine'), redis.error_reply('ERR bad')}";
    for (command, expected) in [
        (Command::new("GET").arg("name"), Reply::Bulk(None)),
        (Command::new("SET").arg("name").arg(&any_bytes), Reply::Simple("OK".to_owned())),
        (Command::new("GET").arg("name"), Reply::Bulk(Some(any_bytes.clone().into()))),
        (Command::new("STRLEN").arg("name"), Reply::Integer(263)),
        (Command::new("SET").arg("name").arg(&long), Reply::Simple("OK".to_owned())),
        (Command::new("GET").arg("name"), Reply::Bulk(Some(long.clone().into()))),
        (Command::new("ECHO").arg(""), bulk("")),
        (Command::new("LRANGE").arg("list").arg("0").arg("-1"), Reply::Array(Vec::new())),
        (Command::new("BLPOP").arg("list").arg("0.001"), Reply::Bulk(None)),
        (
            Command::new("EVAL").arg(script).arg("0"),
            Reply::Array(vec![
                Reply::Integer(7),
                Reply::Array(vec![bulk("a"), Reply::Bulk(None), Reply::Array(Vec::new())]),
                Reply::Simple("fine".to_owned()),
                Reply::Error("ERR bad".to_owned()),
            ]),
        ),
    ] {
        assert_eq!(pool.call(command).await?, expected);
    }
    Ok(())
}

pub async fn each_of_many_callers_gets_its_own_reply(servers: &[RealServer], pool: &RedisPool) -> TestResult {
    const CALLS: usize = 3000;
    all_up(pool, servers.len() * CONNECTIONS_PER_SERVER).await;
    echoes(pool, CALLS).await?;
    let shares = || servers.iter().map(|server| row(pool, server.address()).sent);
    // The pool may look after its replies before its figures.
    until(|| shares().sum::<u64>() == CALLS as u64).await;
    assert!(shares().all(|share| share > 0), "{:?}", shares().collect::<Vec<_>>());
    Ok(())
}

pub async fn a_refusal_is_a_value_and_costs_no_connection(
    servers: &[RealServer],
    pool_of: PoolOf,
) -> TestResult {
    let pool = &pool_of(servers)?;
    all_up(pool, servers.len() * CONNECTIONS_PER_SERVER).await;
    let mut own = Vec::new();
    for server in servers {
        let own_pool = pool_of(slice::from_ref(server))?;
        all_up(&own_pool, CONNECTIONS_PER_SERVER).await;
        let set = Command::new("SET").arg("greeting").arg("hello");
        assert_eq!(own_pool.call(set).await?, Reply::Simple("OK".to_owned()));
        let accepted = accepted(&own_pool).await?;
        own.push((own_pool, accepted));
    }

    // Among others, on every connection.
    let ask = async |number: usize| {
        let refused = [Command::new("INCR").arg("greeting"), Command::new("NONSENSE")];
        let [not_an_integer, unknown] = refused.map(|command| pool.call(command));
        let (not_an_integer, (echoed, unknown)) =
            join(not_an_integer, join(pool.call(echo(number)), unknown)).await;
        assert_eq!(echoed?, bulk(&format!("number {number}")));
        let expected = Reply::Error("ERR value is not an integer or out of range".to_owned());
        assert_eq!(not_an_integer?, expected);
        let unknown = unknown?;
        let is_refused = matches!(&unknown, Reply::Error(error) if error.starts_with("ERR unknown command"));
        assert!(is_refused, "{unknown:?}");
        TestResult::Ok(())
    };
    try_join_all((0..100).map(ask)).await?;

    for (server, (own_pool, before)) in servers.iter().zip(own) {
        assert_eq!(accepted(&own_pool).await?, before, "nobody has connected again");
        let row = row(pool, server.address());
        assert!(row.last_error.is_none() && row.status.failures == 0, "{row:?}");
        assert_eq!(connections(pool, server), CONNECTIONS_PER_SERVER);
    }
    Ok(())
}

pub async fn a_killed_server_takes_its_own_calls_with_it_and_no_others(
    mut servers: Vec<RealServer>,
    pool_of: PoolOf,
) -> TestResult {
    const CALLS: u32 = 12;
    let pool = &pool_of(&servers)?;
    all_up(pool, servers.len() * CONNECTIONS_PER_SERVER).await;
    let addresses: Vec<SocketAddr> = servers.iter().map(RealServer::address).collect();
    let (victim, survivors) = (addresses[0], &addresses[1..]);
    let in_flight = |address: &SocketAddr| row(pool, *address).status.in_flight;

    // The servers answer these when something is put into their lists.
    let pop = |_| pool.call(Command::new("BLPOP").arg("list").arg("0"));
    let calls = join_all((0..CALLS).map(pop));
    let kill_and_answer = async {
        // How many are in a turn depends on how many the driver sees at a time.
        until(|| addresses.iter().map(in_flight).sum::<u32>() == CALLS).await;
        let before: Vec<u32> = addresses.iter().map(in_flight).collect();
        servers[0].kill()?;
        until(|| connections(pool, &servers[0]) == 0).await;
        assert_eq!(survivors.iter().map(in_flight).collect::<Vec<_>>(), before[1..]);
        for (survivor, calls) in servers[1..].iter().zip(&before[1..]) {
            let push = (0..*calls).fold(Command::new("RPUSH").arg("list"), |push, _| push.arg("here"));
            pool_of(slice::from_ref(survivor))?.call(push).await?;
        }
        Ok::<_, BoxError>(before[0])
    };
    let (ends, killed) = join(calls, kill_and_answer).await;
    let lost = killed?;
    assert!((1..CALLS).contains(&lost), "each server has some: {lost}");

    let popped = Reply::Array(vec![bulk("list"), bulk("here")]);
    let (answered, failed): (Vec<_>, Vec<_>) = ends.into_iter().partition(Result::is_ok);
    assert_eq!((answered.len(), failed.len()), ((CALLS - lost) as usize, lost as usize));
    for reply in answered {
        assert_eq!(reply?, popped);
    }
    for error in failed.into_iter().filter_map(Result::err) {
        let is_as_expected = matches!(
            error,
            CallError::MaybeSent {
                reason: MaybeSentReason::ConnectionFailed(
                    ConnectionError::Closed | ConnectionError::Transport(_)
                )
            }
        );
        assert!(is_as_expected, "{error}");
    }

    echoes(pool, 300).await?;
    let sent = row(pool, victim).sent;
    assert_eq!(sent, u64::from(lost), "nothing is sent to the dead");
    servers[0].restart()?;
    all_up(pool, servers.len() * CONNECTIONS_PER_SERVER).await;
    echoes(pool, 300).await?;
    assert!(row(pool, victim).sent > sent, "it has its turns again");
    Ok(())
}

fn connections(pool: &RedisPool, server: &RealServer) -> usize {
    let status = row(pool, server.address()).status;
    usize::from(status.slots.connected())
}

fn echo(number: usize) -> Command {
    Command::new("ECHO").arg(format!("number {number}"))
}

fn bulk(text: &str) -> Reply {
    Reply::Bulk(Some(text.to_owned().into()))
}

/// Many at once; each has to have its own reply.
async fn echoes(pool: &RedisPool, count: usize) -> TestResult {
    let replies = try_join_all((0..count).map(|number| pool.call(echo(number)))).await?;
    for (number, reply) in replies.iter().enumerate() {
        assert_eq!(*reply, bulk(&format!("number {number}")));
    }
    Ok(())
}

/// So many connections a server has accepted, ever; the one that asks is among them.
async fn accepted(pool: &RedisPool) -> Result<String, BoxError> {
    let Reply::Bulk(Some(info)) = pool.call(Command::new("INFO").arg("stats")).await? else {
        return Err("no text".into());
    };
    let info = str::from_utf8(&info)?;
    let line = info.lines().find(|line| line.starts_with("total_connections_received:"));
    Ok(line.ok_or("not among the statistics")?.to_owned())
}
