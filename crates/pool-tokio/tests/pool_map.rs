//! Maps of pools on Tokio: across threads, in its paused time, and on a local set.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::sink::drain;
use pool_tokio::{
    BuildError, Pool,
    map::{GetErrorReason, PoolMap},
    pool_map, sink_pool_for,
};
use tokio::sync::Barrier;
use tokio::task::LocalSet;
use tokio::time::{Instant, advance};

fn pool<T: Send + 'static>(name: u16) -> Result<Pool<T, u16>, BuildError> {
    sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<T>()) }).connect_to_fixed([name]).spawn()
}

const CALLERS: usize = 16;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_on_many_threads_have_each_pool_made_exactly_once() {
    let creations = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&creations);
    let pools = pool_map(move |name: &u16| {
        count.fetch_add(1, Ordering::Relaxed);
        pool::<u32>(*name)
    })
    .spawn()
    .expect("the settings make sense");
    for name in 0..100 {
        let start = Arc::new(Barrier::new(CALLERS));
        let callers = (0..CALLERS).map(|_| {
            let (pools, start) = (pools.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                pools.get(&name).await.expect("it is made").send(1).await.expect("it is open");
            })
        });
        join_all(callers).await.into_iter().for_each(|caller| caller.expect("no panic"));
        assert_eq!(creations.load(Ordering::Relaxed), usize::from(name) + 1);
    }
    let ended = pools.shutdown(Duration::from_secs(60)).await;
    assert_eq!((ended.pools, ended.counts.sent), (100, 100 * CALLERS as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_callers_of_many_names_all_get_through_few_places() {
    const NAMES_MAX: usize = 3;
    let creator = |name: &u16| pool::<u32>(*name);
    let pools = pool_map(creator).names_max(NAMES_MAX).idle_timeout(None).spawn().expect("sense");
    let callers = (0..CALLERS).map(|caller| {
        let pools = pools.clone();
        tokio::spawn(async move {
            for round in 0..50 {
                let name = u16::try_from((caller * 7 + round * 3) % 11).expect("it fits");
                if round % 5 == 4 {
                    // One that gives up somewhere on the way.
                    tokio::select! {
                        biased;
                        _ = pools.get(&name) => {}
                        () = tokio::task::yield_now() => {}
                    }
                } else {
                    // Somebody else may have closed it meanwhile: nobody does here.
                    pools.get(&name).await.expect("it is made").send(1).await.expect("it is open");
                }
                assert!(pools.len() <= NAMES_MAX);
            }
        })
    });
    join_all(callers).await.into_iter().for_each(|caller| caller.expect("no panic"));
    let ended = pools.shutdown(Duration::from_secs(60)).await;
    assert_eq!(ended.counts.sent, 40 * CALLERS as u64);
}

#[tokio::test(start_paused = true)]
async fn idle_names_are_closed_in_paused_time() {
    let pools = pool_map(|name: &u16| pool::<u32>(*name)).idle_timeout(Duration::from_secs(60)).spawn();
    let pools = pools.expect("the settings make sense");
    drop(pools.get(&1).await.expect("it is made"));
    let start = Instant::now();
    while !pools.is_empty() {
        advance(Duration::from_secs(1)).await;
        tokio::task::yield_now().await;
        assert!(start.elapsed() < Duration::from_secs(80), "it is still there");
    }
    assert!(start.elapsed() >= Duration::from_secs(60));
}

#[test]
fn without_a_runtime_there_is_no_map() {
    let map = pool_map(|name: &u16| pool::<u32>(*name)).spawn();
    assert!(matches!(map, Err(BuildError::Spawn(_))));
}

#[tokio::test]
async fn maps_can_be_shared_and_their_futures_spawned() {
    fn assert_shared<T: Send + Sync>(_: &T) {}
    fn assert_sent<T: Send>(value: T) -> T {
        value
    }
    let creator = |_: &String| {
        let connector = |_: SocketAddr| async { Ok::<_, String>(drain::<Cell<u8>>()) };
        sink_pool_for(connector).connect_to_fixed([] as [SocketAddr; 0]).spawn()
    };
    let pools: PoolMap<String, Pool<Cell<u8>>> = pool_map(creator).spawn().expect("the settings make sense");
    assert_shared(&pools);
    assert!(assert_sent(pools.get("a host")).await.is_ok());
    assert!(assert_sent(pools.close("a host", Duration::ZERO)).await.is_some());
    assert_sent(pools.shutdown(Duration::ZERO)).await;
    let error = pools.try_get("a host").expect_err("it is over");
    assert!(matches!(error.reason, GetErrorReason::Closed(_)));
}

#[tokio::test]
async fn on_a_local_set_neither_items_nor_what_the_creator_holds_need_be_send() {
    let made = Rc::new(Cell::new(0));
    let count = Rc::clone(&made);
    LocalSet::new()
        .run_until(async move {
            let builder = pool_map(move |name: &u16| {
                count.set(count.get() + 1);
                let connector = |_: u16| async { Ok::<_, String>(drain::<Rc<str>>()) };
                sink_pool_for(connector).connect_to_fixed([*name]).spawn_local()
            });
            let (pools, driver) = builder.build_with().expect("the settings make sense");
            tokio::task::spawn_local(driver);
            pools.get(&1).await.expect("it is made").send("hello".into()).await.expect("it is open");
            assert_eq!(pools.shutdown(Duration::from_secs(60)).await.counts.sent, 1);
        })
        .await;
    assert_eq!(made.get(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn pools_that_make_room_lose_nothing_on_its_way_to_connections_in_tasks_of_their_own() {
    let creator = |name: &u16| {
        sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<u32>()) })
            .spawn_connections()
            .connect_to_fixed([*name])
            .spawn()
    };
    let pools = pool_map(creator).names_max(2).idle_timeout(None).spawn().expect("sense");
    let callers = (0..CALLERS).map(|caller| {
        let pools = pools.clone();
        tokio::spawn(async move {
            for round in 0..20 {
                let name = u16::try_from((caller + round) % 7).expect("a small number");
                // A pool that closes just now refuses: then there is another.
                while pools.get(&name).await.expect("it is made").send(1).await.is_err() {}
            }
        })
    });
    join_all(callers).await.into_iter().for_each(|caller| caller.expect("no panic"));
    let ended = pools.shutdown(Duration::from_secs(60)).await;
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (CALLERS as u64 * 20, 0));
}
