//! A sink over the connections to all addresses: the pump between the core and the world. It is one subject: read
//! this file alone, and the flow is known.
//!
//! ```text
//!   wake-ups ──▶ inputs                 core                 orders ──▶ world
//!              connections ─┐                            ┌─ connections: dial, drain, drop
//!              name source ─┼─▶ handle_* ─▶ poll_output ─┼─ name source: refresh
//!              live config ─┤     (one step: an input    ├─ reporter: events, availability
//!              timer ───────┘      and all its orders)   └─ timer: the next deadline
//! ```
//!
//! Each part has state of its own, returns what happened, and knows no other part. Only the pump in this
//! file and its three continuations talk to the core: `slots.rs` tells it what connections did, `orders.rs`
//! carries out what it orders, `dispatch.rs` sends items. The file is one subject: the pump, and the face that
//! it shows to its owner, as a sink and as what a driver works with.

mod bounded_stream;
mod closing;
mod connections;
mod dispatch;
mod guarded_balancer;
mod held;
mod live_config;
mod name_source;
mod orders;
mod reporter;
mod slots;
mod turns;

use std::iter;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::{AddressSet, Availability, Config, ConfigError, Instant, PickArgs, Uniform};

use crate::config::{ConfigStream, PoolConfig};
use crate::deadline_timer::DeadlineTimer;
use crate::driver::backlog::Backlog;
use crate::error::{Counts, EndReason, Ended, Refused, RefusedReason, UndeliveredReason};
use crate::queue::QueueSnapshot;
use crate::seams::addresses::OnAddressesEnd;
use crate::seams::connection::Connection;
use crate::seams::item_policy::{DropUndelivered, ItemPolicy, WithPickArgs};
use crate::seams::observer::Event;
use crate::seams::{ConnectionOf, Seams};
use crate::shared_address::{SharedAddress, discard_set};
use crate::snapshot::{PoolStatus, Snapshot};
use crate::source_status::SourceState;
use crate::wake_list::{Signal, WakeList, WakeUp};

use closing::Closing;
use connections::Connections;
use dispatch::Batch;
use guarded_balancer::GuardedBalancer;
use held::Held;
use live_config::{ConfigNews, LiveConfig};
use name_source::{NameSource, SourceNews};
use reporter::Reporter;
use turns::Turns;

/// The decisions.
type Core<P> = Uniform<SharedAddress<<P as Seams>::Address>, GuardedBalancer<<P as Seams>::Balancer>>;

/// A sink over the connections to all addresses of a set.
///
/// It is what a [`Pool`](crate::Pool)'s driver works with, and can be used without one: in a
/// `HashMap` from names to multiplexers, say. Make one with
/// [`PoolBuilder::build_multiplexer`](crate::PoolBuilder::build_multiplexer).
///
/// Its owner must poll it, with [`poll_progress`](Self::poll_progress) or with any of the sink's
/// methods: that drives name service, dials and connections, whether items are sent or not.
/// It is meant for one task at a time: the last one that polled it is woken.
///
/// As a sink it takes one item beyond what its connections hold, namely when a connection turns
/// busy between `poll_ready` and `start_send`; `poll_flush` waits until that one is sent.
/// `poll_close` delivers and flushes everything, then closes all connections.
///
/// ```
/// use std::future::poll_fn;
///
/// use futures_util::FutureExt;
/// use futures_util::sink::drain;
/// # use pool_conformance::simulated::Clock as AnyRuntime;
/// use pool_driver::PoolBuilder;
///
/// let connect = async |_port: u16| Ok::<_, std::io::Error>(drain());
/// let mut multiplexer = PoolBuilder::plain(connect, AnyRuntime::default())
///     .connect_to_fixed([7000, 7001])
///     .build_multiplexer::<String>()?;
/// let mut is_sent = false;
/// while !is_sent {
///     is_sent = multiplexer.try_dispatch("hello".into()).is_ok();
///     // Dials, flushes, and whatever else there is to do.
///     let _ended = poll_fn(|cx| multiplexer.poll_progress(cx)).now_or_never();
/// }
/// assert_eq!(multiplexer.snapshot().counts.sent, 1);
/// # Ok::<(), pool_driver::BuildError>(())
/// ```
pub struct Multiplexer<P: Seams> {
    core: Core<P>,
    /// When the core wants to be told the time.
    deadline: Option<Instant>,
    /// The time of this poll.
    now: Instant,
    connections: Connections<P>,
    source: NameSource<P::Source, P::Address>,
    live_config: LiveConfig,
    timer: DeadlineTimer<P::Runtime>,
    reporter: Reporter<P>,
    held: Held<P::Item>,
    batch: Batch,
    /// Room for the one item of `try_dispatch`.
    single: Backlog<P::Item>,
    closing: Closing,
    wakes: Arc<WakeList>,
    woken: Vec<WakeUp>,
    turns: Turns,
}

/// What a multiplexer is made of.
pub(crate) struct Parts<P: Seams> {
    pub(crate) config: Config,
    pub(crate) seed: u64,
    pub(crate) connector: P::Connect,
    pub(crate) source: P::Source,
    pub(crate) on_addresses_end: OnAddressesEnd,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) config_stream: Option<ConfigStream>,
    /// Of the queue above, if there is one.
    pub(crate) queue_size: Option<usize>,
    pub(crate) runtime: P::Runtime,
    pub(crate) name: Option<Arc<str>>,
    pub(crate) observer: Option<P::Observer>,
    pub(crate) balancer: P::Balancer,
}

impl<P: Seams> Drop for Multiplexer<P> {
    fn drop(&mut self) {
        self.wakes.stop();
    }
}

// Nothing in it is pinned but behind a `Box`.
impl<P: Seams> Unpin for Multiplexer<P> {}

impl<P: Seams> Multiplexer<P> {
    pub(crate) fn new(parts: Parts<P>) -> Result<Self, ConfigError> {
        let core = Uniform::new(parts.config, GuardedBalancer::new(parts.balancer), parts.seed)?;
        let wakes = Arc::new(WakeList::default());
        let signal = |wake_up| Signal::new(&wakes, wake_up);
        // Before the addresses: what is known at once is dialled by what is set at once.
        let live_config = LiveConfig::new(
            parts.config_stream,
            signal(WakeUp::Config),
            parts.queue_size,
            parts.shutdown_timeout,
            ConnectionOf::<P>::REPORTS_OUTCOMES,
        );
        Ok(Self {
            core,
            // The first poll tells the core the time.
            deadline: Some(Instant::ZERO),
            now: Instant::ZERO,
            connections: Connections::new(parts.connector, Arc::clone(&wakes)),
            source: NameSource::new(parts.source, parts.on_addresses_end, signal(WakeUp::Source)),
            live_config,
            timer: DeadlineTimer::new(parts.runtime, signal(WakeUp::Timer)),
            reporter: Reporter::new(parts.name, parts.observer),
            held: Held::new(signal(WakeUp::Held)),
            batch: Batch::new(),
            single: Backlog::new(),
            closing: Closing::default(),
            wakes,
            woken: Vec::new(),
            turns: Turns::new(),
        })
    }

    // The pump.

    /// Reads the time of a poll, which is to be done before anything else.
    pub(crate) fn read_time(&mut self) -> Instant {
        self.now = self.timer.now();
        self.now
    }

    /// Polls what has been woken. Returns whether the handles were among it.
    pub(crate) fn progress(&mut self, cx: &mut Context<'_>) -> bool {
        let mut woken = mem::take(&mut self.woken);
        self.wakes.start_poll(cx.waker(), &mut woken);
        self.reporter.tell_start();
        let mut handles_woken = false;
        for wake_up in &woken {
            match wake_up {
                WakeUp::Source => self.poll_source(),
                WakeUp::Config => self.poll_config(),
                WakeUp::Timer => self.timer.on_woken(),
                WakeUp::Held => self.held.on_woken(),
                WakeUp::Handles => handles_woken = true,
                WakeUp::Slot(_) => {}
            }
        }
        self.step(|this| this.poll_slots(&mut woken));
        self.woken = woken;
        let is_due = self.deadline.is_some_and(|deadline| deadline <= self.now);
        if self.turns.may_time_out(is_due) {
            self.step(|this| this.core.handle_timeout(this.now));
        }
        if self.turns.has_waiting() {
            cx.waker().wake_by_ref();
        }
        handles_woken
    }

    /// Polls woken slots, as many as one poll of the driver may. The others wait for the next one.
    fn poll_slots(&mut self, woken: &mut Vec<WakeUp>) {
        self.turns.start_poll();
        while let Some(slot) = self.turns.next_waiting() {
            self.poll_slot(slot);
        }
        for wake_up in woken.drain(..) {
            if let WakeUp::Slot(slot) = wake_up
                && self.turns.take_or_wait(slot)
            {
                self.poll_slot(slot);
            }
        }
    }

    /// One step: an input of the core, and all that follows from it.
    fn step<R>(&mut self, input: impl FnOnce(&mut Self) -> R) -> R {
        let result = input(self);
        self.carry_out_orders();
        result
    }

    fn poll_source(&mut self) {
        let news = self.source.poll();
        self.handle_source_news(news);
    }

    fn handle_source_news(&mut self, news: SourceNews<P::Address>) {
        let SourceNews { set, said, state, shutdown } = news;
        if let Some(reason) = shutdown {
            self.close_because(reason, self.shutdown_timeout());
        }
        for state in said {
            self.reporter.tell_source(state);
        }
        if let Some(set) = set {
            self.step(|this| this.handle_addresses(set));
        }
        if let Some(state) = state {
            self.reporter.set_source(state);
        }
    }

    /// Addresses that can't be cloned are left out.
    fn handle_addresses(&mut self, set: AddressSet<P::Address>) {
        if !self.core.admits_addresses(set.len(), self.now) {
            return discard_set(set);
        }
        let (shared, panics) = self.source.share(set);
        for panic in panics {
            self.reporter.set_last_error(Arc::new(panic));
        }
        if self.core.handle_addresses(&shared, self.now) {
            self.reporter.set_source(SourceState::Answered);
        }
    }

    fn poll_config(&mut self) {
        let ConfigNews { latest, refused, end } = self.live_config.poll();
        for error in refused {
            self.reporter.observe(|| Event::ConfigRefused { error });
        }
        if let Some(settings) = latest {
            self.handle_settings(settings);
        }
        if let Some(end) = end {
            self.reporter.observe(|| Event::ConfigEnded { error: end.into_error() });
        }
    }

    /// Puts settings in force that make sense.
    pub(crate) fn handle_settings(&mut self, settings: PoolConfig) {
        if !self.live_config.is_in_force(&settings, self.core.config()) {
            self.step(|this| this.apply_config(settings));
        }
    }

    fn apply_config(&mut self, settings: PoolConfig) {
        if let Err(error) = self.core.handle_config(settings.config.clone(), self.now) {
            self.live_config.keep_in_force();
            return self.reporter.observe(|| Event::ConfigRefused { error });
        }
        self.live_config.put_in_force(&settings);
        self.reporter.observe(|| Event::ConfigApplied { config: Arc::new(settings) });
        self.reporter.touch_all(&self.core);
    }

    /// Tells the core how many items wait, and then of a close, if there is one: the other way round it would
    /// not know that something is left to deliver.
    pub(crate) fn set_demand(&mut self, waiting: usize) {
        // What is on its way to a connection may come back, and then somebody has to be there for it.
        let is_coming = self.end_reason().is_some() && !self.connections.has_handed_over();
        let waiting = waiting.max(usize::from(is_coming));
        self.step(|this| {
            this.core.set_demand(waiting, this.now);
            if let Some(deadline) = this.closing.take_deadline() {
                this.core.close(deadline, this.now);
            }
        });
    }

    pub(crate) fn flush(&mut self) {
        self.step(Self::flush_dirty);
    }

    /// Sets the timer and tells what has changed: the last thing in every poll. The owner may want to be polled at
    /// a time, too.
    pub(crate) fn finish_poll(&mut self, alarm: Option<Instant>) -> Poll<Ended> {
        self.timer.arm(self.deadline.into_iter().chain(alarm).min());
        self.reporter.publish(&self.core, self.now);
        let Some(reason) = self.closing.over() else { return Poll::Pending };
        Poll::Ready(Ended { reason, counts: self.counts() })
    }

    // For its owner.

    /// Drives everything but the sending of items: the name service, dials, reads, timeouts.
    ///
    /// Ready once the multiplexer is closed and all its connections are gone; the counts then say
    /// what became of the items. Pending otherwise, and the waker is kept.
    pub fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.read_time();
        self.progress(cx);
        self.dispatch_held(0);
        self.flush();
        self.finish_poll(None)
    }

    /// Sends an item to the next connection in turn that can take it, without waiting. It doesn't
    /// wait for items that came back either: the next poll sends those again.
    ///
    /// The connection is flushed by the next call of [`poll_progress`](Self::poll_progress) or
    /// `poll_flush`.
    ///
    /// # Errors
    ///
    /// The item, if no connection can take it now.
    pub fn try_dispatch(&mut self, item: P::Item) -> Result<(), P::Item> {
        self.dispatch_one(item, &DropUndelivered)
    }

    /// As [`try_dispatch`](Self::try_dispatch), for an item that may go to some connections only. The
    /// arguments are the owner's to keep: an item that comes back is sent again like any other.
    ///
    /// # Errors
    ///
    /// The item, if no connection can take it now.
    pub fn try_dispatch_to(&mut self, item: P::Item, args: &PickArgs) -> Result<(), P::Item> {
        self.dispatch_one(item, &WithPickArgs(*args))
    }

    fn dispatch_one(&mut self, item: P::Item, policy: &impl ItemPolicy<P::Item>) -> Result<(), P::Item> {
        let mut single = mem::replace(&mut self.single, Backlog::new());
        single.push_back(item);
        self.dispatch(&mut single, 1, policy);
        let refused = single.pop();
        self.single = single;
        refused.map_or(Ok(()), Err)
    }

    /// Sends what no connection has, and says how much is left, `asked_for` at least.
    fn dispatch_held(&mut self, asked_for: usize) {
        let mut held = self.held.take();
        self.dispatch(&mut held, usize::MAX, &DropUndelivered);
        self.held.put_back(held);
        self.set_demand(self.held.len().max(asked_for));
    }

    /// Takes the items that no connection has, oldest first: those that came back unsent, and the
    /// one that `start_send` took when no connection could.
    pub fn take_held(&mut self) -> Vec<P::Item> {
        let mut held = self.held.take();
        iter::from_fn(|| held.pop()).collect()
    }

    /// Starts to close: when no item waits any longer, or the timeout is over, all connections
    /// flush and close. The next poll acts on it.
    pub fn close(&mut self, timeout: Duration) {
        self.close_because(EndReason::Shutdown, timeout);
    }

    /// Lets an address that is in backoff be dialled at once, and ends the rest of one that rests. The next poll
    /// acts on it.
    pub fn retry_now(&mut self, address: &P::Address) {
        self.retry_owned(address.clone());
    }

    /// A look at all addresses and connections.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<P::Address> {
        let held = self.held.len();
        let queue = QueueSnapshot { in_backlog: held, capacity: held.max(1), ..QueueSnapshot::default() };
        self.reporter.pool_status().snapshot(|| (queue, self.counts().accepted))
    }

    // For the driver.

    pub(crate) fn pool_status(&self) -> &Arc<PoolStatus<P::Address>> {
        self.reporter.pool_status()
    }

    pub(crate) fn signal(&self, wake_up: WakeUp) -> Arc<Signal> {
        Signal::new(&self.wakes, wake_up)
    }

    pub(crate) fn availability(&self) -> Availability {
        self.reporter.totals().availability
    }

    pub(crate) fn held_len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.closing.reason()
    }

    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.live_config.shutdown_timeout()
    }

    /// The settings in force, if there has been a change since this was asked last.
    pub(crate) fn take_config_news(&mut self) -> Option<PoolConfig> {
        self.live_config.take_news(self.core.config())
    }

    /// Whether an address has become connected once more or begun to fail, since this was asked last.
    pub(crate) fn take_connection_news(&mut self) -> bool {
        self.reporter.take_connection_news()
    }

    /// Whether items can still be sent to connections, now or later.
    pub(crate) fn takes_items(&self) -> bool {
        self.core.takes_items()
    }

    /// In a poll: what is usable now is known before it is looked at.
    pub(crate) fn retry_all(&mut self, addresses: impl IntoIterator<Item = P::Address>) {
        self.step(|this| addresses.into_iter().for_each(|address| this.retry_owned(address)));
    }

    fn retry_owned(&mut self, address: P::Address) {
        self.core.retry_now(&SharedAddress::new(address), self.now);
    }

    pub(crate) fn close_because(&mut self, reason: EndReason, timeout: Duration) {
        // It may be long ago that this poll, or the last one, began.
        self.now = self.timer.now();
        self.closing.request(reason, self.now + timeout);
    }

    fn counts(&self) -> Counts {
        self.reporter.counts(self.held.len())
    }

    /// What became of all items, once nothing more will be sent: drops all connections.
    pub(crate) fn final_counts(&mut self) -> Counts {
        for slot in self.connections.ids() {
            self.evict(slot);
        }
        self.source.discard();
        self.live_config.discard();
        self.counts()
    }

    pub(crate) fn tell_undelivered(&mut self, count: usize, reason: UndeliveredReason) {
        self.reporter.tell_undelivered(count, reason);
    }

    pub(crate) fn tell_end(&mut self, ended: Ended) {
        self.reporter.tell_end(ended);
        self.reporter.publish(&self.core, self.now);
        self.wakes.stop();
    }
}

impl<P: Seams> Sink<P::Item> for Multiplexer<P> {
    type Error = Refused;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        self.read_time();
        self.progress(cx);
        // A lazy pool dials because somebody asks.
        self.dispatch_held(1);
        let is_ready = self.held.is_empty() && self.is_any_ready();
        self.flush();
        let ended = self.finish_poll(None);
        match self.end_reason() {
            Some(reason) => Poll::Ready(Err(Refused { reason: RefusedReason::Closed(reason) })),
            None if is_ready => Poll::Ready(Ok(())),
            None => ended.map(|ended| Err(Refused { reason: RefusedReason::Closed(ended.reason) })),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, item: P::Item) -> Result<(), Refused> {
        if let Err(item) = self.try_dispatch(item) {
            self.held.push_back(item);
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        if let Poll::Ready(ended) = self.poll_progress(cx) {
            return Poll::Ready(Err(Refused { reason: RefusedReason::Closed(ended.reason) }));
        }
        let is_flushed = self.held.is_empty()
            && self.connections.is_all_flushed()
            && self.connections.is_all_handed_over();
        if is_flushed { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Refused>> {
        if self.end_reason().is_none() {
            let timeout = self.shutdown_timeout();
            self.close(timeout);
        }
        self.poll_progress(cx).map(|_| Ok(()))
    }
}
