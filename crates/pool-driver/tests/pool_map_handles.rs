//! A map holds any handle of a pool: it asks little of it, outside of its lock, and only when that matters.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Context, Wake, Waker};
use std::time::Duration;

use futures_util::future::ready;
use futures_util::sink::drain;
use pool_conformance::simulated::{Clock, Executor, Spawned};
use pool_driver::{
    BoxError, Ended, GetErrorReason, Pool, PoolBuilder, PoolHandle, PoolMap, PoolMapBuilder, PoolMapDriver,
    PoolMapEnded, Snapshot,
};

/// What a handle does whenever it is used, beside its job.
type Hook = fn(&Wrapped, Call);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Call {
    Clone,
    Look,
    Other,
}

/// A handle that wraps a pool.
struct Wrapped {
    pool: Pool<u32, u16>,
    looks: Arc<AtomicUsize>,
    hook: Hook,
}

impl Clone for Wrapped {
    fn clone(&self) -> Self {
        (self.hook)(self, Call::Clone);
        Self { pool: self.pool.clone(), looks: Arc::clone(&self.looks), hook: self.hook }
    }
}

impl PoolHandle for Wrapped {
    type Item = u32;
    type Address = u16;

    fn pool(&self) -> &Pool<u32, u16> {
        &self.pool
    }

    fn handles(&self) -> usize {
        (self.hook)(self, Call::Other);
        self.pool.handles()
    }

    fn is_closed(&self) -> bool {
        (self.hook)(self, Call::Other);
        self.pool.is_closed()
    }

    fn is_idle(&self) -> bool {
        self.looks.fetch_add(1, Ordering::Relaxed);
        (self.hook)(self, Call::Look);
        self.pool.is_idle()
    }

    fn ended(&self) -> Option<Ended> {
        (self.hook)(self, Call::Other);
        self.pool.ended()
    }

    fn snapshot(&self) -> Snapshot<u16> {
        (self.hook)(self, Call::Other);
        self.pool.snapshot()
    }

    fn start_shutdown(&self, timeout: Duration) {
        (self.hook)(self, Call::Other);
        self.pool.start_shutdown(timeout);
    }

    fn set_keeper(&self, keeper: Waker) {
        (self.hook)(self, Call::Other);
        self.pool.set_keeper(keeper);
    }

    fn notify_when_idle(&self) {
        (self.hook)(self, Call::Other);
        self.pool.notify_when_idle();
    }
}

type Map = PoolMap<u32, Wrapped>;

/// A map whose driver and whose pools run when the test says so.
struct Bench {
    executor: Executor,
    map: Map,
    driver: Spawned<PoolMapEnded>,
    made: Arc<Mutex<Vec<Running>>>,
    looks: Arc<AtomicUsize>,
}

type Running = std::pin::Pin<Box<dyn Future<Output = Ended> + Send>>;

impl Bench {
    fn new(names_max: usize, hook: Hook) -> Self {
        let (made, looks) = (Arc::new(Mutex::new(Vec::<Running>::new())), Arc::new(AtomicUsize::new(0)));
        let (makes, counts) = (Arc::clone(&made), Arc::clone(&looks));
        let create = move |_: &u32| -> Result<Wrapped, BoxError> {
            let dial = |_: u16| ready(Ok::<_, String>(drain()));
            let builder = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]);
            let (pool, driver) = builder.build()?;
            makes.lock().unwrap_or_else(PoisonError::into_inner).push(Box::pin(driver));
            Ok(Wrapped { pool, looks: Arc::clone(&counts), hook })
        };
        let builder = PoolMapBuilder::new(create, Clock::default()).names_max(names_max).idle_timeout(None);
        let (map, driver) = builder.build().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        Self { executor, map, driver, made, looks }
    }

    fn run(&mut self) {
        loop {
            let made = std::mem::take(&mut *self.made.lock().unwrap_or_else(PoisonError::into_inner));
            let is_new = !made.is_empty();
            for driver in made {
                self.executor.spawn(driver);
            }
            self.executor.run();
            if !is_new {
                return;
            }
        }
    }

    fn hold(&mut self, names: std::ops::Range<u32>) -> Vec<Wrapped> {
        let held = names.map(|name| self.map.try_get(&name).expect("there is a permit")).collect();
        self.run();
        held
    }

    fn take_looks(&self) -> usize {
        self.looks.swap(0, Ordering::Relaxed)
    }

    /// A name that isn't there is tried for, once.
    fn is_refused(&mut self, name: u32) -> bool {
        let refused = self.map.try_get(&name);
        self.run();
        matches!(refused.map_err(|error| error.reason), Err(GetErrorReason::Full))
    }
}

const MANY: u32 = 2000;

#[test]
fn a_full_map_that_is_tried_for_one_more_name_looks_at_those_that_are_idle_and_at_no_others() {
    let mut bench = Bench::new(MANY as usize, |_, _| ());
    let mut held = bench.hold(0..MANY);
    bench.take_looks();
    for _ in 0..10 {
        assert!(bench.is_refused(MANY));
    }
    assert_eq!(bench.take_looks(), 0, "all are in use");
    // Each says so when it becomes idle, and the one that is closed is looked at.
    held.truncate(MANY as usize - 3);
    bench.run();
    assert!(bench.is_refused(MANY));
    assert_eq!(bench.take_looks(), 3 + 1, "three became idle, and one of them is closed");
    assert!(bench.map.try_get(&MANY).is_ok(), "there is room now");
}

#[test]
fn names_that_are_used_again_are_looked_at_once_and_then_no_more() {
    let mut bench = Bench::new(MANY as usize, |_, _| ());
    drop(bench.hold(0..MANY));
    bench.run();
    let _held = bench.hold(0..MANY);
    bench.take_looks();
    let polls = bench.driver.polls();
    assert!(bench.is_refused(MANY));
    assert_eq!(bench.take_looks(), MANY as usize, "as far as is known they are idle");
    let polls = bench.driver.polls() - polls;
    assert!(polls >= MANY as usize / 128, "{polls} polls: others run in between");
    for _ in 0..10 {
        assert!(bench.is_refused(MANY));
    }
    assert_eq!(bench.take_looks(), 0, "all are in use");
}

/// A deadlock fails the test instead of hanging it; the time is no measure of anything.
fn watched(test: fn()) {
    let (done, finished) = mpsc::channel();
    let thread = std::thread::spawn(move || {
        test();
        done.send(()).expect("the watchdog waits");
    });
    let result = finished.recv_timeout(Duration::from_secs(60));
    assert_ne!(result, Err(mpsc::RecvTimeoutError::Timeout), "deadlock");
    thread.join().expect("the test passes");
}

/// The map that handles use.
static MAP: OnceLock<Map> = OnceLock::new();

fn meddle(_: &Wrapped, _: Call) {
    if let Some(map) = MAP.get() {
        let _ = (map.len(), map.names(), format!("{map:?}"));
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        (self.hook)(self, Call::Other);
    }
}

#[test]
fn handles_that_use_the_map_are_cloned_looked_at_closed_and_dropped() {
    watched(|| {
        let mut bench = Bench::new(2, meddle);
        let _ = MAP.set(bench.map.clone());
        for name in (0..6).chain(0..6) {
            drop(bench.map.try_get(&name));
            bench.run();
        }
        drop(bench.map.close(&5, Duration::ZERO));
        bench.run();
        assert!(bench.map.try_get(&7).is_ok());
        assert_eq!(bench.map.snapshot().names.len(), bench.map.len());
        drop(bench.map.shutdown(Duration::ZERO));
        bench.run();
        assert!(bench.driver.is_done());
    });
}

#[test]
fn a_handle_that_panics_when_it_is_looked_at_is_dropped_and_harms_no_other_name() {
    static BAD: AtomicUsize = AtomicUsize::new(0);
    let panics_once: Hook = |_, call| {
        let is_first = call == Call::Look && BAD.fetch_add(1, Ordering::Relaxed) == 0;
        assert!(!is_first, "it panics");
    };
    let mut bench = Bench::new(2, panics_once);
    let held = bench.hold(0..2);
    drop(held);
    bench.run();
    assert_eq!(bench.map.names(), [1], "the first that was looked at");
    assert!(bench.map.try_get(&0).is_ok() && bench.map.try_get(&1).is_ok(), "it is made anew");
    bench.run();
    assert!(bench.is_refused(2));
    assert!(bench.map.try_get(&2).is_ok(), "the others are looked at and closed as ever");
    drop(bench.map.shutdown(Duration::ZERO));
    bench.run();
    assert!(bench.driver.is_done());
}

#[test]
fn a_handle_whose_clone_panics_costs_the_callers_of_its_name_alone() {
    static PANICS: Mutex<bool> = Mutex::new(true);
    let hook: Hook = |_, call| {
        let panics = call == Call::Clone && *PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!panics, "no clone today");
    };
    let mut bench = Bench::new(1, hook);
    let error = bench.map.try_get(&0).map(drop).expect_err("the creator's handle can't be cloned");
    assert!(matches!(error.reason, GetErrorReason::NotCreated(_)));
    *PANICS.lock().unwrap_or_else(PoisonError::into_inner) = false;
    bench.run();
    assert!(bench.map.try_get(&1).is_ok(), "its permit is free again");
}

type PinnedDriver = std::pin::Pin<Box<PoolMapDriver<u32, Wrapped, Clock>>>;

/// What runs while a handle is being cloned.
static WHILE_CLONING: Mutex<Option<(Map, PinnedDriver)>> = Mutex::new(None);

#[test]
fn a_pool_whose_handle_is_just_being_cloned_is_not_closed_and_not_looked_at_again_and_again() {
    let hook: Hook = |_, call| {
        if call != Call::Clone {
            return;
        }
        let taken = WHILE_CLONING.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((map, mut driver)) = taken {
            assert!(map.try_get(&1).is_err(), "there is no permit");
            let woken = Arc::new(Woken::default());
            let waker = Waker::from(Arc::clone(&woken));
            let polls = (0..10).take_while(|_| {
                let is_woken = std::mem::take(&mut *woken.0.lock().unwrap_or_else(PoisonError::into_inner));
                let _ = driver.as_mut().poll(&mut Context::from_waker(&waker));
                is_woken
            });
            assert!(polls.count() < 5, "the driver sleeps while the handle is cloned");
            *WHILE_CLONING.lock().unwrap_or_else(PoisonError::into_inner) = Some((map, driver));
        }
    };
    let create = move |_: &u32| -> Result<Wrapped, BoxError> {
        let dial = |_: u16| ready(Ok::<_, String>(drain()));
        let (pool, driver) = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]).build()?;
        std::mem::forget(driver);
        Ok(Wrapped { pool, looks: Arc::default(), hook })
    };
    let builder = PoolMapBuilder::new(create, Clock::default()).names_max(1);
    let (map, driver) = builder.build().expect("the settings make sense");
    let mut driver = Box::pin(driver);
    drop(map.try_get(&0));
    for _ in 0..5 {
        let _ = driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    }
    *WHILE_CLONING.lock().unwrap_or_else(PoisonError::into_inner) = Some((map.clone(), driver));
    let handle = map.try_get(&0).expect("it is open");
    assert!(handle.pool.try_send(1).is_ok(), "it was not closed behind the caller's back");
    let (_, mut driver) =
        WHILE_CLONING.lock().unwrap_or_else(PoisonError::into_inner).take().expect("it was put back");
    let _ = driver.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert_eq!(map.names(), [0]);
}

struct Woken(Mutex<bool>);

impl Default for Woken {
    fn default() -> Self {
        Self(Mutex::new(true))
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
    }
}

#[test]
fn f1_a_keeper_that_panics_costs_the_pool_nothing() {
    struct Panics;

    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("a scripted panic of a waker");
        }
    }

    let dial = |_: u16| ready(Ok::<_, String>(drain::<u32>()));
    let builder = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]);
    let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
    let mut executor = Executor::default();
    let driver = executor.spawn(driver);
    executor.run();
    pool.set_keeper(Waker::from(Arc::new(Panics)));
    pool.start_shutdown(Duration::ZERO);
    executor.run();
    assert!(driver.is_done());
}
