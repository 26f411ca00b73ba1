//! A call: a request on its way, its caller, and the connection that answers it.
//!
//! Caller and connection share one [`CallSlot`]. A [`Call`] is the right to begin it, a [`Responder`] the duty
//! to answer it, a [`ReplyFuture`] the wait for the answer.

mod call_slot;
mod caller;
mod free_list;
mod reply_future;
mod responder;
mod terms;

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use pool_driver::{AddressId, Instant};

pub(crate) use call_slot::Setback;
pub(crate) use caller::Caller;
pub(crate) use free_list::{FreeList, Shard};
pub use reply_future::ReplyFuture;
pub use responder::Responder;
pub(crate) use terms::Terms;

use self::call_slot::CallSlot;
use crate::connection::Orphans;
use crate::error::NotSentReason;

/// A request, and where its reply goes: the item of pools and connections that answer.
///
/// A call that is dropped, wherever it is, was never sent: its caller gets the request back. A
/// connection that is about to write the request [begins](Self::begin) the call, and from then on
/// answers through a [`Responder`]. [`CallExt`](crate::CallExt) makes calls;
/// [`Pipelined`](crate::Pipelined) and [`Tagged`](crate::Tagged) are connections that take them.
///
/// ```
/// use pool_call::{Call, CallError};
///
/// let (call, reply) = Call::<&str, u32>::new("how many?");
/// let (request, responder) = call.begin().expect("somebody waits for the reply");
/// assert_eq!(request, "how many?");
/// responder.reply(3).expect("somebody still waits");
/// # futures_util::FutureExt::now_or_never(async {
/// assert_eq!(reply.await.unwrap(), 3);
///
/// let (call, reply) = Call::<&str, u32>::new("how many?");
/// drop(call);
/// let error = reply.await.unwrap_err();
/// assert_eq!(error.into_request(), Some("how many?")); // it never left
/// # }).unwrap();
/// ```
pub struct Call<Request, Reply> {
    /// `None` once the call is begun or given back.
    slot: Option<Arc<CallSlot<Request, Reply>>>,
}

impl<Request: 'static, Reply: 'static> Call<Request, Reply> {
    /// Makes a call, and the future of its reply.
    pub fn new(request: Request) -> (Self, ReplyFuture<Request, Reply>) {
        let slot = CallSlot::new(request);
        let caller = Caller::of_call(Arc::clone(&slot));
        (Self { slot: Some(slot) }, ReplyFuture { caller })
    }
}

impl<Request, Reply> Call<Request, Reply> {
    /// Takes the request, to send it: whatever happens from now on, the request may have left.
    ///
    /// `None` if the caller has gone, or the time of the call is over. Then there is nothing to do, and nothing must
    /// be sent.
    #[must_use]
    #[inline]
    pub fn begin(self) -> Option<(Request, Responder<Request, Reply>)> {
        self.begin_at(Instant::ZERO)
    }

    /// As [`begin`](Self::begin), at a time of the pool's runtime, as
    /// [`Connection::set_now`](pool_driver::Connection::set_now) tells it. Then it is certain that nothing is sent after
    /// the call's time. Without, it may be for as long as the pool needs to tell callers that their time is over.
    #[must_use]
    #[inline]
    pub fn begin_at(self, now: Instant) -> Option<(Request, Responder<Request, Reply>)> {
        self.begin_with(now, None)
    }

    /// As [`begin_at`](Self::begin_at). If the caller goes later, the call is counted among these orphans.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call, by each kind of connection")]
    pub(crate) fn begin_with(
        mut self,
        now: Instant,
        orphans: Option<Arc<Orphans>>,
    ) -> Option<(Request, Responder<Request, Reply>)> {
        let slot = self.slot.take()?;
        let request = slot.begin(now, orphans)?;
        Some((request, Responder { slot: Some(slot) }))
    }

    /// The address that the request was given to last, if it ever was.
    #[inline]
    pub(crate) fn last_address(&self) -> Option<AddressId> {
        self.slot.as_ref()?.last_address()
    }

    /// The key by which it goes where its like go.
    #[inline]
    pub(crate) fn key(&self) -> Option<u64> {
        self.slot.as_ref()?.key()
    }

    #[inline]
    pub(crate) fn set_last_address(&self, address: AddressId) {
        if let Some(slot) = &self.slot {
            slot.set_last_address(address);
        }
    }

    /// A look at the request, to decide where it goes. `None` if the caller has gone.
    ///
    /// The caller can't go while this is held: keep it short, and neither wait nor poll the caller meanwhile.
    ///
    /// ```
    /// use pool_call::Call;
    ///
    /// let (call, _reply) = Call::<&str, u32>::new("how many?");
    /// assert_eq!(call.request().as_deref(), Some(&"how many?"));
    /// ```
    #[must_use]
    pub fn request(&self) -> Option<impl Deref<Target = Request>> {
        self.slot.as_ref()?.request()
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

/// A slot has two owners, caller and connection. The sole owner of a slot never shares it again, so an owner
/// that is gone stays gone.
fn is_abandoned<Request, Reply>(slot: Option<&Arc<CallSlot<Request, Reply>>>) -> bool {
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
