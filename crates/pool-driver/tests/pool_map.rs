//! One pool per name: made once, bounded in number, closed when idle, and no caller left waiting.

mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::mem;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::FutureExt;
use pool_driver::{
    BoxError, BuildError, EndReason, Ended, GetErrorReason, Outcome, Pool, PoolBuilder, PoolMap,
    PoolMapBuilder, PoolMapDriver, PoolMapEnded,
};
use support::{Answer, Clock, Dial, End, Executor, Item, Ledger, Outside, Task, millis, secs};

type Map = PoolMap<u16, Pool<Item, u16>>;
type Got = Result<Pool<Item, u16>, GetErrorReason>;
type Running = Pin<Box<dyn Future<Output = Ended> + Send>>;
type Made = Result<Pool<Item, u16>, BoxError>;

/// What the creator does instead of making an ordinary pool.
#[derive(Clone, Copy)]
enum Fate {
    Fails,
    Panics,
    /// Its addresses come from the feed.
    IsFed,
    /// Its connections report what becomes of items.
    Reports,
}

#[derive(Default)]
struct Factory {
    fates: Mutex<BTreeMap<u16, Fate>>,
    /// Pools that were made and whose drivers nobody runs yet.
    made: Mutex<Vec<Running>>,
    creations: Mutex<Vec<u16>>,
    alive: AtomicUsize,
    alive_max: AtomicUsize,
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A map whose pool for a name sends to the address of that number.
struct Bench {
    executor: Executor,
    outside: Outside,
    factory: Arc<Factory>,
    pools: Option<Map>,
    driver: Task<PoolMapEnded>,
    running: Vec<Task<Ended>>,
}

impl Bench {
    fn new(names_max: usize, idle_timeout: impl Into<Option<Duration>>) -> Self {
        let (outside, factory) = (Outside::new(), Arc::new(Factory::default()));
        let (world, ledger, feed) = (outside.world.clone(), outside.ledger.clone(), outside.feed.clone());
        let (clock, made) = (outside.clock.clone(), Arc::clone(&factory));
        let create = move |name: &u16| -> Made {
            lock(&made.creations).push(*name);
            let fate = lock(&made.fates).get(name).copied();
            let reporting = PoolBuilder::new(world.clone(), clock.clone());
            let builder =
                PoolBuilder::plain(world.clone(), clock.clone()).item_policy(ledger.clone()).seed(1);
            let (pool, driver): (_, Running) = match fate {
                Some(Fate::Fails) => return Err(format!("{name} is out of order").into()),
                Some(Fate::Panics) => panic!("at {name}"),
                Some(Fate::IsFed) => {
                    let (pool, driver) = builder.connect_to(feed.clone()).build()?;
                    (pool, Box::pin(driver))
                }
                Some(Fate::Reports) => {
                    let (pool, driver) = reporting.connect_to_fixed([*name]).build()?;
                    (pool, Box::pin(driver))
                }
                None => {
                    let (pool, driver) = builder.queue_size(3).connect_to_fixed([*name]).build()?;
                    (pool, Box::pin(driver))
                }
            };
            let alive = made.alive.fetch_add(1, Ordering::Relaxed) + 1;
            made.alive_max.fetch_max(alive, Ordering::Relaxed);
            let counted = Counted(Arc::clone(&made));
            lock(&made.made).push(Box::pin(async move {
                let ended = driver.await;
                drop(counted);
                ended
            }));
            Ok(pool)
        };
        let builder = PoolMapBuilder::new(create, outside.clock.clone());
        let (pools, driver) =
            builder.names_max(names_max).idle_timeout(idle_timeout).build().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        Self { executor, outside, factory, pools: Some(pools), driver, running: Vec::new() }
    }

    fn pools(&self) -> &Map {
        self.pools.as_ref().expect("the test has not dropped it")
    }

    fn fate(&self, name: u16, fate: impl Into<Option<Fate>>) {
        match fate.into() {
            Some(fate) => lock(&self.factory.fates).insert(name, fate),
            None => lock(&self.factory.fates).remove(&name),
        };
    }

    fn creations(&self) -> Vec<u16> {
        lock(&self.factory.creations).clone()
    }

    fn start_made(&mut self) -> bool {
        let made = mem::take(&mut *lock(&self.factory.made));
        let is_some = !made.is_empty();
        self.running.extend(made.into_iter().map(|driver| self.executor.spawn(driver)));
        is_some
    }

    /// Runs until everybody sleeps.
    fn run(&mut self) {
        loop {
            self.executor.run();
            if !self.start_made() {
                return;
            }
        }
    }

    fn run_round(&mut self) {
        self.start_made();
        self.executor.run_round();
    }

    /// Lets time pass, from timer to timer.
    fn advance(&mut self, duration: Duration) {
        let clock = self.outside.clock.clone();
        clock.advance(duration, || self.run());
    }

    /// Starts a caller.
    fn get(&mut self, name: u16) -> Task<Got> {
        let pools = self.pools().clone();
        self.executor.spawn(async move { pools.get(&name).await.map_err(|error| error.reason) })
    }

    /// A pool that is there without waiting.
    fn pool(&mut self, name: u16) -> Pool<Item, u16> {
        let task = self.get(name);
        self.run();
        task.output().expect("nobody waits").unwrap_or_else(|reason| panic!("{reason}"))
    }

    fn output<R>(&mut self, task: &Task<R>) -> R {
        self.run();
        task.output().unwrap_or_else(|| panic!("stuck:\n{}", self.pools().snapshot()))
    }

    fn send(&mut self, pool: &Pool<Item, u16>, id: u32) {
        assert!(pool.try_send(self.outside.ledger.item(id)).is_ok(), "item {id}");
    }

    /// How many are being created, closing, and waiting.
    fn totals(&self) -> [usize; 3] {
        let snapshot = self.pools().snapshot();
        [snapshot.creating, snapshot.closing, snapshot.waiting]
    }
}

/// A pool that is alive.
struct Counted(Arc<Factory>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.alive.fetch_sub(1, Ordering::Relaxed);
    }
}

fn is_closed(pool: &Pool<Item, u16>) -> bool {
    pool.snapshot().ended.is_some()
}

#[test]
fn callers_of_one_name_share_one_pool_that_is_made_once() {
    let mut bench = Bench::new(8, None);
    let tasks: Vec<_> = (0..10).map(|_| bench.get(1)).collect();
    let pools: Vec<_> = tasks.iter().map(|task| bench.output(task).expect("it is made")).collect();
    assert_eq!((bench.creations(), bench.pools().len()), (vec![1], 1));
    for (id, pool) in (0..).zip(&pools[..3]) {
        bench.send(pool, id);
    }
    bench.run();
    assert_eq!(bench.outside.world.received(1), [0, 1, 2]);
    assert_eq!(bench.pools().snapshot().names[0].handles, 10);
}

#[test]
fn t6_a_caller_that_gives_up_before_or_after_the_creation_takes_nothing_from_others() {
    let mut bench = Bench::new(1, None);
    let held = bench.pool(1);
    let (first, second) = (bench.get(2), bench.get(2));
    bench.run();
    assert_eq!(bench.totals(), [0, 0, 1]);
    bench.executor.cancel(&first);
    drop(held);
    assert!(bench.output(&second).is_ok());
    assert_eq!(bench.creations(), [1, 2]);
}

#[test]
fn t6_when_the_caller_whose_turn_it_is_gives_up_the_next_who_wants_the_name_makes_its_pool() {
    let mut bench = Bench::new(1, None);
    let held = bench.pool(1);
    let [first, second, third] = [2, 2, 2].map(|name| bench.get(name));
    bench.run();
    drop(held);
    while bench.totals()[0] == 0 {
        assert!(bench.executor.step(), "somebody runs");
    }
    bench.executor.cancel(&first);
    assert!(bench.output(&second).is_ok() && bench.output(&third).is_ok());
    assert_eq!(bench.creations(), [1, 2]);
}

#[test]
fn a_creator_that_fails_tells_everybody_who_waits_and_leaves_nothing_behind() {
    for (fate, cause) in [(Fate::Fails, "2 is out of order"), (Fate::Panics, "panicked: at 2")] {
        let mut bench = Bench::new(1, None);
        bench.fate(2, fate);
        let held = bench.pool(1);
        let tasks: Vec<_> = (0..3).map(|_| bench.get(2)).collect();
        bench.run();
        drop(held);
        for task in tasks {
            let Err(GetErrorReason::NotCreated(error)) = bench.output(&task) else {
                panic!("it is not made")
            };
            assert_eq!(error.to_string(), cause);
        }
        assert_eq!(bench.creations(), [1, 2], "once for the three");
        assert_eq!((bench.totals(), bench.pools().len()), ([0, 0, 0], 0));
        bench.fate(2, None);
        bench.pool(2);
    }
}

#[test]
fn an_error_names_the_name_and_has_the_cause_as_its_source() {
    let bench = Bench::new(1, None);
    bench.fate(7, Fate::Fails);
    let error = bench.pools().try_get(&7).expect_err("it is not made");
    assert_eq!(error.to_string(), "no pool for 7: it could not be created");
    assert_eq!(error.source().expect("there is one").to_string(), "7 is out of order");
}

#[test]
fn when_all_permits_are_taken_the_least_recently_used_of_the_idle_names_goes() {
    let mut bench = Bench::new(3, None);
    for name in [1, 2, 3, 1] {
        drop(bench.pool(name));
    }
    bench.pool(4);
    assert_eq!(bench.pools().names(), [1, 3, 4]);
    let held = bench.pool(3);
    bench.pool(5);
    bench.pool(6);
    assert_eq!(bench.pools().names(), [3, 5, 6]);
    assert!(!is_closed(&held));
}

#[test]
fn names_whose_pools_have_something_to_deliver_are_not_closed_to_make_room() {
    let mut bench = Bench::new(1, None);
    bench.outside.world.answer(1, Dial::Hang);
    let pool = bench.pool(1);
    bench.send(&pool, 1);
    drop(pool);
    let waiting = bench.get(2);
    bench.advance(secs(3));
    assert!(!waiting.is_done());
    bench.outside.world.answer(1, Dial::Accept);
    assert!(bench.output(&waiting).is_ok(), "the map is told when the item is delivered");
    assert_eq!(bench.outside.world.received(1), [1]);
}

#[test]
fn a_pool_that_waits_for_what_becomes_of_its_items_is_in_use() {
    let mut bench = Bench::new(1, secs(60));
    bench.fate(1, Fate::Reports);
    let pool = bench.pool(1);
    bench.send(&pool, 1);
    drop(pool);
    let waiting = bench.get(2);
    bench.advance(secs(600));
    assert_eq!((waiting.is_done(), bench.outside.world.received(1)), (false, vec![1]));
    bench.outside.world.link(1).finish(1, Outcome::Success { latency: Some(millis(1)) });
    assert!(bench.output(&waiting).is_ok(), "the map is told when the reply is there");
}

#[test]
fn callers_wait_for_a_permit_first_come_first_served() {
    let mut bench = Bench::new(1, None);
    let held = bench.pool(1);
    let tasks: Vec<_> = (2..6).map(|name| bench.get(name)).collect();
    bench.run();
    assert_eq!(bench.totals(), [0, 0, 4]);
    // What a caller has got it drops at once, so that all have their turns.
    drop(held);
    for task in &tasks {
        drop(bench.output(task).expect("it is made"));
    }
    assert_eq!(bench.creations(), [1, 2, 3, 4, 5]);
    assert_eq!(bench.factory.alive_max.load(Ordering::Relaxed), 1);
}

#[test]
fn callers_that_give_up_leave_the_wait_queue_and_pass_on_the_permit_they_were_granted() {
    let mut bench = Bench::new(1, None);
    let held = bench.pool(1);
    let [first, second, third] = [2, 3, 4].map(|name| bench.get(name));
    bench.run();
    bench.executor.cancel(&first);
    assert_eq!(bench.totals(), [0, 0, 2]);
    drop(held);
    // Until the second has its permit; it doesn't get to use it.
    while bench.totals()[0] == 0 {
        assert!(bench.executor.step(), "somebody runs");
    }
    bench.executor.cancel(&second);
    assert!(bench.output(&third).is_ok());
    assert_eq!(bench.creations(), [1, 4]);
}

#[test]
fn a_pool_that_was_just_made_is_not_closed_before_those_who_waited_for_it_have_it() {
    let mut bench = Bench::new(1, None);
    let held = bench.pool(1);
    let pools = bench.pools().clone();
    let hasty = bench.executor.spawn(async move { pools.get(&2).await.is_ok() });
    let [second, third] = [2, 3].map(|name| bench.get(name));
    bench.run();
    drop(held);
    assert!(bench.output(&hasty));
    drop(bench.output(&second));
    drop(bench.output(&third));
    assert_eq!(bench.creations(), [1, 2, 3]);
}

#[test]
fn try_get_refuses_instead_of_waiting_and_makes_room_for_the_next_try() {
    let mut bench = Bench::new(1, None);
    let held = bench.pools().try_get(&1).expect("there is a permit");
    let full =
        |bench: &Bench| matches!(bench.pools().try_get(&2).map_err(|e| e.reason), Err(GetErrorReason::Full));
    assert!(full(&bench));
    bench.run();
    drop(held);
    assert!(full(&bench), "it is not known yet to be idle");
    bench.run();
    assert!(bench.pools().try_get(&2).is_ok());
}

#[test]
fn a_pool_that_is_closing_has_a_permit_until_it_is_over() {
    let mut bench = Bench::new(1, None);
    bench.outside.world.behave(1, |behaviour| behaviour.closes = false);
    drop(bench.pool(1));
    let waiting = bench.get(2);
    bench.advance(secs(10));
    assert_eq!((waiting.is_done(), bench.totals()), (false, [0, 1, 1]));
    // Its connection doesn't close: the drain timeout.
    bench.advance(secs(30));
    assert!(bench.output(&waiting).is_ok());
}

#[test]
fn idle_names_are_closed_in_time_and_no_traffic_is_needed_for_it() {
    let mut bench = Bench::new(8, secs(60));
    let held = bench.pool(1);
    drop(bench.pool(2));
    bench.advance(secs(59));
    assert_eq!(bench.pools().names(), [1, 2]);
    bench.advance(secs(17));
    assert_eq!(bench.pools().names(), [1]);
    bench.advance(secs(600));
    drop(held);
    bench.advance(secs(59));
    assert_eq!(bench.pools().names(), [1], "a handle that is held is a use");
    bench.advance(secs(17));
    assert!(bench.pools().is_empty());
    assert_eq!(bench.factory.alive.load(Ordering::Relaxed), 0);
    let polls = bench.driver.polls();
    bench.advance(secs(100_000));
    assert_eq!(bench.driver.polls(), polls, "with nothing to do the driver sleeps");
}

#[test]
fn a_name_that_is_got_again_and_again_is_not_idle() {
    let mut bench = Bench::new(8, secs(60));
    for _ in 0..20 {
        drop(bench.pool(1));
        bench.advance(secs(50));
    }
    assert_eq!(bench.creations(), [1]);
}

#[test]
fn a_name_that_was_used_again_is_closed_at_most_a_quarter_of_the_timeout_late() {
    for used_at in [1, 14, 16, 50, 59] {
        let mut bench = Bench::new(8, secs(60));
        drop(bench.pool(1));
        bench.advance(secs(used_at));
        let held = bench.pool(1);
        bench.advance(secs(3));
        drop(held);
        bench.advance(secs(59));
        assert_eq!(bench.pools().len(), 1, "used after {used_at} s");
        bench.advance(secs(1 + 15));
        assert_eq!(bench.pools().len(), 0, "used after {used_at} s");
    }
}

#[test]
fn a_pool_whose_items_wait_is_not_idle() {
    let mut bench = Bench::new(8, secs(60));
    bench.outside.world.answer(1, Dial::Refuse);
    let pool = bench.pool(1);
    bench.send(&pool, 1);
    drop(pool);
    bench.advance(secs(600));
    assert_eq!(bench.pools().len(), 1);
    bench.outside.world.answer(1, Dial::Accept);
    bench.advance(secs(120));
    assert_eq!((bench.pools().len(), bench.outside.world.received(1)), (0, vec![1]));
}

#[test]
fn a_pool_that_ends_by_itself_is_made_anew() {
    let mut bench = Bench::new(1, None);
    bench.fate(1, Fate::IsFed);
    let held = bench.pool(1);
    bench.outside.feed.push(Answer::End);
    bench.run();
    assert!(is_closed(&held) && bench.pools().is_empty());
    bench.fate(1, None);
    let second = bench.pool(1);
    // Its driver is dropped.
    let driver = bench.running[1].clone();
    bench.executor.cancel(&driver);
    assert!(is_closed(&second));
    assert!(bench.pools().try_get(&1).is_ok(), "before the map's driver has seen it");
    assert_eq!(bench.creations(), [1, 1, 1]);
}

#[test]
fn a_pool_that_somebody_shut_down_is_made_anew() {
    let mut bench = Bench::new(2, None);
    let first = bench.pool(1);
    drop(first.shutdown(secs(1)));
    let second = bench.pool(1);
    bench.send(&second, 1);
    assert_eq!(bench.creations(), [1, 1]);
}

#[test]
fn a_pool_that_somebody_shut_down_has_all_the_time_that_it_was_given() {
    let mut bench = Bench::new(2, None);
    bench.outside.world.answer(1, Dial::Refuse);
    let first = bench.pool(1);
    bench.send(&first, 1);
    drop(first.shutdown(secs(600)));
    let _second = bench.pool(1);
    bench.advance(secs(60));
    assert_eq!(bench.totals()[1], 1, "longer than the map would give it");
    bench.outside.world.answer(1, Dial::Accept);
    bench.advance(secs(60));
    assert_eq!((bench.totals()[1], bench.outside.world.received(1)), (0, vec![1]));
}

#[test]
fn closing_a_name_delivers_its_queue_and_frees_the_name_at_once() {
    let mut bench = Bench::new(2, None);
    let first = bench.pool(1);
    bench.send(&first, 1);
    let pools = bench.pools().clone();
    let closing = bench.executor.spawn(async move { pools.close(&1, secs(5)).await });
    bench.executor.run_round();
    let second = bench.pool(1);
    assert!(first.try_send(bench.outside.ledger.item(2)).is_err());
    bench.send(&second, 3);
    let ended = bench.output(&closing).expect("there was a pool");
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
    assert_eq!(bench.pools().close(&9, secs(5)).now_or_never(), Some(None));
}

#[test]
fn a_shutdown_closes_everything_tells_all_who_wait_and_counts() {
    let mut bench = Bench::new(2, None);
    let [one, two] = [1, 2].map(|name| bench.pool(name));
    bench.send(&one, 1);
    bench.send(&two, 2);
    let waiting = bench.get(3);
    bench.run();
    drop(bench.pools().shutdown(secs(5)));
    assert!(one.try_send(bench.outside.ledger.item(3)).is_err(), "though nobody has polled anything");
    assert!(matches!(bench.output(&waiting), Err(GetErrorReason::Closed(EndReason::Shutdown))));
    let ended = bench.driver.output().expect("it is over");
    assert_eq!((ended.reason, ended.pools, ended.counts.sent), (EndReason::Shutdown, 2, 2));
    assert_eq!(bench.pools().closed().now_or_never(), Some(ended));
    assert!(matches!(
        bench.pools().try_get(&1).map_err(|error| error.reason),
        Err(GetErrorReason::Closed(EndReason::Shutdown))
    ));
}

#[test]
fn a_shutdown_that_waits_for_a_creator_alone_ends_when_that_fails() {
    type Given = Option<(PoolMap<u16, Pool<u32, u16>>, Pin<Box<PoolMapDriver<u16, Pool<u32, u16>, Clock>>>)>;
    let (given, woken) = (Arc::new(Mutex::new(Given::None)), Arc::new(Woken::default()));
    let (inside, waker) = (Arc::clone(&given), Waker::from(Arc::clone(&woken)));
    let create = move |_: &u16| -> Result<Pool<u32, u16>, BoxError> {
        let (pools, mut driver) = lock(&inside).take().expect("it is called once");
        drop(pools.shutdown(secs(1)));
        assert!(driver.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        *lock(&inside) = Some((pools, driver));
        Err("it is too late".into())
    };
    let (pools, driver) = PoolMapBuilder::new(create, Clock::default()).build().expect("it makes sense");
    *lock(&given) = Some((pools.clone(), Box::pin(driver)));
    assert!(pools.get(&1).now_or_never().expect("nobody waits").is_err());
    assert!(woken.0.load(Ordering::Relaxed) > 0, "the driver is told");
    let (_, mut driver) = lock(&given).take().expect("the creator put it back");
    assert!(driver.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
}

#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn when_the_last_handle_is_dropped_pools_that_are_held_live_on_and_others_deliver_and_end() {
    let mut bench = Bench::new(4, None);
    let [held, dropped] = [1, 2].map(|name| bench.pool(name));
    bench.outside.world.answer(2, Dial::AcceptAfter(secs(1)));
    bench.send(&dropped, 1);
    drop(dropped);
    bench.pools = None;
    bench.advance(secs(2));
    let ended = bench.driver.output().expect("it is over");
    assert_eq!((ended.reason, ended.pools, ended.counts.sent), (EndReason::HandlesDropped, 1, 1));
    bench.send(&held, 2);
    bench.run();
    assert_eq!((bench.outside.world.received(1), bench.outside.world.received(2)), (vec![2], vec![1]));
    drop(held);
    bench.advance(secs(1));
    assert_eq!(bench.factory.alive.load(Ordering::Relaxed), 0);
}

#[test]
fn when_the_driver_is_dropped_waiters_are_told_and_pools_that_are_held_live_on() {
    let mut bench = Bench::new(2, None);
    let [held, dropped] = [1, 2].map(|name| bench.pool(name));
    let waiting = bench.get(3);
    bench.run();
    bench.send(&dropped, 1);
    drop(dropped);
    let driver = bench.driver.clone();
    bench.executor.cancel(&driver);
    assert!(matches!(bench.output(&waiting), Err(GetErrorReason::Closed(EndReason::DriverDropped))));
    assert_eq!(bench.outside.world.received(2), [1]);
    assert_eq!(bench.factory.alive.load(Ordering::Relaxed), 1);
    bench.send(&held, 2);
    let ended = bench.pools().closed().now_or_never().expect("it is over");
    assert_eq!(ended.reason, EndReason::DriverDropped);
}

#[test]
fn settings_that_make_no_sense_are_refused_by_name() {
    type Change = fn(Builder) -> Builder;
    type Builder = PoolMapBuilder<u16, Pool<Item, u16>, fn(&u16) -> Made, Clock>;
    let changes: [(&str, Change); 5] = [
        ("names_max", |map| map.names_max(0)),
        ("names_max", |map| map.names_max(usize::MAX)),
        ("idle_timeout", |map| map.idle_timeout(Duration::ZERO)),
        ("idle_timeout", |map| map.idle_timeout(Duration::MAX)),
        ("shutdown_timeout", |map| map.shutdown_timeout(Duration::MAX)),
    ];
    for (field, change) in changes {
        let map: Builder = PoolMapBuilder::new(|_| Err("nobody asks".into()), Clock::default());
        let Err(BuildError::Config(error)) = change(map).build() else { panic!("{field} makes no sense") };
        assert_eq!(error.field(), field);
    }
}

#[test]
fn a_snapshot_is_in_the_order_of_names_and_prints_as_a_table() {
    let mut bench = Bench::new(8, None);
    let [_, one, _] = [3, 1, 2].map(|name| bench.pool(name));
    bench.send(&one, 1);
    bench.run();
    let snapshot = bench.pools().snapshot();
    let records: Vec<_> = snapshot.names.iter().map(|record| (record.name, record.handles)).collect();
    assert_eq!(records, [(1, 1), (2, 0), (3, 0)]);
    let table = snapshot.to_string();
    let lines: Vec<_> = table.lines().collect();
    assert!(lines[1].starts_with('1') && lines[3].starts_with('3'), "{table}");
    assert_eq!(lines[4], "3 of at most 8 names; 0 being created, 0 closing, 0 waiting");
}

#[test]
fn a_storm_of_callers_wakes_each_of_them_a_few_times() {
    let mut bench = Bench::new(4, None);
    let held: Vec<_> = (0..4).map(|name| bench.pool(name)).collect();
    let tasks: Vec<_> = (0..500).map(|caller| bench.get(100 + caller % 50)).collect();
    bench.run();
    let before = bench.driver.polls();
    drop(held);
    for task in &tasks {
        bench.run();
        drop(task.output());
    }
    bench.run();
    assert!(tasks.iter().all(|task| task.polls() <= 3), "of one who waits");
    let polls = bench.driver.polls() - before;
    assert!(polls <= 50 * 4, "{polls} polls of the driver for 50 names");
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }
}

/// The item of a sender that gives up ends with it.
struct GivingUp(Option<(u32, Ledger)>);

impl Drop for GivingUp {
    fn drop(&mut self) {
        if let Some((id, ledger)) = self.0.take() {
            ledger.record(id, End::Withdrawn);
        }
    }
}

/// A caller that gets a pool, sends, and drops its handle some time later.
async fn call(pools: Map, name: u16, id: u32, outside: (Clock, Ledger), patience: Duration) {
    let (clock, ledger) = outside;
    let Ok(pool) = pools.get(&name).await else { return };
    let mut giving_up = GivingUp(Some((id, ledger.clone())));
    let sent = pool.send(ledger.item(id)).await;
    giving_up.0 = None;
    if let Err(refused) = sent {
        ledger.record(refused.item.id, End::Refused);
    }
    clock.sleep(patience).await;
}

#[test]
fn whatever_happens_in_whatever_order_items_are_accounted_for_and_pools_are_never_too_many() {
    for seed in 0..150 {
        let mut random = Random(seed);
        let names_max = 1 + usize::try_from(random.below(4)).expect("it fits");
        let idle_timeout = (random.below(2) == 0).then(|| secs(1 + random.below(20)));
        let mut bench = Bench::new(names_max, idle_timeout);
        let mut callers = Vec::new();
        for id in 0..120 {
            let name = u16::try_from(random.below(9)).expect("it fits");
            match random.below(20) {
                0 => bench.fate(name, Fate::Fails),
                1 => bench.fate(name, Fate::Panics),
                2 | 3 => bench.fate(name, None),
                4 => bench.outside.world.answer(name, Dial::Refuse),
                5 | 6 => bench.outside.world.answer(name, Dial::Accept),
                7 => drop(bench.pools().close(&name, millis(random.below(3000)))),
                8 => drop(bench.pools().try_get(&name)),
                9 if !callers.is_empty() => {
                    let index = usize::try_from(random.below(callers.len() as u64)).expect("it fits");
                    let task: Task<()> = callers.swap_remove(index);
                    bench.executor.cancel(&task);
                }
                _ => {
                    let outside = (bench.outside.clock.clone(), bench.outside.ledger.clone());
                    let (pools, patience) = (bench.pools().clone(), millis(random.below(4000)));
                    let task = bench.executor.spawn(call(pools, name, id, outside, patience));
                    callers.push(task);
                }
            }
            match random.below(6) {
                0..=2 => bench.run_round(),
                3 => bench.run(),
                4 => bench.advance(millis(random.below(500))),
                _ => bench.advance(secs(random.below(10))),
            }
            let alive = bench.factory.alive.load(Ordering::Relaxed);
            assert!(alive <= names_max, "{alive} pools, seed {seed}\n{}", bench.pools().snapshot());
        }
        heal(&mut bench);
        assert!(callers.iter().all(Task::is_done), "stuck, seed {seed}");
        let alive_max = bench.factory.alive_max.load(Ordering::Relaxed);
        assert!(alive_max <= names_max, "{alive_max} pools, seed {seed}");
        drop(bench.pools().shutdown(secs(60)));
        bench.advance(secs(120));
        assert!(bench.driver.is_done(), "seed {seed}\n{}", bench.pools().snapshot());
        bench.outside.ledger.audit().unwrap_or_else(|wrong| panic!("{wrong}; seed {seed}"));
    }
}

/// All servers and creators work again, for long enough for everybody.
fn heal(bench: &mut Bench) {
    for name in 0..9 {
        bench.fate(name, None);
        bench.outside.world.answer(name, Dial::Accept);
    }
    bench.advance(secs(600));
}
