//! What a handle tells, what it can change, and what looks without being a handle.

mod support;

use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use futures_channel::mpsc;
use futures_util::future::ready;
use futures_util::sink::{SinkExt, drain};
use pool_driver::{
    BoxError, EndReason, Ended, Event, Pool, PoolBuilder, PoolConfig, PoolHandle, PoolMap, PoolMapBuilder,
    RefusedReason, Spawn, WeakPool,
};
use support::{A, B, Bench, Clock, Executor, Item, Outside, Task, secs};

/// Settings that were told as being in force, by their connections per address, or refused.
fn told(bench: &Bench) -> Vec<Result<u32, String>> {
    let told = bench.take_events().into_iter().filter_map(|event| match event {
        Event::ConfigApplied { config } => Some(Ok(config.config.connections_per_address)),
        Event::ConfigRefused { error } => Some(Err(error.field().to_owned())),
        _ => None,
    });
    told.collect()
}

fn reconfigure(bench: &Bench, change: impl FnOnce(&mut PoolConfig)) {
    let mut settings = bench.pool().config();
    change(&mut settings);
    bench.pool().reconfigure(settings).expect("the settings make sense");
}

#[test]
fn a_weak_handle_keeps_no_pool_alive_and_tells_its_end() {
    let mut bench = Bench::up([A], |pool| pool.name("lines"));
    bench.send([1, 2]);
    let weak = bench.pool().downgrade();
    assert!(!weak.is_closed());
    let closed = bench.executor.spawn(weak.closed());
    bench.drop_pool();
    let ended = bench.output(&closed);
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::HandlesDropped, 2));
    let snapshot = weak.clone().snapshot();
    assert_eq!((snapshot.ended, snapshot.counts.sent), (Some(ended), 2));
    assert_eq!((weak.is_closed(), weak.name(), weak.upgrade().is_none()), (true, Some("lines"), true));
}

#[test]
fn an_upgraded_handle_keeps_the_pool_alive() {
    let mut bench = Bench::up([A], |pool| pool);
    let weak = bench.pool().downgrade();
    let upgraded = weak.upgrade().expect("there is a handle");
    bench.drop_pool();
    bench.run();
    assert!(!bench.driver.is_done());
    upgraded.try_send(bench.ledger.item(1)).expect("there is room");
    assert!(weak.upgrade().is_some());
    drop(upgraded);
    assert_eq!(bench.output(&bench.driver.clone()).reason, EndReason::HandlesDropped);
    assert_eq!(bench.world.received(A), [1]);
}

#[test]
fn a_pool_without_handles_or_closed_is_not_upgraded_although_its_driver_has_seen_nothing_yet() {
    let mut bench = Bench::up([A], |pool| pool);
    let weak = bench.pool().downgrade();
    bench.drop_pool();
    assert!(weak.upgrade().is_none(), "the last handle is gone");
    let bench = Bench::up([A], |pool| pool);
    let weak = bench.pool().downgrade();
    drop(bench.pool().shutdown(secs(1)));
    assert!(weak.upgrade().is_none(), "it is closed");
}

#[test]
fn a_clone_of_a_handle_that_was_closed_as_a_sink_brings_no_pool_back() {
    let mut bench = Bench::up([A], |pool| pool);
    let (mut closed, weak) = (bench.pool().clone(), bench.pool().downgrade());
    let closed = bench.executor.spawn(async move {
        SinkExt::<Item>::close(&mut closed).await.expect("a handle closes at once");
        closed
    });
    let closed = bench.output(&closed);
    let clone = closed.clone();
    bench.drop_pool();
    assert!(weak.upgrade().is_some(), "the clone was made in time, and counts");
    drop(clone);
    let late = closed.clone();
    assert!(weak.upgrade().is_none());
    assert_eq!(bench.output(&bench.driver.clone()).reason, EndReason::HandlesDropped);
    drop((late, closed));
}

#[test]
fn handles_come_and_go_on_many_threads_until_the_last_one_is_gone_for_ever() {
    for _ in 0..20 {
        let (mut executor, clock) = (Executor::default(), Clock::default());
        let connect = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
        let builder = PoolBuilder::plain(connect, clock).connect_to_fixed([1]);
        let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
        let driver = executor.spawn(driver);
        executor.run();
        let (start, weak) = (Arc::new(std::sync::Barrier::new(5)), pool.downgrade());
        let threads: Vec<_> = (0..4)
            .map(|number| {
                let (weak, start) = (weak.clone(), Arc::clone(&start));
                thread::spawn(move || {
                    start.wait();
                    let mut sent = 0;
                    while weak.upgrade().is_some_and(|pool| pool.try_send(number).is_ok()) {
                        sent += 1;
                    }
                    sent
                })
            })
            .collect();
        start.wait();
        drop(pool);
        while !threads.iter().all(thread::JoinHandle::is_finished) {
            executor.run();
        }
        let sent: usize = threads.into_iter().map(|thread| thread.join().expect("it ends")).sum();
        executor.run();
        let ended = driver.output().expect("the last handle is gone");
        assert_eq!(ended.counts.sent, sent as u64, "each handle that was upgraded was as good as any");
        assert!(weak.upgrade().is_none());
    }
}

#[test]
fn settings_of_a_handle_are_in_force_with_the_drivers_next_poll_and_told_like_those_of_a_stream() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.take_events();
    reconfigure(&bench, |settings| {
        settings.config.connections_per_address = 3;
        settings.queue_size = 7;
    });
    assert_eq!((bench.world.alive(A), bench.snapshot().queue.capacity), (1, 100), "not yet");
    bench.run();
    assert_eq!((bench.world.alive(A), bench.snapshot().queue.capacity), (3, 7));
    assert_eq!(told(&bench), [Ok(3)]);
    reconfigure(&bench, |_| ());
    bench.run();
    assert_eq!(told(&bench), [], "they are in force already");
    bench.finish();
}

/// A setting, and what makes no sense of it.
type Change = (&'static str, fn(&mut PoolConfig));

#[test]
fn settings_that_make_no_sense_are_refused_at_once_and_change_nothing() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.take_events();
    let before = bench.pool().config();
    let changes: [Change; 4] = [
        ("queue_size", |settings| settings.queue_size = 0),
        ("dials_max", |settings| settings.config.dials_max = 0),
        ("shutdown_timeout", |settings| settings.shutdown_timeout = Duration::MAX),
        ("idle_timeout", |settings| settings.config.idle_timeout = Some(secs(1))),
    ];
    for (field, change) in changes {
        let mut settings = before.clone();
        settings.config.connections_per_address = 9;
        change(&mut settings);
        let error = bench.pool().reconfigure(settings).expect_err(field);
        assert_eq!(error.field(), field);
    }
    bench.run();
    assert_eq!((bench.pool().config(), told(&bench), bench.world.alive(A)), (before, vec![], 1));
    bench.finish();
}

#[test]
fn the_last_settings_count_and_those_asked_for_one_after_the_other_add_up() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.take_events();
    reconfigure(&bench, |settings| settings.config.connections_per_address = 9);
    reconfigure(&bench, |settings| settings.queue_size = 5);
    reconfigure(&bench, |settings| settings.config.connections_per_address = 2);
    bench.run();
    assert_eq!((bench.world.dials(A), bench.snapshot().queue.capacity), (2, 5));
    assert_eq!(told(&bench), [Ok(2)]);
    bench.finish();
}

#[test]
fn settings_of_a_handle_and_of_a_stream_replace_each_other() {
    let (sender, receiver) = mpsc::unbounded();
    let mut bench = Bench::up([A], |pool| pool.config_from(receiver));
    bench.take_events();
    let mut settings = bench.pool().config();
    settings.config.connections_per_address = 4;
    sender.unbounded_send(settings.clone()).expect("the pool listens");
    bench.run();
    assert_eq!(bench.pool().config(), settings, "those of the stream are told by the handle");
    settings.config.connections_per_address = 5;
    sender.unbounded_send(settings).expect("the pool listens");
    reconfigure(&bench, |settings| settings.config.connections_per_address = 6);
    bench.run();
    assert_eq!(
        told(&bench),
        [Ok(4), Ok(5), Ok(6)],
        "the handle's come after those that come at the same time"
    );
    assert_eq!(bench.pool().config().config.connections_per_address, 6);
    bench.finish();
}

#[test]
fn a_pool_that_is_over_takes_settings_and_does_nothing_about_it() {
    let mut bench = Bench::up([A], |pool| pool);
    bench.shut_down(secs(1));
    reconfigure(&bench, |settings| settings.queue_size = 5);
    bench.run();
    assert_eq!(bench.try_send(1), Err(RefusedReason::Closed(EndReason::Shutdown)));
}

#[test]
fn a_name_is_shown_in_snapshots_and_in_the_first_event() {
    let mut bench = Bench::new(|pool| pool.name("redis"));
    assert!(bench.take_events().is_empty(), "nothing is told before the driver runs");
    bench.set([A]);
    let events = bench.take_events();
    assert!(matches!(&events[0], Event::Started { name: Some(name) } if &**name == "redis"), "{events:?}");
    bench.set([A, B]);
    assert_eq!(bench.count_events(|event| matches!(event, Event::Started { .. })), 0, "it starts once");
    let snapshot = bench.snapshot();
    assert_eq!((snapshot.name.as_deref(), bench.pool().name()), (Some("redis"), Some("redis")));
    assert!(snapshot.to_string().starts_with("pool redis\naddress "), "{snapshot}");
    assert!(format!("{:?}", bench.pool()).starts_with("Pool { name: \"redis\""), "{:?}", bench.pool());
    bench.finish();
}

#[test]
fn a_pool_without_a_name_says_so() {
    let bench = Bench::up([A], |pool| pool);
    assert!(matches!(bench.take_events()[0], Event::Started { name: None }));
    assert!(bench.snapshot().name.is_none() && bench.pool().name().is_none());
    assert!(bench.snapshot().to_string().starts_with("address "));
    bench.finish();
}

/// Keeps the names of tasks, and runs none.
struct Names(Arc<Mutex<Vec<String>>>);

impl<F> Spawn<Clock, F> for Names {
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        self.0.lock().expect("nothing panics under this lock").push(name.to_owned());
        std::mem::forget(future);
        Ok(())
    }
}

#[test]
fn tasks_have_the_names_of_their_pools_and_maps() {
    let names = Arc::new(Mutex::new(Vec::new()));
    let spawn = |name: Option<&str>| {
        let builder = Outside::new().builder();
        let builder = if let Some(name) = name { builder.name(name) } else { builder };
        builder.spawn_on::<Item>(Names(Arc::clone(&names))).expect("it keeps the name")
    };
    drop((spawn(None), spawn(Some("redis"))));
    let create = |_: &u16| Err::<Pool<u32, u16>, _>("none");
    let map = |name: Option<&str>| {
        let builder = PoolMapBuilder::new(create, Clock::default());
        let builder = if let Some(name) = name { builder.name(name.to_owned()) } else { builder };
        builder.spawn_on(Names(Arc::clone(&names))).expect("it keeps the name")
    };
    let (plain, tenants) = (map(None), map(Some("tenants")));
    assert_eq!(
        *names.lock().expect("nothing panics under this lock"),
        ["pool", "pool redis", "pool map", "pool map tenants"]
    );
    assert_eq!((plain.name(), tenants.name()), (None, Some("tenants")));
    assert!(plain.snapshot().to_string().starts_with("name "));
    assert!(tenants.snapshot().to_string().starts_with("pool map tenants\nname "));
    assert_eq!(tenants.snapshot().name.as_deref(), Some("tenants"));
}

/// A handle that wraps a pool, and has nothing to say but where it is.
#[derive(Clone)]
struct Numbered(Pool<u32, u16>);

impl PoolHandle for Numbered {
    type Item = u32;
    type Address = u16;

    fn pool(&self) -> &Pool<u32, u16> {
        &self.0
    }
}

/// Two wrapped pools of a map, and everything that runs.
struct TwoTenants {
    executor: Executor,
    clock: Clock,
    map: PoolMap<u16, Numbered>,
    pools: Vec<Numbered>,
    drivers: Vec<Task<Ended>>,
}

impl TwoTenants {
    fn new() -> Self {
        let (mut executor, clock) = (Executor::default(), Clock::default());
        let made = Arc::new(Mutex::new(Vec::new()));
        let (makes, runtime) = (Arc::clone(&made), clock.clone());
        let create = move |name: &u16| -> Result<Numbered, BoxError> {
            let connect = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
            let builder = PoolBuilder::plain(connect, runtime.clone()).name(format!("tenant {name}"));
            let (pool, driver) = builder.connect_to_fixed([1]).build::<u32>()?;
            makes.lock().expect("nothing panics under this lock").push(driver);
            Ok(Numbered(pool))
        };
        let builder = PoolMapBuilder::new(create, clock.clone()).names_max(2).idle_timeout(secs(60));
        let (map, driver) = builder.build().expect("the settings make sense");
        executor.spawn(driver);
        let pools = [1, 2].map(|name| map.try_get(&name).expect("there is room")).into();
        let made = std::mem::take(&mut *made.lock().expect("nothing panics under this lock"));
        let drivers = made.into_iter().map(|driver| executor.spawn(driver)).collect();
        executor.run();
        Self { executor, clock, map, pools, drivers }
    }

    fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration, || self.executor.run());
    }

    /// Only the map has handles from now on.
    fn downgrade_all(&mut self) -> Vec<WeakPool<u32, u16>> {
        self.pools.drain(..).map(|pool| pool.0.downgrade()).collect()
    }
}

#[test]
fn a_map_shows_the_names_that_its_creator_gave_to_pools() {
    let tenants = TwoTenants::new();
    let names = tenants.map.snapshot().names;
    let shown: Vec<_> = names.iter().map(|name| name.pool.name.as_deref()).collect();
    assert_eq!(shown, [Some("tenant 1"), Some("tenant 2")]);
}

#[test]
fn a_weak_handle_keeps_no_wrapped_pool_of_a_map_in_use_and_an_upgraded_one_does() {
    let mut tenants = TwoTenants::new();
    let handles = |tenants: &TwoTenants| -> Vec<_> {
        tenants.map.snapshot().names.iter().map(|name| name.handles).collect()
    };
    assert_eq!(handles(&tenants), [1, 1]);
    let weak = tenants.downgrade_all();
    let upgraded = weak[1].upgrade().expect("the map has a handle");
    assert_eq!(handles(&tenants), [0, 1]);
    tenants.advance(secs(200));
    assert!(tenants.drivers[0].is_done() && weak[0].upgrade().is_none(), "it was idle");
    assert_eq!((tenants.drivers[1].is_done(), tenants.map.names()), (false, vec![2]));
    drop(upgraded);
    tenants.advance(secs(200));
    assert!(tenants.drivers[1].is_done() && tenants.map.is_empty());
}

#[test]
fn a_pool_of_a_map_that_upgraded_handles_use_is_closed_when_they_have_used_it_for_the_last_time() {
    let mut tenants = TwoTenants::new();
    let weak = tenants.downgrade_all();
    for item in 0..20 {
        tenants.advance(secs(10));
        let pool = weak[0].upgrade().unwrap_or_else(|| panic!("used 10 s ago; item {item}"));
        pool.try_send(item).expect("there is room");
        drop(pool);
        tenants.executor.run();
    }
    assert_eq!(tenants.map.names(), [1], "nobody used the other one");
    tenants.advance(secs(120));
    assert!(tenants.drivers[0].is_done() && tenants.map.is_empty());
}

#[test]
fn a_pool_of_a_map_that_upgraded_handles_have_used_makes_no_room_before_one_that_was_not_used() {
    let mut tenants = TwoTenants::new();
    let weak = tenants.downgrade_all();
    tenants.advance(secs(10));
    drop(weak[0].upgrade());
    let map = tenants.map.clone();
    let third = tenants.executor.spawn(async move { map.get(&3).await.is_ok() });
    tenants.executor.run();
    assert_eq!((third.output(), tenants.map.names()), (Some(true), vec![1, 3]));
}
