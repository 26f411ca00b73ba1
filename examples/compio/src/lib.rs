//! The pool on compio: a model for adapters of runtimes whose tasks and timers are not `Send`.
//!
//! `cargo test -p pool-compio` runs the conformance suite on it.
//!
//! compio asks the kernel to do things and is told when they are done, each thread with its own
//! ring. What waits for that stays on its thread, so futures of compio are not `Send`, and nothing
//! of a pool has to be, but for its handles: those of items that are `Send` go anywhere.
//!
//! ```
//! use std::rc::Rc;
//! use std::time::Duration;
//!
//! use pool_compio::CompioRuntime;
//! use pool_driver::PoolBuilder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! compio::runtime::Runtime::new()?.block_on(async {
//!     let connect = |_address: u16| async {
//!         compio::time::sleep(Duration::from_millis(1)).await;
//!         Ok::<_, String>(futures_util::sink::drain())
//!     };
//!     let pool = PoolBuilder::plain(connect, CompioRuntime::new()).connect_to_fixed([1]).spawn()?;
//!
//!     pool.send(Rc::new("hello")).await?;
//!     let ended = pool.shutdown(Duration::from_secs(5)).await;
//!     assert_eq!(ended.counts.sent, 1);
//!     Ok(())
//! })
//! # }
//! ```

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant as StdInstant};

use compio::runtime::Runtime as Executor;
use pool_driver::{Ambient, BoxError, Instant, Local, Runtime, Spawn, Timer};

/// compio as a pool's runtime. A driver is to be polled, and dropped, within a runtime of compio,
/// as one that is spawned is.
#[derive(Clone, Debug)]
pub struct CompioRuntime {
    epoch: StdInstant,
}

impl CompioRuntime {
    /// A runtime whose epoch is now.
    #[must_use]
    pub fn new() -> Self {
        Self { epoch: StdInstant::now() }
    }
}

impl Default for CompioRuntime {
    fn default() -> Self {
        Self::new()
    }
}

impl Runtime for CompioRuntime {
    type Timer = CompioTimer;

    fn now(&self) -> Instant {
        Instant::ZERO + self.epoch.elapsed()
    }

    fn timer(&self) -> CompioTimer {
        CompioTimer { epoch: self.epoch, sleep: None }
    }
}

/// A timer of compio, which stays on the thread where it was first polled:
///
/// ```compile_fail
/// fn send<T: Send>() {}
/// send::<pool_compio::CompioTimer>();
/// ```
pub struct CompioTimer {
    epoch: StdInstant,
    /// compio's own type has no name. It can't be set again either, so there is another one each
    /// time.
    sleep: Option<Pin<Box<dyn Future<Output = ()>>>>,
}

impl fmt::Debug for CompioTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CompioTimer").field("is_set", &self.sleep.is_some()).finish_non_exhaustive()
    }
}

impl Timer for CompioTimer {
    fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
        let deadline = self.epoch + Duration::from_nanos(deadline.as_nanos());
        self.sleep = Some(Box::pin(compio::time::sleep_until(deadline)));
    }

    fn poll_expired(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let Some(sleep) = &mut self.sleep else { return Poll::Pending };
        ready!(sleep.as_mut().poll(cx));
        // A future must not be polled after its end.
        self.sleep = None;
        Poll::Ready(())
    }
}

/// On the runtime that the caller runs in. It is that of the caller's thread, so this is no other
/// than [`Local`].
impl<F: Future + 'static> Spawn<CompioRuntime, F> for Ambient {
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError> {
        Spawn::<CompioRuntime, F>::spawn(Local, name, future)
    }
}

impl<F: Future + 'static> Spawn<CompioRuntime, F> for Local {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        let spawned = Executor::try_with_current(|executor| executor.spawn(future).detach());
        spawned.map_err(|_| "the caller does not run in a runtime of compio".into())
    }
}

impl<F: Future + 'static> Spawn<CompioRuntime, F> for &Executor {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.spawn(future).detach();
        Ok(())
    }
}
