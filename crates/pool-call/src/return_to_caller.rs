//! What a pool does with calls that no connection takes, and where it sends calls that failed.

use pool_driver::{AddressId, ItemPolicy, PickArgs, UndeliveredReason};

use crate::call::Call;
use crate::error::NotSentReason;

/// Gives calls that can't be delivered back to their callers, with the reason:
/// `.item_policy(ReturnToCaller)`. Every pool of calls should have it: without it callers get
/// their requests back all the same, but not the reason. If calls are repeated by
/// [`Retry`](crate::Retry), it also makes a call that has failed, or has come back from a connection,
/// go to another address if possible.
///
/// ```
/// use pool_call::{Call, CallError, NotSentReason, ReturnToCaller};
/// use pool_driver::{ItemPolicy, UndeliveredReason};
///
/// let (call, reply) = Call::<&str, u32>::new("how many?");
/// ReturnToCaller.on_undelivered(call, UndeliveredReason::FailingFast);
/// # futures_util::FutureExt::now_or_never(async {
/// let Err(CallError::NotSent { request: "how many?", reason }) = reply.await else { panic!() };
/// assert!(matches!(reason, NotSentReason::Undelivered { reason: UndeliveredReason::FailingFast, .. }));
/// # }).unwrap();
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "a marker")]
pub struct ReturnToCaller;

impl<Request, Reply> ItemPolicy<Call<Request, Reply>> for ReturnToCaller {
    /// Only calls that are repeated have any; `Retry` turns them on.
    const HAS_PICK_ARGS: bool = false;

    fn on_undelivered(&mut self, call: Call<Request, Reply>, reason: UndeliveredReason) {
        // The caller has a handle of the pool, and adds the last error.
        call.give_back(NotSentReason::Undelivered { reason, last_error: None });
    }

    fn is_wanted(&self, call: &Call<Request, Reply>) -> bool {
        !call.is_abandoned()
    }

    /// Rather not to the address where it failed last.
    #[inline]
    fn pick(&self, call: &Call<Request, Reply>) -> PickArgs {
        call.last_address().map_or(PickArgs::any(), PickArgs::avoiding)
    }

    #[inline]
    fn on_picked(&self, call: &Call<Request, Reply>, address: AddressId) {
        call.set_last_address(address);
    }
}
