//! A call to each address of a pool.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::Calling;
use crate::call_pool::CallPool;
use crate::error::CallError;

/// What became of the call to one address.
pub(crate) type Outcome<Request, Reply> = Result<Reply, CallError<Request>>;

/// A call to each address of a pool; made by [`CallPool::call_all`](crate::CallPool::call_all). It is a future that takes
/// settings before it is polled. Dropping it gives up the calls that have no reply.
#[must_use = "nothing is sent unless this is polled"]
pub struct CallingAll<'a, Request: 'static, Reply: 'static, A> {
    calls: Vec<(Arc<A>, Stage<'a, Request, Reply, A>)>,
    left: usize,
}

enum Stage<'a, Request: 'static, Reply: 'static, A> {
    Calling(Calling<&'a CallPool<Request, Reply, A>>),
    Ended(Outcome<Request, Reply>),
    /// It changes, or has been returned.
    Taken,
}

impl<'a, Request: 'static, Reply: 'static, A> CallingAll<'a, Request, Reply, A> {
    /// One call for each address.
    pub(crate) fn new(
        calls: impl Iterator<Item = (Arc<A>, Calling<&'a CallPool<Request, Reply, A>>)>,
    ) -> Self {
        let calls: Vec<_> = calls.map(|(address, calling)| (address, Stage::Calling(calling))).collect();
        Self { left: calls.len(), calls }
    }

    /// The time that each of the calls has: see [`Calling::timeout`].
    pub fn timeout(self, timeout: Duration) -> Self {
        self.each(|call| call.timeout(timeout))
    }

    /// Gives each of the calls these settings.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_call::CallPool;
    ///
    /// async fn load(redis: &CallPool<String, String>, script: &str) {
    ///     let load = redis.call_all(format!("SCRIPT LOAD {script:?}"));
    ///     // A server that dies is asked once more when it is back.
    ///     load.each(|call| call.timeout(Duration::from_secs(5)).idempotent()).await;
    /// }
    /// ```
    pub fn each(
        mut self,
        mut settings: impl FnMut(
            Calling<&'a CallPool<Request, Reply, A>>,
        ) -> Calling<&'a CallPool<Request, Reply, A>>,
    ) -> Self {
        for (_, stage) in &mut self.calls {
            *stage = match mem::replace(stage, Stage::Taken) {
                Stage::Calling(calling) => Stage::Calling(settings(calling)),
                other => other,
            };
        }
        self
    }
}

impl<Request: 'static, Reply: 'static, A: Clone> Future for CallingAll<'_, Request, Reply, A> {
    type Output = Vec<(A, Outcome<Request, Reply>)>;

    /// Whenever it is woken, it looks at all calls that have no reply.
    ///
    /// # Panics
    ///
    /// If it is polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        for (_, stage) in &mut this.calls {
            if let Stage::Calling(calling) = stage
                && let Poll::Ready(outcome) = Pin::new(calling).poll(cx)
            {
                *stage = Stage::Ended(outcome);
                this.left -= 1;
            }
        }
        if this.left > 0 {
            return Poll::Pending;
        }
        let ended = |(address, stage): (Arc<A>, Stage<'_, Request, Reply, A>)| match stage {
            Stage::Ended(outcome) => (A::clone(&address), outcome),
            Stage::Calling(_) | Stage::Taken => unreachable!("all have ended"),
        };
        // It is empty from now on, and that is ready, too.
        Poll::Ready(mem::take(&mut this.calls).into_iter().map(ended).collect())
    }
}

// Nothing in it is pinned.
impl<Request, Reply, A> Unpin for CallingAll<'_, Request, Reply, A> {}

impl<Request, Reply, A> fmt::Debug for CallingAll<'_, Request, Reply, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("CallingAll");
        debug.field("calls", &self.calls.len()).field("left", &self.left).finish_non_exhaustive()
    }
}
