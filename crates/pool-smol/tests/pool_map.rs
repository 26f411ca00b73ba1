//! Maps of pools on smol.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use futures_util::sink::{drain, unfold};
use pool_smol::{pool_map, sink_pool_for};
use smol::{LocalExecutor, block_on};

#[test]
fn pools_are_made_by_name_and_closed_together() {
    block_on(async {
        let pools = pool_map(|name: &u16| {
            sink_pool_for(|_: u16| async { Ok::<_, String>(drain::<u32>()) })
                .connect_to_fixed([*name])
                .spawn()
        });
        let pools = pools.names_max(2).spawn().expect("the settings make sense");
        for name in 0..20 {
            pools.get(&name).await.expect("it is made").send(1).await.expect("it is open");
        }
        let ended = pools.shutdown(Duration::from_secs(60)).await;
        assert_eq!((ended.pools, ended.counts.sent), (20, 20));
    });
}

#[test]
fn a_creator_may_borrow_what_it_spawns_on_and_what_its_pools_use() {
    let seen = RefCell::new(Vec::new());
    let executor = LocalExecutor::new();
    let builder = pool_map(|name: &u16| {
        let connector = |_: u16| async {
            let sink = unfold((), |(), item: Rc<str>| async {
                seen.borrow_mut().push(item);
                Ok::<_, String>(())
            });
            Ok::<_, String>(Box::pin(sink))
        };
        sink_pool_for(connector).connect_to_fixed([*name]).spawn_on::<Rc<str>>(&executor)
    });
    let (pools, driver) = builder.build_with().expect("the settings make sense");
    let running = executor.spawn(driver);
    block_on(executor.run(async {
        pools.get(&1).await.expect("it is made").send("hello".into()).await.expect("it is open");
        pools.shutdown(Duration::from_secs(60)).await;
        running.await;
    }));
    assert_eq!(*seen.borrow(), ["hello".into()]);
}
