//! The mechanism of the streams that are fed by hand: a queue of events that can be held back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use parking_lot::Mutex;

use super::user_calls::Calls;

/// What such a stream does when it is polled.
pub(super) trait StreamEvent {
    /// Whether the stream is over after this.
    fn is_last(&self) -> bool;
}

/// A queue of events. Clones share it.
#[derive(Debug)]
pub(super) struct ScriptedStream<E> {
    state: Arc<Mutex<StreamState<E>>>,
    calls: Calls,
}

#[derive(Debug)]
struct StreamState<E> {
    events: VecDeque<E>,
    waker: Option<Waker>,
    polls: usize,
    polls_after_end: usize,
    is_over: bool,
    is_held: bool,
}

impl<E> Default for StreamState<E> {
    fn default() -> Self {
        Self {
            events: VecDeque::new(),
            waker: None,
            polls: 0,
            polls_after_end: 0,
            is_over: false,
            is_held: false,
        }
    }
}

impl<E> Clone for ScriptedStream<E> {
    fn clone(&self) -> Self {
        Self { state: Arc::clone(&self.state), calls: self.calls.clone() }
    }
}

impl<E> Default for ScriptedStream<E> {
    fn default() -> Self {
        Self::new(&Calls::default())
    }
}

impl<E> ScriptedStream<E> {
    /// An empty one. Polls of it count as user code.
    pub(super) fn new(calls: &Calls) -> Self {
        Self { state: Arc::default(), calls: calls.clone() }
    }

    pub(super) fn calls(&self) -> &Calls {
        &self.calls
    }

    pub(super) fn push(&self, event: E) {
        self.change(|state| state.events.push_back(event));
    }

    /// Keeps events back.
    pub(super) fn hold(&self) {
        self.state.lock().is_held = true;
    }

    /// Hands out the events that were kept back.
    pub(super) fn release(&self) {
        self.change(|state| state.is_held = false);
    }

    /// Changes the state and wakes the reader, outside the lock.
    fn change(&self, change: impl FnOnce(&mut StreamState<E>)) {
        let waker = {
            let mut state = self.state.lock();
            change(&mut state);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Events that were not read yet.
    pub(super) fn len(&self) -> usize {
        self.state.lock().events.len()
    }

    pub(super) fn polls(&self) -> usize {
        self.state.lock().polls
    }

    pub(super) fn polls_after_end(&self) -> usize {
        self.state.lock().polls_after_end
    }
}

impl<E: StreamEvent> ScriptedStream<E> {
    pub(super) fn poll_next(&self, cx: &mut Context<'_>) -> Poll<E> {
        let mut waker = Some(cx.waker().clone());
        // In one step with the waker, or an event that is pushed now wakes nobody.
        let event = self.state.lock().next(&mut waker);
        drop(waker);
        event.map_or(Poll::Pending, Poll::Ready)
    }
}

impl<E: StreamEvent> StreamState<E> {
    /// The next event. If there is none, `waker` is exchanged for the former one.
    fn next(&mut self, waker: &mut Option<Waker>) -> Option<E> {
        self.polls += 1;
        self.polls_after_end += usize::from(self.is_over);
        let event = if self.is_held { None } else { self.events.pop_front() };
        self.is_over |= event.as_ref().is_some_and(E::is_last);
        if event.is_none() {
            std::mem::swap(&mut self.waker, waker);
        }
        event
    }
}
