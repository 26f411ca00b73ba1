//! The example `memcached`: its pool with a real server.

#[path = "../../examples/memcached.rs"]
#[expect(dead_code, reason = "its `main`")]
mod memcached;

use futures_util::future::{join_all, try_join_all};
use memcached::{Reply, Request};
use pool_servers::{MEMCACHED, RealServer};
use pool_tests::{CONNECTIONS_PER_SERVER, TestResult, all_up, row, run_on_tokio};

/// What the protocol's own words can't be told from, unless by their length.
const ANY_BYTES: &[u8] = b"VALUE a 0 1\r\nb\r\nEND\r\n\x00\xff\r\nSTORED\r\nERROR\r\nEND\r\n";

fn value(bytes: &'static [u8]) -> Reply {
    Reply::Value(Some(bytes.into()))
}

fn refused(error: &str) -> Reply {
    Reply::Error(error.to_owned())
}

#[test]
fn every_request_has_its_reply() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    let longest_key = "ü".repeat(125);
    run_on_tokio(async {
        let pool = memcached::pool(&servers)?;
        for (request, expected) in [
            (Request::get("name")?, Reply::Value(None)),
            (Request::delete("name")?, Reply::NotFound),
            (Request::incr("name", 1)?, Reply::NotFound),
            (Request::set("name", b"7")?, Reply::Stored),
            (Request::incr("name", u64::MAX)?, Reply::Number(6)),
            (Request::incr("name", 10)?, Reply::Number(16)),
            (Request::get("name")?, value(b"16")),
            (Request::delete("name")?, Reply::Deleted),
            (Request::set("name", b"")?, Reply::Stored),
            (Request::get("name")?, value(b"")),
            (Request::set("name", ANY_BYTES)?, Reply::Stored),
            (Request::get("name")?, value(ANY_BYTES)),
            (Request::set("name", &vec![b'\n'; 1_000_000])?, Reply::Stored),
            (Request::get("name")?, Reply::Value(Some(vec![b'\n'; 1_000_000].into()))),
            (Request::set(&longest_key, b"value")?, Reply::Stored),
            (Request::get(&longest_key)?, value(b"value")),
        ] {
            assert_eq!(pool.call(request).await?, expected);
        }
        Ok(())
    })
}

#[test]
fn each_of_many_callers_gets_its_own_reply_and_a_refusal_costs_no_connection() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = memcached::pool(&servers)?;
        all_up(&pool, CONNECTIONS_PER_SERVER).await;
        let long = vec![b'x'; 2_000_000];
        let ask = async |number: usize| {
            let (key, text) = (format!("key{number}"), format!("value {number}"));
            assert_eq!(pool.call(Request::set(&key, text.as_bytes())?).await?, Reply::Stored);
            let replies = join_all([
                pool.call(Request::incr(&key, 1)?),
                pool.call(Request::get(&key)?),
                pool.call(Request::incr("counter", 1)?),
            ]);
            let [not_a_number, got, counted] = replies.await.try_into().map_err(|_| "there were three")?;
            let non_numeric = "CLIENT_ERROR cannot increment or decrement non-numeric value";
            assert_eq!(not_a_number?, refused(non_numeric));
            assert_eq!(got?, Reply::Value(Some(text.into())));
            assert!(matches!(counted?, Reply::Number(_)));
            if number.is_multiple_of(100) {
                let too_long = pool.call(Request::set("long", &long)?).await?;
                assert_eq!(too_long, refused("SERVER_ERROR object too large for cache"));
            }
            TestResult::Ok(())
        };
        assert_eq!(pool.call(Request::set("counter", b"0")?).await?, Reply::Stored);
        try_join_all((0..1000).map(ask)).await?;
        assert_eq!(pool.call(Request::get("counter")?).await?, value(b"1000"));

        let row = row(&pool, servers[0].address());
        assert!(row.last_error.is_none() && row.status.failures == 0, "{row:?}");
        assert_eq!(usize::from(row.status.slots.connected()), CONNECTIONS_PER_SERVER);
        Ok(())
    })
}
