//! Users that call, each on a task of its own.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use pool_call::{CallError, CallPool};

use crate::fixture::{CancelSignal, Fixture};
use crate::script::CallWay;

/// A call under way that owns its handle.
pub(super) type OwnedCall = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Calls with a number, and notes the answer. The script can cancel it.
pub(super) fn call(
    number: u32,
    way: CallWay,
    pool: CallPool<u32, u32, u16>,
    fixture: &Arc<Fixture>,
) -> impl Future<Output = ()> + Send + use<> {
    let (fixture, cancel) = (Arc::clone(fixture), Arc::<CancelSignal>::default());
    fixture.users.lock().sending.insert(number, Arc::clone(&cancel));
    async move {
        let mut calling = Some(Box::pin(make(number, way, pool)));
        let answer = poll_fn(|cx| {
            let Some(future) = &mut calling else { return Poll::Ready(None) };
            if cancel.is_cancelled(cx.waker()) {
                calling = None;
                return Poll::Ready(None);
            }
            let answer = future.as_mut().poll(cx).map(Some);
            fixture.script.wake();
            answer
        })
        .await;
        drop(calling);
        if let Some(answer) = answer {
            note(number, answer, &fixture);
        }
        fixture.users.lock().sending.remove(&number);
        fixture.script.wake();
    }
}

/// Begins a call that is not looked at again.
pub(super) fn neglect(number: u32, timeout: Duration, pool: CallPool<u32, u32, u16>) -> OwnedCall {
    let mut calling: OwnedCall = Box::pin(async move {
        let _ = make(number, CallWay::Within(timeout), pool).await;
    });
    let _ = calling.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    calling
}

async fn make(number: u32, way: CallWay, pool: CallPool<u32, u32, u16>) -> Result<u32, CallError<u32>> {
    let calling = pool.call(number);
    match way {
        CallWay::Plainly => calling.await,
        CallWay::Within(timeout) => calling.timeout(timeout).await,
        CallWay::Idempotently => calling.idempotent().await,
    }
}

fn note(number: u32, answer: Result<u32, CallError<u32>>, fixture: &Fixture) {
    let answer = answer.map_or_else(|error| error.to_string(), |reply| format!("reply {reply}"));
    let is_of_another = answer.starts_with("reply ") && answer != format!("reply {number}");
    let calls = &fixture.world.calls;
    if is_of_another {
        calls.contradict(&format!("the call with {number} got {answer}"));
    }
    if fixture.users.lock().answers.insert(number, answer).is_some() {
        calls.contradict(&format!("the call with {number} was answered twice"));
    }
}
