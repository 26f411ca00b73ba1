//! Where caller and connection meet: the request until it is begun, then the reply.
//!
//! One mutex around one value makes every question of who was first a matter of one step: a caller
//! that takes its request back knows that it never left, and a connection that begins a call knows
//! that its caller was still there. Wakers and values of the user are moved under the lock, never
//! cloned, woken or dropped there.

use std::any::Any;
use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Poll, Waker};

use parking_lot::Mutex;
use pool_driver::AddressId;

use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::orphans::Orphans;

pub(crate) struct Slot<Request, Reply> {
    state: Mutex<State<Request, Reply>>,
    /// Whoever settles the call comes later, under the lock, so this needs no order of its own.
    last_address: AtomicU64,
}

/// No address has this number.
const NOWHERE: u64 = u64::MAX;

struct State<Request, Reply> {
    stage: Stage<Request, Reply>,
    /// The caller's.
    waker: Option<Waker>,
}

/// In the order of a call's life.
enum Stage<Request, Reply> {
    /// Nobody waits: the slot is not in use, or the caller has gone.
    Empty,
    /// The request has not been begun.
    Queued(Request),
    /// The request is a connection's, which counts its orphans here.
    Begun(Option<Arc<Orphans>>),
    /// The reply has come, and the caller hasn't seen it yet.
    Replied(Reply),
    /// There will be no reply, and the caller hasn't seen that yet. In a box, so that no other call has
    /// to make room for an error.
    Failed(Box<CallError<Request>>),
}

impl<Request, Reply> Slot<Request, Reply> {
    /// The address that the request was given to last, be it in an earlier attempt.
    #[inline]
    pub(crate) fn last_address(&self) -> Option<AddressId> {
        let bits = self.last_address.load(Ordering::Relaxed);
        (bits != NOWHERE).then(|| AddressId::from_bits(bits))
    }

    #[inline]
    pub(crate) fn set_last_address(&self, address: AddressId) {
        self.last_address.store(address.to_bits(), Ordering::Relaxed);
    }

    /// Takes the request, to send it. `None` if the caller has gone.
    #[inline]
    pub(crate) fn begin(&self, orphans: Option<Arc<Orphans>>) -> Option<Request> {
        let mut state = self.state.lock();
        let Stage::Queued(_) = state.stage else { return None };
        match mem::replace(&mut state.stage, Stage::Begun(orphans)) {
            Stage::Queued(request) => Some(request),
            _ => None,
        }
    }

    /// Whether the request has not been begun.
    pub(crate) fn is_queued(&self) -> bool {
        matches!(self.state.lock().stage, Stage::Queued(_))
    }

    /// Gives the request back to the caller.
    #[cold]
    pub(crate) fn give_back(self: Arc<Self>, reason: NotSentReason) {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, Stage::Empty) {
            Stage::Queued(request) => {
                state.stage = Stage::Failed(Box::new(CallError::NotSent { request, reason }));
            }
            other => state.stage = other,
        }
        let waker = state.waker.take();
        drop(state);
        self.leave_and_wake(waker);
    }

    /// Gives the caller of a call that was begun its reply. Hands it back if the caller has gone.
    #[inline]
    pub(crate) fn reply(self: Arc<Self>, reply: Reply) -> Result<(), Reply> {
        self.settle(reply, Stage::Replied)
    }

    /// Tells the caller of a call that was begun why there is no reply.
    #[cold]
    pub(crate) fn fail(self: Arc<Self>, reason: MaybeSentReason) {
        // A caller that has gone doesn't want to know.
        let _ = self.settle(reason, |reason| Stage::Failed(Box::new(CallError::MaybeSent { reason })));
    }

    /// Hands the end back if the caller has gone.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call; `reply` has to be no call of its own")]
    fn settle<T>(self: Arc<Self>, end: T, done: impl FnOnce(T) -> Stage<Request, Reply>) -> Result<(), T> {
        let mut state = self.state.lock();
        let Stage::Begun(orphans) = &mut state.stage else {
            drop(state);
            return Err(end);
        };
        let orphans = orphans.take();
        state.stage = done(end);
        let waker = state.waker.take();
        drop(state);
        drop(orphans);
        self.leave_and_wake(waker);
        Ok(())
    }

    /// Lets go of the slot first, so that the caller finds itself its only owner.
    #[inline]
    fn leave_and_wake(self: Arc<Self>, waker: Option<Waker>) {
        drop(self);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The reply, if it is there and nobody but the caller has the slot: no need to lock it.
    #[inline]
    pub(crate) fn take_reply(self: &mut Arc<Self>) -> Option<Reply> {
        match Arc::get_mut(self)?.state.get_mut().take_reply() {
            Poll::Ready(reply) => reply,
            Poll::Pending => None,
        }
    }

    /// The reply, for the caller, who is woken later otherwise. `None` stands for an error, which
    /// [`take_error`](Self::take_error) gives.
    #[inline]
    pub(crate) fn poll(self: &mut Arc<Self>, waker: &Waker) -> Poll<Option<Reply>> {
        if let Some(slot) = Arc::get_mut(self) {
            // Whoever had the call has settled it and let go: no need to lock.
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

    /// Why there is no reply.
    #[cold]
    pub(crate) fn take_error(&self) -> Option<CallError<Request>> {
        let stage = mem::replace(&mut self.state.lock().stage, Stage::Empty);
        if let Stage::Failed(error) = stage { Some(*error) } else { None }
    }

    /// The caller goes. What is known of its call by now is known for certain.
    pub(crate) fn give_up(&self) -> GivenUp<Request, Reply> {
        let mut state = self.state.lock();
        let waker = state.waker.take();
        let left = mem::replace(&mut state.stage, Stage::Empty);
        if let Stage::Begun(Some(orphans)) = &left {
            orphans.add();
        }
        drop(state);
        drop(waker);
        match left {
            Stage::Queued(request) => GivenUp::NotSent(request),
            Stage::Replied(reply) => GivenUp::Done(Ok(reply)),
            Stage::Failed(error) => GivenUp::Done(Err(*error)),
            Stage::Begun(orphans) => {
                if let Some(orphans) = orphans {
                    orphans.wake();
                }
                GivenUp::MaybeSent
            }
            Stage::Empty => GivenUp::MaybeSent,
        }
    }
}

impl<Request, Reply> State<Request, Reply> {
    #[inline]
    fn take_reply(&mut self) -> Poll<Option<Reply>> {
        match self.stage {
            Stage::Replied(_) => {}
            Stage::Failed(_) => return Poll::Ready(None),
            Stage::Empty | Stage::Queued(_) | Stage::Begun(_) => return Poll::Pending,
        }
        match mem::replace(&mut self.stage, Stage::Empty) {
            Stage::Replied(reply) => Poll::Ready(Some(reply)),
            _ => Poll::Pending,
        }
    }
}

/// Writes over a value that has nothing to drop, without looking whether that is so: only its owner can know.
#[inline]
pub(crate) fn overwrite<T>(place: &mut T, value: T) {
    mem::forget(mem::replace(place, value));
}

/// What had become of a call when its caller gave it up.
pub(crate) enum GivenUp<Request, Reply> {
    NotSent(Request),
    MaybeSent,
    Done(Result<Reply, CallError<Request>>),
}

/// More slots than this of one kind are not kept on a thread.
const FREE_MAX: usize = 1024;

/// Nor more memory than this: large requests and replies make large slots. One slot is kept in any case.
const FREE_BYTES_MAX: usize = 256 * 1024;

thread_local! {
    /// Slots that are not in use, of calls that go through no pool (a pool keeps its own): a
    /// `Vec<Arc<Slot<Request, Reply>>>` for each kind of calls, the one that was used last first.
    static FREE: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

impl<Request: 'static, Reply: 'static> Slot<Request, Reply> {
    /// A slot with a request in it: the one that is recycled, if there is one.
    #[inline]
    pub(crate) fn with(recycled: Option<Arc<Self>>, request: Request, waker: Option<Waker>) -> Arc<Self> {
        let mut slot = recycled.unwrap_or_else(Self::new_one);
        let Self { state, last_address } = Arc::get_mut(&mut slot).expect("nobody else has a recycled slot");
        let state = state.get_mut();
        debug_assert!(
            matches!(state.stage, Stage::Empty) && state.waker.is_none(),
            "a recycled slot is empty"
        );
        overwrite(&mut state.stage, Stage::Queued(request));
        overwrite(&mut state.waker, waker);
        *last_address.get_mut() = NOWHERE;
        slot
    }

    #[cold]
    fn new_one() -> Arc<Self> {
        let state = Mutex::new(State { stage: Stage::Empty, waker: None });
        Arc::new(Self { state, last_address: AtomicU64::new(NOWHERE) })
    }

    /// A slot that this thread has kept.
    pub(crate) fn take_free() -> Option<Arc<Self>> {
        Self::with_free(Vec::pop).flatten()
    }

    /// Keeps a slot that is empty for later.
    pub(crate) fn keep_free(slot: Arc<Self>) {
        Self::with_free(|free| {
            if free.len() < Self::free_max() {
                free.push(slot);
            }
        });
    }

    const fn free_max() -> usize {
        match FREE_BYTES_MAX / size_of::<Self>() {
            0 => 1,
            FREE_MAX.. => FREE_MAX,
            in_bytes_max => in_bytes_max,
        }
    }

    /// `None` while the thread ends.
    #[inline]
    fn with_free<T>(change: impl FnOnce(&mut Vec<Arc<Self>>) -> T) -> Option<T> {
        let with_lists = |lists: &RefCell<Vec<Box<dyn Any>>>| {
            let mut lists = lists.borrow_mut();
            match lists.first_mut().and_then(|list| list.downcast_mut()) {
                Some(free) => change(free),
                None => change(Self::bring_to_front(&mut lists)),
            }
        };
        FREE.try_with(with_lists).ok()
    }

    #[cold]
    fn bring_to_front(lists: &mut Vec<Box<dyn Any>>) -> &mut Vec<Arc<Self>> {
        let index = lists.iter().position(|list| list.is::<Vec<Arc<Self>>>()).unwrap_or_else(|| {
            lists.push(Box::<Vec<Arc<Self>>>::default());
            lists.len() - 1
        });
        lists.swap(0, index);
        lists[0].downcast_mut().expect("that is what was looked for")
    }
}
