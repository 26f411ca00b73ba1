//! The handle that users hold.

use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::Availability;

use crate::error::{Closed, EndReason, Ended, ReadyError, RefusedReason, SendError, SharedError};
use crate::queue::{Permit, Queue};
use crate::recycler::{Recycler, Shard};
use crate::snapshot::{PoolStatus, Snapshot};
use crate::sync::{Mutex, MutexGuard};
use crate::wake_list::Signal;
use crate::watchers::Watchers;

/// A handle to a pool of connections: send to it and forget about addresses.
///
/// Handles are cheap to clone and to move between threads and tasks. All of them share one
/// bounded queue; senders that find it full wait in line. When the last handle is dropped, the
/// pool delivers what is queued, closes its connections and ends; a handle that its own connector,
/// observer or connections hold keeps it alive.
///
/// As a [`Sink`] it takes an item into the queue; `poll_flush` is ready at once, for acceptance is
/// all that a handle can promise, and `poll_close` gives up this handle only (as a sink it is
/// closed then; its own methods go on working while others live). An error because the pool fails
/// fast passes: ask again later. The place that `poll_ready` reserves is kept until `start_send`, `poll_close` or the drop of the handle; it
/// isn't cloned.
pub struct Pool<T, A = std::net::SocketAddr> {
    shared: Arc<Shared<T, A>>,
    /// What the sink's `poll_ready` waits for or was granted.
    place: Permit,
    /// Where `poll_room` waits.
    outlook: Permit,
    /// Closed as a sink.
    is_released: bool,
    /// Where it keeps used items.
    shard: Arc<Shard<T>>,
}

/// What handles and driver have in common.
pub(crate) struct Shared<T, A> {
    pub(crate) queue: Queue<T>,
    pub(crate) signal: Arc<Signal>,
    recycler: Recycler<T>,
    pool_status: Arc<PoolStatus<A>>,
    handles: AtomicUsize,
    control: Mutex<Control<A>>,
    watchers: Watchers,
    reports_outcomes: bool,
    /// The keeper wants to be told when the pool may be idle.
    is_idle_wanted: AtomicBool,
    /// Items are asked where they want to go, though their policy said that they have no wishes.
    uses_pick_args: AtomicBool,
}

struct Control<A> {
    shutdown: Option<Duration>,
    is_connection_wanted: bool,
    retries: Vec<A>,
    /// Whoever keeps a handle in case somebody asks for one.
    keeper: Option<Waker>,
}

/// What the handles have asked for since the driver last looked.
pub(crate) struct Requests<A> {
    pub(crate) shutdown: Option<Duration>,
    /// Somebody waits for a connection.
    pub(crate) is_connection_wanted: bool,
    pub(crate) retries: Vec<A>,
    /// There is no handle left.
    pub(crate) is_abandoned: bool,
}

/// More requests than this to dial an address at once are not kept until the driver looks.
const RETRIES_MAX: usize = 1024;

impl<T, A> Shared<T, A> {
    pub(crate) fn new(
        queue_size: usize,
        signal: Arc<Signal>,
        pool_status: Arc<PoolStatus<A>>,
        reports_outcomes: bool,
    ) -> Self {
        let control =
            Control { shutdown: None, is_connection_wanted: false, retries: Vec::new(), keeper: None };
        Self {
            queue: Queue::new(queue_size, Arc::clone(&signal)),
            signal,
            recycler: Recycler::new(),
            pool_status,
            handles: AtomicUsize::new(0),
            control: Mutex::new(control),
            watchers: Watchers::new(),
            reports_outcomes,
            is_idle_wanted: AtomicBool::new(false),
            uses_pick_args: AtomicBool::new(false),
        }
    }

    fn control(&self) -> MutexGuard<'_, Control<A>> {
        self.control.lock()
    }

    pub(crate) fn take_requests(&self) -> Requests<A> {
        let mut control = self.control();
        let shutdown = control.shutdown.take();
        let is_connection_wanted = mem::take(&mut control.is_connection_wanted);
        let retries = mem::take(&mut control.retries);
        drop(control);
        Requests {
            shutdown,
            is_connection_wanted,
            retries,
            is_abandoned: self.handles.load(Ordering::Acquire) == 0,
        }
    }

    pub(crate) fn uses_pick_args(&self) -> bool {
        self.uses_pick_args.load(Ordering::Relaxed)
    }

    pub(crate) fn tell_watchers(&self) {
        self.watchers.tell();
    }

    fn release(&self) {
        match self.handles.fetch_sub(1, Ordering::AcqRel) {
            1 => self.signal.raise(),
            2 => {
                // Either the keeper sees that this handle is gone, or its wish is seen here.
                fence(Ordering::SeqCst);
                self.tell_maybe_idle();
            }
            _ => {}
        }
    }

    pub(crate) fn handles(&self) -> usize {
        self.handles.load(Ordering::Acquire)
    }

    /// From now on this is who keeps a handle: it is told of the pool's end.
    pub(crate) fn set_keeper(&self, keeper: Waker) {
        let previous = self.control().keeper.replace(keeper);
        drop(previous);
    }

    pub(crate) fn tell_keeper(&self) {
        // One of ours: no code of users runs under the lock.
        let keeper = self.control().keeper.clone();
        if let Some(keeper) = keeper {
            keeper.wake();
        }
    }

    /// Lets the keeper know, once, when the pool has become idle. To be called before the look
    /// that decides whether to wait.
    pub(crate) fn want_idle(&self) {
        self.is_idle_wanted.store(true, Ordering::Relaxed);
        fence(Ordering::SeqCst);
    }

    /// After the pool_status was written, and after handles are gone.
    pub(crate) fn tell_maybe_idle(&self) {
        if self.is_idle_wanted.load(Ordering::Relaxed) && self.is_idle() {
            self.is_idle_wanted.store(false, Ordering::Relaxed);
            self.tell_keeper();
        }
    }

    /// Nobody but the keeper has a handle, and all that was sent is dealt with.
    pub(crate) fn is_idle(&self) -> bool {
        self.handles() <= 1 && self.pool_status.has_settled(self.queue.snapshot().1, self.reports_outcomes)
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.queue.closed().is_some()
    }

    pub(crate) fn ended(&self) -> Option<Ended> {
        self.pool_status.ended()
    }

    pub(crate) fn shut_down(&self, deadline: Duration) {
        self.queue.close(EndReason::Shutdown);
        {
            let mut control = self.control();
            control.shutdown = Some(control.shutdown.map_or(deadline, |earlier| earlier.min(deadline)));
        }
        self.signal.raise();
    }

    pub(crate) async fn closed(&self) -> Ended {
        loop {
            let changed = self.watchers.watch();
            if let Some(ended) = self.ended() {
                return ended;
            }
            // Cancelled or not: it is time to look again.
            let _ = changed.await;
        }
    }

    pub(crate) fn snapshot(&self) -> Snapshot<A> {
        self.pool_status.snapshot(|| self.queue.snapshot())
    }
}

impl<T, A> Pool<T, A> {
    pub(crate) fn new(shared: Arc<Shared<T, A>>) -> Self {
        let shard = shared.recycler.shard(shared.handles.fetch_add(1, Ordering::Relaxed));
        Self { shared, place: Permit::default(), outlook: Permit::default(), is_released: false, shard }
    }

    pub(crate) fn shared(&self) -> &Arc<Shared<T, A>> {
        &self.shared
    }

    /// Sends an item: waits for a place in the queue, in line with all other senders.
    ///
    /// It is done when the pool has taken the item. From then on the item is either sent to a
    /// connection or given to `on_undelivered`. Dropping the future before gives up its place in
    /// line and drops the item.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the item, when the pool is closed or fails fast.
    pub fn send(&self, item: T) -> Sending<'_, T, A> {
        Sending { shared: &self.shared, item: Some(item), place: Permit::default() }
    }

    /// Sends an item if there is a place in the queue right now that nobody waits for.
    ///
    /// # Errors
    ///
    /// A [`SendError`] with the item, when the queue is full, or the pool is closed or fails fast.
    pub fn try_send(&self, item: T) -> Result<(), SendError<T>> {
        self.shared.queue.try_push(item)
    }

    /// Says that an item of the queue is no longer wanted, after whatever makes
    /// [`ItemPolicy::is_wanted`](crate::ItemPolicy::is_wanted) say so too. The driver looks
    /// for such items and gives them to `on_undelivered`, so that they hold no places while the
    /// pool is without connections.
    ///
    /// Once for each item: in a queue of more than 64 the driver begins to search when one in 64 is
    /// unwanted. An item that a connection has is not looked for.
    pub fn report_unwanted(&self) {
        self.shared.queue.report_unwanted();
    }

    /// From the next item that is sent on, items are asked where they want to go, whatever
    /// [`HAS_PICK_ARGS`](crate::ItemPolicy::HAS_PICK_ARGS) says.
    #[doc(hidden)]
    pub fn use_pick_args(&self) {
        // The item that has the first wish comes later, by the queue, so this needs no order of its own.
        if !self.shared.uses_pick_args() {
            self.shared.uses_pick_args.store(true, Ordering::Relaxed);
        }
    }

    /// An item that was [kept](Self::recycle): its maker can use what it once allocated.
    #[doc(hidden)]
    #[inline]
    #[must_use]
    pub fn take_recycled(&self) -> Option<T> {
        self.shard.take()
    }

    /// Keeps an item that is used up. It is never sent, only [taken](Self::take_recycled) by whoever makes the
    /// next.
    ///
    /// # Errors
    ///
    /// The item, if there are enough.
    #[doc(hidden)]
    #[inline]
    pub fn recycle(&self, item: T) -> Result<(), T> {
        self.shard.keep(item)
    }

    /// Ready when an item would be taken, or refused, without waiting; reserves nothing.
    ///
    /// Whoever has to wait does so in the line of those who send, and is ready in its turn. But a handle
    /// that then sends nothing holds up nobody: somebody else may be quicker, and whoever sends has to
    /// wait in line after all. As a [`Sink`] a handle has its place kept.
    pub fn poll_room(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.queue.poll_room(&mut self.outlook, cx.waker()) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Waits until a connection is up. A lazy pool opens one for that.
    ///
    /// # Errors
    ///
    /// [`ReadyError::Failing`] as soon as every address has failed: ask again to wait longer.
    /// [`ReadyError::Closed`] when the pool takes no more items.
    pub async fn ready(&self) -> Result<(), ReadyError> {
        loop {
            let changed = self.shared.watchers.watch();
            let pool_status = &self.shared.pool_status;
            let totals = pool_status.totals();
            if let Some(reason) = self.shared.queue.closed() {
                return Err(ReadyError::Closed(reason));
            }
            if totals.availability == Availability::Usable {
                return Ok(());
            }
            if totals.is_failing {
                return Err(ReadyError::Failing { last_error: pool_status.last_error() });
            }
            self.shared.control().is_connection_wanted = true;
            self.shared.signal.raise();
            // Cancelled or not: it is time to look again.
            let _ = changed.await;
        }
    }

    /// Ends the pool, for all handles: no item is taken from now on, also if the future is never
    /// polled.
    ///
    /// What is queued is delivered until the deadline, the rest goes to `on_undelivered`. Then all
    /// connections flush and close, for which they have `drain_timeout`. The earliest deadline of
    /// several calls counts.
    pub fn shutdown(&self, deadline: Duration) -> impl Future<Output = Ended> + use<'_, T, A> {
        self.shared.shut_down(deadline);
        self.closed()
    }

    /// Waits until the pool is over, and tells why.
    pub async fn closed(&self) -> Ended {
        self.shared.closed().await
    }

    /// A look at the queue, all addresses and connections: as of the last time that the driver did
    /// something, without waiting for it.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<A> {
        self.shared.snapshot()
    }

    /// The latest error of any dial or connection, however long ago; a panic counts as one.
    #[must_use]
    pub fn last_error(&self) -> Option<SharedError> {
        self.shared.pool_status.last_error()
    }

    /// Lets an address that is in backoff be dialled at once, for somebody who knows that it is up.
    /// Of more than 1,024 requests that the driver has not seen yet the last are not kept.
    pub fn retry_now(&self, address: A) {
        let mut control = self.shared.control();
        if control.retries.len() < RETRIES_MAX {
            control.retries.push(address);
        }
        drop(control);
        self.shared.signal.raise();
    }
}

impl<T, A> Clone for Pool<T, A> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl<T, A> Drop for Pool<T, A> {
    fn drop(&mut self) {
        self.shared.queue.leave(&mut self.place);
        self.shared.queue.leave(&mut self.outlook);
        if !self.is_released {
            self.shared.release();
        }
    }
}

impl<T, A> std::fmt::Debug for Pool<T, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("queue", &self.shared.queue.snapshot().0).finish_non_exhaustive()
    }
}

// A handle holds no `T`: the queue does, behind a reference count.
impl<T, A> Unpin for Pool<T, A> {}

impl<T, A> Sink<T> for Pool<T, A> {
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let this = &mut *self;
        if this.is_released {
            return Poll::Ready(Err(Closed { reason: RefusedReason::HandleClosed }));
        }
        match this.shared.queue.poll_place(&mut this.place, cx.waker()) {
            None => Poll::Pending,
            Some(Ok(())) => Poll::Ready(Ok(())),
            Some(Err(reason)) => {
                this.shared.queue.leave(&mut this.place);
                Poll::Ready(Err(Closed { reason }))
            }
        }
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Closed> {
        let this = &mut *self;
        let pushed = this.shared.queue.push(&mut this.place, item);
        pushed.map_err(|SendError { reason, .. }| Closed { reason })
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        let this = &mut *self;
        this.shared.queue.leave(&mut this.place);
        if !mem::replace(&mut this.is_released, true) {
            this.shared.release();
        }
        Poll::Ready(Ok(()))
    }
}

/// A sender that waits for a place in the queue; made by [`Pool::send`].
#[must_use = "nothing is sent unless this is polled"]
pub struct Sending<'a, T, A> {
    shared: &'a Shared<T, A>,
    /// Gone once it is sent or sent back.
    item: Option<T>,
    place: Permit,
}

impl<T, A> Unpin for Sending<'_, T, A> {}

impl<T, A> Sending<'_, T, A> {
    #[cold]
    fn stand_in_line(&mut self, item: T, cx: &mut Context<'_>) -> Poll<Result<(), SendError<T>>> {
        let queue = &self.shared.queue;
        match queue.poll_place(&mut self.place, cx.waker()) {
            None => {
                self.item = Some(item);
                Poll::Pending
            }
            Some(Ok(())) => Poll::Ready(queue.push(&mut self.place, item)),
            Some(Err(reason)) => {
                queue.leave(&mut self.place);
                Poll::Ready(Err(SendError { item, reason }))
            }
        }
    }
}

impl<T, A> Future for Sending<'_, T, A> {
    type Output = Result<(), SendError<T>>;

    /// # Panics
    ///
    /// If it is polled again after it was done.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let item = this.item.take().expect("`Sending` is not polled after it was done");
        // Most of the time there is a place, and no need to stand in line.
        match this.shared.queue.try_push_first(&this.place, item) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(item) => this.stand_in_line(item, cx),
        }
    }
}

impl<T, A> Drop for Sending<'_, T, A> {
    fn drop(&mut self) {
        if self.place.is_in_line() {
            self.shared.queue.leave(&mut self.place);
        }
    }
}
