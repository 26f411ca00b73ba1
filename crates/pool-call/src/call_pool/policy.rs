//! What a pool of calls is told of its calls: who gets back what no connection takes, and where calls rather don't go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pool_driver::{AddressId, ItemPolicy, PickArgs, UndeliveredReason};

use crate::call::Call;
use crate::error::NotSentReason;

/// Gives calls that can't be delivered back to their callers, with the reason. It also makes a call that has failed,
/// or has come back from a connection, go to another address if possible, once a call of the pool may be
/// repeated.
///
/// It is the item policy of every [`CallPool`](crate::CallPool).
#[derive(Clone, Debug, Default)]
pub struct ReturnToCaller {
    /// Until calls are repeated, none has anything to ask for, and the pool need not ask.
    has_pick_args: Arc<AtomicBool>,
}

impl ReturnToCaller {
    /// From now on calls are asked where they rather don't go.
    pub(super) fn ask_calls(&self) {
        // The first call that has something to say comes later, through the queue, so this needs no order of its own.
        if !self.has_pick_args.load(Ordering::Relaxed) {
            self.has_pick_args.store(true, Ordering::Relaxed);
        }
    }
}

impl<Request, Reply> ItemPolicy<Call<Request, Reply>> for ReturnToCaller {
    fn has_pick_args(&self) -> bool {
        self.has_pick_args.load(Ordering::Relaxed)
    }

    fn on_undelivered(&mut self, call: Call<Request, Reply>, reason: UndeliveredReason) {
        // The caller has a handle of the pool, and adds the last error.
        call.give_back(NotSentReason::Undelivered { reason, last_error: None });
    }

    fn is_wanted(&self, call: &Call<Request, Reply>) -> bool {
        !call.is_abandoned()
    }

    /// By its key, and rather not to the address where it failed last.
    #[inline]
    fn pick(&self, call: &Call<Request, Reply>) -> PickArgs {
        let mut args = PickArgs::any();
        (args.key, args.avoid) = (call.key(), call.last_address());
        args
    }

    #[inline]
    fn on_picked(&self, call: &Call<Request, Reply>, address: AddressId) {
        call.set_last_address(address);
    }
}
