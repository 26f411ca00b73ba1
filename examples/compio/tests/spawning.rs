//! A pool is spawned on compio in one line, where there is a runtime.

use compio::runtime::Runtime;
use pool_compio::CompioRuntime;
use pool_driver::{Pool, PoolBuilder};

macro_rules! pool {
    () => {{
        let connect = |_address: u16| async { Ok::<_, String>(futures_util::sink::drain()) };
        PoolBuilder::plain(connect, CompioRuntime::new()).connect_to_fixed([1])
    }};
}

#[test]
fn a_pool_outside_of_a_runtime_is_an_error() {
    let error = pool!().spawn::<&str>().expect_err("no runtime is here");
    assert!(error.to_string().ends_with("the caller does not run in a runtime of compio"), "{error}");
}

#[test]
fn a_pool_runs_on_the_runtime_of_its_thread_and_on_a_handle() {
    let runtime = Runtime::new().expect("the system has io_uring or a poller");
    let pool: Pool<&str, u16> = pool!().spawn_on(&runtime).expect("the runtime is there");
    runtime.block_on(async {
        for pool in [pool, pool!().spawn_local().expect("the runtime is here")] {
            pool.send("hello").await.expect("the pool takes items");
            let ended = pool.shutdown(std::time::Duration::from_secs(5)).await;
            assert_eq!(ended.counts.sent, 1);
        }
    });
}
