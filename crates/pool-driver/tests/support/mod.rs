//! A bench for pools: an executor that detects lost wake-ups, virtual time, servers that do what a
//! test says, and a ledger in which every item's end is written down.

#![allow(dead_code, unused_imports, reason = "every test file uses another part of the bench")]

use std::cell::{Cell, RefCell};
use std::future::{Ready, ready};
use std::time::Duration;

use pool_core::{AddressId, Instant, PickArgs, Ring};
use pool_driver::{
    Balance, Ended, Event, Items, Pool, PoolBuilder, RefusedReason, RoundRobin, Runtime, Snapshot,
};

use pool_conformance::ClockWatch;
pub(crate) use pool_conformance::simulated::{Clock, Executor, Spawned as Task};
pub(crate) use pool_conformance::world::{
    Behaviour, Call, Calls, Dial, End, EventLog, Fault, Feed, FeedEvent as Answer, Item, Ledger, Link,
    Servers as World,
};

pub(crate) const A: u16 = 1;
pub(crate) const B: u16 = 2;
pub(crate) const C: u16 = 3;
pub(crate) const SEED: u64 = 42;

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// A connector that has this connection and no other.
pub(crate) fn connect_once<C>(connection: C) -> impl FnMut(u16) -> Ready<Result<C, String>> {
    let mut connection = Some(connection);
    move |_| ready(connection.take().ok_or_else(|| "one is enough".to_owned()))
}

/// The settings of the bench's pool.
pub(crate) type Builder<P = RoundRobin> = PoolBuilder<World, Clock, Feed, Items<Ledger>, EventLog, P>;

/// Counts its way round the ring, and divides by nothing if there is nobody in it.
#[derive(Default)]
pub(crate) struct Modulo(Cell<usize>);

impl Balance for Modulo {
    fn pick(&self, ring: &Ring<'_>, _: &PickArgs, _: Instant) -> Option<AddressId> {
        let turn = self.0.replace(self.0.get() + 1);
        ring.get(turn % ring.ready_len()).map(|member| member.id)
    }
}

/// What a test has of the outside of a pool.
pub(crate) struct Outside {
    pub(crate) clock: Clock,
    pub(crate) world: World,
    pub(crate) feed: Feed,
    pub(crate) ledger: Ledger,
    pub(crate) calls: Calls,
    events: EventLog,
}

impl Outside {
    pub(crate) fn new() -> Self {
        let calls = Calls::default();
        let ledger = Ledger::new(&calls);
        let clock = Clock::default();
        let events = EventLog::new(&calls, &ClockWatch::default());
        let world = World::new(&ledger, &calls, &clock);
        Self { clock, world, feed: Feed::new(&calls), ledger, calls, events }
    }

    /// A builder with everything scripted, the same seed each time, and turns of one item.
    pub(crate) fn builder(&self) -> Builder {
        PoolBuilder::new(self.world.clone(), self.clock.clone())
            .follow(self.feed.clone())
            .item_policy(self.ledger.clone())
            .observer(self.events.clone())
            .items_per_turn(1)
            .seed(SEED)
    }

    pub(crate) fn now(&self) -> Instant {
        self.clock.now()
    }

    /// From now on the observer panics.
    pub(crate) fn spoil_observer(&self) {
        self.events.spoil();
    }

    pub(crate) fn take_events(&self) -> Vec<Event<u16>> {
        self.events.take()
    }

    pub(crate) fn count_events(&self, is_meant: impl Fn(&Event<u16>) -> bool) -> usize {
        self.events.count(is_meant)
    }
}

/// A pool, its driver and everything around them.
pub(crate) struct Bench {
    pub(crate) executor: Executor,
    pub(crate) outside: Outside,
    pub(crate) driver: Task<Ended>,
    pool: Option<Pool<Item, u16>>,
    /// Another handle would keep the pool alive.
    last_snapshot: RefCell<Option<Snapshot<u16>>>,
}

impl std::ops::Deref for Bench {
    type Target = Outside;

    fn deref(&self) -> &Outside {
        &self.outside
    }
}

impl Bench {
    /// A pool without addresses.
    pub(crate) fn new<P: Balance + 'static>(change: impl FnOnce(Builder) -> Builder<P>) -> Self {
        let outside = Outside::new();
        let settings = change(outside.builder());
        let (pool, driver) = settings.build::<Item>().expect("the settings make sense");
        Self::around(outside, pool, driver)
    }

    /// A bench whose driver runs inside another future.
    pub(crate) fn around(
        outside: Outside,
        pool: Pool<Item, u16>,
        driver: impl Future<Output = Ended> + 'static,
    ) -> Self {
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        Self { executor, outside, driver, pool: Some(pool), last_snapshot: RefCell::new(None) }
    }

    /// A pool with connections to these addresses.
    pub(crate) fn up<P: Balance + 'static>(
        addresses: impl IntoIterator<Item = u16>,
        change: impl FnOnce(Builder) -> Builder<P>,
    ) -> Self {
        let mut bench = Self::new(change);
        bench.set(addresses);
        bench
    }

    pub(crate) fn pool(&self) -> &Pool<Item, u16> {
        self.pool.as_ref().expect("the test has not dropped its handle")
    }

    pub(crate) fn drop_pool(&mut self) {
        self.last_snapshot.replace(Some(self.pool().snapshot()));
        self.pool = None;
    }

    pub(crate) fn snapshot(&self) -> Snapshot<u16> {
        let last = || self.last_snapshot.borrow().clone().expect("kept when the handle was dropped");
        self.pool.as_ref().map_or_else(last, Pool::snapshot)
    }

    /// Runs until everybody sleeps.
    pub(crate) fn run(&mut self) {
        self.executor.run();
    }

    /// Lets time pass, from timer to timer.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let clock = self.clock.clone();
        clock.advance(duration, || self.executor.run());
    }

    /// The name service has a new answer.
    pub(crate) fn set(&mut self, addresses: impl IntoIterator<Item = u16>) {
        self.feed.push_set(addresses);
        self.run();
    }

    /// Puts items into the queue, for which there must be room, and lets the driver deliver them.
    pub(crate) fn send(&mut self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            assert_eq!(self.try_send(id), Ok(()), "item {id}\n{}", self.snapshot());
        }
        self.run();
    }

    /// Tries to put an item into the queue; the driver doesn't run.
    pub(crate) fn try_send(&self, id: u32) -> Result<(), RefusedReason> {
        let item = self.ledger.item(id);
        self.pool().try_send(item).map_err(|refused| {
            self.ledger.record(refused.item.id, End::Refused);
            refused.reason
        })
    }

    /// Starts a sender that waits for its place, with a handle of its own.
    pub(crate) fn sender(&mut self, id: u32) -> Task<Result<(), RefusedReason>> {
        let (pool, ledger) = (self.pool().clone(), self.ledger.clone());
        let item = ledger.item(id);
        self.executor.spawn(async move {
            pool.send(item).await.map_err(|refused| {
                ledger.record(refused.item.id, End::Refused);
                refused.reason
            })
        })
    }

    /// The sender of an item that was not taken gives up.
    pub(crate) fn give_up(&mut self, sender: &Task<Result<(), RefusedReason>>, id: u32) {
        assert!(!sender.is_done(), "the sender of {id} is done already");
        self.ledger.record(id, End::Withdrawn);
        self.executor.cancel(sender);
    }

    /// Spawns something that uses a handle.
    pub(crate) fn spawn_with_pool<F: Future<Output: 'static> + 'static>(
        &mut self,
        make: impl FnOnce(Pool<Item, u16>) -> F,
    ) -> Task<F::Output> {
        let pool = self.pool().clone();
        self.executor.spawn(make(pool))
    }

    /// Starts a shutdown and runs.
    pub(crate) fn shut_down(&mut self, timeout: Duration) -> Task<Ended> {
        let task = self.spawn_with_pool(|pool| async move { pool.shutdown(timeout).await });
        self.run();
        task
    }

    /// What a task returned; if it is still waiting for something, the test fails.
    pub(crate) fn output<R>(&mut self, task: &Task<R>) -> R {
        self.run();
        task.output().unwrap_or_else(|| panic!("stuck at {:?}:\n{}", self.now(), self.snapshot()))
    }

    /// Ends the pool, whatever it was doing, and checks that every item is accounted for.
    pub(crate) fn finish(mut self) -> Ended {
        if let Some(pool) = &self.pool {
            drop(pool.shutdown(secs(60)));
        }
        self.advance(secs(120));
        let ended = self.output(&self.driver.clone());
        self.check_accounts(ended, "");
        ended
    }

    /// What the pool says became of its items is what became of them.
    pub(crate) fn check_accounts(&self, ended: Ended, context: &str) {
        self.ledger.audit().unwrap_or_else(|wrong| panic!("{wrong}; {context}"));
        let count = |end| self.ledger.ended(end).len() as u64;
        let (sent, undelivered) = (count(End::Sent), count(End::Undelivered));
        assert_eq!((ended.counts.sent, ended.counts.undelivered), (sent, undelivered), "{context}");
        assert_eq!(ended.counts.accepted, sent + undelivered, "{context}");
    }
}
