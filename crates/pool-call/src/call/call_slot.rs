//! Where caller and connection meet: holds the request until the call is begun, then the reply.
//!
//! One mutex around one value decides in one step which of two comes first. A caller that takes its request
//! back knows that it never left; a connection that begins a call knows that its caller was still there. Wakers
//! and the user's values are moved under the lock, never cloned, woken or dropped there.

use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::{MappedMutexGuard, Mutex, MutexGuard};
#[cfg(feature = "tower")]
use pool_driver::SharedError;
use pool_driver::{AddressId, Instant};

use super::terms::Terms;
use crate::connection::Orphans;
use crate::error::{CallError, MaybeSentReason, NotSentReason};

pub(crate) struct CallSlot<Request, Reply> {
    state: Mutex<SlotState<Request, Reply>>,
    /// The call is settled later and under the lock, so this needs no order of its own.
    last_address: AtomicU64,
    /// There for calls that ask for something.
    terms: Option<Arc<Terms>>,
}

/// No address has this number.
const NOWHERE: u64 = u64::MAX;

struct SlotState<Request, Reply> {
    stage: CallStage<Request, Reply>,
    /// The caller's.
    waker: Option<Waker>,
}

/// In the order of a call's life.
enum CallStage<Request, Reply> {
    /// The slot is not in use, or the caller has gone.
    Empty,
    /// The request has not been begun.
    Queued(Request),
    /// The request has not been begun, and what may be done with it its terms say.
    Limited(Request),
    /// A connection has the request, and counts its orphans here.
    Begun(Option<Arc<Orphans>>),
    /// The reply has come, and the caller hasn't seen it yet.
    Replied(Reply),
    /// As before, and the reply says that the request was not executed.
    Rejected(Reply),
    /// There will be no reply, and the caller hasn't seen that yet. Boxed, so that other calls need no
    /// room for an error.
    Failed(Box<CallError<Request>>),
}

/// An end of an attempt after which another may follow.
pub(crate) enum Setback<Request, Reply> {
    /// There is no reply.
    Failed(CallError<Request>),
    /// The reply says that the request was not executed.
    Rejected(Reply),
}

impl<Request, Reply> Setback<Request, Reply> {
    /// What the caller gets, if there is no other attempt.
    pub(crate) fn into_result(self) -> Result<Reply, CallError<Request>> {
        match self {
            Self::Failed(error) => Err(error),
            Self::Rejected(reply) => Ok(reply),
        }
    }
}

/// What had become of a call when its caller gave it up.
pub(super) enum GivenUp<Request, Reply> {
    NotSent(Request),
    MaybeSent,
    Settled(Result<Reply, CallError<Request>>),
}

impl<Request, Reply> CallSlot<Request, Reply> {
    /// A new slot that holds a request.
    pub(super) fn new(request: Request) -> Arc<Self> {
        let mut slot = Self::new_empty();
        Self::vacant(&mut slot).fill(request, None);
        slot
    }

    /// A slot that is new or recycled, to be filled.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; outlined, it costs 3 % of one")]
    pub(super) fn vacant(slot: &mut Arc<Self>) -> &mut Self {
        let slot = Arc::get_mut(slot).expect("a recycled slot has one owner");
        debug_assert!(slot.terms.is_none(), "the terms of another call are not this one's");
        slot
    }

    /// Puts a request into a slot that is vacant. It can't panic.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "as above")]
    pub(super) fn fill(&mut self, request: Request, waker: Option<Waker>) {
        let state = self.state.get_mut();
        debug_assert!(
            matches!(state.stage, CallStage::Empty) && state.waker.is_none(),
            "a recycled slot is empty"
        );
        overwrite(&mut state.stage, CallStage::Queued(request));
        overwrite(&mut state.waker, waker);
        *self.last_address.get_mut() = NOWHERE;
    }

    #[cold]
    pub(super) fn new_empty() -> Arc<Self> {
        let state = Mutex::new(SlotState { stage: CallStage::Empty, waker: None });
        Arc::new(Self { state, last_address: AtomicU64::new(NOWHERE), terms: None })
    }

    /// Sets what a call asks for that nobody else has yet.
    pub(super) fn set_terms(self: &mut Arc<Self>, terms: Arc<Terms>) {
        let Some(slot) = Arc::get_mut(self) else { return };
        let state = slot.state.get_mut();
        if let CallStage::Queued(request) = mem::replace(&mut state.stage, CallStage::Empty) {
            state.stage = CallStage::Limited(request);
            slot.terms = Some(terms);
        }
    }

    /// The call is over, and its slot may serve another. Not if somebody else still has it.
    pub(super) fn clear(self: &mut Arc<Self>) -> bool {
        Arc::get_mut(self).map(|slot| slot.terms = None).is_some()
    }

    /// The address that the request was given to last, be it in an earlier attempt.
    #[inline]
    pub(super) fn last_address(&self) -> Option<AddressId> {
        let bits = self.last_address.load(Ordering::Relaxed);
        (bits != NOWHERE).then(|| AddressId::from_bits(bits))
    }

    #[inline]
    pub(super) fn set_last_address(&self, address: AddressId) {
        self.last_address.store(address.to_bits(), Ordering::Relaxed);
    }

    /// The key by which the call goes where its like go.
    #[inline]
    pub(super) fn key(&self) -> Option<u64> {
        self.terms.as_ref()?.key()
    }

    /// Takes the request, to send it now. `None` if the caller has gone, or its time is over.
    #[inline]
    pub(super) fn begin(&self, now: Instant, orphans: Option<Arc<Orphans>>) -> Option<Request> {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, CallStage::Begun(orphans)) {
            CallStage::Queued(request) => Some(request),
            other => {
                let unused = mem::replace(&mut state.stage, other);
                self.begin_limited(state, unused, now)
            }
        }
    }

    /// If there is time left.
    #[cold]
    #[inline(never)]
    fn begin_limited(
        &self,
        mut state: MutexGuard<'_, SlotState<Request, Reply>>,
        begun: CallStage<Request, Reply>,
        now: Instant,
    ) -> Option<Request> {
        let has_time = !self.terms.as_ref().is_some_and(|terms| terms.is_over_at(now));
        if has_time && let CallStage::Limited(_) = state.stage {
            return match mem::replace(&mut state.stage, begun) {
                CallStage::Limited(request) => Some(request),
                _ => None,
            };
        }
        drop(state);
        None
    }

    /// Takes a begun request back, so that it can be begun again. Returns the request if the caller has gone.
    #[cold]
    pub(super) fn take_back(&self, request: Request) -> Result<(), Request> {
        let mut state = self.state.lock();
        let CallStage::Begun(orphans) = &mut state.stage else {
            drop(state);
            return Err(request);
        };
        let orphans = orphans.take();
        state.stage =
            if self.terms.is_some() { CallStage::Limited(request) } else { CallStage::Queued(request) };
        drop(state);
        drop(orphans);
        Ok(())
    }

    /// The request, while it has not been begun. The caller can't give the call up as long as this is looked at.
    pub(super) fn request(&self) -> Option<MappedMutexGuard<'_, Request>> {
        let request = MutexGuard::try_map(self.state.lock(), |state| match &mut state.stage {
            CallStage::Queued(request) | CallStage::Limited(request) => Some(request),
            _ => None,
        });
        request.ok()
    }

    /// Whether the request has not been begun.
    pub(super) fn is_queued(&self) -> bool {
        matches!(self.state.lock().stage, CallStage::Queued(_) | CallStage::Limited(_))
    }

    /// Gives the request back to the caller.
    #[cold]
    pub(super) fn give_back(self: Arc<Self>, reason: NotSentReason) {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, CallStage::Empty) {
            CallStage::Queued(request) | CallStage::Limited(request) => {
                state.stage = CallStage::Failed(Box::new(CallError::NotSent { request, reason }));
            }
            other => state.stage = other,
        }
        let waker = state.waker.take();
        drop(state);
        self.release_and_wake(waker);
    }

    /// Gives the caller of a begun call its reply. Returns the reply if the caller has gone.
    #[inline]
    pub(super) fn reply(self: Arc<Self>, reply: Reply) -> Result<(), Reply> {
        self.settle(reply, CallStage::Replied)
    }

    /// As [`reply`](Self::reply), with a reply that says that the request was not executed.
    #[cold]
    pub(super) fn reject(self: Arc<Self>, reply: Reply) -> Result<(), Reply> {
        self.settle(reply, CallStage::Rejected)
    }

    /// Tells the caller of a begun call why there is no reply.
    #[cold]
    pub(super) fn fail(self: Arc<Self>, reason: MaybeSentReason) {
        // A caller that has gone needs no reason.
        let _ = self.settle(reason, |reason| CallStage::Failed(Box::new(CallError::MaybeSent { reason })));
    }

    /// Tells the caller of a begun call that its request was not processed, though it is gone.
    #[cfg(feature = "tower")]
    #[cold]
    pub(super) fn refuse(self: Arc<Self>, error: SharedError) {
        // A caller that has gone needs no reason.
        let _ = self.settle(error, |error| CallStage::Failed(Box::new(CallError::Unprocessed { error })));
    }

    /// Returns the value if the caller has gone.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; `reply` has to be no call of its own")]
    fn settle<T>(
        self: Arc<Self>,
        value: T,
        settled: impl FnOnce(T) -> CallStage<Request, Reply>,
    ) -> Result<(), T> {
        let mut state = self.state.lock();
        let CallStage::Begun(orphans) = &mut state.stage else {
            drop(state);
            return Err(value);
        };
        let orphans = orphans.take();
        state.stage = settled(value);
        let waker = state.waker.take();
        drop(state);
        drop(orphans);
        self.release_and_wake(waker);
        Ok(())
    }

    /// Releases the slot before the wake-up, so that the caller finds itself its only owner.
    #[inline]
    fn release_and_wake(self: Arc<Self>, waker: Option<Waker>) {
        drop(self);
        if let Some(waker) = waker {
            // A waker is the caller's code: its panic must not cost the calls of others.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
    }

    /// The reply, if it has come and the caller is the only owner of the slot: that needs no lock.
    #[inline]
    pub(super) fn take_reply(self: &mut Arc<Self>) -> Option<Reply> {
        match Arc::get_mut(self)?.state.get_mut().take_reply() {
            Poll::Ready(reply) => reply,
            Poll::Pending => None,
        }
    }

    /// The reply. If it has not come, the waker is kept. `None` stands for another end, which
    /// [`take_setback`](Self::take_setback) returns.
    #[inline]
    pub(super) fn poll(self: &mut Arc<Self>, waker: &Waker) -> Poll<Option<Reply>> {
        if let Some(slot) = Arc::get_mut(self) {
            // The other owner has settled the call and released the slot: no need to lock.
            return slot.state.get_mut().take_reply();
        }
        let waker = waker.clone();
        let mut state = self.state.lock();
        let reply = state.take_reply();
        let unused = if reply.is_pending() { state.waker.replace(waker) } else { Some(waker) };
        drop(state);
        drop(unused);
        reply
    }

    /// Why there is no reply, or none that says that the request was executed.
    #[cold]
    pub(super) fn take_setback(&self) -> Option<Setback<Request, Reply>> {
        match mem::replace(&mut self.state.lock().stage, CallStage::Empty) {
            CallStage::Failed(error) => Some(Setback::Failed(*error)),
            CallStage::Rejected(reply) => Some(Setback::Rejected(reply)),
            _ => None,
        }
    }

    /// Whether the caller of a begun call has given it up. Its orphan is counted by then.
    pub(super) fn is_given_up(&self) -> bool {
        matches!(self.state.lock().stage, CallStage::Empty)
    }

    /// The caller goes. What has become of the call by now is known for certain.
    pub(super) fn give_up(&self) -> GivenUp<Request, Reply> {
        let mut state = self.state.lock();
        let waker = state.waker.take();
        let left = mem::replace(&mut state.stage, CallStage::Empty);
        if let CallStage::Begun(Some(orphans)) = &left {
            orphans.add();
        }
        drop(state);
        drop(waker);
        match left {
            CallStage::Queued(request) | CallStage::Limited(request) => GivenUp::NotSent(request),
            CallStage::Replied(reply) | CallStage::Rejected(reply) => GivenUp::Settled(Ok(reply)),
            CallStage::Failed(error) => GivenUp::Settled(Err(*error)),
            CallStage::Begun(orphans) => {
                if let Some(orphans) = orphans {
                    orphans.wake();
                }
                GivenUp::MaybeSent
            }
            CallStage::Empty => GivenUp::MaybeSent,
        }
    }
}

impl<Request, Reply> SlotState<Request, Reply> {
    #[inline]
    fn take_reply(&mut self) -> Poll<Option<Reply>> {
        match self.stage {
            CallStage::Replied(_) => {}
            CallStage::Failed(_) | CallStage::Rejected(_) => return Poll::Ready(None),
            CallStage::Empty | CallStage::Queued(_) | CallStage::Limited(_) | CallStage::Begun(_) => {
                return Poll::Pending;
            }
        }
        match mem::replace(&mut self.stage, CallStage::Empty) {
            CallStage::Replied(reply) => Poll::Ready(Some(reply)),
            _ => Poll::Pending,
        }
    }
}

/// Overwrites a value that has nothing to drop. The compiler can't know that, and would look.
#[inline]
fn overwrite<T>(target: &mut T, value: T) {
    mem::forget(mem::replace(target, value));
}
