//! Callers, a third of whom give up and some of whom have deadlines, and what must be true in the end.

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::future::{pending, poll_fn};
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant as StdInstant};

use fastrand::Rng;
use pool_call::{CallError, CallPool, CallPoolBuilder, Calls, MaybeSentReason, NotSentReason};
use pool_driver::{
    AddressId, Backoff, Balance, Ended, FixedAddresses, Instant, NoObserver, Outcome, PickArgs, PoolBuilder,
    Ring, RoundRobin,
};

use super::frames::{Reply, Request};
use super::server::{Book, Order, Server};
use super::watchdog::Watchdog;

/// The environment variable with another seed.
const SEED_VARIABLE: &str = "POOL_CROWD_SEED";
const SEED: u64 = 42;
const CALLERS: usize = 256;
const SERVERS: usize = 3;
/// All connections together take fewer calls than there are callers, so that some wait for a place.
pub(crate) const IN_FLIGHT_MAX: usize = 32;
/// A transport that takes so few bytes at a time blocks in the middle of a batch, and may break there.
pub(crate) const WRITE_BUFFER_LEN: usize = 32;

/// What a crowd is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub(crate) order: Order,
    pub(crate) calls: usize,
    /// The pool is shut down before the call with this number.
    pub(crate) shut_down_at: Option<usize>,
}

/// How a call ended, as its caller saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum End {
    Reply,
    GivenUp,
    NotSent(&'static str),
    MaybeSent(&'static str),
}

const CONNECTION_FAILED: &str = "connection failed";

/// The callers of one pool, and its servers.
pub(crate) struct Crowd {
    seed: u64,
    servers: Vec<Server>,
    book: Arc<Book>,
    record: Arc<Record>,
    unsent: Arc<AtomicUsize>,
    started: StdInstant,
    _watchdog: Watchdog,
}

/// Who has called, and what came of it.
struct Record {
    plan: Plan,
    next: AtomicUsize,
    ends: Vec<OnceLock<End>>,
}

impl Crowd {
    pub(crate) fn new(plan: Plan) -> Self {
        let seed = env::var(SEED_VARIABLE).map_or(SEED, |seed| seed.parse().expect("a seed is a number"));
        println!("{SEED_VARIABLE}={seed}, {plan:?}");
        let mut random = Rng::with_seed(seed);
        let book = Arc::new(Book::new(plan.calls));
        let servers = (0..SERVERS).map(|_| Server::start(&book, plan.order, random.fork())).collect();
        let ends = (0..plan.calls).map(|_| OnceLock::new()).collect();
        let record = Arc::new(Record { plan, next: AtomicUsize::new(0), ends });
        let unsent = Arc::new(AtomicUsize::new(0));
        let started = StdInstant::now();
        let what = format!("seed {seed}, {plan:?}");
        Self { seed, servers, book, record, unsent, started, _watchdog: Watchdog::start(what) }
    }

    /// The settings of its pool.
    pub(crate) fn settings<C, R>(
        &self,
        builder: CallPoolBuilder<C, R>,
    ) -> PoolBuilder<C, R, FixedAddresses<SocketAddr>, Calls, NoObserver, CountUnsent> {
        let mut backoff = Backoff::default();
        backoff.base = Duration::from_millis(1);
        builder
            .connect_to_fixed(self.servers.iter().map(Server::address))
            .connections_per_address(2)
            .backoff(backoff)
            // All servers may have cut all connections, and the machine be slow to make others.
            .fail_fast_after(Duration::from_secs(3600))
            .balancer(CountUnsent(Arc::clone(&self.unsent)))
            .seed(self.seed)
    }

    /// The callers, to be spawned.
    pub(crate) fn callers(
        &self,
        pool: &CallPool<Request, Reply>,
    ) -> Vec<impl Future<Output = ()> + Send + 'static> {
        let mut random = Rng::with_seed(self.seed);
        let caller = |_| call_until_done(pool.clone(), Arc::clone(&self.record), random.fork());
        (0..CALLERS).map(caller).collect()
    }

    /// Looks whether all is right, once all callers are done and the pool is over.
    pub(crate) fn finish(self, ended: Ended) {
        let took = self.started.elapsed();
        self.servers.into_iter().for_each(Server::finish);
        let tally = Tally::of(&self.record, &self.book);
        let (cuts, overtakers) = (self.book.cuts(), self.book.overtakers());
        let unsent = self.unsent.load(Ordering::Acquire);
        println!("{took:.1?}: {cuts} connections cut off, {unsent} calls sent back, {overtakers} overtaken");
        println!("{tally}{:?}", ended.counts);
        assert_eq!(ended.counts.accepted, ended.counts.sent + ended.counts.undelivered);
        assert!(tally.sum(|_, is_executed| is_executed) <= ended.counts.sent);
        let is_broken = |end| end == End::MaybeSent(CONNECTION_FAILED);
        let broken = tally.sum(|end, _| is_broken(end));
        assert!(broken <= cuts * IN_FLIGHT_MAX as u64, "a connection takes its own calls with it, no others");
        let Plan { calls, shut_down_at, order } = self.record.plan;
        if shut_down_at.is_none() {
            let given_up =
                |is_executed| tally.sum(|end, executed| end == End::GivenUp && executed == is_executed);
            assert!(given_up(true) > 0 && given_up(false) > calls as u64 / 20, "callers were too patient");
            assert!(cuts > calls as u64 / 10_000 && broken > 0, "servers were too kind");
            assert_eq!(overtakers > 0, order == Order::Shuffled);
        }
    }
}

/// How often calls ended how, and whether they were executed.
struct Tally(BTreeMap<(End, bool), u64>);

impl Tally {
    fn of(record: &Record, book: &Book) -> Self {
        let mut counts = BTreeMap::new();
        for (number, end) in record.ends.iter().enumerate() {
            let end = *end.get().expect("every call has an end");
            let executions = book.executions(number);
            assert!(executions <= 1, "{number} was executed {executions} times");
            let is_executed = executions == 1;
            match end {
                End::Reply => assert!(is_executed, "{number} has a reply and was not executed"),
                End::NotSent(reason) => assert!(!is_executed, "{number} was executed: {reason}"),
                End::GivenUp | End::MaybeSent(_) => {}
            }
            *counts.entry((end, is_executed)).or_insert(0) += 1;
        }
        Self(counts)
    }

    fn sum(&self, is_meant: impl Fn(End, bool) -> bool) -> u64 {
        self.0.iter().filter(|((end, executed), _)| is_meant(*end, *executed)).map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((end, is_executed), count) in &self.0 {
            writeln!(f, "{count:>8} {end:?}{}", if *is_executed { ", executed" } else { "" })?;
        }
        Ok(())
    }
}

impl Record {
    /// The number of the next call, if there are any left.
    fn draw(&self) -> Option<usize> {
        Some(self.next.fetch_add(1, Ordering::AcqRel)).filter(|number| *number < self.plan.calls)
    }
}

async fn call_until_done(pool: CallPool<Request, Reply>, record: Arc<Record>, mut random: Rng) {
    while let Some(number) = record.draw() {
        if record.plan.shut_down_at == Some(number) {
            drop(pool.shutdown(Duration::ZERO));
        }
        let end = call(&pool, number, &mut random).await;
        record.ends[number].set(end).expect("a number is drawn once");
    }
}

async fn call(pool: &CallPool<Request, Reply>, number: usize, random: &mut Rng) -> End {
    let number = u32::try_from(number).expect("the number fits");
    let request = Request { number, ..Request::default() };
    let answered = match random.u32(..10) {
        0..4 => Patience::drawn_from(random).wait_for(pool.call(request)).await,
        4 => Some(pool.call(request).until(Patience::restless(random).run_out()).await),
        5 => Some(pool.call(request).timeout(Duration::from_micros(random.u64(..1_000))).await),
        _ => Some(pool.call(request).await),
    };
    match answered {
        Some(Ok(reply)) => {
            assert_eq!(reply.number, number, "a reply went to the wrong caller");
            End::Reply
        }
        Some(Err(CallError::NotSent { request, reason })) => {
            assert_eq!(request.number, number, "a request came back to the wrong caller");
            End::NotSent(match reason {
                NotSentReason::Refused { .. } => "refused",
                NotSentReason::Undelivered { .. } => "undelivered",
                NotSentReason::TimedOut { .. } => "timed out",
                reason => panic!("{reason:?}"),
            })
        }
        Some(Err(CallError::MaybeSent { reason })) => End::MaybeSent(match reason {
            MaybeSentReason::ConnectionFailed(_) => CONNECTION_FAILED,
            MaybeSentReason::TimedOut => "timed out",
            MaybeSentReason::Dropped => "dropped",
            reason => panic!("{reason:?}"),
        }),
        Some(Err(error)) => panic!("{error:?}"),
        None => End::GivenUp,
    }
}

/// How long a caller waits.
#[derive(Clone, Copy, Debug)]
struct Patience {
    /// It goes when it is polled once more.
    polls: u32,
    /// It doesn't wait to be woken: else its last poll comes with what it waited for.
    is_restless: bool,
}

impl Patience {
    fn drawn_from(random: &mut Rng) -> Self {
        // A call that waits for a place and for its reply is polled three times.
        if random.bool() {
            Self::restless(random)
        } else {
            Self { polls: random.u32(..3), is_restless: false }
        }
    }

    fn restless(random: &mut Rng) -> Self {
        let polls_max = 1 << random.u32(..8);
        Self { polls: random.u32(..polls_max), is_restless: true }
    }

    async fn run_out(self) {
        let _ = self.wait_for(pending::<()>()).await;
    }

    async fn wait_for<F: Future>(mut self, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let waited = poll_fn(|cx| {
            if self.polls == 0 {
                return Poll::Ready(None);
            }
            self.polls -= 1;
            let polled = future.as_mut().poll(cx);
            if polled.is_pending() && self.is_restless {
                cx.waker().wake_by_ref();
            }
            polled.map(Some)
        });
        waited.await
    }
}

/// Takes turns, and counts what comes back unsent.
pub(crate) struct CountUnsent(Arc<AtomicUsize>);

impl Balance for CountUnsent {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId> {
        RoundRobin::new().pick(ring, pick, now)
    }

    fn on_finished(&mut self, _: AddressId, outcome: &Outcome, _: Instant) {
        if matches!(outcome, Outcome::Unsent) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
    }
}
