//! User code never runs under a lock of the pool's (F2): everything that may call back does, and a
//! watchdog looks on.

mod support;

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::sink::{Drain, drain};
use pool_driver::{Event, Pool, PoolBuilder, UndeliveredReason};
use support::{A, Clock, Executor, SEED};

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

/// Uses a handle in every way that takes a lock, then lets it go.
fn meddle(pool: Pool<Bomb, u16>) {
    let _ = pool.snapshot();
    let _ = pool.try_send(Bomb(None));
    pool.retry_now(A);
    drop(pool.clone());
    drop(pool);
}

/// An item that meddles when it is dropped.
struct Bomb(Option<Pool<Bomb, u16>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        if let Some(pool) = self.0.take() {
            meddle(pool);
        }
    }
}

/// A waker that meddles when it is woken and when it is dropped.
struct Busybody(Mutex<Option<Pool<Bomb, u16>>>);

impl Busybody {
    fn waker(pool: &Pool<Bomb, u16>) -> Waker {
        Waker::from(Arc::new(Self(Mutex::new(Some(pool.clone())))))
    }
}

impl Wake for Busybody {
    fn wake(self: Arc<Self>) {
        let pool = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        pool.into_iter().for_each(meddle);
    }
}

impl Drop for Busybody {
    fn drop(&mut self) {
        let pool = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        pool.into_iter().for_each(meddle);
    }
}

/// A pool whose server takes everything, or refuses to be dialled.
fn pool(is_up: bool, queue_size: usize) -> (Pool<Bomb, u16>, impl Future<Output = ()>) {
    let connector = move |_: u16| async move {
        if is_up { Ok::<Drain<Bomb>, String>(drain()) } else { Err("connection refused".into()) }
    };
    let builder = PoolBuilder::plain(connector, Clock::default());
    let builder = builder.connect_to_fixed([A]).seed(SEED).queue_size(queue_size);
    let (pool, driver) = builder.build::<Bomb>().expect("the settings make sense");
    (pool, async move {
        driver.await;
    })
}

#[test]
fn items_that_use_handles_in_their_drop_are_dropped_by_connections() {
    watched(|| {
        let (pool, driver) = pool(true, 100);
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        for _ in 0..10 {
            assert!(pool.try_send(Bomb(Some(pool.clone()))).is_ok());
        }
        executor.run();
        drop(pool);
        executor.run();
        assert!(driver.is_done());
    });
}

#[test]
fn items_that_use_handles_in_their_drop_are_dropped_with_the_driver() {
    watched(|| {
        let (pool, driver) = pool(false, 5);
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        for _ in 0..5 {
            assert!(pool.try_send(Bomb(Some(pool.clone()))).is_ok());
        }
        drop(pool.try_send(Bomb(Some(pool.clone()))).expect_err("it is full"));
        executor.run();
        executor.cancel(&driver);
        assert_eq!(pool.snapshot().counts.undelivered, 5);
    });
}

#[test]
fn senders_whose_wakers_use_handles_are_woken_and_replaced_and_dropped() {
    watched(|| {
        let (pool, driver) = pool(false, 1);
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        assert!(pool.try_send(Bomb(None)).is_ok());
        let mut sendings: Vec<_> = (0..4).map(|_| Box::pin(pool.send(Bomb(None)))).collect();
        for _ in 0..2 {
            for sending in &mut sendings {
                let waker = Busybody::waker(&pool);
                assert!(sending.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            }
        }
        drop(sendings.pop());
        executor.run();
        executor.cancel(&driver);
        for mut sending in sendings {
            let polled = sending.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Ready(Err(_))));
        }
    });
}

#[test]
fn those_who_wait_for_the_end_may_use_handles_when_they_are_woken() {
    watched(|| {
        let (pool, driver) = pool(true, 1);
        let mut executor = Executor::default();
        let _driver = executor.spawn(driver);
        executor.run();
        let (waker, watcher) = (Busybody::waker(&pool), pool.clone());
        let mut closed = pin!(watcher.closed());
        assert!(closed.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        drop(waker);
        drop(pool.shutdown(Duration::ZERO));
        executor.run();
        assert!(closed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready());
    });
}

#[test]
fn the_drivers_own_waker_may_use_handles() {
    watched(|| {
        let (pool, driver) = pool(true, 10);
        let mut driver = pin!(driver);
        for _ in 0..10 {
            let waker = Busybody::waker(&pool);
            assert!(driver.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
            assert!(pool.try_send(Bomb(None)).is_ok());
        }
        drop(pool.shutdown(Duration::ZERO));
        let polled = (0..10).map(|_| driver.as_mut().poll(&mut Context::from_waker(Waker::noop())));
        assert!(polled.take_while(Poll::is_pending).count() < 10);
    });
}

#[test]
fn observer_and_undelivered_handler_may_use_handles() {
    watched(|| {
        let handle: Arc<Mutex<Option<Pool<Bomb, u16>>>> = Arc::default();
        let [observed, undelivered] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let counting = |uses: &Arc<AtomicUsize>| {
            let (handle, uses) = (Arc::clone(&handle), Arc::clone(uses));
            move || {
                let pool = handle.lock().unwrap_or_else(PoisonError::into_inner).clone();
                if let Some(pool) = pool {
                    uses.fetch_add(1, Ordering::Relaxed);
                    meddle(pool);
                }
            }
        };
        let (on_event, on_undelivered) = (counting(&observed), counting(&undelivered));
        // No dial ends, so that the item is undelivered when the driver is dropped.
        let hang = |_: u16| std::future::pending::<Result<Drain<Bomb>, String>>();
        let builder = PoolBuilder::plain(hang, Clock::default())
            .connect_to_fixed([A])
            .observer(move |_: &Event<u16>| on_event())
            .on_undelivered(move |_: Bomb, _: UndeliveredReason| on_undelivered());
        let (pool, driver) = builder.build::<Bomb>().expect("the settings make sense");
        assert!(pool.try_send(Bomb(Some(pool.clone()))).is_ok());
        *handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(pool);
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        assert!(observed.load(Ordering::Relaxed) > 0, "the observer has used the handle");
        executor.cancel(&driver);
        assert!(undelivered.load(Ordering::Relaxed) > 0, "the handler has used the handle");
    });
}
