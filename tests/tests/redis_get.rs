//! The example `redis_get`: its pool and its codec, with real servers.

#[path = "../../examples/redis_get.rs"]
#[expect(dead_code, reason = "its `main`")]
mod redis_get;

use pool_call::CallError;
use pool_examples::Command;
use pool_servers::{MEMCACHED, REDIS, RealServer};
use pool_tests::{TestResult, redis, run_on_tokio};

#[test]
fn every_kind_of_reply_comes_as_it_was_sent() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = redis_get::pool(&servers)?;
        redis::every_kind_of_reply_comes_as_it_was_sent(&pool).await
    })
}

#[test]
fn each_of_many_callers_gets_its_own_reply() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = redis_get::pool(&servers)?;
        redis::each_of_many_callers_gets_its_own_reply(&servers, &pool).await
    })
}

#[test]
fn a_refusal_is_a_value_and_costs_no_connection() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_tokio(redis::a_refusal_is_a_value_and_costs_no_connection(&servers, redis_get::pool))
}

#[test]
fn a_killed_server_takes_its_own_calls_with_it_and_no_others() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_tokio(redis::a_killed_server_takes_its_own_calls_with_it_and_no_others(servers, redis_get::pool))
}

#[test]
fn a_server_that_is_no_redis_is_found_out_by_its_first_words() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&MEMCACHED, 1)? else { return Ok(()) };
    run_on_tokio(async {
        let pool = redis_get::pool(&servers)?;
        let error = pool.call(Command::new("PING")).await.expect_err("it can't be understood");
        assert!(matches!(error, CallError::MaybeSent { .. }), "{error}");
        assert!(error.to_string().ends_with("not RESP, not a reply: \"ERROR\""), "{error}");
        Ok(())
    })
}
