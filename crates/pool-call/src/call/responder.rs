//! The connection's end of a call that was begun.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "tower")]
use pool_driver::SharedError;

use super::Call;
use super::call_slot::CallSlot;
use super::is_abandoned;
use crate::error::MaybeSentReason;

/// Answers a call that was begun. Dropped without an answer, it tells the caller that the request
/// may have been sent.
///
/// ```
/// use pool_call::{Call, CallError, MaybeSentReason};
///
/// let (call, reply) = Call::<&str, u32>::new("how many?");
/// let (_, responder) = call.begin().expect("somebody waits for the reply");
/// drop(responder);
/// # futures_util::FutureExt::now_or_never(async {
/// let error = reply.await.unwrap_err();
/// assert!(matches!(error, CallError::MaybeSent { reason: MaybeSentReason::Dropped }));
/// # }).unwrap();
/// ```
#[must_use = "the caller waits for an answer"]
pub struct Responder<Request, Reply> {
    /// `None` once it has answered.
    pub(super) slot: Option<Arc<CallSlot<Request, Reply>>>,
}

impl<Request, Reply> Responder<Request, Reply> {
    /// Gives the caller its reply.
    ///
    /// # Errors
    ///
    /// The reply, if the caller has gone.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call, by each kind of connection")]
    pub fn reply(mut self, reply: Reply) -> Result<(), Reply> {
        match self.slot.take() {
            Some(slot) => slot.reply(reply),
            None => Err(reply),
        }
    }

    /// Gives the caller a reply that says that the request was not executed, as that of a server which is
    /// overloaded or unfit. A call that [keeps a copy](crate::Calling::copied) is repeated then, by the rules of its
    /// [`Retry`](crate::Retry); to any other this is its reply.
    ///
    /// # Errors
    ///
    /// The reply, if the caller has gone.
    pub fn reject(mut self, reply: Reply) -> Result<(), Reply> {
        match self.slot.take() {
            Some(slot) => slot.reject(reply),
            None => Err(reply),
        }
    }

    /// Tells the caller that the request may have been sent, and why there is no reply.
    pub fn fail(mut self, reason: MaybeSentReason) {
        if let Some(slot) = self.slot.take() {
            slot.fail(reason);
        }
    }

    /// Takes the call back with its request, which provably was not processed: the peer refused it, or the request
    /// was never written. The call can be begun again. Give it to the pool by
    /// [`ConnectionEvent::Unsent`](pool_driver::ConnectionEvent::Unsent), so that another connection gets it, or
    /// [give it back](Call::give_back) to its caller with a reason.
    ///
    /// ```
    /// use pool_call::{Call, CallError};
    ///
    /// let (call, reply) = Call::<&str, u32>::new("how many?");
    /// let (request, responder) = call.begin().expect("somebody waits for the reply");
    /// // The peer says: not now, try another server.
    /// let call = responder.take_back(request).expect("somebody still waits");
    /// let (request, responder) = call.begin().expect("it is as new");
    /// responder.reply(3).expect("somebody still waits");
    /// # assert_eq!(request, "how many?");
    /// # futures_util::FutureExt::now_or_never(async { assert_eq!(reply.await.unwrap(), 3) }).unwrap();
    /// ```
    ///
    /// # Errors
    ///
    /// The request, if the caller has gone.
    pub fn take_back(mut self, request: Request) -> Result<Call<Request, Reply>, Request> {
        let Some(slot) = self.slot.take() else { return Err(request) };
        match slot.take_back(request) {
            Ok(()) => Ok(Call { slot: Some(slot) }),
            Err(request) => Err(request),
        }
    }

    /// Tells the caller that its request was certainly not processed, though it can't come back: see
    /// [`CallError::Unprocessed`](crate::CallError::Unprocessed).
    #[cfg(feature = "tower")]
    pub(crate) fn refuse(mut self, error: SharedError) {
        if let Some(slot) = self.slot.take() {
            slot.refuse(error);
        }
    }

    /// Whether the caller has given the call up and is counted as an orphan.
    pub(crate) fn is_given_up(&self) -> bool {
        self.slot.as_ref().is_none_or(|slot| slot.is_given_up())
    }

    /// Whether the caller has gone. Its reply still comes, and has to be read.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        is_abandoned(self.slot.as_ref())
    }
}

impl<Request, Reply> Drop for Responder<Request, Reply> {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.fail(MaybeSentReason::Dropped);
        }
    }
}

impl<Request, Reply> fmt::Debug for Responder<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Responder").field("is_abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}
