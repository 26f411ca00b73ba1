//! The caller's end of a call, from the request to the reply.

use std::mem::{self, ManuallyDrop};
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};

use pool_driver::AddressId;

use super::Call;
use super::call_slot::{CallSlot, GivenUp, Setback};
use super::free_list::Shard;
use super::terms::Terms;
use crate::error::{CallError, MaybeSentReason, NotSentReason};

/// Makes a call and waits for its reply. `Sending` is how the call waits for a permit.
///
/// All that a call may have to drop is in one enum, and in the stages of a call that is over there is nothing: its drop
/// is one comparison.
pub(crate) struct Caller<Request: 'static, Reply: 'static, Sending> {
    stage: ManuallyDrop<CallerStage<Request, Reply, Sending>>,
}

enum CallerStage<Request, Reply, Sending> {
    /// There is no call yet.
    Asked(Request),
    /// There is no call yet, and something is special about it.
    AskedSpecially(Request),
    /// The call waits for a permit.
    Waiting(Arc<CallSlot<Request, Reply>>, Sending),
    /// The call is on its way.
    Called(Arc<CallSlot<Request, Reply>>),
    /// The call is on its way, and something is special about it. So that the last look at a plain call need not ask.
    CalledSpecially(Arc<CallSlot<Request, Reply>>),
    /// There is nothing left to wait for.
    Done,
    /// There is no reply from this address, or none that says that the request was executed.
    SetBack(Option<AddressId>),
}

impl<Request: 'static, Reply: 'static, Sending> Caller<Request, Reply, Sending> {
    /// What was there before has been taken.
    #[inline]
    fn set_stage(&mut self, stage: CallerStage<Request, Reply, Sending>) {
        self.stage = ManuallyDrop::new(stage);
    }

    #[inline]
    fn at(stage: CallerStage<Request, Reply, Sending>) -> Self {
        Self { stage: ManuallyDrop::new(stage) }
    }

    /// The caller of a call that is still to be [made](Self::make_call).
    pub(crate) fn of_request(request: Request) -> Self {
        Self::at(CallerStage::Asked(request))
    }

    /// The caller of the call in this slot.
    pub(super) fn of_call(slot: Arc<CallSlot<Request, Reply>>) -> Self {
        Self::at(CallerStage::Called(slot))
    }

    /// Makes the call, if there is none yet, in a slot of this shard. The caller waits for the reply from now on, and
    /// need not be polled before it has come.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call")]
    pub(crate) fn make_call(
        &mut self,
        shard: &Shard<Request, Reply>,
        waker: &Waker,
    ) -> Option<Call<Request, Reply>> {
        let CallerStage::Asked(_) = *self.stage else { return None };
        // All that may panic is before the request is moved: so it moves once, into the slot.
        let mut slot = shard.take().unwrap_or_else(CallSlot::new_empty);
        let (vacant, waker) = (CallSlot::vacant(&mut slot), waker.clone());
        let request = match self.take_stage() {
            CallerStage::Asked(request) => request,
            // Put back, not dropped: then it stays in registers.
            other => {
                self.set_stage(other);
                return None;
            }
        };
        vacant.fill(request, Some(waker));
        self.set_stage(CallerStage::Called(Arc::clone(&slot)));
        Some(Call { slot: Some(slot) })
    }

    /// As [`make_call`](Self::make_call), in a slot of its own. Nobody is woken before the caller is polled.
    pub(crate) fn make_lone_call(&mut self) -> Option<Call<Request, Reply>> {
        let CallerStage::Asked(_) = *self.stage else { return None };
        let CallerStage::Asked(request) = self.take_stage() else { return None };
        let slot = CallSlot::new(request);
        self.set_stage(CallerStage::Called(Arc::clone(&slot)));
        Some(Call { slot: Some(slot) })
    }

    /// Something is special about the call. Returns whether it is not over yet.
    pub(crate) fn ask_specially(&mut self) -> bool {
        let stage = match self.take_stage() {
            CallerStage::Asked(request) => CallerStage::AskedSpecially(request),
            // It is set when it is on its way.
            CallerStage::Called(slot) => CallerStage::CalledSpecially(slot),
            other => other,
        };
        self.set_stage(stage);
        !self.is_done()
    }

    /// As [`make_call`](Self::make_call), for a call that is special, and may have terms.
    pub(crate) fn make_special_call(
        &mut self,
        shard: &Shard<Request, Reply>,
        waker: &Waker,
        terms: Option<Arc<Terms>>,
    ) -> Option<Call<Request, Reply>> {
        if !self.is_asked() {
            return None;
        }
        // As there: until the request is in its slot, nothing may panic that leaves the caller without a stage.
        let mut slot = shard.take().unwrap_or_else(CallSlot::new_empty);
        let (vacant, waker) = (CallSlot::vacant(&mut slot), waker.clone());
        let (CallerStage::Asked(request) | CallerStage::AskedSpecially(request)) = self.take_stage() else {
            return None;
        };
        vacant.fill(request, Some(waker));
        if let Some(terms) = terms {
            slot.set_terms(terms);
        }
        self.set_stage(CallerStage::CalledSpecially(Arc::clone(&slot)));
        Some(Call { slot: Some(slot) })
    }

    /// The request, while there is no call yet.
    pub(crate) fn request(&self) -> Option<&Request> {
        match &*self.stage {
            CallerStage::Asked(request) | CallerStage::AskedSpecially(request) => Some(request),
            _ => None,
        }
    }

    /// Whether there is no call yet.
    pub(crate) fn is_asked(&self) -> bool {
        matches!(*self.stage, CallerStage::Asked(_) | CallerStage::AskedSpecially(_))
    }

    /// Whether the call is on its way.
    pub(crate) fn is_called(&self) -> bool {
        matches!(*self.stage, CallerStage::Called(_) | CallerStage::CalledSpecially(_))
    }

    /// Whether the request has not been begun.
    pub(crate) fn is_unsent(&self) -> bool {
        match &*self.stage {
            CallerStage::Asked(_) | CallerStage::AskedSpecially(_) | CallerStage::Waiting(..) => true,
            CallerStage::Called(slot) | CallerStage::CalledSpecially(slot) => slot.is_queued(),
            CallerStage::Done | CallerStage::SetBack(_) => false,
        }
    }

    /// Whether there is nothing left to wait for.
    pub(crate) fn is_done(&self) -> bool {
        matches!(*self.stage, CallerStage::Done | CallerStage::SetBack(_))
    }

    /// How the call waits for its permit, if it does.
    pub(crate) fn sending(&mut self) -> Option<&mut Sending> {
        if let CallerStage::Waiting(_, sending) = &mut *self.stage { Some(sending) } else { None }
    }

    /// The call has to wait for its permit.
    pub(crate) fn begin_sending(&mut self, sending: Sending) {
        if let CallerStage::Called(slot) | CallerStage::CalledSpecially(slot) = self.take_stage() {
            self.set_stage(CallerStage::Waiting(slot, sending));
        }
    }

    /// The call has had its permit.
    pub(crate) fn end_sending(&mut self, is_special: bool) {
        if let CallerStage::Waiting(slot, _) = self.take_stage() {
            let called = if is_special { CallerStage::CalledSpecially } else { CallerStage::Called };
            self.set_stage(called(slot));
        }
    }

    /// The address that the request was given to, if the call was set back.
    pub(crate) fn set_back_at(&self) -> Option<AddressId> {
        if let CallerStage::SetBack(address) = *self.stage { address } else { None }
    }

    /// The reply, if it has come and its giver has released the call. The slot goes to the shard.
    #[inline(always)]
    #[expect(
        clippy::inline_always,
        reason = "the last step of every call; outlined, a call costs a third more"
    )]
    pub(crate) fn take_reply(&mut self, shard: &Shard<Request, Reply>) -> Option<Reply> {
        let CallerStage::Called(_) = *self.stage else { return None };
        let mut slot = match self.take_stage() {
            CallerStage::Called(slot) => slot,
            // As above.
            other => {
                self.set_stage(other);
                return None;
            }
        };
        if let Some(reply) = slot.take_reply() {
            shard.keep(slot);
            return Some(reply);
        }
        self.set_stage(CallerStage::Called(slot));
        None
    }

    /// The reply, or why there is none, or none that counts. After a reply the call is to be
    /// [finished](Self::finish).
    pub(crate) fn poll_reply(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Reply, Setback<Request, Reply>>> {
        let (CallerStage::Called(slot) | CallerStage::CalledSpecially(slot)) = &mut *self.stage else {
            panic!("a call is polled after it was ready")
        };
        match ready!(slot.poll(cx.waker())) {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => Poll::Ready(Err(self.take_setback())),
        }
    }

    /// Ends a call whose reply has been taken, and returns where it was answered. The slot goes to the shard unless
    /// its connection still has it.
    pub(crate) fn finish(&mut self, shard: Option<&Shard<Request, Reply>>) -> Option<AddressId> {
        let (CallerStage::Called(mut slot) | CallerStage::CalledSpecially(mut slot)) = self.take_stage()
        else {
            return None;
        };
        let address = slot.last_address();
        if let Some(shard) = shard
            && slot.clear()
        {
            shard.keep(slot);
        }
        address
    }

    /// The reply of this address was taken, and does not count.
    pub(crate) fn set_back(&mut self, address: Option<AddressId>) {
        self.set_stage(CallerStage::SetBack(address));
    }

    /// Stops waiting, for these reasons. A reply that has come already is returned all the same.
    pub(crate) fn give_up(
        &mut self,
        not_sent: NotSentReason,
        maybe_sent: MaybeSentReason,
    ) -> Result<Reply, CallError<Request>> {
        match self.take_stage().give_up() {
            GivenUp::NotSent(request) => Err(CallError::NotSent { request, reason: not_sent }),
            GivenUp::Settled(result) => result,
            GivenUp::MaybeSent => Err(CallError::MaybeSent { reason: maybe_sent }),
        }
    }

    /// Moves the caller out, and leaves one that is done.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        Self::at(self.take_stage())
    }

    #[inline]
    fn take_stage(&mut self) -> CallerStage<Request, Reply, Sending> {
        mem::replace(&mut *self.stage, CallerStage::Done)
    }

    /// Stops waiting. Returns whether the call was on its way and will never be begun.
    pub(crate) fn abandon(mut self) -> bool {
        self.take_stage().abandon()
    }

    #[cold]
    fn take_setback(&mut self) -> Setback<Request, Reply> {
        let setback = match self.take_stage() {
            CallerStage::Called(slot) | CallerStage::CalledSpecially(slot) => {
                self.set_stage(CallerStage::SetBack(slot.last_address()));
                slot.take_setback()
            }
            CallerStage::Asked(_)
            | CallerStage::AskedSpecially(_)
            | CallerStage::Waiting(..)
            | CallerStage::Done
            | CallerStage::SetBack(_) => None,
        };
        setback.unwrap_or(Setback::Failed(CallError::MaybeSent { reason: MaybeSentReason::Dropped }))
    }
}

impl<Request, Reply, Sending> CallerStage<Request, Reply, Sending> {
    /// What has become of the call by now is known for certain.
    fn give_up(self) -> GivenUp<Request, Reply> {
        match self {
            Self::Asked(request) | Self::AskedSpecially(request) => GivenUp::NotSent(request),
            Self::Waiting(slot, _) | Self::Called(slot) | Self::CalledSpecially(slot) => slot.give_up(),
            Self::Done | Self::SetBack(_) => GivenUp::MaybeSent,
        }
    }

    /// Returns whether the call was on its way and will never be begun.
    #[cold]
    #[inline(never)]
    fn abandon(self) -> bool {
        let is_called = matches!(self, Self::Called(_) | Self::CalledSpecially(_));
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
