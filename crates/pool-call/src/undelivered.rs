//! Calls that no connection could take.

use pool_driver::{OnUndelivered, UndeliveredReason};

use crate::call::Call;
use crate::error::NotSentReason;

/// Gives calls that can't be delivered back to their callers, with the reason:
/// `.on_undelivered(ReturnToCaller)`. Every pool of calls should have it; without it callers get
/// their requests back all the same, but not the reason.
///
/// ```
/// use pool_call::{Call, CallError, NotSentReason, ReturnToCaller};
/// use pool_driver::{OnUndelivered, UndeliveredReason};
///
/// let (call, answer) = Call::<&str, u32>::new("how many?");
/// ReturnToCaller.on_undelivered(call, UndeliveredReason::FailingFast);
/// # futures_util::FutureExt::now_or_never(async {
/// let Err(CallError::NotSent { request: "how many?", reason }) = answer.await else { panic!() };
/// assert!(matches!(reason, NotSentReason::Undelivered { reason: UndeliveredReason::FailingFast, .. }));
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a marker")]
pub struct ReturnToCaller;

impl<Request, Reply> OnUndelivered<Call<Request, Reply>> for ReturnToCaller {
    fn on_undelivered(&mut self, call: Call<Request, Reply>, reason: UndeliveredReason) {
        // The last error is known to whoever has a handle: the caller.
        call.give_back(NotSentReason::Undelivered { reason, last_error: None });
    }

    fn is_wanted(&self, call: &Call<Request, Reply>) -> bool {
        !call.is_abandoned()
    }
}
