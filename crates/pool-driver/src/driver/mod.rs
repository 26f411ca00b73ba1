//! The future that moves items from a pool's queue through its multiplexer.

pub(crate) mod backlog;

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use pool_core::{Availability, Instant};

use crate::error::{Counts, EndReason, Ended, UndeliveredReason};
use crate::multiplexer::Multiplexer;
use crate::panic::guard;
use crate::pool::Shared;
use crate::seams::Seams;
use crate::seams::item_policy::ItemPolicy;

use backlog::Backlog;

/// Runs a pool. Spawn it, or poll it anywhere; it ends when the pool does, and says why.
///
/// Dropping it earlier ends the pool like a shutdown without time: what is queued goes to
/// `on_undelivered`, connections are dropped, and all waiters are told.
///
/// It is `Send` if all its [`Seams`] are, and `Unpin` always.
///
/// ```
/// use futures_util::FutureExt;
/// use futures_util::sink::drain;
/// # use pool_conformance::simulated::Clock as AnyRuntime;
/// use pool_driver::{EndReason, PoolBuilder};
///
/// let connect = async |_port: u16| Ok::<_, std::io::Error>(drain());
/// let (pool, mut driver) = PoolBuilder::plain(connect, AnyRuntime::default())
///     .connect_to_fixed([6379])
///     .build::<String>()?;
/// pool.try_send("hello".into()).expect("there is room");
/// drop(pool);
/// // Spawn it, or poll it anywhere: here, in a loop.
/// let ended = loop {
///     if let Some(ended) = (&mut driver).now_or_never() {
///         break ended;
///     }
/// };
/// assert_eq!((ended.reason, ended.counts.sent), (EndReason::HandlesDropped, 1));
/// # Ok::<(), pool_driver::BuildError>(())
/// ```
#[must_use = "a pool does nothing unless its driver is polled"]
pub struct Driver<P: Seams> {
    multiplexer: Multiplexer<P>,
    shared: Arc<Shared<P::Item, P::Address>>,
    /// Items taken from the queue and not yet sent to a connection, oldest first.
    backlog: Backlog<P::Item>,
    /// Items in the queue, as last seen.
    queued: usize,
    policy: P::Policy,
    /// It has let others run before it takes what is in the queue.
    has_gathered: bool,
    is_failing_fast: bool,
    /// A task waits for connections: a lazy pool connects for it.
    is_connection_wanted: bool,
    /// When the timers began to fire, while one poll is not enough for all that were due then.
    round_of_timers: Option<Instant>,
    ended: Option<Ended>,
}

/// After this many items the driver lets others run.
const ITEMS_PER_POLL_MAX: usize = 512;

// Nothing in it is pinned but behind a `Box`.
impl<P: Seams> Unpin for Driver<P> {}

impl<P: Seams> Driver<P> {
    pub(crate) fn new(
        multiplexer: Multiplexer<P>,
        shared: Arc<Shared<P::Item, P::Address>>,
        policy: P::Policy,
    ) -> Self {
        Self {
            multiplexer,
            shared,
            backlog: Backlog::new(),
            queued: 0,
            policy,
            has_gathered: false,
            is_failing_fast: false,
            is_connection_wanted: false,
            round_of_timers: None,
            ended: None,
        }
    }

    /// Wakes tasks whose time has come. Returns whether the round is complete. Tasks whose time comes during a round
    /// must not keep everything else waiting, however many there are.
    fn fire_timers(&mut self) -> bool {
        let now = self.multiplexer.read_time();
        let round = self.round_of_timers.unwrap_or(now);
        let is_over = self.shared.timers.queue().fire(round, now);
        self.round_of_timers = if is_over { None } else { Some(round) };
        is_over
    }

    /// What the handles ask for besides the sending of items.
    fn handle_requests(&mut self) {
        let requests = self.shared.take_requests();
        self.is_connection_wanted = requests.is_connection_wanted;
        if let Some(settings) = requests.config {
            self.multiplexer.handle_settings(settings);
        }
        if !requests.retries.is_empty() {
            self.multiplexer.retry_all(requests.retries);
        }
        if let Some(deadline) = requests.shutdown {
            self.multiplexer.close_because(EndReason::Shutdown, deadline);
        } else if requests.is_abandoned && self.multiplexer.end_reason().is_none() {
            let deadline = self.multiplexer.shutdown_timeout();
            self.multiplexer.close_because(EndReason::HandlesDropped, deadline);
        }
    }

    /// There is something in the queue. While calls are in flight, there are others who may have something, too: their
    /// replies have just come. They run first, once, so that one write carries what all of them have, unless there is a
    /// batch already. Returns whether that is about to happen.
    ///
    /// An executor that runs a task at once which wakes itself makes nothing of this, and costs no more than a poll. A
    /// pool that closes has to know now what is in the queue.
    fn gathers(&mut self) -> bool {
        let has_others = self.multiplexer.in_flight() > 0 && self.backlog.is_empty();
        self.has_gathered = has_others && !self.has_gathered && self.multiplexer.end_reason().is_none();
        if self.has_gathered {
            self.shared.signal.raise();
        }
        self.has_gathered
    }

    /// Items that came back go to the head of the backlog. Returns whether there were any.
    fn take_back(&mut self) -> bool {
        let held = self.multiplexer.take_held();
        if held.is_empty() {
            return false;
        }
        self.shared.queue.take_back(held.len());
        for item in held.into_iter().rev() {
            self.backlog.push_front(item);
        }
        true
    }

    /// Moves items from the queue to connections, as many as these take.
    fn deliver(&mut self, mut may_have_items: bool) {
        let mut budget = ITEMS_PER_POLL_MAX;
        let mut sent = 0;
        loop {
            if sent > 0 || may_have_items || (self.backlog.is_empty() && self.queued > 0) {
                self.queued = self.shared.queue.turn_over(sent, &mut self.backlog);
                may_have_items = false;
            }
            if self.backlog.is_empty() {
                return;
            }
            if budget == 0 {
                return self.shared.signal.raise();
            }
            let before = self.backlog.len();
            self.multiplexer.dispatch_by(&mut self.backlog, budget, &self.policy);
            sent = before - self.backlog.len();
            budget -= sent;
            if !self.take_back() && sent == 0 {
                self.queued = self.shared.queue.watch();
                return;
            }
        }
    }

    /// Items that wait. A handle that waits for a connection counts like one item.
    fn demand(&self) -> usize {
        let waiting = self.backlog.len() + self.queued + self.multiplexer.held_len();
        let is_asked_for = self.is_connection_wanted && self.multiplexer.end_reason().is_none();
        waiting.max(usize::from(is_asked_for))
    }

    /// Everything that no connection has ends here.
    fn undeliver_all(&mut self, reason: UndeliveredReason) {
        self.take_back();
        let mut count = 0;
        let mut ended = 0;
        loop {
            self.queued = self.shared.queue.turn_over(ended, &mut self.backlog);
            ended = self.backlog.len();
            if ended == 0 {
                break;
            }
            count += ended;
            while let Some(item) = self.backlog.pop() {
                self.undeliver(item, reason);
            }
        }
        self.tell_undelivered(count, reason);
    }

    /// Items that nobody wants any more leave their places to others.
    fn undeliver_unwanted(&mut self) {
        if !self.shared.queue.take_for_search(&mut self.backlog) {
            return;
        }
        let policy = &self.policy;
        let unwanted = self.backlog.remove_unless(|item| guard(|| policy.is_wanted(item)).unwrap_or(true));
        let count = unwanted.len();
        for item in unwanted {
            self.undeliver(item, UndeliveredReason::Unwanted);
        }
        self.queued = self.shared.queue.turn_over(count, &mut self.backlog);
        self.tell_undelivered(count, UndeliveredReason::Unwanted);
    }

    fn undeliver(&mut self, item: P::Item, reason: UndeliveredReason) {
        // A handler that panics has been given its item all the same.
        let _ = guard(|| self.policy.on_undelivered(item, reason));
    }

    fn tell_undelivered(&mut self, count: usize, reason: UndeliveredReason) {
        if count > 0 {
            self.multiplexer.tell_undelivered(count, reason);
        }
    }

    /// Refuses and returns items while the pool fails fast, also those that come back meanwhile.
    fn update_failing_fast(&mut self) {
        let is_failing_fast = self.multiplexer.availability() == Availability::FailingFast;
        if self.is_failing_fast != is_failing_fast {
            self.is_failing_fast = is_failing_fast;
            self.shared.queue.set_failing_fast(is_failing_fast);
        }
        if is_failing_fast {
            self.undeliver_all(UndeliveredReason::FailingFast);
        }
    }

    /// Refuses items as soon as the pool closes, and returns them when it can't deliver any longer.
    fn update_closing(&mut self) {
        if let Some(reason) = self.multiplexer.end_reason() {
            self.shared.close(reason);
            if !self.multiplexer.takes_items() {
                self.undeliver_all(UndeliveredReason::Closed(reason));
            }
        }
    }

    /// The queue has the size that is in force, and handles can ask for all settings.
    fn update_config(&mut self) {
        if let Some(config) = self.multiplexer.take_config_news() {
            self.shared.queue.resize(config.queue_size);
            self.shared.note_config(config);
        }
    }

    fn tell_of_connections(&mut self) {
        if self.multiplexer.take_connection_news() {
            self.shared.tell_of_connections();
        }
    }

    fn end(&mut self, reason: EndReason) -> Ended {
        self.shared.close(reason);
        self.undeliver_all(UndeliveredReason::Closed(reason));
        let accepted = self.shared.queue.accepted();
        let counts = Counts { accepted, ..self.multiplexer.final_counts() };
        let ended = Ended { reason, counts };
        self.ended = Some(ended);
        self.multiplexer.tell_end(ended);
        self.shared.tell_of_connections();
        self.shared.tell_of_end();
        self.shared.timers.queue().close(reason);
        self.shared.tell_keeper();
        ended
    }
}

impl<P: Seams> Future for Driver<P> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        if let Some(ended) = this.ended {
            return Poll::Ready(ended);
        }
        // First of all: a call whose time is over is not begun, neither by a connection that has it nor by another.
        if !this.fire_timers() {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let handles_woken = this.multiplexer.progress(cx);
        if handles_woken {
            this.shared.signal.clear();
            this.handle_requests();
        }
        this.update_config();
        this.take_back();
        if handles_woken {
            this.undeliver_unwanted();
        }
        if !(handles_woken && this.gathers()) {
            this.deliver(handles_woken);
        }
        this.update_failing_fast();
        this.multiplexer.set_demand(this.demand());
        this.multiplexer.flush();
        this.update_closing();
        let polled = this.multiplexer.finish_poll(this.shared.timers.queue().alarm());
        this.tell_of_connections();
        this.shared.tell_maybe_idle();
        match polled {
            // What senders were told first is the reason.
            Poll::Ready(ended) => Poll::Ready(this.end(this.shared.queue.closed().unwrap_or(ended.reason))),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl<P: Seams> Drop for Driver<P> {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.end(EndReason::DriverDropped);
        }
    }
}
