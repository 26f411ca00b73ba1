//! What an adapter is given to spawn.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use pool_driver::{Driver, Runtime, SeamsOf};

use crate::balancer::ScriptedBalancer;
use crate::observed::Observed;
use crate::scene::Scene;
use crate::world::{EventLog, Feed, Item, Ledger, World};

/// A future for an adapter to spawn: the driver of a pool, or somebody who uses the pool.
///
/// It is one type, so that an adapter for futures that must be `Send` and one for those that
/// needn't be are written the same way.
#[must_use = "a scenario waits for its tasks"]
pub struct Task<R: Runtime>(Kind<R>);

enum Kind<R: Runtime> {
    Driver(Box<WatchedDriver<R>>),
    User(Pin<Box<dyn Future<Output = ()> + Send>>),
}

/// The driver of a scenario's pool.
pub(crate) type ScenarioDriver<R> =
    Driver<SeamsOf<Item, World, Observed<R>, Feed, Ledger, EventLog, ScriptedBalancer>>;

impl<R: Runtime> Task<R> {
    pub(crate) fn driver(driver: ScenarioDriver<R>, scene: &Arc<Scene>) -> Self {
        let driver = WatchedDriver { driver: Some(driver), scene: Arc::clone(scene), is_over: false };
        Self(Kind::Driver(Box::new(driver)))
    }

    pub(crate) fn user(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(Kind::User(Box::pin(future)))
    }
}

impl<R: Runtime> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Kind::Driver(_) => "Task::Driver",
            Kind::User(_) => "Task::User",
        })
    }
}

// A driver is; what else there is is in a box.
impl<R: Runtime> Unpin for Task<R> {}

impl<R: Runtime> Future for Task<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Kind::Driver(driver) => driver.poll(cx),
            Kind::User(user) => user.as_mut().poll(cx),
        }
    }
}

/// A driver that can be told to die, and whose polls are counted.
struct WatchedDriver<R: Runtime> {
    driver: Option<ScenarioDriver<R>>,
    scene: Arc<Scene>,
    is_over: bool,
}

impl<R: Runtime> WatchedDriver<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let scene = &self.scene;
        let _turn = scene.driver.between_polls();
        scene.driver.count_poll(self.is_over);
        scene.feed.start_poll();
        scene.calls.start_poll();
        if self.is_over {
            return Poll::Ready(());
        }
        if scene.driver.is_condemned(cx) {
            self.driver = None;
        }
        let polled = self.driver.as_mut().map(|driver| Pin::new(driver).poll(cx));
        self.is_over = polled.is_none_or(|polled| polled.is_ready());
        scene.after_poll();
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// What a scenario can do to its driver and see of it.
#[derive(Debug, Default)]
pub(crate) struct DriverWatch {
    /// Held during a poll.
    turn: parking_lot::Mutex<()>,
    state: parking_lot::Mutex<WatchState>,
    condemned: AtomicBool,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Polls {
    pub(crate) count: usize,
    /// Those that came although the driver was over.
    pub(crate) after_end: usize,
}

#[derive(Debug, Default)]
struct WatchState {
    polls: Polls,
    waker: Option<std::task::Waker>,
}

impl DriverWatch {
    /// Waits for a poll to be over, and keeps off the next one. What is seen meanwhile fits
    /// together: within a poll observers are told before the snapshot is made.
    pub(crate) fn between_polls(&self) -> impl Drop + use<'_> {
        self.turn.lock()
    }

    pub(crate) fn polls(&self) -> Polls {
        self.state.lock().polls
    }

    /// The driver shall be dropped instead of its next poll, which follows.
    pub(crate) fn condemn(&self) {
        self.condemned.store(true, Ordering::Release);
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn count_poll(&self, is_over: bool) {
        let polls = &mut self.state.lock().polls;
        polls.count += 1;
        polls.after_end += usize::from(is_over);
    }

    fn is_condemned(&self, cx: &Context<'_>) -> bool {
        let waker = Some(cx.waker().clone());
        let previous = std::mem::replace(&mut self.state.lock().waker, waker);
        drop(previous);
        self.condemned.load(Ordering::Acquire)
    }
}
