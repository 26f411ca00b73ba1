//! Scripted sources, in virtual time.

#![allow(dead_code, unused_imports, reason = "every test file uses another part")]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_util::sink::{self, Drain};
use pool_conformance::simulated::{Clock, Executor};
pub(crate) use pool_conformance::world::{Feed, FeedEvent as Said};
use pool_driver::{
    AddressSet, AddressStream, AddressUpdate, Endpoint, OnAddressesEnd, Pool, PoolBuilder, Runtime, Snapshot,
    SourceState,
};

pub(crate) fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

pub(crate) fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn advance(clock: &Clock, duration: Duration) {
    clock.set(clock.now() + duration);
}

pub(crate) fn feed() -> Feed {
    Feed::default()
}

pub(crate) fn set<const N: usize>(addresses: [u16; N]) -> AddressSet<u16> {
    addresses.into()
}

/// Counts how often it was woken.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Polls a source as a pool does, without a pool.
pub(crate) struct Follower<S> {
    pub(crate) source: Pin<Box<S>>,
    woken: Arc<Woken>,
    seen: usize,
}

impl<S: AddressStream> Follower<S> {
    pub(crate) fn new(source: S) -> Self {
        Self { source: Box::pin(source), woken: Arc::default(), seen: usize::MAX }
    }

    /// All updates there are now, in short. A source that has not woken its task is not polled, so that a
    /// lost wake-up shows.
    pub(crate) fn read(&mut self) -> Vec<String>
    where
        S::Address: std::fmt::Debug,
    {
        self.updates().iter().map(in_short).collect()
    }

    pub(crate) fn updates(&mut self) -> Vec<AddressUpdate<S::Address>> {
        let mut updates = Vec::new();
        for _ in 0..10_000 {
            let woken = self.woken.0.load(Ordering::Relaxed);
            if woken == self.seen {
                return updates;
            }
            self.seen = woken;
            let waker = Waker::from(Arc::clone(&self.woken));
            let mut cx = Context::from_waker(&waker);
            loop {
                match self.source.as_mut().poll_next(&mut cx) {
                    Poll::Ready(Some(update)) => updates.push(update),
                    Poll::Ready(None) => return updates,
                    Poll::Pending => break,
                }
                assert!(updates.len() < 10_000, "the source never pauses");
            }
        }
        panic!("the source wakes itself for ever");
    }

    /// Whether the stream is over.
    pub(crate) fn is_over(&mut self) -> bool {
        let mut cx = Context::from_waker(Waker::noop());
        matches!(self.source.as_mut().poll_next(&mut cx), Poll::Ready(None))
    }

    /// As the pool does it: the source is polled right afterwards.
    pub(crate) fn refresh(&mut self) {
        self.source.as_mut().refresh();
        self.seen = usize::MAX;
    }
}

/// `1 2*5 3/1` are addresses 1, 2 of weight 5, 3 of priority 1.
pub(crate) fn in_short<A: std::fmt::Debug>(update: &AddressUpdate<A>) -> String {
    match update {
        AddressUpdate::Addresses(set) => {
            let one = |endpoint: &Endpoint<A>| {
                let Endpoint { address, weight, priority, .. } = endpoint;
                match (weight, priority) {
                    (1, 0) => format!("{address:?}"),
                    (_, 0) => format!("{address:?}*{weight}"),
                    (1, _) => format!("{address:?}/{priority}"),
                    _ => format!("{address:?}*{weight}/{priority}"),
                }
            };
            let all: Vec<_> = set.endpoints().iter().map(one).collect();
            if all.is_empty() { "none".to_owned() } else { all.join(" ") }
        }
        AddressUpdate::Pending => "pending".to_owned(),
        AddressUpdate::Failed(error) => format!("failed: {error}"),
        AddressUpdate::NoSuchName => "no such name".to_owned(),
    }
}

/// A real pool over a source, whose sinks take everything.
pub(crate) struct Followed<S: AddressStream> {
    pub(crate) clock: Clock,
    executor: Executor,
    pool: Pool<u32, S::Address>,
}

impl<S> Followed<S>
where
    S: AddressStream + 'static,
    S::Address: std::fmt::Debug + 'static,
{
    pub(crate) fn new(clock: &Clock, source: S) -> Self {
        Self::with_end(clock, source, OnAddressesEnd::Shutdown)
    }

    /// The pool keeps the last set when the source ends.
    pub(crate) fn that_outlives(clock: &Clock, source: S) -> Self {
        Self::with_end(clock, source, OnAddressesEnd::Keep)
    }

    fn with_end(clock: &Clock, source: S, on_end: OnAddressesEnd) -> Self {
        let connect = |_: S::Address| async { Ok::<Drain<u32>, std::io::Error>(sink::drain()) };
        let (pool, driver) = PoolBuilder::plain(connect, clock.clone())
            .follow(source)
            .on_addresses_end(on_end)
            .build()
            .expect("the settings are valid");
        let mut executor = Executor::default();
        executor.spawn(driver);
        executor.run();
        Self { clock: clock.clone(), executor, pool }
    }

    pub(crate) fn run(&mut self) {
        self.executor.run();
    }

    /// Lets time pass, timer by timer.
    pub(crate) fn advance(&mut self, duration: Duration) {
        self.clock.advance(duration, || self.executor.run());
    }

    pub(crate) fn snapshot(&self) -> Snapshot<S::Address> {
        self.pool.snapshot()
    }

    /// How many addresses are connected.
    pub(crate) fn connected(&self) -> usize {
        self.snapshot().addresses.iter().filter(|row| row.status.slots.connected() > 0).count()
    }

    pub(crate) fn source(&self) -> String {
        match self.snapshot().source.state {
            SourceState::Failed(error) => format!("failed: {error}"),
            other => format!("{other:?}"),
        }
    }
}

/// The result of one question.
pub(crate) type Reply = Result<pool_resolve::LookupAnswer<u16>, pool_resolve::LookupError>;

/// A lookup with scripted replies. Without one it is pending.
#[derive(Clone, Default)]
pub(crate) struct Script {
    state: Rc<RefCell<ScriptState>>,
}

#[derive(Default)]
struct ScriptState {
    replies: VecDeque<Reply>,
    asked: usize,
    dropped: usize,
    waker: Option<Waker>,
}

impl Script {
    pub(crate) fn reply(&self, reply: impl Into<Option<Reply>>) {
        let mut state = self.state.borrow_mut();
        state.replies.extend(reply.into());
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    pub(crate) fn asked(&self) -> usize {
        self.state.borrow().asked
    }

    /// Questions that were given up or answered.
    pub(crate) fn dropped(&self) -> usize {
        self.state.borrow().dropped
    }
}

impl pool_resolve::Lookup for Script {
    type Address = u16;
    type Future = Question;

    fn lookup(&mut self) -> Question {
        self.state.borrow_mut().asked += 1;
        Question { script: self.clone() }
    }
}

pub(crate) struct Question {
    script: Script,
}

impl Future for Question {
    type Output = Reply;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Reply> {
        let mut state = self.script.state.borrow_mut();
        let reply = state.replies.pop_front();
        if reply.is_none() {
            state.waker = Some(cx.waker().clone());
        }
        reply.map_or(Poll::Pending, Poll::Ready)
    }
}

impl Drop for Question {
    fn drop(&mut self) {
        self.script.state.borrow_mut().dropped += 1;
    }
}
