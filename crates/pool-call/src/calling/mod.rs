//! A call under way, from the request to the reply: [`Calling`] says what is special about it and waits,
//! [`CallingUntil`] ends it by any future, [`SinkCalling`] goes through a sink instead of a pool.

mod handle;
mod sink_calling;
mod special;
mod timer;
mod until;

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use pool_driver::{SendError, stable_hash};

pub use handle::CallHandle;
pub use sink_calling::{CallExt, SinkCalling, SinkCallingUntil};
pub use until::CallingUntil;

use crate::call::{Call, Caller, Setback};
use crate::call_pool::CallPool;
use crate::error::{CallError, MaybeSentReason, NotSentReason};
use crate::retry::Retry;
pub(crate) use special::{Rejects, Special};

type SpecialOf<P> = Special<<P as CallHandle>::Request, <P as CallHandle>::Reply>;
type SetbackOf<P> = Setback<<P as CallHandle>::Request, <P as CallHandle>::Reply>;

/// A call under way; made by [`CallPool::call`](crate::CallPool::call). It is a future that takes settings before it
/// is polled:
///
/// ```
/// use std::time::Duration;
///
/// use pool_call::{CallError, CallPool, Retry};
///
/// async fn get(redis: &CallPool<String, String>, retry: &Retry) -> Result<String, CallError<String>> {
///     let call = redis.call("GET visits".to_owned());
///     call.timeout(Duration::from_millis(200)).idempotent().retry(retry).await
/// }
/// ```
///
/// What is not set is as [the pool's handle](crate::CallPool) says. What is set later is for the rest of the call: a
/// timeout runs from the next poll on, and the other settings are for attempts that follow. Dropping it gives the call up: a call that was
/// not begun never will be, and the reply of one that was is read and thrown away.
///
/// # Errors
///
/// A [`CallError`] that says how far the request got. As a tower service the pool returns another error `E`, without
/// the request.
#[must_use = "nothing is sent unless this is polled"]
pub struct Calling<P: CallHandle, E = CallError<<P as CallHandle>::Request>> {
    handle: P,
    caller: Caller<P::Request, P::Reply, P::Waiting>,
    /// Most calls are plain. It is recycled wherever a call ends, so nothing is to be looked at when a plain one is
    /// dropped.
    special: ManuallyDrop<Option<Box<SpecialOf<P>>>>,
    error: PhantomData<fn() -> E>,
}

/// The settings.
impl<P: CallHandle, E> Calling<P, E> {
    /// The time that the call has, from the moment when this is polled first: the wait for room and for a connection,
    /// and all attempts. It is measured by the pool's runtime.
    ///
    /// When it is over, a call that waits is [`NotSent`](CallError::NotSent), for certain: it is never begun later.
    /// A call that is on the wire is [`MaybeSent`](CallError::MaybeSent), unless its reply has come. Without any time,
    /// nothing is sent.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.set(|special, pool| special.set_timeout(pool.pool.timers(), timeout))
    }

    /// Repeats the call by these rules, instead of the pool's.
    pub fn retry(self, retry: &Retry) -> Self {
        self.set(|special, _| special.retry = Some(retry.clone()))
    }

    /// Says that it does no harm to execute the request twice. So the call is repeated also if it may have been
    /// executed, by the rules of [`retry`](Self::retry), of the pool, or by [`Retry::default`].
    pub fn idempotent(self) -> Self
    where
        P::Request: Clone,
    {
        self.idempotent_by(|request| Some(request.clone()))
    }

    /// As [`idempotent`](Self::idempotent), for requests that are copied in another way than by `Clone`. A request for
    /// which this returns `None` is not repeated once it has been sent.
    pub fn idempotent_by(self, copy: fn(&P::Request) -> Option<P::Request>) -> Self {
        self.set(|special, _| (special.is_idempotent, special.copy) = (true, Some(copy)))
    }

    /// Keeps a copy of the request, so that the call is repeated at another address if the reply says that the
    /// request was not executed: a reply that the connection's [protocol](crate::Protocol::judge) judges as
    /// [`Overloaded`](pool_driver::Verdict::Overloaded) or [`Unfit`](pool_driver::Verdict::Unfit), or one that
    /// [`retry_on`](Self::retry_on) accepts. The request need not be idempotent for that. The rules are those of
    /// [`retry`](Self::retry), of the pool, or [`Retry::default`]; when they allow no other attempt, the caller gets
    /// the reply.
    ///
    /// ```
    /// use pool_call::{CallError, CallPool};
    ///
    /// async fn visit(redis: &CallPool<String, String>) -> Result<String, CallError<String>> {
    ///     // A replica that answers `READONLY` has not counted: another server is asked. If a connection
    ///     // breaks, nobody knows, and the call is not repeated.
    ///     redis.call("INCR visits".to_owned()).copied().await
    /// }
    /// ```
    pub fn copied(self) -> Self
    where
        P::Request: Clone,
    {
        self.copied_by(|request| Some(request.clone()))
    }

    /// As [`copied`](Self::copied), for requests that are copied in another way than by `Clone`. A request for which
    /// this returns `None` is not repeated once it has been sent.
    pub fn copied_by(self, copy: fn(&P::Request) -> Option<P::Request>) -> Self {
        self.set(|special, _| special.copy = Some(copy))
    }

    /// Also after a reply for which this is true the call is repeated, as far as a [copy](Self::copied) was kept: the
    /// reply says that it does no harm to send the request again, elsewhere. It doesn't change what the reply means
    /// for its address: that is what the connection's protocol [judges](crate::Protocol::judge).
    pub fn retry_on(self, rejects: fn(&P::Reply) -> bool) -> Self {
        self.set(|special, _| special.rejects = Some(rejects))
    }

    /// Rather not to this address, if another can take the call: for what has just failed there, or is to be asked
    /// again elsewhere. An address that the pool doesn't know is no wish. Every address of the pool is looked at.
    pub fn avoiding(self, address: &P::Address) -> Self
    where
        P::Address: PartialEq,
    {
        self.set(|special, pool| special.avoided = pool.pool.address_id(address))
    }

    /// Where its like go: a pool with a balancer that goes by keys, such as
    /// [`ConsistentHash`](pool_driver::ConsistentHash), keeps equal keys at equal addresses. Any other takes no notice.
    ///
    /// The key is hashed by [`stable_hash`](pool_driver::stable_hash), so programs agree on where it goes.
    ///
    /// ```
    /// use pool_call::{CallError, CallPool};
    ///
    /// async fn session(cache: &CallPool<String, String>, user: u64) -> Result<String, CallError<String>> {
    ///     cache.call(format!("GET session:{user}")).key(user).await
    /// }
    /// ```
    pub fn key(self, key: impl Hash) -> Self {
        self.set(|special, _| special.key = Some(stable_hash(&key)))
    }

    /// Ends the call as its [`timeout`](Self::timeout) does, but when `deadline` is ready: any future, such as that of
    /// a cancellation.
    ///
    /// The deadline is polled before the call is sent, so one that is over sends nothing. It acts when this is
    /// polled, where a timeout acts by itself.
    pub fn until<D: Future>(self, deadline: D) -> CallingUntil<P, D, E> {
        CallingUntil::new(self, deadline)
    }

    /// Changes what is special about the call, unless it is over.
    fn set(
        mut self,
        change: impl FnOnce(&mut SpecialOf<P>, &CallPool<P::Request, P::Reply, P::Address>),
    ) -> Self {
        if self.caller.ask_specially() {
            let pool = self.handle.pool();
            change(self.special.get_or_insert_with(|| pool.shard.take_special()), pool);
        }
        self
    }

    pub(crate) fn new(handle: P, request: P::Request) -> Self {
        Self {
            handle,
            caller: Caller::of_request(request),
            special: ManuallyDrop::new(None),
            error: PhantomData,
        }
    }

    /// The reply, if it takes no more than a look.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the last step of every call")]
    fn take_reply(&mut self) -> Option<P::Reply> {
        self.caller.take_reply(&self.handle.pool().shard)
    }

    #[inline(always)]
    #[expect(clippy::inline_always, reason = "the first step of every call")]
    fn poll_unanswered(&mut self, cx: &mut Context<'_>) -> Poll<Result<P::Reply, CallError<P::Request>>> {
        if self.start(cx.waker()) { Poll::Pending } else { self.poll_answer(cx) }
    }

    /// Makes a plain call and brings it on its way, if that takes no waiting. It is apart from what may follow,
    /// which seldom does.
    #[inline(never)]
    fn start(&mut self, waker: &Waker) -> bool {
        let pool = self.handle.pool();
        if pool.defaults.is_some() {
            return false;
        }
        let Some(call) = self.caller.make_call(&pool.shard, waker) else { return false };
        self.send(call)
    }

    /// Puts a call into the queue, or lets it wait for room there. Returns whether it is in the queue: then the
    /// answer wakes the caller.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "once for every call")]
    fn send(&mut self, call: Call<P::Request, P::Reply>) -> bool {
        match self.handle.pool().pool.try_send(call) {
            Ok(()) => true,
            Err(SendError { item, .. }) => {
                let waiting = self.handle.wait(item);
                self.caller.begin_sending(waiting);
                false
            }
        }
    }

    /// Goes on bringing the call on its way, and polls for the reply.
    #[inline(never)]
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<P::Reply, CallError<P::Request>>> {
        if self.special.is_none() && !self.caller.is_asked() {
            return self.poll_attempt(cx).map(|ended| ended.or_else(Setback::into_result));
        }
        let polled = self.poll_attempts(cx);
        if polled.is_ready() {
            Self::recycle(&self.handle, self.special.take());
        }
        polled
    }

    /// Polls a call that is made.
    fn poll_attempt(&mut self, cx: &mut Context<'_>) -> Poll<Result<P::Reply, SetbackOf<P>>> {
        if let Some(waiting) = self.caller.sending() {
            let sent = ready!(P::poll_waiting(waiting, cx));
            self.caller.end_sending(self.special.is_some());
            if let Err(SendError { item, reason }) = sent {
                item.give_back(NotSentReason::Refused { reason, last_error: None });
            }
        }
        let reply = match ready!(self.caller.poll_reply(cx)) {
            Ok(reply) => reply,
            Err(Setback::Failed(error)) => return Poll::Ready(Err(Setback::Failed(self.explain(error)))),
            Err(rejected) => return Poll::Ready(Err(rejected)),
        };
        let address = self.caller.finish(Some(&self.handle.pool().shard));
        if self.is_rejected(&reply) {
            self.caller.set_back(address);
            return Poll::Ready(Err(Setback::Rejected(reply)));
        }
        Poll::Ready(Ok(reply))
    }

    /// Whether the caller's own rule takes this for a reply after which the call is repeated. A rule that panics ends the
    /// call, of which nothing may be left then: neither a timer nor what is used again.
    fn is_rejected(&mut self, reply: &P::Reply) -> bool {
        let Some(special) = &mut *self.special else { return false };
        match catch_unwind(AssertUnwindSafe(|| special.rejects(reply))) {
            Ok(is_rejected) => is_rejected,
            Err(panic) => {
                Self::recycle(&self.handle, self.special.take());
                resume_unwind(panic)
            }
        }
    }

    /// Polls a call that has a time, or may be repeated.
    #[cold]
    fn poll_attempts(&mut self, cx: &mut Context<'_>) -> Poll<Result<P::Reply, CallError<P::Request>>> {
        loop {
            if self.caller.is_asked() {
                self.start_attempt(cx);
            } else if let Some(special) = &mut *self.special {
                special.begin_late_time(self.handle.pool().pool.timers(), cx.waker());
            }
            let timers = self.handle.pool().pool.timers();
            if self.caller.is_asked() || self.special.as_ref().is_some_and(|special| special.is_over(timers))
            {
                return Poll::Ready(self.end_now(cx));
            }
            let setback = match ready!(self.poll_attempt(cx)) {
                Ok(reply) => return Poll::Ready(Ok(reply)),
                Err(setback) => setback,
            };
            let (set_back_at, handle) = (self.caller.set_back_at(), &self.handle);
            let Some(special) = &mut *self.special else { return Poll::Ready(setback.into_result()) };
            match special.next(setback, set_back_at, |retry| retry.withdraw(handle.pool().now())) {
                Ok(request) => self.caller = Caller::of_request(request),
                Err(ended) => return Poll::Ready(ended),
            }
        }
    }

    /// Makes the call of an attempt, if there is time for it.
    fn start_attempt(&mut self, cx: &mut Context<'_>) {
        let pool = self.handle.pool();
        let special = self.special.get_or_insert_with(|| pool.shard.take_special());
        if let Some(defaults) = &pool.defaults {
            defaults.complete(special);
        }
        if special.wants_attempts()
            && let Some(request) = self.caller.request()
        {
            pool.prepare(special);
            special.begin(request);
        }
        let timers = pool.pool.timers();
        if special.begin_time(timers) {
            return;
        }
        let terms = special.terms(timers, cx.waker());
        let Some(call) = self.caller.make_special_call(&pool.shard, cx.waker(), terms) else { return };
        if let Some(avoided) = special.avoided {
            call.set_last_address(avoided);
        }
        self.send(call);
    }

    /// Ends the call. What was not begun never will be; if the call was begun, a reply that has come wins.
    fn end_now(&mut self, cx: &mut Context<'_>) -> Result<P::Reply, CallError<P::Request>> {
        let mut ended = self.end_attempt(cx);
        if let Some(special) = &mut *self.special {
            ended = ended.map_err(|error| special.last(error));
        }
        Self::recycle(&self.handle, self.special.take());
        ended
    }

    fn end_attempt(&mut self, cx: &mut Context<'_>) -> Result<P::Reply, CallError<P::Request>> {
        if !self.caller.is_unsent()
            && let Poll::Ready(result) = self.poll_attempt(cx)
        {
            return result.or_else(Setback::into_result);
        }
        let is_called = self.caller.is_called();
        let not_sent = NotSentReason::TimedOut { last_error: None };
        let result = self.caller.give_up(not_sent, MaybeSentReason::TimedOut);
        if is_called && result.as_ref().is_err_and(CallError::is_not_sent) {
            self.handle.pool().pool.report_unwanted();
        }
        result.map_err(|error| self.explain(error))
    }

    /// By value, so that the compiler knows that nothing is left to drop.
    #[cold]
    #[inline(never)]
    fn abandon(
        handle: &P,
        caller: Caller<P::Request, P::Reply, P::Waiting>,
        special: Option<Box<SpecialOf<P>>>,
    ) {
        Self::recycle(handle, special);
        if caller.abandon() {
            handle.pool().pool.report_unwanted();
        }
    }

    /// What was special about the call may serve another.
    #[cold]
    fn recycle(handle: &P, special: Option<Box<SpecialOf<P>>>) {
        if let Some(mut special) = special {
            let pool = handle.pool();
            special.clear(pool.pool.timers());
            pool.shard.keep_special(special);
        }
    }

    /// Adds what the pool knows of the reasons.
    fn explain(&self, mut error: CallError<P::Request>) -> CallError<P::Request> {
        if let CallError::NotSent { reason, .. } = &mut error
            && let Some(last_error) = reason.last_error_mut()
        {
            *last_error = self.handle.pool().last_error();
        }
        error
    }
}

// Nothing in it is pinned.
impl<P: CallHandle, E> Unpin for Calling<P, E> {}

impl<P: CallHandle, E> Drop for Calling<P, E> {
    #[inline]
    fn drop(&mut self) {
        if !self.caller.is_done() {
            Self::abandon(&self.handle, self.caller.take(), self.special.take());
        }
    }
}

impl<P: CallHandle, E: From<CallError<P::Request>>> Future for Calling<P, E> {
    type Output = Result<P::Reply, E>;

    /// # Panics
    ///
    /// If it is polled again after it was ready.
    #[inline(always)]
    #[expect(clippy::inline_always, reason = "no more than a look; outlined, it costs a tenth of a call")]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Most of the time a caller is woken because its reply has come.
        match self.take_reply() {
            Some(reply) => Poll::Ready(Ok(reply)),
            None => self.poll_unanswered(cx).map_err(E::from),
        }
    }
}

impl<P: CallHandle, E> fmt::Debug for Calling<P, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Calling").field("is_done", &self.caller.is_done()).finish_non_exhaustive()
    }
}
