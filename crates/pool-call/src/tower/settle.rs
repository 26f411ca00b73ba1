//! How an answer of a service reaches its caller, and what is told of it.

use std::sync::Arc;
use std::time::Duration;

use pool_driver::{BoxError, ConnectionEvent, Outcome, SharedError, Verdict};

use super::answers::{Answers, Unsent};
use super::in_flight::Answer;
use crate::call::{Call, Responder};
use crate::error::{ConnectionError, MaybeSentReason, NotSentReason};
use crate::protocol::guard;

/// What a pool is told of a call.
pub(super) type CallNews<Request, Reply> = ConnectionEvent<Call<Request, Reply>>;

/// Nobody waits for a call any more.
pub(super) fn cancelled<Request, Reply>() -> CallNews<Request, Reply> {
    ConnectionEvent::Finished(Outcome::Cancelled)
}

/// Whether the pool knows by the news of a call that the peer lives.
pub(super) fn is_answer<Request, Reply>(news: &CallNews<Request, Reply>) -> bool {
    match news {
        ConnectionEvent::Finished(outcome) => !matches!(outcome, Outcome::Cancelled | Outcome::Unsent),
        news => matches!(news, ConnectionEvent::Failed { .. }),
    }
}

/// What has become of an answer.
pub(super) struct Settled<Request, Reply> {
    pub(super) news: CallNews<Request, Reply>,
    /// The peer asks for no more calls.
    pub(super) is_goodbye: bool,
}

/// Gives an answer to its caller.
///
/// # Errors
///
/// When the rules panic. The caller knows.
pub(super) fn settle<Request, Reply, E: Into<BoxError>>(
    answer: Answer<Request, Reply, E>,
    latency: Duration,
    rules: &mut impl Answers<Request, Reply, E>,
) -> Result<Settled<Request, Reply>, ConnectionError> {
    let Answer { result, responder, .. } = answer;
    let verdict = match guard(|| rules.judge(result.as_ref())) {
        Ok(verdict) => verdict,
        Err(error) => {
            if let Some(responder) = responder {
                responder.fail(MaybeSentReason::ConnectionFailed(error.clone()));
            }
            return Err(error);
        }
    };
    let is_goodbye = verdict == Verdict::Goodbye;
    let news = match result {
        Ok(reply) => {
            let taken = responder.is_some_and(|responder| give(responder, reply, verdict));
            if taken { finished(verdict, latency) } else { unwanted(verdict, latency) }
        }
        Err(error) => match responder {
            None => unwanted(verdict, latency),
            Some(responder) => settle_error(responder, error, verdict, latency, rules)?,
        },
    };
    Ok(Settled { news, is_goodbye })
}

/// Returns whether the caller was still there.
fn give<Request, Reply>(responder: Responder<Request, Reply>, reply: Reply, verdict: Verdict) -> bool {
    match verdict {
        Verdict::Overloaded { .. } | Verdict::Unfit => responder.reject(reply).is_ok(),
        _ => responder.reply(reply).is_ok(),
    }
}

fn settle_error<Request, Reply, E: Into<BoxError>>(
    responder: Responder<Request, Reply>,
    error: E,
    verdict: Verdict,
    latency: Duration,
    rules: &mut impl Answers<Request, Reply, E>,
) -> Result<CallNews<Request, Reply>, ConnectionError> {
    let shared = |error: E| SharedError::from(error.into());
    let unsent = match guard(|| rules.unsent(error)) {
        Ok(unsent) => unsent,
        Err(panicked) => {
            responder.fail(MaybeSentReason::ConnectionFailed(panicked.clone()));
            return Err(panicked);
        }
    };
    let error = match unsent {
        Unsent::Unknown(error) => {
            let error = shared(error);
            responder.fail(MaybeSentReason::ServiceFailed(Arc::clone(&error)));
            error
        }
        Unsent::Unprocessed(error) => {
            let error = shared(error);
            responder.refuse(Arc::clone(&error));
            error
        }
        Unsent::Returned(request, error) => {
            let Ok(call) = responder.take_back(request) else { return Ok(unwanted(verdict, latency)) };
            if verdict == Verdict::Goodbye {
                return Ok(ConnectionEvent::Unsent(call));
            }
            let error = shared(error);
            call.give_back(NotSentReason::Unprocessed(Arc::clone(&error)));
            error
        }
    };
    Ok(match verdict {
        Verdict::Failure => ConnectionEvent::Failed { latency: Some(latency), error },
        verdict => finished(verdict, latency),
    })
}

fn finished<Request, Reply>(verdict: Verdict, latency: Duration) -> CallNews<Request, Reply> {
    ConnectionEvent::Finished(verdict.outcome(Some(latency)))
}

/// The caller has gone. What the answer says of the address counts, if the address itself says it: that nobody waits
/// is no success, and an error may be due to that.
fn unwanted<Request, Reply>(verdict: Verdict, latency: Duration) -> CallNews<Request, Reply> {
    match verdict {
        Verdict::Overloaded { .. } | Verdict::Unfit => finished(verdict, latency),
        _ => cancelled(),
    }
}
