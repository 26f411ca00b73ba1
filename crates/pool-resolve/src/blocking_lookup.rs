//! Questions that block a thread: for each lookup one at a time, however long it takes.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use blocking::{Task, unblock};

use crate::lookup::{LookupAnswer, LookupError};

type Outcome<A> = Result<LookupAnswer<A>, LookupError>;

pub(crate) type BlockingFuture<A> = Pin<Box<dyn Future<Output = Outcome<A>> + Send>>;

pub(crate) struct BlockingLookup<A> {
    running: Arc<Mutex<Option<Task<Outcome<A>>>>>,
}

impl<A: Send + Sync + 'static> BlockingLookup<A> {
    pub(crate) fn new() -> Self {
        Self { running: Arc::default() }
    }

    /// Asks on another thread. That can't be interrupted, so while one is still at a question that was
    /// given up, it is not asked again: the late answer is that to the next.
    pub(crate) fn ask(&self, question: impl FnOnce() -> Outcome<A> + Send + 'static) -> BlockingFuture<A> {
        let running = Arc::clone(&self.running);
        let mut question = Some(question);
        Box::pin(poll_fn(move |cx| {
            let late = lock(&running).take();
            let started = late.or_else(|| question.take().map(|question| unblock(|| guarded(question))));
            let Some(mut task) = started else {
                return Poll::Ready(Err("the question was asked twice at a time".into()));
            };
            let polled = Pin::new(&mut task).poll(cx);
            if polled.is_pending() {
                *lock(&running) = Some(task);
            }
            polled
        }))
    }
}

fn lock<T>(running: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A panic costs the answer, not the source.
fn guarded<A>(question: impl FnOnce() -> Outcome<A>) -> Outcome<A> {
    catch_unwind(AssertUnwindSafe(question))
        .unwrap_or_else(|payload| Err(format!("the question panicked: {}", message(&*payload)).into()))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("without a message")
}

impl<A> fmt::Debug for BlockingLookup<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingLookup").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use futures_util::future::FutureExt;
    use pool_core::AddressSet;

    use super::*;

    fn wait(future: BlockingFuture<u16>) -> Outcome<u16> {
        smol::block_on(future)
    }

    #[test]
    fn an_answer_that_comes_too_late_is_that_to_the_next_question() {
        let lookup = BlockingLookup::new();
        let (answer, is_answered) = mpsc::channel::<()>();
        let slow = move || {
            is_answered.recv().expect("somebody answers");
            Ok(LookupAnswer::new(AddressSet::from([1])))
        };
        let mut first = lookup.ask(slow);
        assert!(first.as_mut().now_or_never().is_none());
        drop(first);
        let second = lookup.ask(|| panic!("it must not be asked by another thread"));
        answer.send(()).expect("the thread waits");
        assert_eq!(wait(second).expect("an answer").addresses, AddressSet::from([1]));
        let third = lookup.ask(|| Ok(LookupAnswer::new(AddressSet::from([3]))));
        assert_eq!(wait(third).expect("an answer").addresses, AddressSet::from([3]));
    }

    #[test]
    fn a_question_that_panics_has_failed() {
        let lookup = BlockingLookup::<u16>::new();
        let answer = wait(lookup.ask(|| panic!("at line 7")));
        let Err(LookupError::Failed(error)) = answer else { panic!("{answer:?}") };
        assert_eq!(error.to_string(), "the question panicked: at line 7");
    }
}
