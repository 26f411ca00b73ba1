//! The example `redis_get_smol`: its pool, with real servers.

#[path = "../../examples/redis_get_smol.rs"]
#[expect(dead_code, reason = "its `main`")]
mod redis_get_smol;

use pool_servers::{REDIS, RealServer};
use pool_tests::{TestResult, redis, run_on_smol};

#[test]
fn every_kind_of_reply_comes_as_it_was_sent() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 1)? else { return Ok(()) };
    run_on_smol(async {
        let pool = redis_get_smol::pool(&servers)?;
        redis::every_kind_of_reply_comes_as_it_was_sent(&pool).await
    })
}

#[test]
fn each_of_many_callers_gets_its_own_reply() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_smol(async {
        let pool = redis_get_smol::pool(&servers)?;
        redis::each_of_many_callers_gets_its_own_reply(&servers, &pool).await
    })
}

#[test]
fn a_refusal_is_a_value_and_costs_no_connection() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_smol(redis::a_refusal_is_a_value_and_costs_no_connection(&servers, redis_get_smol::pool))
}

#[test]
fn a_killed_server_takes_its_own_calls_with_it_and_no_others() -> TestResult {
    let Some(servers) = RealServer::start_or_skip(&REDIS, 3)? else { return Ok(()) };
    run_on_smol(redis::a_killed_server_takes_its_own_calls_with_it_and_no_others(
        servers,
        redis_get_smol::pool,
    ))
}
