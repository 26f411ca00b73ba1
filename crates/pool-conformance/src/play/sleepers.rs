//! Users that wait by the pool's timer.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use parking_lot::Mutex;
use pool_driver::{Instant, Pool, PoolSleep, SleepError, Timers};

use crate::fixture::{CancelSignal, Fixture};
use crate::world::Item;

/// Sleeps, for so long each, in one task. It keeps no pool alive.
pub(super) fn sleep(
    numbers: &[u32],
    duration: Duration,
    pool: &Pool<Item, u16>,
    fixture: &Arc<Fixture>,
) -> impl Future<Output = ()> + Send + use<> {
    let sleeper = |number: &u32| Sleeper::new(*number, duration, pool, fixture);
    let mut sleepers: Vec<Sleeper> = numbers.iter().map(sleeper).collect();
    let fixture = Arc::clone(fixture);
    poll_fn(move |cx| {
        sleepers.retain_mut(|sleeper| sleeper.poll(cx).is_pending());
        fixture.script.wake();
        if sleepers.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
}

/// One that sleeps.
struct Sleeper {
    sleep: PoolSleep,
    started: Instant,
    timers: Timers,
    waker: Arc<SleepWaker>,
    stop: Arc<CancelSignal>,
}

/// Wakes the task of a sleeper, and notes that.
struct SleepWaker {
    number: u32,
    /// It was woken since it last looked, or has not looked yet.
    is_woken: AtomicBool,
    task: Mutex<Option<Waker>>,
    fixture: Arc<Fixture>,
}

impl Sleeper {
    fn new(number: u32, duration: Duration, pool: &Pool<Item, u16>, fixture: &Arc<Fixture>) -> Self {
        let stop = Arc::<CancelSignal>::default();
        fixture.users.lock().sleepers.sleeping.insert(number, Arc::clone(&stop));
        let (is_woken, task, fixture) = (AtomicBool::new(true), Mutex::default(), Arc::clone(fixture));
        let waker = Arc::new(SleepWaker { number, is_woken, task, fixture });
        let timers = pool.timers().clone();
        Self { started: timers.now(), sleep: pool.sleep(duration), timers, waker, stop }
    }

    /// Ready when it is awake or has stopped. It looks only if it was woken.
    fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        if self.stop.is_cancelled(cx.waker()) {
            self.waker.fixture.users.lock().sleepers.sleeping.remove(&self.waker.number);
            return Poll::Ready(());
        }
        let previous = self.waker.task.lock().replace(cx.waker().clone());
        drop(previous);
        if !self.waker.is_woken.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let waker = Waker::from(Arc::clone(&self.waker));
        Pin::new(&mut self.sleep).poll(&mut Context::from_waker(&waker)).map(|slept| self.wake_up(slept))
    }

    fn wake_up(&self, slept: Result<(), SleepError>) {
        let SleepWaker { number, fixture, .. } = &*self.waker;
        let now = self.timers.now();
        match slept {
            Ok(()) if now < self.sleep.deadline() => {
                fixture.world.calls.contradict(&format!("sleeper {number} woke before its time"));
            }
            Err(error) if fixture.ended().is_none() => {
                fixture.world.calls.contradict(&format!("sleeper {number} was told too early: {error}"));
            }
            Ok(()) | Err(_) => {}
        }
        let sleepers = &mut fixture.users.lock().sleepers;
        sleepers.sleeping.remove(number);
        sleepers.slept.insert(*number, now.saturating_duration_since(self.started));
        // One that comes to a pool that is over is not even woken.
        if !sleepers.woken.contains(number) {
            sleepers.woken.push(*number);
        }
    }
}

impl Wake for SleepWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.fixture.users.lock().sleepers.note_wake(self.number);
        self.is_woken.store(true, Ordering::Release);
        let task = self.task.lock().take();
        if let Some(task) = task {
            task.wake();
        }
    }
}
