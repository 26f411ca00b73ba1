//! The handle that users hold.

mod closed;
mod handle_count;
mod ready;
mod sending;
mod shared;
mod sleep;
mod timer_queue;
mod weak;

use std::fmt;
use std::mem;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::{AddressId, ConfigError, Instant};

use crate::config::PoolConfig;
use crate::error::{Refused, RefusedReason, SendError, SharedError};
use crate::queue::Permit;
use crate::snapshot::Snapshot;

pub use self::closed::Closed;
pub use self::ready::Ready;
pub use self::sending::Sending;
pub(crate) use self::shared::Shared;
pub use self::sleep::{PoolSleep, TimerKey, Timers};
pub use self::weak::WeakPool;

/// A handle to a pool of connections: send to it and forget about addresses.
///
/// Handles are cheap to clone and to move between threads and tasks. All of them share one bounded queue;
/// senders that find it full wait in the order of their arrival. When the last handle is dropped, the pool
/// delivers what is queued, closes its connections and ends. A handle that the pool's own connector,
/// observer or connections hold keeps it alive.
///
/// ```
/// use pool_driver::{Pool, RefusedReason, SendError};
///
/// async fn log(pool: &Pool<String>, line: String) {
///     // Waits while the queue is full.
///     if let Err(SendError { item, reason }) = pool.send(line).await {
///         eprintln!("{reason}: {item}");
///     }
/// }
///
/// fn log_or_drop(pool: &Pool<String>, line: String) -> bool {
///     !matches!(pool.try_send(line), Err(SendError { reason: RefusedReason::Full, .. }))
/// }
/// ```
///
/// As a [`Sink`] it takes an item into the queue. `poll_ready` reserves a permit, which is kept until
/// `start_send`, `poll_close` or the drop of the handle; a clone has none. `poll_flush` is ready at once,
/// because acceptance is all that a handle can promise. `poll_close` closes this handle as a sink; its own
/// methods go on working while other handles live. An error because the pool fails fast passes: ask again
/// later.
pub struct Pool<T, A = std::net::SocketAddr> {
    shared: Arc<Shared<T, A>>,
    /// What the sink's `poll_ready` waits for or was granted.
    permit: Permit,
    /// Where `poll_room` waits.
    readiness: Permit,
    /// Closed as a sink.
    is_released: bool,
}

impl<T, A> Pool<T, A> {
    pub(crate) fn new(shared: Arc<Shared<T, A>>) -> Self {
        shared.add_handle();
        Self::counted(shared)
    }

    /// A handle that is counted already.
    fn counted(shared: Arc<Shared<T, A>>) -> Self {
        Self { shared, permit: Permit::default(), readiness: Permit::default(), is_released: false }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T, A>> {
        &self.shared
    }

    /// Sends an item. Waits in turn with all other senders while the queue is full.
    ///
    /// It is done when the pool has taken the item. From then on the item is either sent to a connection or
    /// given to `on_undelivered`. Dropping the future before that gives up the wait and drops the item.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the item, when the pool is closed or fails fast.
    pub fn send(&self, item: T) -> Sending<'_, T, A> {
        Sending::new(&self.shared, item)
    }

    /// Sends an item if the queue has room right now that no other sender waits for.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the item, when the queue is full, or the pool is closed or fails fast.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every item")]
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.shared.queue.try_push(item)
    }

    /// Says that an item of the queue is no longer wanted, after whatever makes
    /// [`ItemPolicy::is_wanted`](crate::ItemPolicy::is_wanted) say so too. The driver looks for such items and
    /// gives them to `on_undelivered`, so that they take no room while the pool is without connections.
    ///
    /// Call it once for each item. In a queue of more than 64 items the driver begins to search when one in
    /// 64 is unwanted. An item that a connection has is not looked for.
    pub fn report_unwanted(&self) {
        self.shared.queue.report_unwanted();
    }

    /// Ready when an item would be taken, or refused, without waiting. Reserves nothing.
    ///
    /// While the queue is full it waits among the senders, and is ready in its turn. A handle that
    /// then sends nothing holds up nobody. One that sends may find that another sender was quicker, and has
    /// to wait after all. To have room kept, use the handle as a [`Sink`].
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.queue.poll_room(&mut self.readiness, cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Waits until this many connections are up, busy or ready, to all addresses together; 0 are at once. Waits
    /// through failures until the pool is closed, unless the future is [told otherwise](Ready).
    ///
    /// While somebody waits, a lazy pool connects as for an item that waits. It opens further connections for
    /// items only, so more than one is waited for in a lazy pool only if there is traffic.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_driver::{Pool, ReadyError};
    ///
    /// async fn wait_for_service(pool: &Pool<String>) -> Result<(), ReadyError> {
    ///     // Says at once if nothing can be reached, and then waits a bit longer.
    ///     if let Err(error @ ReadyError::Failing { .. }) = pool.ready(1).unless_failing().await {
    ///         eprintln!("still trying: {error}");
    ///     }
    ///     pool.ready(1).timeout(Duration::from_secs(10)).await
    /// }
    /// ```
    pub fn ready(&self, connections: usize) -> Ready<T, A> {
        Ready::for_connections(&self.shared, connections)
    }

    /// As [`ready`](Self::ready), until a connection to this address is up, whether it is in the set already or
    /// not. A lazy pool connects to the address whose turn it is, which may be another one.
    ///
    /// ```
    /// use std::net::SocketAddr;
    /// use std::time::Duration;
    ///
    /// use pool_driver::Pool;
    ///
    /// async fn is_deployed(pool: &Pool<String>, server: SocketAddr) -> bool {
    ///     pool.ready_at(server).timeout(Duration::from_secs(60)).await.is_ok()
    /// }
    /// ```
    pub fn ready_at(&self, address: A) -> Ready<T, A>
    where
        A: PartialEq,
    {
        Ready::for_address(&self.shared, address)
    }

    /// Ends the pool, for all handles. No item is taken from now on, also if the future is never polled.
    ///
    /// What is queued is delivered for as long as `timeout`, the rest goes to `on_undelivered`. Then all
    /// connections flush and close, for which they have `drain_timeout`. Of several calls the one that ends
    /// first counts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_driver::Pool;
    ///
    /// async fn stop(pool: &Pool<String>) -> bool {
    ///     let ended = pool.shutdown(Duration::from_secs(5)).await;
    ///     ended.counts.undelivered == 0
    /// }
    /// ```
    pub fn shutdown(&self, timeout: Duration) -> Closed<T, A> {
        self.shared.shut_down(timeout);
        self.closed()
    }

    /// Waits until the pool is over, and tells why.
    pub fn closed(&self) -> Closed<T, A> {
        Closed::new(&self.shared)
    }

    /// Whether the pool takes no items any more, for good.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }

    /// A look at the pool that does not keep it alive.
    #[must_use]
    pub fn downgrade(&self) -> WeakPool<T, A> {
        WeakPool::new(&self.shared)
    }

    /// The pool's [name](crate::PoolBuilder::name), if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name()
    }

    /// The settings that were last asked for by [`reconfigure`](Self::reconfigure), until the driver has seen them;
    /// then those in force. So changes that are made one after the other add up, while two tasks that change
    /// settings at the same time have to agree on that between themselves.
    #[must_use]
    pub fn config(&self) -> PoolConfig {
        self.shared.config()
    }

    /// Has the pool work by other settings, from the next poll of its driver on. They replace all
    /// [`PoolConfig`]; only the difference acts, nothing is reconnected for it and no item is lost. The observer is
    /// told as it is of [settings from a stream](crate::PoolBuilder::config_from). The last settings count, wherever
    /// they come from; of those that come at once, a handle's.
    ///
    /// ```
    /// use pool_driver::{ConfigError, Pool};
    ///
    /// fn scale(pool: &Pool<String>, connections: u32) -> Result<(), ConfigError> {
    ///     let mut settings = pool.config();
    ///     settings.config.connections_per_address = connections;
    ///     pool.reconfigure(settings)
    /// }
    /// ```
    ///
    /// A pool that is over is not changed.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] names the setting that makes no sense. Then nothing is changed.
    pub fn reconfigure(&self, settings: PoolConfig) -> Result<(), ConfigError> {
        settings.check(true, self.shared.reports_outcomes())?;
        self.shared.reconfigure(settings);
        Ok(())
    }

    /// A look at the queue, all addresses and connections: as of the last time that the driver did
    /// something, without waiting for it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<A> {
        self.shared.snapshot()
    }

    /// The id of an address, while the pool knows it: what events and item policies call it. Looks at every address.
    pub fn address_id(&self, address: &A) -> Option<AddressId>
    where
        A: PartialEq,
    {
        self.shared.pool_status().find(|known| known == address)
    }

    /// The latest error of any dial or connection, however long ago; a panic counts as one.
    #[must_use]
    pub fn last_error(&self) -> Option<SharedError> {
        self.shared.last_error()
    }

    /// The time by the pool's runtime: virtual where that is.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.shared.clock.now()
    }

    /// Waits for a time, by the pool's runtime. It works in any task, because the pool's driver keeps the time:
    /// without a timer of the caller's executor, and without an allocation for each wait.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_driver::Pool;
    ///
    /// async fn send_regularly(pool: &Pool<String>, line: &str) {
    ///     // Until the pool is over.
    ///     while pool.sleep(Duration::from_secs(1)).await.is_ok() {
    ///         let _ = pool.send(line.to_owned()).await;
    ///     }
    /// }
    /// ```
    ///
    /// Time runs from this call. A driver that is not polled wakes nobody.
    ///
    /// # Errors
    ///
    /// A [`SleepError`](crate::SleepError), at once, when the pool is over before the time has come: a loop of sleeps
    /// has to look at it, or it spins from then on. A wait whose time has come is none, also if the pool is over.
    pub fn sleep(&self, duration: Duration) -> PoolSleep {
        self.shared.timers.sleep(duration)
    }

    /// As [`sleep`](Self::sleep), until a time by [`now`](Self::now).
    pub fn sleep_until(&self, deadline: Instant) -> PoolSleep {
        self.shared.timers.sleep_until(deadline)
    }

    /// The time of the pool's runtime, and its timers. A clone serves code that is to wait by them without a handle.
    #[must_use]
    pub fn timers(&self) -> &Timers {
        &self.shared.timers
    }

    /// Lets an address that is in backoff be dialled at once, and ends the rest of one that rests, for a caller
    /// who knows that it is up and well. Of more than 1,024 requests that the driver has not seen yet the last are
    /// dropped.
    pub fn retry_now(&self, address: A) {
        self.shared.retry_now(address);
    }
}

impl<T, A> Clone for Pool<T, A> {
    fn clone(&self) -> Self {
        let shared = Arc::clone(&self.shared);
        if !self.is_released {
            return Self::new(shared);
        }
        // One that counts no more brings no abandoned pool back to life.
        let is_counted = shared.add_handle_if_any();
        let mut clone = Self::counted(shared);
        clone.is_released = !is_counted;
        clone
    }
}

impl<T, A> Drop for Pool<T, A> {
    fn drop(&mut self) {
        self.shared.queue.leave(&mut self.permit);
        self.shared.queue.leave(&mut self.readiness);
        if !self.is_released {
            self.shared.release_handle();
        }
    }
}

impl<T, A> fmt::Debug for Pool<T, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut pool = f.debug_struct("Pool");
        fmt_name(&mut pool, self.name())
            .field("queue", &self.shared.queue.snapshot().0)
            .finish_non_exhaustive()
    }
}

/// Adds the name of a pool that has one.
fn fmt_name<'a, 'b, 'c>(
    output: &'c mut fmt::DebugStruct<'a, 'b>,
    name: Option<&str>,
) -> &'c mut fmt::DebugStruct<'a, 'b> {
    if let Some(name) = name {
        output.field("name", &name);
    }
    output
}

// A handle pins no `T`: the queue holds items, behind a reference count.
impl<T, A> Unpin for Pool<T, A> {}

// A panic of user code leaves no half-made change behind: none runs under a lock of the pool.
impl<T, A> UnwindSafe for Pool<T, A> {}
impl<T, A> RefUnwindSafe for Pool<T, A> {}

impl<T, A> Sink<T> for Pool<T, A> {
    type Error = Refused;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        let this = &mut *self;
        if this.is_released {
            return Poll::Ready(Err(Refused { reason: RefusedReason::HandleClosed }));
        }
        match this.shared.queue.poll_permit(&mut this.permit, cx.waker()) {
            None => Poll::Pending,
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(reason)) => {
                this.shared.queue.leave(&mut this.permit);
                Poll::Ready(Err(Refused { reason }))
            }
        }
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Refused> {
        let this = &mut *self;
        let pushed = this.shared.queue.push(&mut this.permit, item);
        pushed.map_err(|SendError { reason, .. }| Refused { reason })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        let this = &mut *self;
        this.shared.queue.leave(&mut this.permit);
        if !mem::replace(&mut this.is_released, true) {
            this.shared.release_handle();
        }
        Poll::Ready(Ok(()))
    }
}
