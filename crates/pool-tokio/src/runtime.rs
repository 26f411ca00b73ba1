//! Tokio's clock, timer and ways to spawn.

use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll};
use std::time::Duration;

use pool_core::Instant;
use pool_driver::{Ambient, BoxError, Local, Runtime, Spawn, Timer};
use tokio::runtime::Handle;
use tokio::task::LocalSet;
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};

/// Tokio as a pool's runtime, with time enabled (`enable_time` or `enable_all`). Its clock is
/// `tokio::time`'s, so that paused time works.
///
/// ```
/// use futures_util::sink::drain;
/// use pool_tokio::{PoolBuilder, TokioRuntime};
///
/// let connect = |_: u16| async { Ok::<_, std::io::Error>(drain::<String>()) };
/// // What `pool_tokio::sink_pool_for(connect)` does.
/// let builder = PoolBuilder::plain(connect, TokioRuntime::new());
/// # let _ = builder;
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct TokioRuntime;

/// Zero, for all pools of the process. Every runtime may have a clock of its own: one that is paused stands where it was
/// when it was made, or has been moved on by hours. So this is earlier than all of them, and none of them is asked.
static EPOCH: OnceLock<TokioInstant> = OnceLock::new();

/// How long ago the epoch is, if the machine's clock goes back that far.
const EPOCH_AGE: Duration = Duration::from_secs(24 * 60 * 60);

fn epoch() -> TokioInstant {
    *EPOCH.get_or_init(|| {
        let now = std::time::Instant::now();
        let earlier = (0..32).find_map(|halvings| now.checked_sub(EPOCH_AGE / (1 << halvings)));
        earlier.unwrap_or(now).into()
    })
}

impl TokioRuntime {
    /// Tokio as the caller's, or the driver's, runtime.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Runtime for TokioRuntime {
    type Timer = TokioTimer;

    fn now(&self) -> Instant {
        Instant::ZERO + TokioInstant::now().saturating_duration_since(epoch())
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer { sleep: None }
    }
}

/// A Tokio timer that can be set again.
#[derive(Debug)]
pub struct TokioTimer {
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Timer for TokioTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let deadline = epoch() + Duration::from_nanos(deadline.as_nanos());
        match &mut self.sleep {
            Some(sleep) => sleep.as_mut().reset(deadline),
            None => self.sleep = Some(Box::pin(sleep_until(deadline))),
        }
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.sleep.as_mut().map_or(Poll::Pending, |sleep| sleep.as_mut().poll(cx))
    }
}

impl<F> Spawn<TokioRuntime, F> for Ambient
where
    F: Future<Output: Send> + Send + 'static,
{
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        spawn(name, future, &Handle::try_current()?)
    }
}

impl<F> Spawn<TokioRuntime, F> for &Handle
where
    F: Future<Output: Send> + Send + 'static,
{
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        spawn(name, future, self)
    }
}

/// For what is spawned later, as connections are.
impl<F> Spawn<TokioRuntime, F> for Handle
where
    F: Future<Output: Send> + Send + 'static,
{
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        spawn(name, future, &self)
    }
}

/// Panics, as Tokio does, when the caller doesn't run in a [`LocalSet`].
impl<F> Spawn<TokioRuntime, F> for Local
where
    F: Future + 'static,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        tokio::task::spawn_local(future);
        Ok(())
    }
}

impl<F> Spawn<TokioRuntime, F> for &LocalSet
where
    F: Future + 'static,
{
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.spawn_local(future);
        Ok(())
    }
}

/// Tokio's tasks have names where its unstable tracing is on, as for its console.
#[cfg(all(tokio_unstable, feature = "task-names"))]
fn spawn<F>(name: &str, future: F, handle: &Handle) -> Result<(), BoxError>
where
    F: Future<Output: Send> + Send + 'static,
{
    tokio::task::Builder::new().name(name).spawn_on(future, handle)?;
    Ok(())
}

#[cfg(not(all(tokio_unstable, feature = "task-names")))]
#[expect(clippy::unnecessary_wraps, reason = "as above")]
fn spawn<F>(_: &str, future: F, handle: &Handle) -> Result<(), BoxError>
where
    F: Future<Output: Send> + Send + 'static,
{
    handle.spawn(future);
    Ok(())
}
