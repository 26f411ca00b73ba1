//! The peer's end of a connection, which tests hold.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;
use std::time::Duration;

use pool_driver::{BoxError, ConnectionEvent, Instant, Outcome};

use super::behaviour::{Behaviour, Call, Fault, Parting};
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
    /// The time, as the driver has told it.
    pub(super) now: Instant,
    /// How long each reply was waited for that has begun to come, by the times that were told.
    latencies: Vec<Duration>,
}

/// The items of a connection, from `start_send` to their outcome.
#[derive(Debug, Default)]
pub(super) struct LinkItems {
    unflushed: VecDeque<SentItem>,
    /// Items that the peer has and keeps.
    in_flight: VecDeque<SentItem>,
    /// The numbers of all items that arrived.
    pub(super) received: Vec<u32>,
}

#[derive(Debug)]
pub(super) struct SentItem {
    item: Item,
    sent_at: Instant,
    /// The reply to it has begun to come.
    is_answered: bool,
}

/// The task that polls a connection.
#[derive(Debug, Default)]
pub(super) struct LinkTask {
    /// The latest waker. It is kept after the connection is closed.
    waker: Option<Waker>,
    /// The task was not woken since its latest poll.
    is_waiting: bool,
    /// Nobody looks at the socket: who is to be woken is, when somebody looks again.
    is_unwatched: bool,
}

/// What a connection finds when it reads.
#[derive(Debug)]
pub(super) enum Incoming {
    Event(ConnectionEvent<Item>),
    /// The reply to an item that was sent at this time begins to come.
    Answered(Instant),
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
            now: Instant::ZERO,
            latencies: Vec::new(),
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

    /// Nobody looks at the socket, as when the process stands still.
    pub fn unwatch(&self) {
        self.with(|state| state.task.is_unwatched = true);
    }

    /// Somebody looks at the socket again, and sees what has come.
    pub fn watch(&self) {
        let is_due = self.with(|state| {
            let was_unwatched = std::mem::take(&mut state.task.is_unwatched);
            was_unwatched && !state.incoming.is_empty()
        });
        if is_due {
            self.wake();
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

    /// The connection finds that its address is unfit.
    pub fn find_unfit(&self) {
        self.push(Incoming::Event(ConnectionEvent::Unfit));
    }

    /// A part of a reply comes.
    pub fn make_progress(&self) {
        self.push(Incoming::Event(ConnectionEvent::Progress));
    }

    /// Nobody waits for so many of the items in flight any more.
    pub fn abandon(&self, count: usize) {
        for _ in 0..count {
            self.push(Incoming::Event(ConnectionEvent::Abandoned));
        }
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
            drop(self.with(|state| state.items.finish_oldest()));
            self.push(Incoming::Event(ConnectionEvent::Finished(outcome)));
        }
    }

    /// The replies to so many of the items in flight begin to come.
    pub fn answer(&self, count: usize, latency: Duration) {
        for _ in 0..count {
            self.push(Incoming::Event(ConnectionEvent::Answered { latency }));
        }
    }

    /// The replies to the oldest items that have none begin to come, so many. The connection measures how long that
    /// took.
    pub fn begin_replies(&self, count: usize) {
        self.with(|state| {
            let answered = state.items.answer(count);
            state.incoming.extend(answered.into_iter().map(Incoming::Answered));
        });
        self.wake();
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
            let [unflushed, in_flight] = state.items.take_held();
            // In one step: items that come back in several polls have another order.
            state.incoming.extend(in_flight.into_iter().chain(unflushed).map(Incoming::unsent));
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

    /// How long the replies took that have [begun to come](Self::begin_replies), by the times that the driver told.
    pub fn latencies(&self) -> Vec<Duration> {
        self.with(|state| state.latencies.clone())
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
            self.incoming.extend(self.items.unflushed.drain(..).map(Incoming::unsent));
        }
        fault
    }

    /// An item is sent.
    pub(super) fn push(&mut self, item: Item) {
        self.items.unflushed.push_back(SentItem { item, sent_at: self.now, is_answered: false });
    }

    /// Whether the window is open.
    pub(super) fn has_room(&self) -> bool {
        let held = self.items.unflushed.len() + self.items.in_flight.len();
        let is_full = self.behaviour.in_flight_max.is_some_and(|max| held >= max);
        !is_full && self.items.unflushed.len() < self.behaviour.window
    }

    pub(super) fn has_unflushed(&self) -> bool {
        !self.items.unflushed.is_empty()
    }

    /// Whether a close has to wait.
    pub(super) fn is_owed(&self) -> bool {
        self.behaviour.closes_when_done && !self.items.in_flight.is_empty()
    }

    /// All items arrive. Returns whether a task is to look at what comes of that.
    pub(super) fn flush(&mut self) -> bool {
        let flushed = self.items.flush(self.behaviour.keeps_items);
        let answers = self.behaviour.outcome.map_or(0, |outcome| {
            let finished = || Incoming::Event(ConnectionEvent::Finished(outcome));
            self.incoming.extend(std::iter::repeat_with(finished).take(flushed));
            flushed
        });
        let parting = self.behaviour.parting.filter(|_| flushed > 0);
        self.incoming.extend(parting.map(|parting| {
            Incoming::Event(match parting {
                Parting::Goodbye => ConnectionEvent::GoingAway,
                Parting::Close => ConnectionEvent::Closed,
            })
        }));
        std::mem::take(&mut self.has_refused) || answers > 0 || parting.is_some()
    }

    /// The reply begins to come to an item that was sent then. Returns the latency.
    pub(super) fn measure(&mut self, sent_at: Instant) -> Duration {
        let latency = self.now.saturating_duration_since(sent_at);
        self.latencies.push(latency);
        latency
    }
}

impl Incoming {
    fn unsent(SentItem { item, .. }: SentItem) -> Self {
        Self::Event(ConnectionEvent::Unsent(item))
    }
}

impl LinkItems {
    fn pop_oldest(&mut self) -> Option<SentItem> {
        self.in_flight.pop_front().or_else(|| self.unflushed.pop_front())
    }

    /// The oldest item has ended, so it has arrived, though its connection may be just about to flush it.
    fn finish_oldest(&mut self) -> Option<SentItem> {
        let oldest = self.in_flight.pop_front();
        oldest.or_else(|| self.unflushed.pop_front().inspect(|sent| self.received.push(sent.item.id)))
    }

    /// The replies to the oldest items that have none begin to come. Returns when these were sent.
    fn answer(&mut self, count: usize) -> Vec<Instant> {
        let unanswered = self.in_flight.iter_mut().filter(|sent| !sent.is_answered).take(count);
        let answer = |sent: &mut SentItem| {
            sent.is_answered = true;
            sent.sent_at
        };
        unanswered.map(answer).collect()
    }

    /// Returns how many items arrive.
    fn flush(&mut self, keeps_items: bool) -> usize {
        let flushed = self.unflushed.len();
        while let Some(sent) = self.unflushed.pop_front() {
            self.received.push(sent.item.id);
            if keeps_items {
                self.in_flight.push_back(sent);
            }
        }
        flushed
    }

    /// Takes the items that the connection holds.
    pub(super) fn take_held(&mut self) -> [VecDeque<SentItem>; 2] {
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
        if self.is_unwatched || !std::mem::take(&mut self.is_waiting) {
            return None;
        }
        self.waker.clone()
    }
}
