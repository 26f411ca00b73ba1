//! Callers that make one request after the other, each as fast as it is answered; and what may be beside them.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use pool_tokio::BoxError;

use super::measure::{Phase, Seen};
use crate::clients::{Answer, Client, Failure, Request};
use crate::executor::{Executor, Task};

/// Of so many requests the time of one is taken: to look at the clock costs something, too.
const LATENCY_EACH: usize = 8;

/// How many cancel, and how long each waits before it does so again: 100,000 calls a second. If they only yielded, a
/// runtime would have ten thousand tasks that are always ready, and its fairness would be measured.
const CANCELLERS: u32 = 10_000;
const CANCEL_PERIOD: Duration = Duration::from_millis(100);

pub(super) const VALUE: &[u8] = &[b'v'; 64];
static HUGE_VALUE: [u8; 1 << 20] = [b'h'; 1 << 20];

/// Who else uses the client. Nothing of theirs is counted, but for the time of the client's cores.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Neighbours {
    Nobody,
    /// Callers that drop each of their calls when it was polled once.
    Cancellers,
    /// One caller whose requests are huge.
    Huge,
}

/// All are at work from now on.
pub(super) fn start(
    client: &impl Client,
    executor: Executor,
    request: Request,
    callers: usize,
    neighbours: Neighbours,
    phase: &Phase,
) -> Vec<Task<Result<Seen, BoxError>>> {
    let mut tasks = Vec::new();
    for caller in 0..callers {
        tasks.push(executor.spawn(call(client.clone(), request, caller, phase.clone())));
    }
    match neighbours {
        Neighbours::Nobody => {}
        Neighbours::Cancellers => {
            for canceller in 0..CANCELLERS {
                // They don't all call at the same time.
                let delay = CANCEL_PERIOD * canceller / CANCELLERS;
                tasks.push(executor.spawn(cancel(client.clone(), executor, request, delay, phase.clone())));
            }
        }
        Neighbours::Huge => tasks.push(executor.spawn(set_huge_values(client.clone(), phase.clone()))),
    }
    tasks
}

async fn call(client: impl Client, request: Request, caller: usize, phase: Phase) -> Result<Seen, BoxError> {
    let mut seen = Seen::default();
    // Callers look at the clock in different turns, so that some do when each makes few requests.
    for turn in caller.. {
        let begun = turn.is_multiple_of(LATENCY_EACH).then(Instant::now);
        let is_answered = ask(&client, request).await?;
        if phase.is_measured() {
            seen.requests += u64::from(is_answered);
            if let Some(begun) = begun {
                seen.latencies.add(begun.elapsed());
            }
        } else if phase.is_over() {
            break;
        }
    }
    Ok(seen)
}

async fn cancel(
    client: impl Client,
    executor: Executor,
    request: Request,
    delay: Duration,
    phase: Phase,
) -> Result<Seen, BoxError> {
    executor.sleep(delay).await;
    while !phase.is_over() {
        if let Some(answer) = client.request(request).now_or_never() {
            check(request, &answer?)?;
        }
        executor.sleep(CANCEL_PERIOD).await;
    }
    Ok(Seen::default())
}

async fn set_huge_values(client: impl Client, phase: Phase) -> Result<Seen, BoxError> {
    let request = Request::Set { key: "huge", value: &HUGE_VALUE };
    while !phase.is_over() {
        ask(&client, request).await?;
    }
    Ok(Seen::default())
}

/// Whether it is answered in the time that the client gives it.
async fn ask(client: &impl Client, request: Request) -> Result<bool, Failure> {
    match client.request(request).await {
        Err(Failure::TimedOut) => Ok(false),
        answer => check(request, &answer?).map(|()| true),
    }
}

fn check(request: Request, answer: &Answer) -> Result<(), Failure> {
    let is_right = match (request, answer) {
        (Request::Ping, Answer::Pong) | (Request::Set { .. }, Answer::Stored) => true,
        (Request::Get, Answer::Value(Some(value))) => value.len() == VALUE.len(),
        _ => false,
    };
    if is_right { Ok(()) } else { Err(Failure::Other) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_to_another_request_is_wrong() {
        let value = |value: &[u8]| Answer::Value(Some(value.to_vec()));
        let set = Request::Set { key: "key", value: VALUE };
        for (request, right) in
            [(Request::Ping, Answer::Pong), (Request::Get, value(VALUE)), (set, Answer::Stored)]
        {
            for answer in [Answer::Pong, value(VALUE), Answer::Stored, value(b"short"), Answer::Value(None)] {
                assert_eq!(check(request, &answer).is_ok(), answer == right, "{request:?} {answer:?}");
            }
        }
    }
}
