//! Carries out what the state machine decides: makes connections, drives them, closes them.

mod dispatch;
mod names;
mod occupant;
mod outputs;
mod settings;

use std::collections::BTreeMap;
use std::iter;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::{
    AddressId, Availability, Balance, ConfigError, Instant, PickArgs, RoundRobin, SlotId, Uniform,
};

use crate::addresses::{AddressStream, OnAddressesEnd};
use crate::backlog::Backlog;
use crate::connect::Connect;
use crate::connection::Connection;
use crate::deadline_timer::DeadlineTimer;
use crate::error::{Closed, Counts, EndReason, Ended, RefusedReason, SharedError};
use crate::item_policy::{DropUndelivered, ItemPolicy, WithPickArgs};
use crate::observer::{Event, NoObserver, Observer};
use crate::panic::{discard, guard};
use crate::queue::QueueSnapshot;
use crate::runtime::Runtime;
use crate::settings::SettingsStream;
use crate::snapshot::{PoolStatus, SentCount, Snapshot, Totals, count};
use crate::wake_list::{Signal, WakeList, WakeUp};

use dispatch::UserCode;
use occupant::Occupant;
use settings::LiveSettings;

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
/// busy between `poll_ready` and `start_send`; `poll_flush` waits until that one is sent on.
/// `poll_close` delivers and flushes everything, then closes all connections.
pub struct Multiplexer<T, C, S, R, O = NoObserver, B = RoundRobin>
where
    S: AddressStream,
    C: Connect<S::Address>,
    R: Runtime,
{
    core: Uniform<S::Address, B>,
    connector: C,
    addresses: Option<Pin<Box<S>>>,
    on_addresses_end: OnAddressesEnd,
    settings: LiveSettings,
    shutdown_timeout: Duration,
    timer: DeadlineTimer<R>,
    /// What the state machine wants the timer to be set to.
    deadline: Option<Instant>,
    now: Instant,
    observer: Option<O>,

    wakes: Arc<WakeList>,
    woken: Vec<WakeUp>,
    addresses_signal: Arc<Signal>,
    held_signal: Arc<Signal>,

    occupants: Occupants<S, C>,
    /// Connections that took items since they were last flushed.
    dirty: Vec<SlotId>,
    /// Items that no connection has, oldest first: they came back unsent, or `start_send` took one
    /// when no connection could.
    held: Backlog<T>,
    /// Some of them came back since they were last looked at.
    is_held_news: bool,
    /// Room for the one item of `try_dispatch`.
    single: Backlog<T>,
    /// Whose code runs now, in case it panics.
    running: UserCode,
    /// Items that are left of those to be sent on now.
    offered: usize,
    /// The errors of connections that are over, until the state machine has told what it made of
    /// that.
    slot_errors: BTreeMap<SlotId, SharedError>,

    pool_status: Arc<PoolStatus<S::Address>>,
    /// Addresses whose record on the pool_status is out of date.
    touched: Vec<AddressId>,
    /// Items that addresses were sent since the pool_status was written.
    sent: Vec<SentCount>,
    totals: Totals,
    end_reason: Option<EndReason>,
    /// The deadline of a close that the state machine has not been told of yet.
    closing: Option<Instant>,
    is_closed: bool,
}

/// Who lives in which slot, by the slot's index.
type Occupants<S, C> = Vec<
    Option<
        Occupant<
            <S as AddressStream>::Address,
            <C as Connect<<S as AddressStream>::Address>>::Future,
            <C as Connect<<S as AddressStream>::Address>>::Connection,
        >,
    >,
>;

/// What a multiplexer is made of.
pub(crate) struct Parts<C, S, R, O, B> {
    pub(crate) config: pool_core::Config,
    pub(crate) seed: u64,
    pub(crate) connector: C,
    pub(crate) addresses: S,
    pub(crate) on_addresses_end: OnAddressesEnd,
    pub(crate) shutdown_timeout: Duration,
    pub(crate) settings: Option<SettingsStream>,
    /// Of the queue above, if there is one.
    pub(crate) queue_size: Option<usize>,
    pub(crate) runtime: R,
    pub(crate) observer: Option<O>,
    pub(crate) balancer: B,
}

/// Whatever panics when it is dropped does so alone.
impl<T, C, S, R, O, B> Drop for Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    R: Runtime,
{
    fn drop(&mut self) {
        self.occupants.drain(..).for_each(discard);
        discard(self.addresses.take());
        self.settings.discard();
        discard(self.observer.take());
        discard(mem::replace(&mut self.held, Backlog::new()));
        self.wakes.stop();
    }
}

// Nothing in it is pinned but behind a `Box`.
impl<T, C, S, R, O, B> Unpin for Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    R: Runtime,
{
}

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    pub(crate) fn new(parts: Parts<C, S, R, O, B>) -> Result<Self, ConfigError> {
        let core = Uniform::new(parts.config, parts.balancer, parts.seed)?;
        let wakes = Arc::new(WakeList::default());
        // Before the addresses: what is known at once is dialled by what is set at once.
        let settings = LiveSettings::new(&wakes, parts.settings, parts.queue_size);
        let addresses_signal = Signal::new(&wakes, WakeUp::Addresses);
        addresses_signal.raise();
        let pool_status = Arc::new(PoolStatus::new());
        Ok(Self {
            core,
            connector: parts.connector,
            addresses: Some(Box::pin(parts.addresses)),
            on_addresses_end: parts.on_addresses_end,
            settings,
            shutdown_timeout: parts.shutdown_timeout,
            timer: DeadlineTimer::new(parts.runtime, Signal::new(&wakes, WakeUp::Timer)),
            // The first poll tells the state machine the time.
            deadline: Some(Instant::ZERO),
            now: Instant::ZERO,
            observer: parts.observer,
            held_signal: Signal::new(&wakes, WakeUp::Held),
            addresses_signal,
            wakes,
            woken: Vec::new(),
            occupants: Vec::new(),
            dirty: Vec::new(),
            held: Backlog::new(),
            is_held_news: false,
            single: Backlog::new(),
            running: UserCode::Balancer,
            offered: 0,
            slot_errors: BTreeMap::new(),
            totals: Totals::new(),
            pool_status,
            touched: Vec::new(),
            sent: Vec::new(),
            end_reason: None,
            closing: None,
            is_closed: false,
        })
    }

    /// Drives everything but the sending of items: the name service, dials, reads, timeouts.
    ///
    /// Ready once the multiplexer is closed and all its connections are gone; the counts then say
    /// what became of the items. Pending otherwise, and the waker is kept.
    pub fn poll_progress(&mut self, cx: &mut Context<'_>) -> Poll<Ended> {
        self.progress(cx);
        self.dispatch_held(0);
        self.finish_poll()
    }

    /// Gives an item to the next connection in turn that can take it, without waiting. It doesn't
    /// wait for items that came back either: the next poll hands those on.
    ///
    /// The connection is flushed by the next call of [`poll_progress`](Self::poll_progress) or
    /// `poll_flush`.
    ///
    /// # Errors
    ///
    /// The item, if no connection can take it now.
    pub fn try_dispatch(&mut self, item: T) -> Result<(), T> {
        self.dispatch_one(item, &DropUndelivered)
    }

    /// As [`try_dispatch`](Self::try_dispatch), for an item that has wishes. They are the owner's to keep:
    /// should the item come back, it is sent on like any other.
    ///
    /// # Errors
    ///
    /// The item, if no connection can take it now.
    pub fn try_dispatch_to(&mut self, item: T, pick: &PickArgs) -> Result<(), T> {
        self.dispatch_one(item, &WithPickArgs(*pick))
    }

    fn dispatch_one(&mut self, item: T, policy: &impl ItemPolicy<T>) -> Result<(), T> {
        let mut single = mem::replace(&mut self.single, Backlog::new());
        single.push_back(item);
        self.dispatch(&mut single, 1, policy);
        let refused = single.pop();
        self.single = single;
        refused.map_or(Ok(()), Err)
    }

    /// Starts to close: when no item waits any longer, or the deadline is over, all connections
    /// flush and close. The next poll acts on it.
    pub fn close(&mut self, deadline: Duration) {
        self.close_because(EndReason::Shutdown, deadline);
    }

    /// Lets an address that is in backoff be dialled at once. The next poll acts on it.
    pub fn retry_now(&mut self, address: &S::Address) {
        self.core.retry_now(address, self.now);
    }

    /// A look at all addresses and connections.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot<S::Address> {
        let held = self.held.len();
        let queue = QueueSnapshot { in_backlog: held, capacity: held.max(1), ..QueueSnapshot::default() };
        self.pool_status.snapshot(|| (queue, self.counts().accepted))
    }

    pub(crate) fn pool_status(&self) -> &Arc<PoolStatus<S::Address>> {
        &self.pool_status
    }

    pub(crate) fn signal(&self, source: WakeUp) -> Arc<Signal> {
        Signal::new(&self.wakes, source)
    }

    pub(crate) fn availability(&self) -> Availability {
        self.totals.availability
    }

    pub(crate) fn is_failing(&self) -> bool {
        self.totals.is_failing
    }

    pub(crate) fn held_len(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn end_reason(&self) -> Option<EndReason> {
        self.end_reason
    }

    pub(crate) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// Whether items can still be sent to connections, now or later.
    pub(crate) fn takes_items(&self) -> bool {
        self.core.takes_items()
    }

    /// Tells the state machine how many items wait, and then of a close, if there is one: the
    /// other way round it would not know that something is left to deliver.
    pub(crate) fn set_demand(&mut self, waiting: usize) {
        self.core.set_demand(waiting, self.now);
        if let Some(deadline) = self.closing.take() {
            self.core.close(deadline, self.now);
        }
        self.carry_out();
    }

    /// Takes the items that no connection has, oldest first: those that came back unsent, and the
    /// one that `start_send` took when no connection could.
    pub fn take_held(&mut self) -> Vec<T> {
        self.is_held_news = false;
        iter::from_fn(|| self.held.pop()).collect()
    }

    pub(crate) fn close_because(&mut self, reason: EndReason, deadline: Duration) {
        self.end_reason.get_or_insert(reason);
        // It may be long ago that this poll, or the last one, began.
        self.now = self.timer.now();
        let deadline = self.now + deadline;
        self.closing = Some(self.closing.map_or(deadline, |earlier| earlier.min(deadline)));
    }

    /// Polls whatever has been woken. Returns whether the handles were among it.
    pub(crate) fn progress(&mut self, cx: &mut Context<'_>) -> bool {
        let mut woken = mem::take(&mut self.woken);
        self.wakes.start_poll(cx.waker(), &mut woken);
        self.now = self.timer.now();
        if self.deadline.is_some_and(|deadline| deadline <= self.now) {
            // Whoever comes late must not take for silence what has not been listened to.
            for source in &woken {
                if let WakeUp::Slot(slot) = source {
                    self.listen(*slot);
                }
            }
            self.core.handle_timeout(self.now);
            // What has timed out is gone, even if it would be ready now.
            self.carry_out();
        }
        let mut handles_woken = false;
        for source in woken.drain(..) {
            match source {
                WakeUp::Slot(slot) => self.poll_slot(slot),
                WakeUp::Addresses => self.poll_addresses(),
                WakeUp::Timer => self.timer.on_woken(),
                WakeUp::Held => self.held_signal.clear(),
                WakeUp::Settings => self.poll_settings(),
                WakeUp::Handles => handles_woken = true,
            }
        }
        self.woken = woken;
        self.carry_out();
        handles_woken
    }

    /// Flushes, sets the timer and tells what has changed: the last thing in every poll.
    pub(crate) fn finish_poll(&mut self) -> Poll<Ended> {
        self.flush_dirty();
        self.carry_out();
        self.timer.arm(self.deadline);
        self.publish();
        let Some(reason) = self.end_reason.filter(|_| self.is_closed) else { return Poll::Pending };
        Poll::Ready(Ended { reason, counts: self.counts() })
    }

    fn counts(&self) -> Counts {
        let Totals { sent, undelivered, .. } = self.totals;
        let sent = count(sent);
        let undelivered = undelivered + self.held.len() as u64;
        Counts { accepted: sent + undelivered, sent, undelivered }
    }

    /// What became of all items, once nothing more will be sent over: drops all connections.
    pub(crate) fn final_counts(&mut self) -> Counts {
        for slot in self.occupants.iter().flatten().map(|occupant| occupant.id).collect::<Vec<_>>() {
            self.evict(slot);
        }
        discard(self.addresses.take());
        self.settings.discard();
        self.counts()
    }

    pub(crate) fn tell_end(&mut self, ended: Ended) {
        self.pool_status.set_ended(ended);
        self.observe(|| Event::Ended { ended });
        self.publish();
        self.wakes.stop();
    }

    pub(crate) fn count_undelivered(&mut self, items: usize) {
        self.totals.undelivered += items as u64;
    }

    /// Hands on what no connection has, and says how much is left, `asked_for` at least.
    fn dispatch_held(&mut self, asked_for: usize) {
        self.is_held_news = false;
        let mut held = mem::replace(&mut self.held, Backlog::new());
        self.dispatch(&mut held, usize::MAX, &DropUndelivered);
        // What came back meanwhile goes first.
        while let Some(item) = held.pop() {
            self.held.push_back(item);
        }
        self.set_demand(self.held.len().max(asked_for));
    }

    pub(crate) fn observe(&mut self, event: impl FnOnce() -> Event<S::Address>) {
        if let Some(observer) = &mut self.observer
            && guard(|| observer.on_event(&event())).is_err()
        {
            discard(self.observer.take());
        }
    }
}

impl<T, C, S, R, O, B> Sink<T> for Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    type Error = Closed;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        self.progress(cx);
        // A lazy pool dials because somebody asks.
        self.dispatch_held(1);
        let is_ready = self.held.is_empty() && self.is_any_ready();
        let ended = self.finish_poll();
        match self.end_reason {
            Some(reason) => Poll::Ready(Err(Closed { reason: RefusedReason::Closed(reason) })),
            None if is_ready => Poll::Ready(Ok(())),
            None => ended.map(|ended| Err(Closed { reason: RefusedReason::Closed(ended.reason) })),
        }
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Closed> {
        if let Err(item) = self.try_dispatch(item) {
            self.held.push_back(item);
        }
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if let Poll::Ready(ended) = self.poll_progress(cx) {
            return Poll::Ready(Err(Closed { reason: RefusedReason::Closed(ended.reason) }));
        }
        if self.held.is_empty() && self.is_all_flushed() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        if self.end_reason.is_none() {
            let deadline = self.shutdown_timeout;
            self.close(deadline);
        }
        self.poll_progress(cx).map(|_| Ok(()))
    }
}
