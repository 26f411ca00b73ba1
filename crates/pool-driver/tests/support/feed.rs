//! A stream of address sets that is fed by hand.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use pool_driver::AddressSet;

use super::ledger::Calls;

#[derive(Clone, Default)]
pub(crate) struct Feed {
    state: Rc<RefCell<State>>,
    calls: Calls,
}

#[derive(Default)]
struct State {
    answers: VecDeque<Answer>,
    waker: Option<Waker>,
    polls: usize,
    is_over: bool,
    polls_after_end: usize,
}

pub(crate) enum Answer {
    Set(AddressSet<u16>),
    Error(&'static str),
    End,
    Panic,
}

impl Feed {
    pub(crate) fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    pub(crate) fn push(&self, answer: Answer) {
        self.state.borrow_mut().answers.push_back(answer);
        let waker = self.state.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    pub(crate) fn push_set(&self, addresses: impl IntoIterator<Item = u16>) {
        self.push(Answer::Set(addresses.into_iter().collect()));
    }

    pub(crate) fn polls(&self) -> usize {
        self.state.borrow().polls
    }

    pub(crate) fn polls_after_end(&self) -> usize {
        self.state.borrow().polls_after_end
    }

    /// Answers that were not read yet.
    pub(crate) fn len(&self) -> usize {
        self.state.borrow().answers.len()
    }
}

impl Stream for Feed {
    type Item = Result<AddressSet<u16>, &'static str>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.calls.enter();
        let mut state = self.state.borrow_mut();
        state.polls += 1;
        state.polls_after_end += usize::from(state.is_over);
        match state.answers.pop_front() {
            Some(Answer::Set(set)) => Poll::Ready(Some(Ok(set))),
            Some(Answer::Error(error)) => Poll::Ready(Some(Err(error))),
            Some(Answer::End) => {
                state.is_over = true;
                Poll::Ready(None)
            }
            Some(Answer::Panic) => {
                state.is_over = true;
                panic!("a scripted panic of the name service")
            }
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}
