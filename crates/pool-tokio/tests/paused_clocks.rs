//! Runtimes of one process whose clocks are paused. Alone in its file: what it tests is the first use of a clock.

use std::time::Duration;

use futures_util::sink::drain;
use pool_tokio::sink_pool_for;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{Instant, advance};

fn paused() -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(true).build().expect("threads can be made")
}

/// How long a sleep of ten milliseconds is, by a pool of the runtime.
async fn slept() -> Duration {
    let connect = |_: u16| async { Ok::<_, std::io::Error>(drain::<u32>()) };
    let pool = sink_pool_for(connect).connect_to_fixed([1]).spawn::<u32>().expect("there is a runtime");
    let start = Instant::now();
    pool.sleep(Duration::from_millis(10)).await.expect("the pool is not over");
    start.elapsed()
}

#[test]
fn a_clock_that_is_far_ahead_leaves_the_time_of_other_runtimes_alone() {
    let earlier = paused();
    let ahead = paused().block_on(async {
        advance(Duration::from_secs(3600)).await;
        slept().await
    });
    let others = [ahead, earlier.block_on(slept()), paused().block_on(slept())];
    for slept in others {
        assert!((Duration::from_millis(10)..Duration::from_millis(20)).contains(&slept), "{others:?}");
    }
}
