//! What is special about a call: it ends in time, is made more than once, or rather not anywhere.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pool_driver::{AddressId, Timers};

use super::timer::CallTimer;
use crate::call::Expiry;
use crate::error::{CallError, MaybeSentReason};
use crate::retry::Retry;

/// How a request is copied, for an attempt that may follow: `None` where it can't be.
pub(crate) type Copy<Request> = fn(&Request) -> Option<Request>;

/// What is special about a call. It is used again with the slots of calls.
pub(crate) struct Special<Request> {
    pub(super) timer: CallTimer,
    /// What the timer wakes.
    expiry: Arc<Expiry>,
    /// By which it is repeated.
    pub(crate) retry: Option<Retry>,
    /// It does no harm to execute the request twice, and this copies it.
    pub(crate) copy: Option<Copy<Request>>,
    /// The request of the next attempt, in case this one doesn't come back.
    copied: Option<Request>,
    /// It may have been executed, for this reason: then it is never certainly unsent again.
    maybe_sent: Option<MaybeSentReason>,
    /// Rather not there.
    pub(crate) avoided: Option<AddressId>,
    /// Attempts that were begun.
    begun: u32,
}

impl<Request> Special<Request> {
    pub(crate) fn new() -> Self {
        Self {
            timer: CallTimer::None,
            expiry: Arc::default(),
            retry: None,
            copy: None,
            copied: None,
            maybe_sent: None,
            avoided: None,
            begun: 0,
        }
    }

    /// The call is over: nothing is left of it.
    pub(super) fn clear(&mut self, timers: &Timers) {
        self.timer.stop(timers);
        self.timer = CallTimer::None;
        (self.retry, self.copy, self.copied, self.maybe_sent) = (None, None, None, None);
        (self.avoided, self.begun) = (None, 0);
        // It keeps no task alive, and is over for no other call.
        Expiry::renew(&mut self.expiry);
    }

    /// Sets the time of the call, also if another runs.
    pub(super) fn set_timeout(&mut self, timers: &Timers, timeout: Duration) {
        self.timer.stop(timers);
        self.timer.set_timeout(timeout);
    }

    /// Time runs from now on, if it is limited. Returns whether there is none left.
    pub(super) fn begin_time(&mut self, timers: &Timers) -> bool {
        self.timer.begin(timers) || self.has_fired(timers)
    }

    /// As [`begin_time`](Self::begin_time), for a call that may be on its way already when its time is set.
    pub(super) fn begin_late_time(&mut self, timers: &Timers, caller: &Waker) {
        if self.timer.is_set() {
            self.timer.begin(timers);
            self.timer.arm(timers, &Waker::from(Arc::clone(&self.expiry)));
        }
        self.watch(caller);
    }

    /// Whether the time is over, by the caller's clock or by the driver's: these may differ.
    pub(super) fn is_over(&self, timers: &Timers) -> bool {
        self.timer.is_over(timers) || self.has_fired(timers)
    }

    /// Whether the driver has found that the time is over. One that ends wakes everybody early.
    fn has_fired(&self, timers: &Timers) -> bool {
        self.timer.has_deadline() && self.expiry.is_over() && !timers.is_closed()
    }

    /// Limits the time of an attempt that begins now, if it is limited.
    pub(super) fn limit(&mut self, timers: &Timers, caller: &Waker) -> Option<Arc<Expiry>> {
        if !self.timer.has_deadline() {
            return None;
        }
        // The timer of an earlier attempt has its expiry until then.
        self.timer.stop(timers);
        Expiry::renew(&mut self.expiry);
        self.expiry.watch(caller);
        self.timer.arm(timers, &Waker::from(Arc::clone(&self.expiry)));
        Some(Arc::clone(&self.expiry))
    }

    /// Wakes this caller, too, when the time is over.
    fn watch(&self, caller: &Waker) {
        if self.timer.has_deadline() {
            self.expiry.watch(caller);
        }
    }

    pub(crate) fn timer_mut(&mut self) -> &mut CallTimer {
        &mut self.timer
    }

    /// Whether the pool has to be told where the call has been.
    pub(super) fn wants_attempts(&self) -> bool {
        self.retry.is_some() || self.copy.is_some() || self.avoided.is_some()
    }

    /// Whether no attempt has begun.
    pub(crate) fn is_new(&self) -> bool {
        self.begun == 0
    }

    /// An attempt begins with this request.
    pub(crate) fn begin(&mut self, request: &Request) {
        self.begun += 1;
        let has_more = self.retry.as_ref().is_some_and(|retry| self.begun < retry.attempts());
        self.copied = if has_more { self.copy.and_then(|copy| copy(request)) } else { None };
    }

    /// The request of the next attempt, after this one has failed at an address.
    ///
    /// # Errors
    ///
    /// With what the call ends, if there is no other attempt.
    pub(crate) fn next(
        &mut self,
        error: CallError<Request>,
        failed_at: Option<AddressId>,
        withdraw: impl Fn(&Retry) -> bool,
    ) -> Result<Request, CallError<Request>> {
        let has_more = |retry: &&Retry| self.begun < retry.attempts();
        let Some(retry) = self.retry.as_ref().filter(has_more) else { return Err(self.last(error)) };
        self.avoided = failed_at.or(self.avoided);
        match (error, self.copied.take()) {
            (CallError::NotSent { request, reason }, _) if reason.is_passing() && withdraw(retry) => {
                Ok(request)
            }
            (CallError::MaybeSent { reason }, Some(copied)) if reason.is_passing() && withdraw(retry) => {
                self.maybe_sent = Some(reason);
                Ok(copied)
            }
            (error, _) => Err(self.last(error)),
        }
    }

    /// The end of the last attempt as that of the call.
    pub(crate) fn last(&mut self, error: CallError<Request>) -> CallError<Request> {
        let earlier = self.maybe_sent.take().filter(|_| error.is_not_sent());
        earlier.map_or(error, |reason| CallError::MaybeSent { reason })
    }
}
