//! The future of [`Pool::ready`](crate::Pool::ready) and [`Pool::ready_at`](crate::Pool::ready_at).

use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use pool_core::AddressId;

use super::shared::Shared;
use super::sleep::PoolSleep;
use crate::error::{ReadyError, SleepError};
use crate::snapshot::Reach;
use crate::watchers::Watcher;

/// Waits for connections; made by [`Pool::ready`](crate::Pool::ready) and
/// [`Pool::ready_at`](crate::Pool::ready_at). It is no handle: it doesn't keep the pool alive.
///
/// As it is, it waits through failures until the pool is closed. [`timeout`](Self::timeout) and
/// [`unless_failing`](Self::unless_failing) make it give up earlier.
///
/// ```
/// use std::time::Duration;
///
/// use pool_driver::{Pool, ReadyError};
///
/// async fn start(pool: &Pool<String>) -> Result<(), ReadyError> {
///     // "1 of 3 connections are up after 10s; the last error: connection refused"
///     pool.ready(3).timeout(Duration::from_secs(10)).await
/// }
/// ```
///
/// # Errors
///
/// [`ReadyError::Closed`] as soon as the pool takes no more items, also if enough connections are up.
/// [`ReadyError::TimedOut`] and [`ReadyError::Failing`] if they were asked for.
#[must_use = "nobody waits unless this is polled"]
pub struct Ready<T, A> {
    shared: Arc<Shared<T, A>>,
    goal: Goal<A>,
    is_impatient: bool,
    timeout: Option<Timeout>,
    watcher: Watcher,
    /// The pool was told that somebody waits.
    is_announced: bool,
}

struct Timeout {
    sleep: PoolSleep,
    duration: Duration,
}

enum Goal<A> {
    /// So many in all.
    Connections(usize),
    /// One of this address.
    Address(SoughtAddress<A>),
}

/// An address that may or may not be in the set.
struct SoughtAddress<A> {
    address: A,
    is_same: fn(&A, &A) -> bool,
    /// As it was last known.
    id: Option<AddressId>,
    /// How many addresses had ever been added when it was last searched for.
    searched: Option<u64>,
}

impl<T, A> Ready<T, A> {
    pub(super) fn for_connections(shared: &Arc<Shared<T, A>>, wanted: usize) -> Self {
        Self::new(shared, Goal::Connections(wanted))
    }

    pub(super) fn for_address(shared: &Arc<Shared<T, A>>, address: A) -> Self
    where
        A: PartialEq,
    {
        let sought = SoughtAddress { address, is_same: A::eq, id: None, searched: None };
        Self::new(shared, Goal::Address(sought))
    }

    fn new(shared: &Arc<Shared<T, A>>, goal: Goal<A>) -> Self {
        let shared = Arc::clone(shared);
        Self {
            shared,
            goal,
            is_impatient: false,
            timeout: None,
            watcher: Watcher::default(),
            is_announced: false,
        }
    }

    /// Gives up with [`ReadyError::TimedOut`] this long after this call, by the pool's time. Zero is a look that
    /// doesn't wait. Of several calls the last one counts.
    pub fn timeout(mut self, duration: Duration) -> Self {
        let sleep = self.shared.timers.sleep(duration);
        self.timeout = Some(Timeout { sleep, duration });
        self
    }

    /// Gives up with [`ReadyError::Failing`] as soon as every address of the set has failed since it last
    /// worked and none is connected; of [`ready_at`](crate::Pool::ready_at), as soon as this is so of the address.
    /// The pool goes on trying.
    pub fn unless_failing(mut self) -> Self {
        self.is_impatient = true;
        self
    }

    /// What came of it, once that is known.
    fn poll_reached(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadyError>> {
        let Self { shared, goal, is_impatient, watcher, .. } = self;
        watcher.poll(shared.watchers_of_connections(), cx, || goal.look(shared, *is_impatient, None))
    }

    /// What came of it, once its time is over: since the last look it may have come about.
    fn poll_over(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), ReadyError>> {
        let Some(Timeout { sleep, duration }) = &mut self.timeout else { return Poll::Pending };
        match Pin::new(sleep).poll(cx) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Err(SleepError { reason })) => return Poll::Ready(Err(ReadyError::Closed(reason))),
            Poll::Ready(Ok(())) => {}
        }
        let seen = self.goal.look(&self.shared, self.is_impatient, Some(*duration));
        seen.map_or(Poll::Pending, Poll::Ready)
    }

    /// Has a lazy pool connect while this waits.
    fn announce(&mut self, is_waiting: bool) {
        if self.is_announced != is_waiting {
            self.is_announced = is_waiting;
            if is_waiting {
                self.shared.start_waiting();
            } else {
                self.shared.stop_waiting();
            }
        }
    }
}

impl<A> Goal<A> {
    /// What came of it, if that is known; it is when the time is over, after this timeout.
    fn look<T>(
        &mut self,
        shared: &Shared<T, A>,
        is_impatient: bool,
        over: Option<Duration>,
    ) -> Option<Result<(), ReadyError>> {
        if let Some(reason) = shared.closed_for() {
            return Some(Err(ReadyError::Closed(reason)));
        }
        let Reach { connections, is_failing } = self.reach(shared);
        let wanted = self.wanted();
        if connections >= wanted {
            return Some(Ok(()));
        }
        if is_impatient && is_failing {
            return Some(Err(ReadyError::Failing { last_error: self.last_error(shared) }));
        }
        over.map(|timeout| {
            let last_error = self.last_error(shared);
            Err(ReadyError::TimedOut { connected: connections, wanted, timeout, last_error })
        })
    }

    fn wanted(&self) -> usize {
        match self {
            Self::Connections(wanted) => *wanted,
            Self::Address(_) => 1,
        }
    }

    /// How far the pool, or the address, has come.
    fn reach<T>(&mut self, shared: &Shared<T, A>) -> Reach {
        match self {
            Self::Connections(_) => shared.pool_status().reach(),
            Self::Address(sought) => sought.reach(shared),
        }
    }

    fn last_error<T>(&self, shared: &Shared<T, A>) -> Option<crate::error::SharedError> {
        let status = shared.pool_status();
        let of_address = match self {
            Self::Connections(_) => None,
            Self::Address(sought) => sought.id.and_then(|id| status.last_error_of(id)),
        };
        of_address.or_else(|| status.last_error()).or_else(|| status.source_error())
    }
}

impl<A> SoughtAddress<A> {
    fn reach<T>(&mut self, shared: &Shared<T, A>) -> Reach {
        let status = shared.pool_status();
        if let Some(reach) = self.id.and_then(|id| status.reach_of(id)) {
            return reach;
        }
        // Only when there are others than last time.
        let added = status.added();
        if self.searched != Some(added) {
            self.searched = Some(added);
            self.id = status.find(|address| (self.is_same)(address, &self.address));
        }
        self.id.and_then(|id| status.reach_of(id)).unwrap_or_default()
    }
}

impl<T, A> Future for Ready<T, A> {
    type Output = Result<(), ReadyError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut polled = this.poll_reached(cx);
        if polled.is_pending() {
            polled = this.poll_over(cx);
        }
        this.announce(polled.is_pending());
        polled
    }
}

impl<T, A> Drop for Ready<T, A> {
    fn drop(&mut self) {
        self.announce(false);
    }
}

impl<T, A> fmt::Debug for Ready<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ready")
            .field("wanted", &self.goal.wanted())
            .field("timeout", &self.timeout.as_ref().map(|timeout| timeout.duration))
            .field("is_impatient", &self.is_impatient)
            .finish_non_exhaustive()
    }
}

// The address is moved, never pinned.
impl<T, A> Unpin for Ready<T, A> {}

// As for `Pool`; the address is compared, by the task that waits.
impl<T, A> UnwindSafe for Ready<T, A> {}
impl<T, A> RefUnwindSafe for Ready<T, A> {}
