//! smol's timer and ways to spawn.

use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant as StdInstant};

use pool_core::Instant;
use pool_driver::{Ambient, BoxError, Runtime, Spawn, Timer};
use smol::{Executor, LocalExecutor};

/// smol as a pool's runtime. Its timers need no executor: async-io runs them.
///
/// ```
/// use futures_util::sink::drain;
/// use pool_smol::{PoolBuilder, SmolRuntime};
///
/// let connect = |_: u16| async { Ok::<_, std::io::Error>(drain::<String>()) };
/// // What `pool_smol::sink_pool_for(connect)` does.
/// let builder = PoolBuilder::plain(connect, SmolRuntime::new());
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct SmolRuntime;

/// The first look at the clock, for all pools.
static EPOCH: OnceLock<StdInstant> = OnceLock::new();

fn epoch() -> StdInstant {
    *EPOCH.get_or_init(StdInstant::now)
}

impl SmolRuntime {
    /// smol's timers, and the time of the machine.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Runtime for SmolRuntime {
    type Timer = SmolTimer;

    fn now(&self) -> Instant {
        Instant::ZERO + StdInstant::now().saturating_duration_since(epoch())
    }

    fn timer(&self) -> SmolTimer {
        SmolTimer { timer: async_io::Timer::never() }
    }
}

/// A timer of async-io.
#[derive(Debug)]
pub struct SmolTimer {
    timer: async_io::Timer,
}

impl Timer for SmolTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let deadline = epoch() + Duration::from_nanos(deadline.as_nanos());
        self.timer.set_at(deadline);
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.timer).poll(cx).map(drop)
    }
}

impl<F> Spawn<SmolRuntime, F> for Ambient
where
    F: Future<Output: Send> + Send + 'static,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        smol::spawn(future).detach();
        Ok(())
    }
}

impl<'a, F> Spawn<SmolRuntime, F> for &Executor<'a>
where
    F: Future<Output: Send> + Send + 'a,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.spawn(future).detach();
        Ok(())
    }
}

/// For what is spawned later, as connections are.
impl<'a, F> Spawn<SmolRuntime, F> for Arc<Executor<'a>>
where
    F: Future<Output: Send> + Send + 'a,
{
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        Spawn::<SmolRuntime, F>::spawn(&*self, name, future)
    }
}

/// For what is spawned later, as connections are.
impl<'a, F> Spawn<SmolRuntime, F> for Rc<LocalExecutor<'a>>
where
    F: Future + 'a,
{
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        Spawn::<SmolRuntime, F>::spawn(&*self, name, future)
    }
}

impl<'a, F> Spawn<SmolRuntime, F> for &LocalExecutor<'a>
where
    F: Future + 'a,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.spawn(future).detach();
        Ok(())
    }
}
