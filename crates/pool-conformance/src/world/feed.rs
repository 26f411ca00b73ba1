//! A stream of address sets that is fed by hand.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use parking_lot::Mutex;
use pool_driver::{AddressSet, AddressStream, AddressUpdate};

use super::ledger::Calls;

/// A name service that says what it is told to.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    state: Arc<Mutex<State>>,
    calls: Calls,
}

#[derive(Debug, Default)]
struct State {
    answers: VecDeque<Answer>,
    waker: Option<Waker>,
    polls: usize,
    is_over: bool,
    polls_after_end: usize,
    is_held: bool,
    /// Answers that were read in this poll of the driver, and the most in any.
    read_now: usize,
    read_at_once_max: usize,
    refreshes: usize,
}

/// What a name service can come up with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Answer {
    /// All addresses there are.
    Set(AddressSet<u16>),
    /// No answer, for once.
    Error(&'static str),
    /// No answer yet.
    Pending,
    /// There is no such name.
    NoSuchName,
    /// The stream ends.
    End,
    /// The stream panics.
    Panic,
}

impl Feed {
    /// One that has nothing to say yet, and whose polls count as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// The next answer.
    pub fn push(&self, answer: Answer) {
        self.state.lock().answers.push_back(answer);
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next answer is this set.
    pub fn push_set(&self, addresses: impl IntoIterator<Item = u16>) {
        self.push(Answer::Set(addresses.into_iter().collect()));
    }

    /// Answers are kept back.
    pub fn hold(&self) {
        self.state.lock().is_held = true;
    }

    /// Answers that were kept back are there, all at once.
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

    /// A poll of the driver starts.
    pub fn start_poll(&self) {
        self.state.lock().read_now = 0;
    }

    /// The most answers that were read in one poll of the driver.
    #[must_use]
    pub fn read_at_once_max(&self) -> usize {
        self.state.lock().read_at_once_max
    }

    /// How often it was polled.
    pub fn polls(&self) -> usize {
        self.state.lock().polls
    }

    /// How often it was polled when it was over.
    pub fn polls_after_end(&self) -> usize {
        self.state.lock().polls_after_end
    }

    /// How often it was asked to look again.
    pub fn refreshes(&self) -> usize {
        self.state.lock().refreshes
    }

    /// Answers that were not read yet.
    pub fn len(&self) -> usize {
        self.state.lock().answers.len()
    }

    /// Whether all answers were read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stream for Feed {
    type Item = AddressUpdate<u16>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _entered = self.calls.enter();
        let mut waker = Some(cx.waker().clone());
        // In one step with the waker: an answer that comes now must find whom to wake.
        let answer = self.state.lock().next(&mut waker);
        drop(waker);
        match answer {
            Some(Answer::Set(set)) => Poll::Ready(Some(AddressUpdate::Addresses(set))),
            Some(Answer::Error(error)) => Poll::Ready(Some(AddressUpdate::failed(error))),
            Some(Answer::Pending) => Poll::Ready(Some(AddressUpdate::Pending)),
            Some(Answer::NoSuchName) => Poll::Ready(Some(AddressUpdate::NoSuchName)),
            Some(Answer::End) => Poll::Ready(None),
            Some(Answer::Panic) => self.calls.panic("of the name service"),
            None => Poll::Pending,
        }
    }
}

impl AddressStream for Feed {
    type Address = u16;

    fn refresh(self: Pin<&mut Self>) {
        let _entered = self.calls.enter();
        self.state.lock().refreshes += 1;
    }
}

impl State {
    /// The next answer. If there is none the waker is exchanged for the former one.
    fn next(&mut self, waker: &mut Option<Waker>) -> Option<Answer> {
        self.polls += 1;
        self.polls_after_end += usize::from(self.is_over);
        let answer = if self.is_held { None } else { self.answers.pop_front() };
        self.read_now += usize::from(answer.is_some());
        self.read_at_once_max = self.read_at_once_max.max(self.read_now);
        self.is_over |= matches!(answer, Some(Answer::End | Answer::Panic));
        if answer.is_none() {
            std::mem::swap(&mut self.waker, waker);
        }
        answer
    }
}
