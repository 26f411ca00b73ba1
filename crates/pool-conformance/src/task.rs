//! What an adapter is given to spawn.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pool_driver::Runtime;

use crate::fixture::{Fixture, ScenarioDriver};
use crate::invariants::Invariants;
use crate::nursery::RunNursery;
use crate::world::Link;

/// A future for an adapter to spawn: the driver of a pool, or a user of the pool.
///
/// It is one type. So an adapter for futures that must be `Send` and one for those that needn't be are
/// written the same way.
#[must_use = "a scenario waits for its tasks"]
pub struct Task<R: Runtime>(TaskKind<R>);

enum TaskKind<R: Runtime> {
    Driver(Box<WatchedDriver<R>>),
    User(Pin<Box<dyn Future<Output = ()> + Send>>),
    Connections(RunNursery, Arc<Fixture>, Arc<Invariants>),
}

impl<R: Runtime> Task<R> {
    pub(crate) fn driver(
        driver: ScenarioDriver<R>,
        fixture: &Arc<Fixture>,
        invariants: &Arc<Invariants>,
    ) -> Self {
        Self(TaskKind::Driver(Box::new(WatchedDriver {
            spawns_connections: driver.spawns_connections(),
            driver: Some(driver),
            fixture: Arc::clone(fixture),
            invariants: Arc::clone(invariants),
            is_over: false,
        })))
    }

    /// The connections of a pool, beside its driver.
    pub(crate) fn connections(
        connections: RunNursery,
        fixture: &Arc<Fixture>,
        invariants: &Arc<Invariants>,
    ) -> Self {
        Self(TaskKind::Connections(connections, Arc::clone(fixture), Arc::clone(invariants)))
    }

    pub(crate) fn user(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(TaskKind::User(Box::pin(future)))
    }
}

impl<R: Runtime> fmt::Debug for Task<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            TaskKind::Driver(_) => "Task::Driver",
            TaskKind::User(_) => "Task::User",
            TaskKind::Connections(..) => "Task::Connections",
        })
    }
}

// A driver is `Unpin`, and users are boxed.
impl<R: Runtime> Unpin for Task<R> {}

impl<R: Runtime> Future for Task<R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            TaskKind::Driver(driver) => driver.poll(cx),
            TaskKind::User(user) => user.as_mut().poll(cx),
            TaskKind::Connections(connections, fixture, invariants) => {
                fixture.world.calls.start_poll();
                let polled = Pin::new(connections).poll(cx);
                invariants.check_after_poll();
                fixture.script.wake();
                polled
            }
        }
    }
}

/// A driver that a script can hold up or drop, and after each of whose polls the invariants are checked.
struct WatchedDriver<R: Runtime> {
    driver: Option<ScenarioDriver<R>>,
    fixture: Arc<Fixture>,
    invariants: Arc<Invariants>,
    spawns_connections: bool,
    is_over: bool,
}

impl<R: Runtime> WatchedDriver<R> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Fixture { world, driver: watch, script, .. } = &*self.fixture;
        let _turn = watch.between_polls();
        watch.count_poll(self.is_over);
        if self.is_over {
            return Poll::Ready(());
        }
        if watch.is_condemned(cx) {
            self.driver = None;
        } else if watch.is_held() {
            return Poll::Pending;
        }
        world.names.start_poll();
        world.calls.start_poll();
        let polled = self.driver.as_mut().map(|driver| Pin::new(driver).poll(cx));
        self.is_over = polled.is_none_or(|polled| polled.is_ready());
        if watch.take_was_held() {
            // A runtime that was held up may look at its timers before it looks at its sockets.
            world.servers.all_links().iter().for_each(Link::watch);
        }
        if self.spawns_connections {
            // They may be in the middle of a poll.
            self.invariants.check();
        } else {
            self.invariants.check_after_poll();
        }
        script.wake();
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}
