//! The peer's end of a connection, which tests hold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use std::time::Duration;

use pool_driver::{BoxError, ConnectionEvent, Outcome};

use super::behaviour::{Behaviour, Call, Fault};
use super::call_log::CallLog;
use super::ledger::Item;
use crate::clock::Sleep;

/// The peer's end of a connection. It changes how the connection behaves, also while the pool uses
/// it, and shows what came of that. Clones share it.
#[derive(Clone, Debug)]
pub struct Link {
    address: u16,
    index: usize,
    state: Arc<Mutex<LinkState>>,
}

/// What both ends of a connection share.
#[derive(Debug)]
pub(super) struct LinkState {
    pub(super) behaviour: Behaviour,
    pub(super) is_open: bool,
    pub(super) calls: CallLog,
    pub(super) items: LinkItems,
    /// What the connection finds when it reads.
    pub(super) incoming: VecDeque<Incoming>,
    pub(super) task: LinkTask,
    /// `poll_ready` returned pending, and its task is to be woken when the window is open again.
    pub(super) has_refused: bool,
    /// The flush that is under way.
    pub(super) flushing: Option<Sleep>,
    /// It was asked to flush after its latest item, and returned pending.
    pub(super) has_held_back: bool,
}

/// The items of a connection, from `start_send` to their outcome.
#[derive(Debug, Default)]
pub(super) struct LinkItems {
    pub(super) unflushed: VecDeque<Item>,
    /// Items that the peer has and keeps.
    pub(super) in_flight: VecDeque<Item>,
    /// The numbers of all items that arrived.
    pub(super) received: Vec<u32>,
}

/// The task that polls a connection.
#[derive(Debug, Default)]
pub(super) struct LinkTask {
    /// The latest waker. It is kept after the connection is closed.
    waker: Option<Waker>,
    /// The task was not woken since its latest poll.
    is_waiting: bool,
}

/// What a connection finds when it reads.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(ConnectionEvent<Item>),
    Broken(&'static str),
}

impl Link {
    pub(super) fn new(address: u16, index: usize, behaviour: Behaviour) -> Self {
        let state = LinkState {
            behaviour,
            is_open: true,
            calls: CallLog::default(),
            items: LinkItems::default(),
            incoming: VecDeque::new(),
            task: LinkTask::default(),
            has_refused: false,
            flushing: None,
            has_held_back: false,
        };
        Self { address, index, state: Arc::new(Mutex::new(state)) }
    }

    /// Looks at the state, or changes it, under its lock.
    pub(super) fn with<R>(&self, look: impl FnOnce(&mut LinkState) -> R) -> R {
        look(&mut self.state.lock())
    }

    /// The address that the connection goes to.
    pub fn address(&self) -> u16 {
        self.address
    }

    /// How many connections the address had before.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Changes how the connection behaves, and wakes its task.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        self.with(|state| change(&mut state.behaviour));
        self.wake();
    }

    /// Wakes the task that polled the connection last.
    pub fn wake(&self) {
        let waker = self.with(|state| state.task.take_waker());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The connection's latest waker, for a wake-up that comes too late.
    pub fn steal_waker(&self) -> Option<Waker> {
        self.with(|state| state.task.waker.clone())
    }

    /// From now on this call goes wrong.
    pub fn fault(&self, call: Call, fault: Fault) {
        self.with(|state| state.behaviour.fault = Some((call, fault)));
    }

    /// The peer asks for no more items.
    pub fn go_away(&self) {
        self.push(Incoming::Event(ConnectionEvent::GoingAway));
    }

    /// The peer asks for no more items. The connection finds that out and wakes nobody.
    pub fn go_away_unnoticed(&self) {
        self.tell_unnoticed(ConnectionEvent::GoingAway);
    }

    /// The connection has something to tell, and wakes nobody for it.
    pub fn tell_unnoticed(&self, event: ConnectionEvent<Item>) {
        self.with(|state| state.incoming.push_back(Incoming::Event(event)));
    }

    /// The peer closes in good order.
    pub fn hang_up(&self) {
        self.push(Incoming::Event(ConnectionEvent::Closed));
    }

    /// The connection breaks, and finds that out by reading.
    pub fn break_off(&self) {
        self.push(Incoming::Broken("connection reset"));
    }

    /// The oldest items in flight have this outcome.
    pub fn finish(&self, count: usize, outcome: Outcome) {
        for _ in 0..count {
            drop(self.with(|state| state.items.pop_oldest()));
            self.push(Incoming::Event(ConnectionEvent::Finished(outcome)));
        }
    }

    /// The replies to so many of the items in flight begin to come.
    pub fn answer(&self, count: usize, latency: Duration) {
        for _ in 0..count {
            self.push(Incoming::Event(ConnectionEvent::Answered { latency }));
        }
    }

    /// The oldest item in flight fails with this error.
    pub fn fail_oldest(&self, error: &'static str) {
        drop(self.with(|state| state.items.pop_oldest()));
        let error = BoxError::from(error).into();
        self.push(Incoming::Event(ConnectionEvent::Failed { latency: None, error }));
    }

    /// All items that it took and has not finished come back.
    pub fn give_back(&self) {
        self.with(|state| {
            let items = state.items.in_flight.drain(..).chain(state.items.unflushed.drain(..));
            // In one step: items that come back in several polls have another order.
            state.incoming.extend(items.map(|item| Incoming::Event(ConnectionEvent::Unsent(item))));
        });
        self.wake();
    }

    fn push(&self, incoming: Incoming) {
        self.with(|state| state.incoming.push_back(incoming));
        self.wake();
    }

    /// Events that the driver has not read yet.
    pub fn untold(&self) -> usize {
        self.with(|state| state.incoming.len())
    }

    /// Whether the pool holds the connection.
    pub fn is_open(&self) -> bool {
        self.with(|state| state.is_open)
    }

    /// Items that arrived at the peer.
    pub fn received(&self) -> Vec<u32> {
        self.with(|state| state.items.received.clone())
    }

    /// Items that the connection took and has not flushed.
    pub fn unflushed(&self) -> usize {
        self.with(|state| state.items.unflushed.len())
    }

    /// Whether its flushes or closes don't end at the moment.
    pub fn pushes_back(&self) -> bool {
        self.with(|state| !state.behaviour.flushes || !state.behaviour.closes)
    }

    /// Whether it holds items, and was not asked to flush since the latest of them.
    pub fn is_neglected(&self) -> bool {
        self.with(|state| state.is_open && !state.items.unflushed.is_empty() && !state.has_held_back)
    }

    /// Items that were sent without a `poll_ready` just before that returned ready.
    pub fn unasked(&self) -> usize {
        self.with(|state| state.calls.unasked())
    }

    /// Items that arrived at the peer and have no outcome yet.
    pub fn in_flight(&self) -> usize {
        self.with(|state| state.items.in_flight.len())
    }

    /// [`calls_since_mark`](Self::calls_since_mark) is zero now.
    pub fn mark_calls(&self) {
        self.with(|state| state.calls.mark());
    }

    /// Calls into it since the mark.
    pub fn calls_since_mark(&self) -> usize {
        self.with(|state| state.calls.since_mark())
    }

    /// The most calls of `poll_event` that found nothing in one poll of the driver.
    pub fn empty_event_polls_max(&self) -> usize {
        self.with(|state| state.calls.empty_event_polls_max())
    }

    /// The calls into it since the log was last taken.
    pub fn take_log(&self) -> Vec<Call> {
        self.with(|state| state.calls.take())
    }
}

impl LinkState {
    /// Records a call. Returns what goes wrong in it.
    pub(super) fn start_call(&mut self, call: Call) -> Option<Fault> {
        self.calls.record(call);
        let fault = self.behaviour.fault_of(call, self.items.unflushed.len());
        if fault == Some(Fault::Error) && self.behaviour.returns_unflushed {
            let unflushed = self.items.unflushed.drain(..);
            self.incoming.extend(unflushed.map(|item| Incoming::Event(ConnectionEvent::Unsent(item))));
        }
        fault
    }

    /// All items arrive. Returns whether a task waits for that.
    pub(super) fn flush(&mut self) -> bool {
        self.items.flush(self.behaviour.keeps_items);
        std::mem::take(&mut self.has_refused)
    }
}

impl LinkItems {
    fn pop_oldest(&mut self) -> Option<Item> {
        self.in_flight.pop_front().or_else(|| self.unflushed.pop_front())
    }

    fn flush(&mut self, keeps_items: bool) {
        while let Some(item) = self.unflushed.pop_front() {
            self.received.push(item.id);
            if keeps_items {
                self.in_flight.push_back(item);
            }
        }
    }

    /// Takes the items that the connection holds.
    pub(super) fn take_held(&mut self) -> [VecDeque<Item>; 2] {
        [std::mem::take(&mut self.unflushed), std::mem::take(&mut self.in_flight)]
    }
}

impl LinkTask {
    /// A poll has this waker. Returns the former one.
    pub(super) fn set_waker(&mut self, waker: Waker) -> Option<Waker> {
        self.is_waiting = true;
        self.waker.replace(waker)
    }

    /// The connection is gone. Its waker stays, for wake-ups that come too late.
    pub(super) fn stop(&mut self) {
        self.is_waiting = false;
    }

    /// The waker, if the task was not woken since its latest poll.
    fn take_waker(&mut self) -> Option<Waker> {
        if std::mem::take(&mut self.is_waiting) { self.waker.clone() } else { None }
    }
}
