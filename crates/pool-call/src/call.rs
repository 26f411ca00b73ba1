//! A request on its way, its caller, and whoever answers it.

use std::convert::Infallible;
use std::fmt;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pool_driver::AddressId;

use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::orphans::Orphans;
use crate::slot::{GivenUp, Slot, overwrite};

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
    pub fn new(request: Request) -> (Self, ReplyFuture<Request, Reply>) {
        let slot = Slot::with(Slot::take_free(), request, None);
        let caller = Caller { stage: Stage::Called(Arc::clone(&slot)) };
        (Self { slot: Some(slot) }, ReplyFuture { caller })
    }

    /// A call of this thread that is over.
    pub(crate) fn recycled() -> Option<Self> {
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
    /// What a call that is over holds, whatever became of it.
    pub(crate) const SLOT_BYTES: usize = size_of::<Slot<Request, Reply>>();

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

    /// The address that the request was given to last, if it ever was.
    #[inline]
    pub(crate) fn last_address(&self) -> Option<AddressId> {
        self.slot.as_ref()?.last_address()
    }

    #[inline]
    pub(crate) fn set_last_address(&self, address: AddressId) {
        if let Some(slot) = &self.slot {
            slot.set_last_address(address);
        }
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
pub struct ReplyFuture<Request: 'static, Reply: 'static> {
    pub(crate) caller: Caller<Request, Reply, Infallible>,
}

/// Whoever waits for the answer of a call, with all that there is to drop while it is not over: so for one
/// that is over one look is enough.
pub struct Caller<Request: 'static, Reply: 'static, Sending> {
    stage: Stage<Request, Reply, Sending>,
}

enum Stage<Request, Reply, Sending> {
    /// There is no call yet.
    Asked(Request),
    /// The call waits for its place in a queue.
    Sending(Arc<Slot<Request, Reply>>, Sending),
    Called(Arc<Slot<Request, Reply>>),
    Done,
    /// There is no reply, at this address.
    Failed(Option<AddressId>),
}

impl<Request: 'static, Reply: 'static, Sending> Caller<Request, Reply, Sending> {
    /// The caller of a call that is still to be [made](Self::call).
    pub(crate) fn to(request: Request) -> Self {
        Self { stage: Stage::Asked(request) }
    }

    /// Makes the call, if that has not been done. With a waker the caller waits for the answer already,
    /// and needn't be polled before it is there.
    #[inline]
    pub(crate) fn call(
        &mut self,
        recycled: impl FnOnce() -> Option<Call<Request, Reply>>,
        waker: Option<&Waker>,
    ) -> Option<Call<Request, Reply>> {
        let Stage::Asked(_) = self.stage else { return None };
        let Stage::Asked(request) = self.take_stage() else { return None };
        let recycled = recycled().and_then(|mut call| call.slot.take());
        let slot = Slot::with(recycled, request, waker.cloned());
        overwrite(&mut self.stage, Stage::Called(Arc::clone(&slot)));
        Some(Call { slot: Some(slot) })
    }

    /// Whether there is no call yet.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(self.stage, Stage::Asked(_))
    }

    /// Whether the call is on its way.
    pub(crate) fn is_called(&self) -> bool {
        matches!(self.stage, Stage::Called(_))
    }

    /// How the call waits for its place, if it does.
    pub(crate) fn sending(&mut self) -> Option<&mut Sending> {
        if let Stage::Sending(_, sending) = &mut self.stage { Some(sending) } else { None }
    }

    /// The call has to wait for its place.
    pub(crate) fn wait_for_place(&mut self, sending: Sending) {
        if let Stage::Called(slot) = self.take_stage() {
            self.stage = Stage::Sending(slot, sending);
        }
    }

    /// The call has its place.
    pub(crate) fn end_sending(&mut self) {
        if let Stage::Sending(slot, _) = self.take_stage() {
            self.stage = Stage::Called(slot);
        }
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed(_))
    }

    /// The address that the request was given to, of a call that failed.
    pub(crate) fn failed_at(&self) -> Option<AddressId> {
        if let Stage::Failed(address) = self.stage { address } else { None }
    }

    /// The reply, if it is there and whoever gave it has let go of the call, which is over then.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the last that a caller has to do; a call costs a third more")]
    pub(crate) fn take_reply(&mut self) -> Option<(Reply, Call<Request, Reply>)> {
        let Stage::Called(_) = self.stage else { return None };
        let Stage::Called(mut slot) = self.take_stage() else { return None };
        if let Some(reply) = slot.take_reply() {
            return Some((reply, Call { slot: Some(slot) }));
        }
        self.stage = Stage::Called(slot);
        None
    }

    /// The reply, or why there is none. After a reply the call is to be [ended](Self::end).
    pub(crate) fn poll_reply(&mut self, cx: &mut Context<'_>) -> Poll<Result<Reply, CallError<Request>>> {
        let Stage::Called(slot) = &mut self.stage else {
            panic!("`ReplyFuture` is polled after it was done")
        };
        match ready!(slot.poll(cx.waker())) {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => Poll::Ready(Err(self.take_error())),
        }
    }

    /// The reply has been taken. The call is over, and can be used again if nobody else has it.
    pub(crate) fn end(&mut self) -> Option<Call<Request, Reply>> {
        match self.take_stage() {
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
        match self.take_stage().give_up() {
            GivenUp::NotSent(request) => Err(CallError::NotSent { request, reason: not_sent }),
            GivenUp::Done(result) => result,
            GivenUp::MaybeSent => Err(CallError::MaybeSent { reason: maybe_sent }),
        }
    }

    /// Moves whoever waits to where there is time to drop what there is. Nothing is left here.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self { stage: self.take_stage() }
    }

    #[inline]
    fn take_stage(&mut self) -> Stage<Request, Reply, Sending> {
        mem::replace(&mut self.stage, Stage::Done)
    }

    /// Stops waiting. Whether the call was on its way, and will never be begun.
    pub(crate) fn abandon(mut self) -> bool {
        self.take_stage().abandon()
    }

    #[cold]
    fn take_error(&mut self) -> CallError<Request> {
        let error = match self.take_stage() {
            Stage::Called(slot) => {
                self.stage = Stage::Failed(slot.last_address());
                slot.take_error()
            }
            Stage::Asked(_) | Stage::Sending(..) | Stage::Done | Stage::Failed(_) => None,
        };
        error.unwrap_or(CallError::MaybeSent { reason: MaybeSentReason::Dropped })
    }
}

impl<Request, Reply, Sending> Stage<Request, Reply, Sending> {
    /// What had become of the call by now is known for certain.
    fn give_up(self) -> GivenUp<Request, Reply> {
        match self {
            Self::Asked(request) => GivenUp::NotSent(request),
            Self::Sending(slot, _) | Self::Called(slot) => slot.give_up(),
            Self::Done | Self::Failed(_) => GivenUp::MaybeSent,
        }
    }

    /// Whether the call was on its way, and will never be begun.
    #[cold]
    #[inline(never)]
    fn abandon(self) -> bool {
        let is_called = matches!(self, Self::Called(_));
        matches!(self.give_up(), GivenUp::NotSent(_)) && is_called
    }
}

impl<Request, Reply, Sending> Drop for Caller<Request, Reply, Sending> {
    #[inline]
    fn drop(&mut self) {
        if !self.is_done() {
            self.take_stage().abandon();
        }
    }
}

impl<Request, Reply> Future for ReplyFuture<Request, Reply> {
    type Output = Result<Reply, CallError<Request>>;

    /// # Panics
    ///
    /// If it is polled again after it was done.
    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let reply = ready!(self.caller.poll_reply(cx))?;
        if let Some(recycled) = self.caller.end() {
            recycled.keep();
        }
        Poll::Ready(Ok(reply))
    }
}

// Nothing in it is pinned.
impl<Request, Reply> Unpin for ReplyFuture<Request, Reply> {}

impl<Request, Reply> fmt::Debug for ReplyFuture<Request, Reply> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplyFuture").field("is_done", &self.caller.is_done()).finish()
    }
}
