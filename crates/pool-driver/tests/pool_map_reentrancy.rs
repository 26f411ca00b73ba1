//! User code never runs under a map's lock, and a creator that uses its map is never made to wait.

use std::hash::{Hash, Hasher};
use std::pin::pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, mpsc};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::future::ready;
use futures_util::sink::drain;
use pool_conformance::simulated::{Clock, Executor};
use pool_driver::{BoxError, GetErrorReason, Pool, PoolBuilder, PoolMap, PoolMapBuilder};

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

type Map = PoolMap<Name, Pool<u32, u16>>;

/// The map that names use.
static MAP: OnceLock<Map> = OnceLock::new();

/// A name that uses the map whenever it can.
#[derive(Debug)]
struct Name(u16);

fn meddle() {
    if let Some(map) = MAP.get() {
        let _ = (map.len(), map.is_empty(), map.names_len());
    }
}

trait NamesLen {
    fn names_len(&self) -> usize;
}

impl NamesLen for Map {
    fn names_len(&self) -> usize {
        format!("{self:?}").len()
    }
}

impl Clone for Name {
    fn clone(&self) -> Self {
        meddle();
        Self(self.0)
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        meddle();
        self.0 == other.0
    }
}

impl Eq for Name {}

impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        meddle();
        // All of them in one place.
        0_u8.hash(state);
    }
}

impl Drop for Name {
    fn drop(&mut self) {
        meddle();
    }
}

fn pool() -> Result<Pool<u32, u16>, BoxError> {
    let dial = |_: u16| ready(Ok::<_, String>(drain()));
    let (pool, driver) = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]).build()?;
    // Nobody runs it: the pool is over when the map looks.
    drop(driver);
    Ok(pool)
}

#[test]
fn names_that_use_the_map_are_hashed_compared_cloned_and_dropped() {
    watched(|| {
        let create = |_: &Name| pool();
        let (map, driver) =
            PoolMapBuilder::new(create, Clock::default()).names_max(2).build().expect("sense");
        let map = MAP.get_or_init(|| map);
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        for name in (0..10).chain(0..10) {
            drop(map.try_get(&Name(name)));
            executor.run();
        }
        let waiting = executor.spawn(async { map.get(&Name(3)).await.is_ok() });
        executor.run();
        drop(map.close(&Name(3), Duration::ZERO));
        executor.run();
        assert!(waiting.is_done());
        executor.cancel(&driver);
        assert!(map.try_get(&Name(1)).is_err());
    });
}

/// A waker that uses the map when it is woken and when it is dropped.
struct Busybody(Mutex<Option<PoolMap<u16, Pool<u32, u16>>>>);

impl Busybody {
    fn meddle(&self) {
        let map = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(map) = map {
            drop(map.try_get(&1));
            drop(map.snapshot());
        }
    }
}

impl Wake for Busybody {
    fn wake(self: Arc<Self>) {
        self.meddle();
    }
}

impl Drop for Busybody {
    fn drop(&mut self) {
        self.meddle();
    }
}

#[test]
fn wakers_that_use_the_map_are_woken_and_replaced_and_dropped() {
    watched(|| {
        let dial = |_: u16| ready(Ok::<_, String>(drain()));
        let drivers = Arc::new(Mutex::new(Vec::new()));
        let made = Arc::clone(&drivers);
        let create = move |_: &u16| -> Result<Pool<u32, u16>, BoxError> {
            let (pool, driver) = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]).build()?;
            made.lock().unwrap_or_else(PoisonError::into_inner).push(driver);
            Ok(pool)
        };
        let (map, driver) =
            PoolMapBuilder::new(create, Clock::default()).names_max(1).build().expect("sense");
        let waker = || Waker::from(Arc::new(Busybody(Mutex::new(Some(map.clone())))));
        let held = map.try_get(&1).expect("there is a permit");
        let mut driver = pin!(driver);
        let mut waiting = Some(Box::pin(map.get(&2)));
        let mut other = pin!(map.get(&3));
        for _ in 0..3 {
            let wait = waiting.as_mut().expect("it waits").as_mut();
            assert!(wait.poll(&mut Context::from_waker(&waker())).is_pending());
            assert!(other.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
            assert!(driver.as_mut().poll(&mut Context::from_waker(&waker())).is_pending());
        }
        waiting = None;
        assert!(waiting.is_none());
        drop(held);
        drop(map.shutdown(Duration::ZERO));
        assert!(matches!(other.poll(&mut Context::from_waker(&waker())), Poll::Ready(Err(_))));
    });
}

type Numbers = PoolMap<u16, Pool<u32, u16>>;

/// What a creator that used its map was told.
type Told = Arc<Mutex<Vec<Result<(), GetErrorReason>>>>;

/// A map whose creator asks for another name, and waits for it on the spot.
fn map_that_asks(asks: fn(u16) -> Option<u16>) -> (Numbers, impl Future, Told) {
    let (map, told) = (Arc::new(OnceLock::<Numbers>::new()), Told::default());
    let (own, tells) = (Arc::clone(&map), Arc::clone(&told));
    let create = move |name: &u16| -> Result<Pool<u32, u16>, BoxError> {
        if let (Some(other), Some(map)) = (asks(*name), own.get()) {
            let got = futures_util_block_on(map.get(&other)).map(drop).map_err(|error| error.reason);
            tells.lock().unwrap_or_else(PoisonError::into_inner).push(got);
        }
        let dial = |_: u16| ready(Ok::<_, String>(drain()));
        let (pool, driver) = PoolBuilder::plain(dial, Clock::default()).connect_to_fixed([1]).build()?;
        std::mem::forget(driver);
        Ok(pool)
    };
    let (pools, driver) = PoolMapBuilder::new(create, Clock::default()).names_max(3).build().expect("sense");
    map.set(pools.clone()).expect("once");
    (pools, driver, told)
}

/// Blocks for ever if the future never gets there.
fn futures_util_block_on<F: Future>(future: F) -> F::Output {
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let waker = Waker::from(Arc::new(Thread(std::thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => std::thread::park(),
        }
    }
}

fn told(told: &Told) -> Vec<&'static str> {
    let told = told.lock().unwrap_or_else(PoisonError::into_inner);
    let kind = |told: &Result<(), GetErrorReason>| match told {
        Ok(()) => "got it",
        Err(GetErrorReason::InCreator) => "in creator",
        Err(_) => "something else",
    };
    told.iter().map(kind).collect()
}

#[test]
fn a_creator_that_asks_for_another_name_gets_it() {
    watched(|| {
        let (map, _driver, answers) = map_that_asks(|name| (name == 1).then_some(2));
        assert!(map.try_get(&1).is_ok());
        assert_eq!((told(&answers), map.names()), (vec!["got it"], vec![1, 2]));
    });
}

#[test]
fn a_creator_that_asks_for_its_own_name_is_told_so() {
    watched(|| {
        let (map, _driver, answers) = map_that_asks(Some);
        assert!(map.try_get(&1).is_ok());
        assert_eq!((told(&answers), map.names()), (vec!["in creator"], vec![1]));
    });
}

#[test]
fn creators_that_ask_for_each_other_and_for_ever_more_names_come_to_an_end() {
    watched(|| {
        let (map, _driver, answers) = map_that_asks(|name| Some(3 - name));
        assert!(map.try_get(&1).is_ok());
        assert_eq!(told(&answers), ["in creator", "got it"]);
        let (map, _driver, answers) = map_that_asks(|name| Some(name + 1));
        assert!(map.try_get(&1).is_ok());
        assert_eq!((told(&answers), map.len()), (vec!["in creator", "got it", "got it"], 3));
    });
}

#[test]
fn creators_on_two_threads_that_ask_for_each_other_come_to_an_end() {
    watched(|| {
        for _ in 0..200 {
            let (map, _driver, _) = map_that_asks(|name| Some(3 - name));
            std::thread::scope(|scope| {
                for name in [1, 2] {
                    let map = map.clone();
                    scope.spawn(move || futures_util_block_on(map.get(&name)).is_ok());
                }
            });
            assert_eq!(map.names(), [1, 2]);
        }
    });
}
