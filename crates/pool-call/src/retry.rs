//! Calls that are repeated when they fail.

use std::future::pending;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use pool_driver::Pool;

use crate::call::{Call, Caller};
use crate::call_ext::{Calling, CallingUntil};
use crate::error::CallError;
use crate::retry_budget::RetryBudget;
use crate::route::PoolRoute;

/// How calls are repeated that failed for want of a connection that works.
///
/// A call that was certainly not sent is repeated as a matter of course. One that may have been
/// executed is repeated only if it is made by [`call_idempotent`](Self::call_idempotent): by
/// somebody who knows that doing it twice does no harm.
///
/// ```
/// use pool_call::{Call, CallError, Retry};
/// use pool_driver::Pool;
///
/// async fn copy(pool: &Pool<Call<String, String>>, retry: &Retry) -> Result<(), CallError<String>> {
///     // Nothing goes wrong if it is read twice …
///     let value = retry.call_idempotent(pool, "GET name".to_owned()).await?;
///     // … but it must not be appended twice.
///     retry.call(pool, format!("APPEND names {value}")).await?;
///     Ok(())
/// }
/// ```
///
/// A call that a connection was asked to take and had not begun when it broke needs no retry: the pool
/// gives it to another. No call is repeated whose deadline has come, or for which the pool
/// has no connection at all (it has waited for one for as long as it
/// [may](pool_driver::PoolBuilder::fail_fast_after)), or that got a reply, whatever it says. There is
/// no pause before a retry: the connection that failed is out of the way by then, unless it is a tower
/// service, whose errors leave it where it is. Let one that is overloaded say so in its reply.
///
/// Others to the same address may not be: a server that is killed closes its connections one after the
/// other, and lets in new ones until it stops listening. So a retry goes to another address than the one
/// that has just failed the call, if another of the same priority can take it; pools of calls see to that
/// ([`ReturnToCaller`](crate::ReturnToCaller)). Three attempts outlive one server that dies among several.
/// Where there is only one, or several die at once, and no call may fail, allow for one attempt on each of
/// their connections, one on each that replaces it, and one more.
///
/// Clones have one [budget](Self::budget) together.
#[derive(Clone, Debug)]
#[must_use = "it repeats the calls that are made through it"]
pub struct Retry {
    attempts_max: u32,
    budget: RetryBudget,
}

impl Default for Retry {
    fn default() -> Self {
        Self::new()
    }
}

impl Retry {
    /// Three attempts at most, within a [`RetryBudget`] of its own.
    pub fn new() -> Self {
        Self { attempts_max: 3, budget: RetryBudget::default() }
    }

    /// How often a call is made at most, the first time included: 3 by default; 1 or less repeats
    /// nothing.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts;
        self
    }

    /// What bounds the retries of all calls together: by default 20 % of the calls, and 10 a second
    /// beside. When it is used up, calls fail with what they would be repeated for.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// [`CallExt::call`](crate::CallExt::call), repeated if the request was certainly not sent.
    ///
    /// # Errors
    ///
    /// That of the last attempt.
    pub async fn call<Request: 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        request: Request,
    ) -> Result<Reply, CallError<Request>> {
        self.repeat(pool, request, |_| None, pin!(pending::<()>())).await
    }

    /// [`CallExt::call_until`](crate::CallExt::call_until), repeated if the request was certainly not
    /// sent. The deadline is that of all attempts together.
    ///
    /// # Errors
    ///
    /// That of the last attempt.
    pub async fn call_until<Request: 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        request: Request,
        deadline: impl Future,
    ) -> Result<Reply, CallError<Request>> {
        self.repeat(pool, request, |_| None, pin!(deadline)).await
    }

    /// [`CallExt::call`](crate::CallExt::call), repeated also if the request may have been executed.
    ///
    /// # Errors
    ///
    /// That of the last attempt; but [`MaybeSent`](CallError::MaybeSent) if an earlier attempt may
    /// have been executed, even if the last was certainly not sent.
    pub async fn call_idempotent<Request: Clone + 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        request: Request,
    ) -> Result<Reply, CallError<Request>> {
        self.repeat(pool, request, |request| Some(request.clone()), pin!(pending::<()>())).await
    }

    /// [`CallExt::call_until`](crate::CallExt::call_until), repeated also if the request may have been
    /// executed. The deadline is that of all attempts together.
    ///
    /// # Errors
    ///
    /// As for [`call_idempotent`](Self::call_idempotent).
    pub async fn call_idempotent_until<Request: Clone + 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        request: Request,
        deadline: impl Future,
    ) -> Result<Reply, CallError<Request>> {
        self.repeat(pool, request, |request| Some(request.clone()), pin!(deadline)).await
    }

    /// `copy` makes what is sent again when a request doesn't come back.
    async fn repeat<Request: 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        mut request: Request,
        copy: impl Fn(&Request) -> Option<Request>,
        deadline: Pin<&mut impl Future>,
    ) -> Result<Reply, CallError<Request>> {
        let mut deadline = Deadline { future: deadline, is_over: false };
        self.budget.deposit(Instant::now());
        // So that it is known where a call was that fails.
        pool.use_pick_args();
        // Once it may have been sent no later attempt makes that certain again.
        let mut maybe_sent = None;
        let mut failed_at = None;
        let mut retries_left = self.attempts_max.saturating_sub(1);
        loop {
            let recycled = if retries_left > 0 { copy(&request) } else { None };
            let calling = Calling::new(PoolRoute::avoiding(pool, failed_at), Caller::to(request));
            let mut calling = CallingUntil::new(calling, &mut deadline);
            let error = match (&mut calling).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            failed_at = calling.failed_at();
            let is_repeated =
                |is_passing| is_passing && retries_left > 0 && self.budget.withdraw(Instant::now());
            match (error, recycled) {
                (CallError::NotSent { request: unsent, reason }, _) if is_repeated(reason.is_passing()) => {
                    request = unsent;
                }
                (CallError::MaybeSent { reason }, Some(recycled)) if is_repeated(reason.is_passing()) => {
                    request = recycled;
                    maybe_sent = Some(reason);
                }
                (error, _) => {
                    let earlier = maybe_sent.filter(|_| error.is_not_sent());
                    return Err(earlier.map_or(error, |reason| CallError::MaybeSent { reason }));
                }
            }
            retries_left -= 1;
        }
    }
}

/// A deadline that several attempts wait for, one after the other. It may come in the very moment in
/// which an attempt fails; it is not waited for again then.
struct Deadline<'a, D> {
    future: Pin<&'a mut D>,
    is_over: bool,
}

impl<D: Future> Future for Deadline<'_, D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_over {
            self.is_over = self.future.as_mut().poll(cx).is_ready();
        }
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}
