//! What is special about a call: it ends in time, is made more than once, or rather not anywhere.

use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use pool_driver::{AddressId, Timers};

use super::timer::CallTimer;
use crate::call::{Setback, Terms};
use crate::error::{CallError, MaybeSentReason};
use crate::retry::Retry;

/// How a request is copied, for an attempt that may follow: `None` where it can't be.
pub(crate) type Copy<Request> = fn(&Request) -> Option<Request>;

/// Whether a reply says that the request may be repeated.
pub(crate) type Rejects<Reply> = fn(&Reply) -> bool;

/// What is special about a call. It is used again with the slots of calls.
pub(crate) struct Special<Request, Reply> {
    pub(super) timer: CallTimer,
    /// What the pool and its connections see of this. The timer wakes it.
    terms: Arc<Terms>,
    /// By which it is repeated.
    pub(crate) retry: Option<Retry>,
    /// Copies the request, so that it can be repeated.
    pub(crate) copy: Option<Copy<Request>>,
    /// It does no harm to execute the request twice.
    pub(crate) is_idempotent: bool,
    /// Replies after which it is repeated, besides those that its connection rejects it with.
    pub(crate) rejects: Option<Rejects<Reply>>,
    /// The request of the next attempt, in case this one doesn't come back.
    copied: Option<Request>,
    /// It may have been executed, for this reason: then it is never certainly unsent again.
    maybe_sent: Option<MaybeSentReason>,
    /// Where its like go.
    pub(crate) key: Option<u64>,
    /// Rather not there.
    pub(crate) avoided: Option<AddressId>,
    /// Attempts that were begun.
    begun: u32,
}

impl<Request, Reply> Special<Request, Reply> {
    pub(crate) fn new() -> Self {
        Self {
            timer: CallTimer::None,
            terms: Arc::default(),
            retry: None,
            copy: None,
            is_idempotent: false,
            rejects: None,
            copied: None,
            maybe_sent: None,
            key: None,
            avoided: None,
            begun: 0,
        }
    }

    /// The call is over: nothing is left of it.
    pub(super) fn clear(&mut self, timers: &Timers) {
        self.timer.stop(timers);
        self.timer = CallTimer::None;
        (self.retry, self.copy, self.copied, self.maybe_sent) = (None, None, None, None);
        (self.is_idempotent, self.rejects) = (false, None);
        (self.key, self.avoided, self.begun) = (None, None, 0);
        // It keeps no task alive, and is over for no other call.
        Terms::renew(&mut self.terms);
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
            self.timer.arm(timers, &Waker::from(Arc::clone(&self.terms)));
        }
        self.watch(caller);
    }

    /// Whether the time is over, by the caller's clock or by the driver's: these may differ.
    pub(super) fn is_over(&self, timers: &Timers) -> bool {
        self.timer.is_over(timers) || self.has_fired(timers)
    }

    /// Whether the driver has found that the time is over. One that ends wakes everybody early.
    fn has_fired(&self, timers: &Timers) -> bool {
        self.timer.has_deadline() && self.terms.is_over() && !timers.is_closed()
    }

    /// The terms of an attempt that begins now, if it has any.
    pub(super) fn terms(&mut self, timers: &Timers, caller: &Waker) -> Option<Arc<Terms>> {
        let deadline = self.timer.deadline();
        if deadline.is_none() && self.key.is_none() {
            return None;
        }
        // The timer of an earlier attempt has its terms until then.
        self.timer.stop(timers);
        Terms::renew(&mut self.terms);
        Terms::set(&mut self.terms, deadline, self.key);
        self.watch(caller);
        self.timer.arm(timers, &Waker::from(Arc::clone(&self.terms)));
        Some(Arc::clone(&self.terms))
    }

    /// Wakes this caller, too, when the time is over.
    fn watch(&self, caller: &Waker) {
        if self.timer.has_deadline() {
            self.terms.watch(caller);
        }
    }

    pub(crate) fn timer_mut(&mut self) -> &mut CallTimer {
        &mut self.timer
    }

    /// Whether the pool has to be told where the call has been, and where it rather goes.
    pub(super) fn wants_attempts(&self) -> bool {
        self.retry.is_some() || self.copy.is_some() || self.avoided.is_some() || self.key.is_some()
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

    /// Whether the caller's own rule takes this for a reply after which the call is repeated.
    pub(super) fn rejects(&self, reply: &Reply) -> bool {
        self.rejects.is_some_and(|rejects| rejects(reply))
    }

    /// The request of the next attempt, after this one was set back at an address.
    ///
    /// # Errors
    ///
    /// What the caller gets, if there is no other attempt.
    pub(super) fn next(
        &mut self,
        setback: Setback<Request, Reply>,
        set_back_at: Option<AddressId>,
        withdraw: impl Fn(&Retry) -> bool,
    ) -> Result<Request, Result<Reply, CallError<Request>>> {
        let has_more = |retry: &&Retry| self.begun < retry.attempts();
        let Some(retry) = self.retry.as_ref().filter(has_more) else { return Err(self.last_of(setback)) };
        self.avoided = set_back_at.or(self.avoided);
        let (setback, copied) = match (setback, self.copied.take()) {
            (Setback::Failed(CallError::NotSent { request, reason }), _)
                if reason.is_passing() && withdraw(retry) =>
            {
                return Ok(request);
            }
            (setback, Some(copied)) => (setback, copied),
            (setback, None) => return Err(self.last_of(setback)),
        };
        match setback {
            Setback::Rejected(_) | Setback::Failed(CallError::Unprocessed { .. }) if withdraw(retry) => {
                Ok(copied)
            }
            Setback::Failed(CallError::MaybeSent { reason })
                if self.is_idempotent && reason.is_passing() && withdraw(retry) =>
            {
                self.maybe_sent = Some(reason);
                Ok(copied)
            }
            setback => Err(self.last_of(setback)),
        }
    }

    fn last_of(&mut self, setback: Setback<Request, Reply>) -> Result<Reply, CallError<Request>> {
        setback.into_result().map_err(|error| self.last(error))
    }

    /// The end of the last attempt as that of the call.
    pub(crate) fn last(&mut self, error: CallError<Request>) -> CallError<Request> {
        let earlier = self.maybe_sent.take().filter(|_| error.is_not_sent());
        earlier.map_or(error, |reason| CallError::MaybeSent { reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::NotSentReason;

    type Setback = super::Setback<&'static str, u8>;

    fn setbacks() -> [(&'static str, Setback); 6] {
        let not_sent = |reason| Setback::Failed(CallError::NotSent { request: "itself", reason });
        let maybe_sent = |reason| Setback::Failed(CallError::MaybeSent { reason });
        [
            ("never sent", not_sent(NotSentReason::Dropped)),
            ("never sent in time", not_sent(NotSentReason::TimedOut { last_error: None })),
            ("maybe executed", maybe_sent(MaybeSentReason::Dropped)),
            ("maybe executed in time", maybe_sent(MaybeSentReason::TimedOut)),
            (
                "lost unprocessed",
                Setback::Failed(CallError::Unprocessed { error: Arc::new(std::io::Error::other("no")) }),
            ),
            ("rejected", Setback::Rejected(7)),
        ]
    }

    /// The names of the setbacks after which a call with these settings is repeated, and with what request.
    fn repeated(has_copy: bool, is_idempotent: bool, has_budget: bool) -> Vec<(&'static str, &'static str)> {
        let next = |(name, setback)| {
            let mut special = Special::<&str, u8>::new();
            special.retry = Some(Retry::new());
            special.copy = has_copy.then_some(|_| Some("a copy"));
            special.is_idempotent = is_idempotent;
            special.begin(&"itself");
            special.next(setback, None, |_| has_budget).ok().map(|request| (name, request))
        };
        setbacks().into_iter().filter_map(next).collect()
    }

    #[test]
    fn a_call_is_repeated_after_what_its_copy_and_its_promise_allow() {
        let never_sent = ("never sent", "itself");
        let not_executed = [("lost unprocessed", "a copy"), ("rejected", "a copy")];
        assert_eq!(repeated(false, false, true), [never_sent]);
        assert_eq!(repeated(true, false, true), [never_sent, not_executed[0], not_executed[1]]);
        let maybe = ("maybe executed", "a copy");
        assert_eq!(repeated(true, true, true), [never_sent, maybe, not_executed[0], not_executed[1]]);
        assert_eq!(repeated(true, true, false), []);
    }

    #[test]
    fn a_call_that_is_not_repeated_ends_with_what_set_it_back() {
        for (name, setback) in setbacks() {
            let is_rejected = matches!(setback, Setback::Rejected(_));
            let mut special = Special::<&str, u8>::new();
            let ended = special.next(setback, None, |_| true).expect_err("there are no rules");
            assert_eq!(ended.is_ok_and(|reply| reply == 7), is_rejected, "{name}");
        }
    }
}
