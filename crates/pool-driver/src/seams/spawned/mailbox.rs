//! What passes between a driver and the task of a connection.

use std::any::Any;
use std::collections::VecDeque;
use std::mem;
use std::task::{Poll, Waker};

use crate::error::BoxError;
use crate::seams::connection::ConnectionEvent;
use crate::sync::{Mutex, MutexGuard};

/// Both sides call it, the owner and the task. A side that changes something for the other wakes it, after the lock.
#[derive(Debug)]
pub(super) struct Mailbox<T> {
    state: Mutex<State<T>>,
}

#[derive(Debug)]
struct State<T> {
    /// For the connection.
    items: VecDeque<T>,
    wish: Wish,
    /// For the owner.
    events: VecDeque<ConnectionEvent<T>>,
    /// See [`Standing`].
    taken: u64,
    /// The task has run.
    is_up: bool,
    /// The connection would take another one.
    is_ready: bool,
    end: Option<End>,
    /// The owner wants to know of room, too.
    wants_room: bool,
    /// Gone once they have been woken, until they look again.
    owner: Option<Waker>,
    task: Option<Waker>,
}

/// What the owner wants of the task. It only ever goes on to the next.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Wish {
    Serve,
    /// Take what is there, flush, and close.
    Close,
    /// Tell last events.
    GiveUp,
    /// Nobody is interested any more.
    End,
}

/// How a connection ended. It is gone by then.
#[derive(Debug)]
pub(super) enum End {
    /// It was asked to close, and has.
    Closed,
    ClosedByPeer,
    GivenUp,
    Failed(BoxError),
    Panicked(Box<dyn Any + Send>),
    /// The executor has dropped the task.
    TaskDropped,
}

/// How the task stands, for its owner.
pub(super) struct Standing {
    /// Of all items, so many have left the mailbox for good.
    pub(super) taken: u64,
    /// The connection would take an item.
    pub(super) is_ready: bool,
}

impl<T> Mailbox<T> {
    pub(super) fn new() -> Self {
        Self {
            state: Mutex::new(State {
                items: VecDeque::new(),
                wish: Wish::Serve,
                events: VecDeque::new(),
                taken: 0,
                is_up: false,
                is_ready: false,
                end: None,
                wants_room: false,
                owner: None,
                task: None,
            }),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
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

    /// Takes the events. The waker is kept.
    pub(super) fn take_events(&self, events: &mut VecDeque<ConnectionEvent<T>>, waker: &Waker) -> Standing {
        let waker = waker.clone();
        let (standing, previous) = {
            let mut state = self.lock();
            hand_over(&mut state.events, events);
            (state.standing(), state.owner.replace(waker))
        };
        // Wakers are user code, which never runs under a lock.
        drop(previous);
        standing
    }

    /// How the task stands. The waker is kept, also for when the connection is ready or takes an item.
    pub(super) fn await_room(&self, waker: &Waker) -> Standing {
        let waker = waker.clone();
        let (standing, previous) = {
            let mut state = self.lock();
            state.wants_room = true;
            (state.standing(), state.owner.replace(waker))
        };
        drop(previous);
        standing
    }

    /// Ready when the task has run. Otherwise the waker is kept.
    pub(super) fn poll_up(&self, waker: &Waker) -> Poll<()> {
        let waker = waker.clone();
        let (is_up, previous) = {
            let mut state = self.lock();
            (state.is_up, state.owner.replace(waker))
        };
        drop(previous);
        if is_up { Poll::Ready(()) } else { Poll::Pending }
    }

    /// The end, once, and the items that came too late for it.
    pub(super) fn take_end(&self) -> Option<(End, VecDeque<T>)> {
        let mut state = self.lock();
        let end = state.end.take()?;
        Some((end, mem::take(&mut state.items)))
    }

    /// What is in it, when nobody is interested any more.
    pub(super) fn empty(&self) -> (VecDeque<T>, VecDeque<ConnectionEvent<T>>) {
        let mut state = self.lock();
        (mem::take(&mut state.items), mem::take(&mut state.events))
    }

    // For the task.

    /// Takes the items and the wish. The waker is kept.
    pub(super) fn take_items(&self, items: &mut VecDeque<T>, waker: &Waker) -> Wish {
        let waker = waker.clone();
        let (wish, previous) = {
            let mut state = self.lock();
            hand_over(&mut state.items, items);
            (state.wish, state.task.replace(waker))
        };
        drop(previous);
        wish
    }

    /// Tells what has happened, and how the connection stands.
    pub(super) fn tell(&self, events: &mut VecDeque<ConnectionEvent<T>>, standing: &Standing) {
        let owner = {
            let mut state = self.lock();
            let is_change = !state.is_ready || state.taken != standing.taken;
            let has_room = standing.is_ready && is_change && mem::take(&mut state.wants_room);
            let is_first = !mem::replace(&mut state.is_up, true);
            let has_news = is_first || has_room || !events.is_empty();
            hand_over(events, &mut state.events);
            (state.taken, state.is_ready) = (standing.taken, standing.is_ready);
            if has_news { state.owner.take() } else { None }
        };
        wake(owner);
    }

    /// Tells the end: the last that a task does.
    pub(super) fn tell_end(&self, events: &mut VecDeque<ConnectionEvent<T>>, end: End) {
        let (owner, task) = {
            let mut state = self.lock();
            hand_over(events, &mut state.events);
            state.is_up = true;
            state.end = Some(end);
            (state.owner.take(), state.task.take())
        };
        drop(task);
        wake(owner);
    }
}

impl<T> State<T> {
    fn standing(&self) -> Standing {
        Standing { taken: self.taken, is_ready: self.is_ready }
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
