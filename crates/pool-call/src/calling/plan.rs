//! What a call may do besides being sent once and waited for: end in time, be repeated, avoid an address.

use std::time::Duration;

use pool_driver::{AddressId, PoolSleep};

use crate::error::{CallError, MaybeSentReason};
use crate::retry::Retry;

/// How a request is copied, for an attempt that may follow: `None` where it can't be.
pub(crate) type Copy<Request> = fn(&Request) -> Option<Request>;

/// What is special about a call. Most calls are plain, so all that they need not have is behind one comparison.
pub(crate) enum Plan<Request> {
    Plain,
    /// It has this long.
    Timeout(Duration),
    /// It has as long as this.
    Timed(PoolSleep),
    /// Anything else.
    Attempts(Box<Attempts<Request>>),
}

/// A call that may be made more than once.
pub(crate) struct Attempts<Request> {
    pub(crate) timeout: Option<Duration>,
    /// Of all attempts together, from the first on.
    pub(crate) sleep: Option<PoolSleep>,
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

impl<Request> Plan<Request> {
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self, Self::Plain)
    }

    /// Whether the time of the call was set.
    pub(crate) fn has_timeout(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Timeout(_) | Self::Timed(_) => true,
            Self::Attempts(attempts) => attempts.timeout.is_some(),
        }
    }

    pub(crate) fn set_timeout(&mut self, timeout: Duration) {
        match self {
            Self::Attempts(attempts) => attempts.timeout = Some(timeout),
            plan => *plan = Self::Timeout(timeout),
        }
    }

    pub(crate) fn attempts(&mut self) -> &mut Attempts<Request> {
        if !matches!(self, Self::Attempts(_)) {
            let timeout = if let Self::Timeout(timeout) = self { Some(*timeout) } else { None };
            *self = Self::Attempts(Box::new(Attempts::new(timeout)));
        }
        let Self::Attempts(attempts) = self else { unreachable!("it was just made") };
        attempts
    }

    pub(crate) fn as_attempts(&mut self) -> Option<&mut Attempts<Request>> {
        if let Self::Attempts(attempts) = self { Some(attempts) } else { None }
    }

    /// The timer of the call, started by `sleep` if there is to be one.
    pub(crate) fn start_timer(
        &mut self,
        sleep: impl FnOnce(Duration) -> PoolSleep,
    ) -> Option<&mut PoolSleep> {
        if let Self::Timeout(timeout) = self {
            *self = Self::Timed(sleep(*timeout));
        } else if let Self::Attempts(attempts) = self
            && attempts.sleep.is_none()
            && let Some(timeout) = attempts.timeout
        {
            attempts.sleep = Some(sleep(timeout));
        }
        self.timer()
    }

    pub(crate) fn timer(&mut self) -> Option<&mut PoolSleep> {
        match self {
            Self::Timed(sleep) => Some(sleep),
            Self::Attempts(attempts) => attempts.sleep.as_mut(),
            Self::Plain | Self::Timeout(_) => None,
        }
    }
}

impl<Request> Attempts<Request> {
    fn new(timeout: Option<Duration>) -> Self {
        Self {
            timeout,
            sleep: None,
            retry: None,
            copy: None,
            copied: None,
            maybe_sent: None,
            avoided: None,
            begun: 0,
        }
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
