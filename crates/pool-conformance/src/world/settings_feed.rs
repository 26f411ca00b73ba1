//! A stream of settings that is fed by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking_lot::Mutex;
use pool_driver::PoolConfig;

use super::ledger::Calls;

/// Whoever changes a pool's settings while it runs.
#[derive(Clone, Debug, Default)]
pub struct SettingsFeed {
    state: Arc<Mutex<State>>,
    calls: Calls,
}

#[derive(Debug, Default)]
struct State {
    changes: VecDeque<Change>,
    waker: Option<Waker>,
    polls_after_end: usize,
    is_over: bool,
    is_held: bool,
}

/// What a stream of settings can come up with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// Other settings.
    Settings(Box<PoolConfig>),
    /// The stream ends.
    End,
    /// The stream panics.
    Panic,
}

impl SettingsFeed {
    /// One that has nothing to say yet, and whose polls count as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// The next change.
    pub fn push(&self, change: Change) {
        let waker = {
            let mut state = self.state.lock();
            state.changes.push_back(change);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Changes are kept back.
    pub fn hold(&self) {
        self.state.lock().is_held = true;
    }

    /// Changes that were kept back are there, all at once.
    pub fn release(&self) {
        let waker = {
            let mut state = self.state.lock();
            state.is_held = false;
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// How often it was polled when it was over.
    #[must_use]
    pub fn polls_after_end(&self) -> usize {
        self.state.lock().polls_after_end
    }
}

impl Stream for SettingsFeed {
    type Item = PoolConfig;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<PoolConfig>> {
        let _entered = self.calls.enter();
        let mut waker = Some(cx.waker().clone());
        // In one step with the waker: a change that comes now must find whom to wake.
        let change = self.state.lock().next(&mut waker);
        drop(waker);
        match change {
            Some(Change::Settings(settings)) => Poll::Ready(Some(*settings)),
            Some(Change::End) => Poll::Ready(None),
            Some(Change::Panic) => self.calls.panic("of the stream of settings"),
            None => Poll::Pending,
        }
    }
}

impl State {
    /// The next change. If there is none the waker is exchanged for the former one.
    fn next(&mut self, waker: &mut Option<Waker>) -> Option<Change> {
        self.polls_after_end += usize::from(self.is_over);
        let change = if self.is_held { None } else { self.changes.pop_front() };
        self.is_over |= matches!(change, Some(Change::End | Change::Panic));
        if change.is_none() {
            std::mem::swap(&mut self.waker, waker);
        }
        change
    }
}
