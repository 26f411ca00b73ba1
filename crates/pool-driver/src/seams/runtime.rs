//! What an executor has to provide: the time and a timer.

use std::pin::Pin;
use std::task::{Context, Poll};

use pool_core::Instant;

/// The clock of a runtime and its timers.
///
/// A driver makes its one timer in its first poll, not before, because a timer may rely on the runtime's context.
/// Both the driver and the tasks that use the pool ask for the time: clones of the runtime share one clock. Nothing
/// breaks if the timer fires early or the clock stands still for a while, because the driver compares the two
/// itself. `pool-smol` has a small implementation; `examples/embassy` and `examples/compio`
/// have models for less usual runtimes.
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use pool_driver::{Instant, Runtime, Timer};
///
/// /// Time since the process began, and timers that are polled by a loop that never sleeps.
/// #[derive(Clone)]
/// struct Spinning(std::time::Instant);
///
/// struct SpinningTimer(std::time::Instant, Option<Instant>);
///
/// fn since(start: std::time::Instant) -> Instant {
///     Instant::ZERO + start.elapsed()
/// }
///
/// impl Runtime for Spinning {
///     type Timer = SpinningTimer;
///
///     fn now(&self) -> Instant {
///         since(self.0)
///     }
///
///     fn timer(&self) -> SpinningTimer {
///         SpinningTimer(self.0, None)
///     }
/// }
///
/// impl Timer for SpinningTimer {
///     fn reset(mut self: Pin<&mut Self>, deadline: Instant) {
///         self.1 = Some(deadline);
///     }
///
///     fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
///         if self.1.is_some_and(|deadline| deadline <= since(self.0)) {
///             return Poll::Ready(());
///         }
///         cx.waker().wake_by_ref();
///         Poll::Pending
///     }
/// }
/// ```
pub trait Runtime: Clone + Send + Sync + 'static {
    /// The kind of timer that [`timer`](Self::timer) makes.
    type Timer: Timer;

    /// The time since any epoch. It is the same for all clones, and had better be one for the whole process: pools may
    /// share a retry budget, which counts by this.
    fn now(&self) -> Instant;

    /// A timer that is not set.
    fn timer(&self) -> Self::Timer;
}

/// A timer that can be set again and again.
///
/// It is polled and dropped where its driver is, and set before it is polled. Its waker is the pool's own, not
/// one of the executor's. Timers of a runtime that takes only the wakers of its tasks need a queue of their
/// own.
pub trait Timer {
    /// Sets the timer to another deadline, in the past or in the future. It is polled next. Until then it need
    /// not wake anybody, and may still do so for its last deadline.
    fn reset(self: Pin<&mut Self>, deadline: Instant);

    /// Ready once the deadline has come; otherwise the waker is kept and woken then. A timer that
    /// was never set is pending for ever. One that was ready is set again before it is polled again.
    fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()>;
}
