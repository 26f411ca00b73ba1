//! Rules for calls that are repeated when they fail, and the budget that bounds that.

mod retry_budget;

use pool_driver::Instant;

pub use retry_budget::RetryBudget;

use crate::policy::ATTEMPTS_MAX;

/// Rules by which calls are repeated when their connection fails, or their server says: not here, not now.
///
/// What is repeated:
///
/// - a call that was certainly not sent;
/// - a call whose reply says that it was not executed, because the server is overloaded or unfit: by the
///   [verdict](crate::Protocol::judge) of its connection, or by the caller's [own rule](crate::Calling::retry_on). It
///   has to keep a [copy](crate::Calling::copied) of its request, as the server has that;
/// - a call that may have been executed, only if it is [idempotent](crate::Calling::idempotent): its caller says that
///   executing it twice does no harm.
///
/// ```
/// use pool_call::{CallError, CallPool, Retry};
///
/// async fn copy(redis: &CallPool<String, String>, retry: &Retry) -> Result<(), CallError<String>> {
///     // Nothing goes wrong if it is read twice …
///     let value = redis.call("GET name".to_owned()).idempotent().retry(retry).await?;
///     // … but it must not be appended twice.
///     redis.call(format!("APPEND names {value}")).retry(retry).await?;
///     Ok(())
/// }
/// ```
///
/// A call that its connection had not begun when it broke needs no retry: the pool gives it to another
/// connection. Never repeated are a call whose time is over, a call that got any other reply, and a call for
/// which the pool has no connection at all: it has waited for one for as long as it
/// [may](pool_driver::PoolBuilder::fail_fast_after). There is no pause before a retry: the connection that
/// failed is gone by then, and the address that is overloaded or unfit rests. When a reply can't be followed by another
/// attempt, it is the caller's.
///
/// A server that is killed closes its connections one after the other, and accepts new ones until it stops
/// listening. So a retry goes to another address than the one that has just failed the call, if another of
/// the same priority can take it. Three attempts outlive one server that dies among several. If there is only one
/// server, or several die at once, and no call may fail, allow one attempt for each of their connections, one for
/// each connection that replaces them, and one more.
///
/// Clones share one [budget](Self::budget).
#[derive(Clone, Debug)]
#[must_use = "it does nothing by itself: give it to a call or a pool"]
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
    /// used up, calls end with the error or the reply that they would be repeated for.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    pub(crate) fn attempts(&self) -> u32 {
        self.attempts_max
    }

    /// A call is made.
    pub(crate) fn deposit(&self, now: Instant) {
        self.budget.deposit(now);
    }

    /// Whether a call may be repeated. If so, it is counted.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        self.budget.withdraw(now)
    }
}
