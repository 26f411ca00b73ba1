//! What passes between a driver and the task of a connection, and the connection itself between two polls of its task.

use std::collections::VecDeque;
use std::mem;
use std::pin::Pin;
use std::task::{Poll, Waker};

use crate::error::BoxError;
use crate::panic::{Panicked, discard};
use crate::seams::connection::ConnectionEvent;
use crate::sync::{Mutex, MutexGuard};

/// So many items a task takes out at once. Others have their turns then.
const ITEMS_PER_POLL_MAX: usize = 512;

/// A task reads nothing of its connection while its owner has so many events to fetch.
const EVENTS_MAX: usize = 1024;

/// Both sides call it, the owner and the task. No code of users runs under its lock, wakers and drops included: a side
/// that changes something for the other wakes it afterwards.
///
/// Each thing has one holder at any time: who takes it out, under the lock, has it. That goes for the connection, too.
/// It lies here unless its task is being polled. So an owner that gives it up, or goes, has it at once, however long its
/// task waits for a turn.
///
/// An item is in `items`, in the hand of a task that is being polled, or with the connection. What the connection doesn't
/// take is in `returned`. Until that has been fetched, no other item is taken out, and those behind it are fetched with
/// it: so items come back in their order, and after all that the connection had before them.
pub(super) struct Mailbox<T, K> {
    state: Mutex<State<T, K>>,
}

#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct State<T, K> {
    connection: Option<Pin<Box<K>>>,
    wish: Wish,
    items: VecDeque<T>,
    /// So many items are in the task's hand.
    in_hand: usize,
    /// Of all items that were put in, so many are no longer on their way: the connection has them, or they came back.
    arrived: u64,
    events: VecDeque<ConnectionEvent<T>>,
    returned: VecDeque<T>,
    /// The task has been polled.
    is_up: bool,
    /// The connection would take another item.
    is_ready: bool,
    end: Option<End>,
    /// What the owner wants to know besides events.
    wants_room: bool,
    wants_arrival: bool,
    /// Gone once they have been woken, until they look again.
    owner: Option<Waker>,
    task: Option<Waker>,
}

/// What the owner wants of the task. It only ever goes on to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wish {
    Serve,
    /// Flush, and close. The owner fetches items that have not been taken out.
    Close,
    /// Leave the connection to the owner.
    GiveUp,
    /// The owner has gone.
    End,
}

/// How a connection ended. It is gone by then.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to close, and has.
    Closed,
    ClosedByPeer,
    Failed(BoxError),
    Panicked(Panicked),
    /// The executor has dropped the task.
    TaskDropped,
}

/// How the connection stands, for its owner.
pub(super) struct Standing {
    /// See [`State`].
    pub(super) arrived: u64,
    pub(super) is_ready: bool,
}

/// What an owner has fetched. Events come first, items that came back next, and the end last.
pub(super) struct Inbox<T, K> {
    pub(super) events: VecDeque<ConnectionEvent<T>>,
    pub(super) returned: VecDeque<T>,
    pub(super) end: Option<End>,
    /// It was given up, and nobody polls it any more.
    pub(super) connection: Option<Pin<Box<K>>>,
}

/// What a task gets for one poll.
pub(super) struct Work<K> {
    pub(super) connection: Pin<Box<K>>,
    pub(super) wish: Wish,
    /// The owner has fetched most of what it has been told.
    pub(super) may_read: bool,
    /// There are more items than it has got.
    pub(super) has_more: bool,
}

/// What a task has to tell after a poll.
pub(super) struct Report<T> {
    pub(super) events: VecDeque<ConnectionEvent<T>>,
    pub(super) returned: VecDeque<T>,
}

impl<T, K> Mailbox<T, K> {
    pub(super) fn new(connection: K) -> Self {
        Self {
            state: Mutex::new(State {
                connection: Some(Box::pin(connection)),
                wish: Wish::Serve,
                items: VecDeque::new(),
                in_hand: 0,
                arrived: 0,
                events: VecDeque::new(),
                returned: VecDeque::new(),
                is_up: false,
                is_ready: false,
                end: None,
                wants_room: false,
                wants_arrival: false,
                owner: None,
                task: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T, K>> {
        self.state.lock()
    }

    // For the owner.

    /// Puts all these items in.
    pub(super) fn put(&self, items: &mut VecDeque<T>) {
        let task = {
            let mut state = self.lock();
            hand_over(items, &mut state.items);
            state.task.take()
        };
        wake(task);
    }

    pub(super) fn wish(&self, wish: Wish) {
        let task = {
            let mut state = self.lock();
            state.wish = state.wish.max(wish);
            state.task.take()
        };
        wake(task);
    }

    /// Takes what is there. The waker is kept. Returns whether items came back, too.
    pub(super) fn fetch(&self, inbox: &mut Inbox<T, K>, waker: &Waker) -> (Standing, bool) {
        let waker = waker.clone();
        let (standing, comes_back, task, previous) = {
            let mut state = self.lock();
            let task = if state.events.len() >= EVENTS_MAX { state.task.take() } else { None };
            let comes_back = state.fetch(inbox);
            (state.standing(), comes_back, task, state.owner.replace(waker))
        };
        drop(previous);
        wake(task);
        (standing, comes_back)
    }

    /// How the connection stands. The waker is kept, also for when it takes items again.
    pub(super) fn await_room(&self, waker: &Waker) -> Standing {
        self.watch(waker, |state| {
            state.wants_room = true;
            state.standing()
        })
    }

    /// Ready when all items have arrived, and no more are to be put in. Otherwise the waker is kept, also for that.
    pub(super) fn poll_arrival(&self, is_all_put: bool, waker: &Waker) -> Poll<()> {
        self.watch(waker, |state| {
            let is_empty = state.items.is_empty() && state.in_hand == 0 && state.returned.is_empty();
            let has_arrived = is_all_put && is_empty;
            state.wants_arrival = !has_arrived;
            if has_arrived { Poll::Ready(()) } else { Poll::Pending }
        })
    }

    /// Ready when the task has been polled. Otherwise the waker is kept.
    pub(super) fn poll_up(&self, waker: &Waker) -> Poll<()> {
        self.watch(waker, |state| if state.is_up { Poll::Ready(()) } else { Poll::Pending })
    }

    fn watch<R>(&self, waker: &Waker, look: impl FnOnce(&mut State<T, K>) -> R) -> R {
        let waker = waker.clone();
        let (seen, previous) = {
            let mut state = self.lock();
            (look(&mut state), state.owner.replace(waker))
        };
        drop(previous);
        seen
    }

    /// The owner goes. All that is here ends here.
    pub(super) fn leave(&self) {
        let mut inbox = Inbox::new();
        let (task, owner) = {
            let mut state = self.lock();
            state.wish = Wish::End;
            state.fetch(&mut inbox);
            hand_over(&mut state.items, &mut inbox.returned);
            (state.task.take(), state.owner.take())
        };
        drop(owner);
        inbox.discard();
        wake(task);
    }

    // For the task.

    /// Takes the connection out, and items for it. Nothing if the task is over. The waker is kept.
    pub(super) fn take_work(&self, items: &mut VecDeque<T>, waker: &Waker) -> Option<Work<K>> {
        let waker = waker.clone();
        let (work, previous) = {
            let mut state = self.lock();
            let work = state.take_work(items);
            let waker = work.is_some().then_some(waker);
            (work, mem::replace(&mut state.task, waker))
        };
        drop(previous);
        work
    }

    /// Puts the connection back, and tells what has happened.
    ///
    /// # Errors
    ///
    /// The connection, when nobody wants it any more.
    pub(super) fn put_back(
        &self,
        connection: Pin<Box<K>>,
        report: &mut Report<T>,
        is_ready: bool,
    ) -> Result<(), Pin<Box<K>>> {
        let owner = {
            let mut state = self.lock();
            if state.wish == Wish::End {
                return Err(connection);
            }
            state.connection = Some(connection);
            if state.note(report, is_ready) { state.owner.take() } else { None }
        };
        wake(owner);
        Ok(())
    }

    /// Tells the end: the last that a task does. The connection is gone by then.
    ///
    /// # Errors
    ///
    /// The end, when nobody wants to know it any more.
    pub(super) fn tell_end(&self, report: &mut Report<T>, end: End) -> Result<(), End> {
        let (owner, task) = {
            let mut state = self.lock();
            if state.wish == Wish::End {
                return Err(end);
            }
            state.note(report, false);
            state.end = Some(end);
            (state.owner.take(), state.task.take())
        };
        drop(task);
        wake(owner);
        Ok(())
    }

    /// The executor drops the task. Returns the connection if it was the task's to keep.
    pub(super) fn abandon(&self) -> Option<Pin<Box<K>>> {
        let mut state = self.lock();
        if state.wish < Wish::GiveUp { state.connection.take() } else { None }
    }
}

impl<T, K> State<T, K> {
    fn standing(&self) -> Standing {
        Standing { arrived: self.arrived, is_ready: self.is_ready }
    }

    fn fetch(&mut self, inbox: &mut Inbox<T, K>) -> bool {
        let comes_back = !self.returned.is_empty() || self.wish > Wish::Serve || self.end.is_some();
        hand_over(&mut self.events, &mut inbox.events);
        hand_over(&mut self.returned, &mut inbox.returned);
        // What is in the task's hand is older.
        if comes_back && self.in_hand == 0 {
            self.arrived += self.items.len() as u64;
            hand_over(&mut self.items, &mut inbox.returned);
        }
        if self.wish >= Wish::GiveUp {
            inbox.connection = inbox.connection.take().or_else(|| self.connection.take());
        }
        inbox.end = inbox.end.take().or_else(|| self.end.take());
        comes_back
    }

    fn take_work(&mut self, items: &mut VecDeque<T>) -> Option<Work<K>> {
        if self.wish >= Wish::GiveUp {
            return None;
        }
        let connection = self.connection.take()?;
        if self.wish == Wish::Serve && self.returned.is_empty() {
            if self.items.len() <= ITEMS_PER_POLL_MAX {
                hand_over(&mut self.items, items);
            } else {
                items.extend(self.items.drain(..ITEMS_PER_POLL_MAX));
            }
            self.in_hand = items.len();
        }
        let has_more = self.in_hand > 0 && !self.items.is_empty();
        Some(Work { connection, wish: self.wish, may_read: self.events.len() < EVENTS_MAX, has_more })
    }

    /// Returns whether the owner wants to know.
    fn note(&mut self, report: &mut Report<T>, is_ready: bool) -> bool {
        let has_told = !report.events.is_empty() || !report.returned.is_empty();
        let in_hand = mem::take(&mut self.in_hand);
        let has_room = is_ready && (!self.is_ready || in_hand > 0);
        self.arrived += in_hand as u64;
        self.is_ready = is_ready;
        hand_over(&mut report.events, &mut self.events);
        hand_over(&mut report.returned, &mut self.returned);
        let is_first = !mem::replace(&mut self.is_up, true);
        let has_room = has_room && mem::take(&mut self.wants_room);
        let has_arrived = self.items.is_empty() && mem::take(&mut self.wants_arrival);
        let is_recalled = self.wish == Wish::Close && (in_hand > 0 || !self.items.is_empty());
        has_told || is_first || has_room || has_arrived || is_recalled || self.wish >= Wish::GiveUp
    }
}

impl<T, K> Inbox<T, K> {
    pub(super) fn new() -> Self {
        Self { events: VecDeque::new(), returned: VecDeque::new(), end: None, connection: None }
    }

    /// Whether it holds neither events nor items.
    pub(super) fn is_read(&self) -> bool {
        self.events.is_empty() && self.returned.is_empty()
    }

    /// Each is dropped alone: one that panics harms no other.
    pub(super) fn discard(&mut self) {
        discard(self.connection.take());
        self.events.drain(..).for_each(discard);
        self.returned.drain(..).for_each(discard);
        discard(self.end.take());
    }
}

impl<T> Report<T> {
    pub(super) fn new() -> Self {
        Self { events: VecDeque::new(), returned: VecDeque::new() }
    }

    /// Nobody wants to know. Each is dropped alone.
    pub(super) fn discard(&mut self) {
        self.events.drain(..).for_each(discard);
        self.returned.drain(..).for_each(discard);
    }
}

/// Moves all to the end of another queue. An empty one is swapped: nothing is copied.
fn hand_over<I>(from: &mut VecDeque<I>, to: &mut VecDeque<I>) {
    if to.is_empty() {
        mem::swap(from, to);
    } else {
        to.append(from);
    }
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}
