//! A request on its way, its caller, and whoever answers it.

use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::orphans::Orphans;
use crate::slot::{GivenUp, Slot};

/// A request, and where its reply goes: the item of pools and connections that answer.
///
/// A call that is dropped, wherever it is, was never sent: its caller gets the request back. A
/// connection that is about to write it says so by [`begin`](Self::begin), and from then on
/// answers through a [`Responder`]. [`CallExt`](crate::CallExt) makes calls;
/// [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged) are connections that take them.
///
/// ```
/// use pool_call::{Call, CallError};
///
/// let (call, answer) = Call::<&str, u32>::new("how many?");
/// let (request, responder) = call.begin().expect("somebody waits for the reply");
/// assert_eq!(request, "how many?");
/// responder.reply(3).expect("somebody still waits");
/// # futures_util::FutureExt::now_or_never(async {
/// assert_eq!(answer.await.unwrap(), 3);
///
/// let (call, answer) = Call::<&str, u32>::new("how many?");
/// drop(call);
/// let error = answer.await.unwrap_err();
/// assert_eq!(error.into_request(), Some("how many?")); // it never left
/// # }).unwrap();
/// ```
pub struct Call<Request, Reply> {
    /// Gone once it is begun or given back.
    slot: Option<Arc<Slot<Request, Reply>>>,
}

impl<Request: 'static, Reply: 'static> Call<Request, Reply> {
    /// A call, and the future of its answer.
    pub fn new(request: Request) -> (Self, Answer<Request, Reply>) {
        let slot = Slot::with(Slot::take_free(), request, None);
        (Self { slot: Some(Arc::clone(&slot)) }, Answer { stage: Stage::Called(slot) })
    }

    /// A call of this thread that is over.
    pub(crate) fn spare() -> Option<Self> {
        Slot::take_free().map(|slot| Self { slot: Some(slot) })
    }

    /// Keeps a call that is over for this thread.
    pub(crate) fn keep(mut self) {
        if let Some(slot) = self.slot.take() {
            Slot::keep_free(slot);
        }
    }
}

impl<Request, Reply> Call<Request, Reply> {
    /// Takes the request, to send it: what happens from now on, the request may have left.
    ///
    /// `None` if the caller has gone: then the request is gone too, and there is nothing to do.
    #[must_use]
    #[inline]
    pub fn begin(self) -> Option<(Request, Responder<Request, Reply>)> {
        self.begin_with(None)
    }

    /// As [`begin`](Self::begin); should the caller go, it is counted.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call, by each kind of connection")]
    pub(crate) fn begin_with(
        mut self,
        orphans: Option<Arc<Orphans>>,
    ) -> Option<(Request, Responder<Request, Reply>)> {
        let slot = self.slot.take()?;
        let request = slot.begin(orphans)?;
        Some((request, Responder { slot: Some(slot) }))
    }

    /// Gives the request back to the caller, who learns that it never left, and why.
    pub fn give_back(mut self, reason: NotSentReason) {
        if let Some(slot) = self.slot.take() {
            slot.give_back(reason);
        }
    }

    /// Whether the caller has gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        is_abandoned(self.slot.as_ref())
    }
}

/// Of the two that share a slot one is gone. The other will never come back: who owns a slot
/// alone gives it to nobody.
fn is_abandoned<Request, Reply>(slot: Option<&Arc<Slot<Request, Reply>>>) -> bool {
    slot.is_none_or(|slot| Arc::strong_count(slot) == 1)
}

impl<Request, Reply> Drop for Call<Request, Reply> {
    #[inline]
    fn drop(&mut self) {
        if let Some(slot) = self.slot.take() {
            slot.give_back(NotSentReason::Dropped);
        }
    }
}

impl<Request, Reply> fmt::Debug for Call<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("is_abandoned", &self.is_abandoned()).finish_non_exhaustive()
    }
}

/// Answers a call that was begun. Dropped without an answer, it tells the caller that the request
/// may have been sent.
#[must_use = "the caller waits for an answer"]
pub struct Responder<Request, Reply> {
    /// Gone once it has answered.
    slot: Option<Arc<Slot<Request, Reply>>>,
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

    /// Tells the caller that the request may have been sent, and why there is no reply.
    pub fn fail(mut self, reason: MaybeSentReason) {
        if let Some(slot) = self.slot.take() {
            slot.fail(reason);
        }
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

/// The reply to a [`Call`], or why there is none.
///
/// Dropping it gives up the call: one that has not been begun never will be; one that is on the
/// wire is answered all the same, and the reply thrown away. Where the call waits in a pool's queue,
/// tell the pool by [`report_unwanted`](pool_driver::Pool::report_unwanted), so that it leaves its place
/// to others; [`CallExt`](crate::CallExt) does that by itself.
#[must_use = "nobody sees the reply unless this is polled"]
pub struct Answer<Request: 'static, Reply: 'static> {
    stage: Stage<Request, Reply>,
}

enum Stage<Request, Reply> {
    /// There is no call yet.
    Asked(Request),
    Called(Arc<Slot<Request, Reply>>),
    Done,
}

impl<Request: 'static, Reply: 'static> Answer<Request, Reply> {
    /// The answer of a call that is still to be [made](Self::call).
    pub(crate) fn to(request: Request) -> Self {
        Self { stage: Stage::Asked(request) }
    }

    /// Makes the call, if that has not been done. With a waker the caller waits for the answer already,
    /// and needn't be polled before it is there.
    #[inline]
    pub(crate) fn call(
        &mut self,
        spare: impl FnOnce() -> Option<Call<Request, Reply>>,
        waker: Option<&Waker>,
    ) -> Option<Call<Request, Reply>> {
        let Stage::Asked(_) = self.stage else { return None };
        let Stage::Asked(request) = mem::replace(&mut self.stage, Stage::Done) else { return None };
        let spare = spare().and_then(|mut call| call.slot.take());
        let slot = Slot::with(spare, request, waker.cloned());
        self.stage = Stage::Called(Arc::clone(&slot));
        Some(Call { slot: Some(slot) })
    }

    /// Whether there is no call yet.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked(_))
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// The reply, if it is there and whoever gave it has let go of the call, which is over then.
    #[inline]
    pub(crate) fn take_reply(&mut self) -> Option<(Reply, Call<Request, Reply>)> {
        let Stage::Called(_) = self.stage else { return None };
        let Stage::Called(mut slot) = mem::replace(&mut self.stage, Stage::Done) else { return None };
        if let Some(reply) = slot.take_reply() {
            return Some((reply, Call { slot: Some(slot) }));
        }
        self.stage = Stage::Called(slot);
        None
    }

    /// The reply, or why there is none. After a reply the answer is to be [ended](Self::end).
    pub(crate) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        let Stage::Called(slot) = &mut self.stage else { panic!("`Answer` is polled after it was done") };
        match ready!(slot.poll(cx.waker())) {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => Poll::Ready(Err(self.take_error())),
        }
    }

    /// The reply has been taken. The call is over, and can be used again if nobody else has it.
    pub(crate) fn end(&mut self) -> Option<Call<Request, Reply>> {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Called(slot) if Arc::strong_count(&slot) == 1 => Some(Call { slot: Some(slot) }),
            _ => None,
        }
    }

    /// Stops waiting, for these reasons; a reply that is there already is taken all the same.
    pub(crate) fn give_up(
        &mut self,
        not_sent: NotSentReason,
        maybe_sent: MaybeSentReason,
    ) -> Result<Reply, CallError<Request>> {
        match self.leave() {
            GivenUp::NotSent(request) => Err(CallError::NotSent { request, reason: not_sent }),
            GivenUp::Done(result) => result,
            GivenUp::MaybeSent => Err(CallError::MaybeSent { reason: maybe_sent }),
        }
    }

    /// Stops waiting. Whether there is a call that was not begun, and so never will be.
    #[cold]
    pub(crate) fn abandon(&mut self) -> bool {
        !self.is_asked() && matches!(self.leave(), GivenUp::NotSent(_))
    }

    #[cold]
    fn leave(&mut self) -> GivenUp<Request, Reply> {
        match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Asked(request) => GivenUp::NotSent(request),
            Stage::Called(slot) => slot.give_up(),
            Stage::Done => GivenUp::MaybeSent,
        }
    }

    #[cold]
    fn take_error(&mut self) -> CallError<Request> {
        let error = match mem::replace(&mut self.stage, Stage::Done) {
            Stage::Called(slot) => slot.take_error(),
            Stage::Asked(_) | Stage::Done => None,
        };
        error.unwrap_or(CallError::MaybeSent { reason: MaybeSentReason::Dropped })
    }
}

impl<Request, Reply> Future for Answer<Request, Reply> {
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was done.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(self.poll_reply(cx))?;
        if let Some(spare) = self.end() {
            spare.keep();
        }
        Poll::Ready(Ok(reply))
    }
}

// Nothing in it is pinned.
impl<Request, Reply> Unpin for Answer<Request, Reply> {}

impl<Request, Reply> Drop for Answer<Request, Reply> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_done() {
            self.abandon();
        }
    }
}

impl<Request, Reply> fmt::Debug for Answer<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("is_done", &self.is_done()).finish()
    }
}
