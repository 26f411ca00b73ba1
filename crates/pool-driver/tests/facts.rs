//! What connections tell of their peers, beside the outcomes of items.

mod support;

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::ready;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::Sink;
use pool_driver::{Connection, ConnectionEvent, Outcome, Pool, PoolBuilder, Reads, Snapshot, map_items};
use support::{A, B, Clock, Executor, SEED, secs};

type Event = ConnectionEvent<u32>;

const SUCCESS: Event = ConnectionEvent::Finished(Outcome::Success { latency: None });
/// So much is read at the end of a connection, whatever it goes on telling.
const LAST_WORDS_MAX: usize = 1 << 16;
const CANCELLED: Event = ConnectionEvent::Finished(Outcome::Cancelled);

/// Takes every item, and tells what a test says.
#[derive(Clone, Default)]
struct Teller(Rc<RefCell<TellerState>>);

#[derive(Default)]
struct TellerState {
    events: VecDeque<Event>,
    /// It tells this when it has nothing else to tell, for ever.
    refrain: Option<Event>,
    told: usize,
    in_flight_max: Option<usize>,
    /// All that it was sent.
    sent: Vec<u32>,
    /// How often it was asked for its limit.
    asked: usize,
    fails_sends: bool,
    waker: Option<Waker>,
}

impl Teller {
    fn tell(&self, events: impl IntoIterator<Item = Event>) {
        let mut state = self.0.borrow_mut();
        state.events.extend(events);
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }

    fn told(&self) -> usize {
        self.0.borrow().told
    }
}

impl Sink<u32> for Teller {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.0.borrow_mut().sent.push(item);
        if self.0.borrow().fails_sends { Err("broken".to_owned()) } else { Ok(()) }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Pending
    }
}

impl Connection<u32> for Teller {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<Event, String>> {
        let mut state = self.0.borrow_mut();
        state.waker = Some(cx.waker().clone());
        let Some(event) = state.events.pop_front().or_else(|| state.refrain.clone()) else {
            return Poll::Pending;
        };
        state.told += 1;
        Poll::Ready(Ok(event))
    }

    fn in_flight_max(&self) -> Option<usize> {
        let mut state = self.0.borrow_mut();
        state.asked += 1;
        assert_ne!(state.in_flight_max, Some(0), "a scripted panic");
        state.in_flight_max
    }
}

/// A pool with one connection to each of two addresses.
struct Bench {
    executor: Executor,
    clock: Clock,
    pool: Pool<u32, u16>,
    /// Those at A and at B.
    tellers: [Teller; 2],
}

impl Bench {
    fn up() -> Self {
        Self::with(Teller::default())
    }

    fn with(first: Teller) -> Self {
        let tellers = [first, Teller::default()];
        let mut dialled: Vec<(u16, Teller)> = [A, B].into_iter().zip(tellers.clone()).collect();
        let connect = move |address| {
            let index = dialled.iter().position(|(to, _)| *to == address);
            // Those that are dialled later have nothing to tell.
            ready(Ok::<_, String>(index.map(|index| dialled.remove(index).1).unwrap_or_default()))
        };
        let clock = Clock::default();
        let (pool, driver) = PoolBuilder::new(connect, clock.clone())
            .connect_to_fixed([A, B])
            .suspect_after(secs(5))
            .outcome_timeout(secs(10))
            .seed(SEED)
            .build()
            .expect("the settings make sense");
        let mut executor = Executor::default();
        executor.spawn(driver);
        executor.run();
        Self { executor, clock, pool, tellers }
    }

    fn send(&mut self, items: u32) {
        for item in 0..items {
            self.pool.try_send(item).expect("there is room");
        }
        self.executor.run();
    }

    fn advance(&mut self, seconds: u64) {
        self.clock.advance(secs(seconds), || self.executor.run());
    }

    fn snapshot(&self) -> Snapshot<u16> {
        self.pool.snapshot()
    }

    fn in_flight(&self) -> [u32; 2] {
        let addresses = self.snapshot().addresses;
        [addresses[0].status.in_flight, addresses[1].status.in_flight]
    }
}

#[test]
fn a_peer_that_has_said_something_keeps_its_items_and_its_connection() {
    let mut bench = Bench::up();
    bench.send(2);
    bench.tellers[0].tell([ConnectionEvent::Progress]);
    bench.executor.run();
    assert_eq!((bench.tellers[0].told(), bench.in_flight()), (1, [1, 1]));
    bench.tellers[0].tell([SUCCESS]);
    bench.executor.run();
    assert_eq!(bench.in_flight(), [0, 1]);
}

#[test]
fn progress_is_the_end_of_a_silence_and_that_an_item_is_cancelled_is_not() {
    let mut bench = Bench::up();
    bench.send(4);
    bench.advance(8);
    bench.tellers[0].tell([ConnectionEvent::Progress]);
    bench.tellers[1].tell([CANCELLED]);
    bench.executor.run();
    bench.advance(3);
    assert_eq!(bench.in_flight(), [2, 0], "the second was silent for 11 s");
    bench.advance(8);
    assert_eq!(bench.in_flight(), [0, 0], "the first was silent for 11 s");
}

#[test]
fn a_connection_is_not_blamed_for_a_silence_after_all_its_items_were_abandoned() {
    let mut bench = Bench::up();
    bench.send(4);
    bench.tellers[0].tell([ConnectionEvent::Abandoned, ConnectionEvent::Abandoned]);
    bench.executor.run();
    bench.advance(11);
    let failures: Vec<_> = bench.snapshot().addresses.iter().map(|address| address.status.failures).collect();
    assert_eq!((bench.in_flight(), failures[0] < failures[1]), ([0, 0], true), "{failures:?}");
}

#[test]
fn an_item_that_is_abandoned_stays_in_flight_until_its_outcome() {
    let mut bench = Bench::up();
    bench.send(2);
    bench.tellers[0].tell([ConnectionEvent::Abandoned]);
    bench.executor.run();
    assert_eq!((bench.tellers[0].told(), bench.in_flight()), (1, [1, 1]));
    bench.tellers[0].tell([CANCELLED]);
    bench.executor.run();
    assert_eq!(bench.in_flight(), [0, 1]);
}

#[test]
fn a_connection_that_tells_of_progress_a_hundred_times_is_interrupted_for_others() {
    let mut bench = Bench::up();
    bench.send(2);
    bench.tellers[0].tell(vec![ConnectionEvent::Progress; 100]);
    bench.tellers[1].tell([SUCCESS]);
    bench.executor.run_round();
    assert!((1..100).contains(&bench.tellers[0].told()), "{} in one poll", bench.tellers[0].told());
    assert_eq!(bench.in_flight(), [1, 0], "the other had its turn");
    bench.executor.run();
    assert_eq!(bench.tellers[0].told(), 100);
}

#[test]
fn a_connection_that_is_given_up_and_tells_of_progress_for_ever_is_not_listened_to_for_ever() {
    let mut bench = Bench::up();
    bench.send(2);
    bench.tellers[0].0.borrow_mut().waker = None;
    bench.tellers[0].0.borrow_mut().refrain = Some(ConnectionEvent::Progress);
    bench.advance(11);
    assert_eq!(bench.in_flight()[0], 0, "it is gone");
    assert!(
        (1..=LAST_WORDS_MAX).contains(&bench.tellers[0].told()),
        "{} last words",
        bench.tellers[0].told()
    );
}

#[test]
fn a_connection_that_breaks_and_tells_of_progress_for_ever_is_not_listened_to_for_ever() {
    let mut bench = Bench::up();
    bench.send(2);
    {
        let mut first = bench.tellers[0].0.borrow_mut();
        (first.fails_sends, first.waker) = (true, None);
        first.events.extend([ConnectionEvent::Progress, SUCCESS]);
        first.refrain = Some(ConnectionEvent::Progress);
    }
    bench.send(2);
    assert_eq!(bench.in_flight()[0], 0, "it is gone");
    assert!(
        (2..=LAST_WORDS_MAX).contains(&bench.tellers[0].told()),
        "{} last words",
        bench.tellers[0].told()
    );
}

#[test]
fn what_never_left_comes_back_however_much_its_connection_has_heard_before_it_broke() {
    for progress in [10, 60, 1_000] {
        let mut bench = Bench::up();
        bench.send(2);
        {
            let mut first = bench.tellers[0].0.borrow_mut();
            (first.fails_sends, first.waker) = (true, None);
            first.events.extend(vec![ConnectionEvent::Progress; progress]);
            first.events.push_back(ConnectionEvent::Unsent(77));
        }
        bench.send(2);
        bench.advance(4);
        let sent = bench.tellers[1].0.borrow().sent.clone();
        assert!(sent.contains(&77), "after {progress} times progress: {sent:?}");
    }
}

#[test]
fn what_never_left_comes_back_however_much_its_connection_has_heard_before_it_was_given_up() {
    for progress in [10, 60, 1_000] {
        let mut bench = Bench::up();
        bench.send(2);
        {
            let mut first = bench.tellers[0].0.borrow_mut();
            first.waker = None;
            first.events.extend(vec![ConnectionEvent::Progress; progress]);
            first.events.push_back(ConnectionEvent::Unsent(77));
        }
        bench.tellers[1].tell([SUCCESS]);
        bench.executor.run();
        bench.advance(11);
        let sent = bench.tellers[1].0.borrow().sent.clone();
        assert!(sent.contains(&77), "after {progress} times progress: {sent:?}");
    }
}

#[test]
fn a_connection_without_a_limit_has_none_whatever_others_have() {
    let first = Teller::default();
    first.0.borrow_mut().in_flight_max = Some(1);
    let mut bench = Bench::with(first);
    bench.send(2);
    bench.advance(6);
    let suspects: Vec<_> =
        bench.snapshot().addresses.iter().map(|address| address.status.slots.suspect).collect();
    assert_eq!(suspects, [0, 1], "the second one says that it has no limit");
}

// Limits

#[test]
fn a_connection_is_asked_for_its_limit_once_when_it_is_up() {
    for in_flight_max in [None, Some(1), Some(usize::MAX)] {
        let first = Teller::default();
        first.0.borrow_mut().in_flight_max = in_flight_max;
        let mut bench = Bench::with(first);
        bench.send(2);
        bench.tellers[0].tell([SUCCESS]);
        bench.executor.run();
        assert_eq!(bench.tellers[0].0.borrow().asked, 1);
    }
}

#[test]
fn a_connection_that_panics_when_it_is_asked_for_its_limit_has_failed_and_no_other() {
    let first = Teller::default();
    first.0.borrow_mut().in_flight_max = Some(0);
    let mut bench = Bench::with(first);
    let addresses = bench.snapshot().addresses;
    assert_eq!((addresses[0].status.slots.ready, addresses[1].status.slots.ready), (0, 1));
    bench.send(1);
    assert_eq!(bench.in_flight(), [0, 1]);
}

#[test]
fn a_connection_of_other_items_has_the_limit_and_tells_the_facts_of_the_one_below() {
    let below = Teller::default();
    below.0.borrow_mut().in_flight_max = Some(7);
    below.tell([ConnectionEvent::Progress, ConnectionEvent::Abandoned]);
    let mut mapped =
        Box::pin(map_items(below, |text: String| text.parse().unwrap_or(0), |number| number.to_string()));
    assert_eq!(Connection::<String>::in_flight_max(&*mapped), Some(7));
    let cx = &mut Context::from_waker(Waker::noop());
    let mut next = || Connection::<String>::poll_event(mapped.as_mut(), cx);
    assert!(matches!(next(), Poll::Ready(Ok(ConnectionEvent::Progress))));
    assert!(matches!(next(), Poll::Ready(Ok(ConnectionEvent::Abandoned))));
    assert!(next().is_pending());
}

#[test]
fn a_connection_that_takes_one_item_at_a_time_is_no_suspect_and_one_that_takes_more_is() {
    for (in_flight_max, suspects) in [(Some(1), 0), (Some(2), 1), (None, 1), (Some(usize::MAX), 1)] {
        let first = Teller::default();
        first.0.borrow_mut().in_flight_max = in_flight_max;
        let mut bench = Bench::with(first);
        bench.send(2);
        bench.advance(6);
        assert_eq!(bench.snapshot().addresses[0].status.slots.suspect, suspects, "{in_flight_max:?}");
    }
}

// Reads that somebody else does

#[test]
fn who_watches_reads_is_woken_once_by_the_next_bytes_and_not_by_none() {
    let (reads, counter) = (Reads::new(), Arc::<Wakes>::default());
    let waker = Waker::from(Arc::clone(&counter));
    reads.add(3);
    reads.watch(&waker);
    reads.watch(&waker);
    reads.add(0);
    assert_eq!((reads.bytes(), counter.count()), (3, 0), "an end is no news");
    reads.clone().add(4);
    reads.add(5);
    assert_eq!((reads.bytes(), counter.count()), (12, 1));
    reads.watch(&waker);
    reads.unwatch();
    reads.add(1);
    assert_eq!((reads.bytes(), counter.count()), (13, 1));
}

/// Counts wake-ups.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wakes {
    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}
