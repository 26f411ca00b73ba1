//! Lookups that block a thread: one question at a time, however long it takes.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use futures_channel::oneshot;

use super::spawn::ThreadError;
use super::thread_pool::ThreadPool;
use crate::lookup::{LookupAnswer, LookupError};

/// What comes of a question.
type LookupResult<A> = Result<LookupAnswer<A>, LookupError>;

/// The answer to a question that is asked on another thread.
pub(crate) type BlockingFuture<A> = Pin<Box<dyn Future<Output = LookupResult<A>> + Send>>;

/// Asks on threads of the process's pool.
pub(crate) struct BlockingLookup<A> {
    threads: ThreadPool,
    /// The answer that is on its way.
    running: Arc<Mutex<Option<oneshot::Receiver<LookupResult<A>>>>>,
}

impl<A: Send + Sync + 'static> BlockingLookup<A> {
    pub(crate) fn new() -> Self {
        Self::on(ThreadPool::of_process())
    }

    fn on(threads: ThreadPool) -> Self {
        Self { threads, running: Arc::default() }
    }

    /// Asks on another thread when the future is polled first.
    ///
    /// A thread can't be interrupted. While one is still at a question that was given up, no other asks:
    /// the late answer is that to the next question.
    pub(crate) fn ask(
        &self,
        question: impl FnOnce() -> LookupResult<A> + Send + 'static,
    ) -> BlockingFuture<A> {
        let (threads, running) = (self.threads.clone(), Arc::clone(&self.running));
        let mut question = Some(question);
        Box::pin(poll_fn(move |cx| {
            let late = lock(&running).take();
            let started = late.map(Ok).or_else(|| question.take().map(|question| start(&threads, question)));
            let mut answer = match started {
                Some(Ok(answer)) => answer,
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None => return Poll::Ready(Err("two questions waited for one answer".into())),
            };
            let polled = Pin::new(&mut answer).poll(cx);
            if polled.is_pending() {
                *lock(&running) = Some(answer);
            }
            polled.map(|answer| answer.unwrap_or_else(|_| Err("the thread gave up the question".into())))
        }))
    }
}

fn lock<T>(running: &Mutex<Option<T>>) -> MutexGuard<'_, Option<T>> {
    running.lock().unwrap_or_else(PoisonError::into_inner)
}

fn start<A: Send + Sync + 'static>(
    threads: &ThreadPool,
    question: impl FnOnce() -> LookupResult<A> + Send + 'static,
) -> Result<oneshot::Receiver<LookupResult<A>>, ThreadError> {
    let (tell, answer) = oneshot::channel();
    threads.run(Box::new(move || {
        if !tell.is_canceled() {
            // Nobody may wait any more.
            let _ = tell.send(guarded(question));
        }
    }))?;
    Ok(answer)
}

/// A panic costs the answer, not the source.
fn guarded<A>(question: impl FnOnce() -> LookupResult<A>) -> LookupResult<A> {
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
    use crate::threads::spawn::tests::NoThreads;

    fn wait(future: BlockingFuture<u16>) -> LookupResult<u16> {
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

    #[test]
    fn a_question_without_a_thread_has_failed_and_so_has_the_next() {
        let lookup = BlockingLookup::<u16>::on(ThreadPool::new(NoThreads));
        for _ in 0..2 {
            let answer = wait(lookup.ask(|| panic!("there is no thread to ask on")));
            let Err(LookupError::Failed(error)) = answer else { panic!("{answer:?}") };
            assert!(error.to_string().contains("could not be started"), "{error}");
        }
    }
}
