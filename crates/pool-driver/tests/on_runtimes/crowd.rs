//! Many calls over real TCP, a third of them given up at random, and servers that cut connections off. The same
//! for each runtime crate, whose `tests/crowd.rs` says how many calls, how it dials and what it runs on.
//! `POOL_CROWD_SEED` sets another seed.

use std::time::Duration;

use super::adapter::{
    CALLS, Call, Connection, Pipelined, Tagged, Transport, block_on, call_pool_for, dial, run_all,
};
use super::loopback::{Crowd, IN_FLIGHT_MAX, Order, Plan, Reply, Request, WRITE_BUFFER_LEN, id_of, stamp};

/// Longer than any test: what is queued is always delivered.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(3600);

fn run<K>(plan: Plan, connect: fn(Transport) -> K)
where
    K: Connection<Call<Request, Reply>> + Send + 'static,
{
    let crowd = Crowd::new(plan);
    let connector = move |address| async move {
        let mut transport = dial(address).await?;
        transport.set_backpressure_boundary(WRITE_BUFFER_LEN);
        Ok::<_, std::io::Error>(connect(transport))
    };
    let settings = crowd.settings(call_pool_for(connector));
    let ended = block_on(async {
        let pool = settings.spawn().expect("the settings make sense");
        run_all(crowd.callers(&pool)).await;
        pool.shutdown(SHUTDOWN_TIMEOUT).await
    });
    crowd.finish(ended);
}

#[test]
fn every_caller_gets_its_own_reply_on_pipelined_connections() {
    let plan = Plan { order: Order::Requests, calls: CALLS, shut_down_at: None };
    run(plan, |transport| Pipelined::new(transport).in_flight_max(IN_FLIGHT_MAX));
}

#[test]
fn every_caller_gets_its_own_reply_on_tagged_connections() {
    let plan = Plan { order: Order::Shuffled, calls: CALLS, shut_down_at: None };
    run(plan, |transport| Tagged::new(transport, stamp, id_of).in_flight_max(IN_FLIGHT_MAX));
}

#[test]
fn every_caller_has_a_certain_end_when_the_pool_is_shut_down() {
    for shut_down_at in [0, 1, 1_000, 10_000] {
        let plan = Plan { order: Order::Requests, calls: 20_000, shut_down_at: Some(shut_down_at) };
        run(plan, |transport| Pipelined::new(transport).in_flight_max(IN_FLIGHT_MAX));
    }
}
