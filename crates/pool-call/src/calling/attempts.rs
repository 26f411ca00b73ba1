//! Calls that may be made more than once, or rather not anywhere.

use pool_driver::AddressId;

use crate::error::{CallError, MaybeSentReason};
use crate::retry::Retry;

/// How a request is copied, for an attempt that may follow: `None` where it can't be.
pub(crate) type Copy<Request> = fn(&Request) -> Option<Request>;

/// A call that may be made more than once.
pub(crate) struct Attempts<Request> {
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

impl<Request> Attempts<Request> {
    pub(super) fn new() -> Self {
        Self { retry: None, copy: None, copied: None, maybe_sent: None, avoided: None, begun: 0 }
    }

    /// An attempt begins with this request.
    pub(crate) fn begin(&mut self, request: &Request) {
        self.begun += 1;
        let has_more = self.retry.as_ref().is_some_and(|retry| self.begun < retry.attempts());
        self.copied = if has_more { self.copy.and_then(|copy| copy(request)) } else { None };
    }

    /// Whether no attempt has begun.
    pub(crate) fn is_new(&self) -> bool {
        self.begun == 0
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
