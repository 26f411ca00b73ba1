//! Calls that are repeated when they fail, and the budget that bounds that.

mod retry_budget;

use std::future::pending;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};
use std::time::Instant;

use pool_driver::Pool;

pub use retry_budget::RetryBudget;

use crate::call::{Call, Caller};
use crate::calling::{Calling, CallingUntil, PoolRoute};
use crate::error::CallError;
use crate::policy::ATTEMPTS_MAX;

/// Repeats calls that failed because their connection did.
///
/// A call that was certainly not sent is always repeated. A call that may have been
/// executed is repeated only if it is made by [`call_idempotent`](Self::call_idempotent): its caller
/// knows that executing it twice does no harm.
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
/// A call that its connection had not begun when it broke needs no retry: the pool gives it to another
/// connection. Never repeated are a call whose deadline has come, a call that got a reply, whatever it says,
/// and a call for which the pool has no connection at all: it has waited for one for as long as it
/// [may](pool_driver::PoolBuilder::fail_fast_after). There is no pause before a retry. The connection that
/// failed is gone by then, unless it is a tower service, whose errors leave it in place; a service that is
/// overloaded should say so in its reply.
///
/// A server that is killed closes its connections one after the other, and accepts new ones until it stops
/// listening. So a retry goes to another address than the one that has just failed the call, if another of
/// the same priority can take it; pools of calls see to that ([`ReturnToCaller`](crate::ReturnToCaller)).
/// Three attempts outlive one server that dies among several. If there is only one server, or several die at
/// once, and no call may fail, allow one attempt for each of their connections, one for each connection that
/// replaces them, and one more.
///
/// Clones share one [budget](Self::budget).
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
    /// Three attempts at most, with its own [`RetryBudget`].
    pub fn new() -> Self {
        Self { attempts_max: ATTEMPTS_MAX, budget: RetryBudget::default() }
    }

    /// The limit of attempts of one call, the first included: 3 by default; 1 or less repeats nothing.
    pub fn attempts_max(mut self, attempts: u32) -> Self {
        self.attempts_max = attempts;
        self
    }

    /// Bounds the retries of all calls together: by default 20 % of the calls, plus 10 per second. When it is
    /// used up, calls fail with the error that they would be repeated for.
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

    /// `copy` makes the request of the next attempt, in case this one doesn't come back.
    async fn repeat<Request: 'static, Reply: 'static, A>(
        &self,
        pool: &Pool<Call<Request, Reply>, A>,
        mut request: Request,
        copy: impl Fn(&Request) -> Option<Request>,
        deadline: Pin<&mut impl Future>,
    ) -> Result<Reply, CallError<Request>> {
        let mut deadline = AttemptsDeadline { future: deadline, is_over: false };
        self.budget.deposit(Instant::now());
        // Without this it is not known which address failed a call.
        pool.use_pick_args();
        // A call that may have been sent once is never certainly unsent again.
        let mut maybe_sent = None;
        let mut failed_at = None;
        let mut retries_left = self.attempts_max.saturating_sub(1);
        loop {
            let copied = if retries_left > 0 { copy(&request) } else { None };
            let calling = Calling::new(PoolRoute::avoiding(pool, failed_at), Caller::of_request(request));
            let mut calling = CallingUntil::new(calling, &mut deadline);
            let error = match (&mut calling).await {
                Ok(reply) => return Ok(reply),
                Err(error) => error,
            };
            failed_at = calling.failed_at();
            let is_repeated =
                |is_passing| is_passing && retries_left > 0 && self.budget.withdraw(Instant::now());
            match (error, copied) {
                (CallError::NotSent { request: unsent, reason }, _) if is_repeated(reason.is_passing()) => {
                    request = unsent;
                }
                (CallError::MaybeSent { reason }, Some(copied)) if is_repeated(reason.is_passing()) => {
                    request = copied;
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

/// The deadline of several attempts, one after the other. An attempt may fail just when the deadline comes;
/// the next one then finds it over, and doesn't poll it again.
struct AttemptsDeadline<'a, D> {
    future: Pin<&'a mut D>,
    is_over: bool,
}

impl<D: Future> Future for AttemptsDeadline<'_, D> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if !self.is_over {
            self.is_over = self.future.as_mut().poll(cx).is_ready();
        }
        if self.is_over { Poll::Ready(()) } else { Poll::Pending }
    }
}
