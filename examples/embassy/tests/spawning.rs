//! A pool is spawned on embassy in one line, as long as there are places.

use std::sync::mpsc;
use std::thread;

use embassy_executor::Executor;
use pool_driver::{BuildError, Pool, PoolBuilder};
use pool_embassy::{EmbassyRuntime, POOLS_MAX};

#[test]
fn a_pool_without_a_place_is_an_error() {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        Box::leak(Box::new(Executor::new())).run(|spawner| {
            let spawn = |_| -> Result<Pool<&str, u16>, BuildError> {
                let connect = |_address: u16| async { Ok::<_, String>(futures_util::sink::drain()) };
                PoolBuilder::plain(connect, EmbassyRuntime).connect_to_fixed([1]).spawn_on(spawner)
            };
            let pools: Vec<_> = (0..=POOLS_MAX).map(spawn).collect();
            sender.send(pools).expect("the test waits for them");
        });
    });
    let mut pools = receiver.recv().expect("the executor starts");

    let error = pools.pop().and_then(Result::err).expect("there is one pool more than places");
    assert!(error.to_string().contains("pool_size"), "{error}");
    for pool in pools {
        let pool = pool.expect("there are places for as many");
        pollster::block_on(pool.send("hello")).expect("the pool takes items");
        let ended = pollster::block_on(pool.shutdown(std::time::Duration::from_secs(5)));
        assert_eq!(ended.counts.sent, 1);
    }
}
