//! Where caller and connection meet: the request until it is begun, then the reply.
//!
//! One mutex around one value makes every question of who was first a matter of one step: a caller
//! that takes its request back knows that it never left, and a connection that begins a call knows
//! that its caller was still there. Wakers and values of the user are moved under the lock, never
//! cloned, woken or dropped there.

use std::any::{Any, TypeId};
use std::cell::RefCell;
use std::mem;
use std::sync::Arc;
use std::task::Waker;

use parking_lot::Mutex;

use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::orphans::Orphans;

pub(crate) struct Slot<Request, Reply> {
    state: Mutex<State<Request, Reply>>,
}

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
    /// All is over, and the caller hasn't seen it yet.
    Done(Result<Reply, CallError<Request>>),
}

impl<Request, Reply> Slot<Request, Reply> {
    /// Takes the request, to send it. `None` if the caller has gone.
    pub(crate) fn begin(&self, orphans: Option<Arc<Orphans>>) -> Option<Request> {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, Stage::Empty) {
            Stage::Queued(request) => {
                state.stage = Stage::Begun(orphans);
                Some(request)
            }
            other => {
                state.stage = other;
                drop(state);
                None
            }
        }
    }

    /// Gives the request back to the caller.
    pub(crate) fn give_back(self: Arc<Self>, reason: NotSentReason) {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, Stage::Empty) {
            Stage::Queued(request) => {
                state.stage = Stage::Done(Err(CallError::NotSent { request, reason }));
            }
            other => state.stage = other,
        }
        let waker = state.waker.take();
        drop(state);
        self.leave_and_wake(waker);
    }

    /// Gives the caller of a call that was begun its reply, or the reason why there is none. Hands
    /// it back if the caller has gone.
    pub(crate) fn settle(
        self: Arc<Self>,
        result: Result<Reply, MaybeSentReason>,
    ) -> Result<(), Result<Reply, MaybeSentReason>> {
        let mut state = self.state.lock();
        let Stage::Begun(orphans) = &mut state.stage else {
            drop(state);
            return Err(result);
        };
        let orphans = orphans.take();
        state.stage = Stage::Done(result.map_err(|reason| CallError::MaybeSent { reason }));
        let waker = state.waker.take();
        drop(state);
        drop(orphans);
        self.leave_and_wake(waker);
        Ok(())
    }

    /// Lets go of the slot first, so that the caller finds itself its only owner.
    fn leave_and_wake(self: Arc<Self>, waker: Option<Waker>) {
        drop(self);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// What has become of the call, for the caller, who is woken later otherwise.
    pub(crate) fn poll(&self, waker: &Waker) -> Option<Result<Reply, CallError<Request>>> {
        if let Some(result) = self.take_result() {
            return Some(result);
        }
        let waker = waker.clone();
        let mut state = self.state.lock();
        // It may have come meanwhile.
        if matches!(state.stage, Stage::Done(_)) {
            drop(state);
            drop(waker);
            return self.take_result();
        }
        let previous = state.waker.replace(waker);
        drop(state);
        drop(previous);
        None
    }

    fn take_result(&self) -> Option<Result<Reply, CallError<Request>>> {
        let mut state = self.state.lock();
        match mem::replace(&mut state.stage, Stage::Empty) {
            Stage::Done(result) => Some(result),
            other => {
                state.stage = other;
                None
            }
        }
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
            Stage::Done(result) => GivenUp::Done(result),
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

/// What had become of a call when its caller gave it up.
pub(crate) enum GivenUp<Request, Reply> {
    NotSent(Request),
    MaybeSent,
    Done(Result<Reply, CallError<Request>>),
}

/// More slots than this of one kind are not kept on a thread.
const FREE_MAX: usize = 1024;

/// Slots that are not in use, by the types of their calls.
struct FreeList {
    kind: TypeId,
    /// A `Vec<Arc<Slot<Request, Reply>>>`.
    slots: Box<dyn Any>,
}

thread_local! {
    static FREE: RefCell<Vec<FreeList>> = const { RefCell::new(Vec::new()) };
}

impl<Request: 'static, Reply: 'static> Slot<Request, Reply> {
    /// A slot with a request in it, one that was used before if there is any.
    pub(crate) fn new(request: Request) -> Arc<Self> {
        let state = State { stage: Stage::Queued(request), waker: None };
        let Some(mut slot) = Self::with_free(Vec::pop).flatten() else {
            return Arc::new(Self { state: Mutex::new(state) });
        };
        match Arc::get_mut(&mut slot) {
            Some(free) => *free.state.get_mut() = state,
            None => slot = Arc::new(Self { state: Mutex::new(state) }),
        }
        slot
    }

    /// Keeps a slot that is empty for later, if nobody else has it.
    pub(crate) fn recycle(mut slot: Arc<Self>) {
        if Arc::get_mut(&mut slot).is_none() {
            return;
        }
        Self::with_free(|free| {
            if free.len() < FREE_MAX {
                free.push(slot);
            }
        });
    }

    /// `None` while the thread ends.
    fn with_free<T>(change: impl FnOnce(&mut Vec<Arc<Self>>) -> T) -> Option<T> {
        let kind = TypeId::of::<Self>();
        let with_lists = |lists: &RefCell<Vec<FreeList>>| {
            let mut lists = lists.borrow_mut();
            let index = lists.iter().position(|list| list.kind == kind).unwrap_or_else(|| {
                let slots: Vec<Arc<Self>> = Vec::new();
                lists.push(FreeList { kind, slots: Box::new(slots) });
                lists.len() - 1
            });
            lists[index].slots.downcast_mut().map(change)
        };
        FREE.try_with(with_lists).ok().flatten()
    }
}
