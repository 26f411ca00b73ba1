//! No wake-up is lost, and nothing is polled in vain (F2).

mod support;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_sink::Sink;
use futures_util::future::ready;

use pool_conformance::simulated::Spawned;
use pool_driver::{Connection, ConnectionEvent, Outcome, Pool, PoolBuilder};
use support::{A, B, Bench, Call, Clock, Dial, End, Executor, Item, Outside, secs};

#[test]
fn f2_a_pool_with_nothing_to_do_is_not_polled() {
    let mut bench = Bench::up([A, B], |pool| pool.connections_per_address(5));
    bench.send(1..=100);
    bench.advance(secs(60));
    let polls = bench.driver.polls();
    bench.advance(secs(1_000_000));
    assert_eq!(bench.driver.polls(), polls);
    bench.finish();
}

#[test]
fn f2_a_pool_whose_connections_are_all_busy_is_not_polled() {
    let mut bench = Bench::new(|pool| pool.queue_size(2));
    bench.world.behave(A, |behaviour| behaviour.is_ready = false);
    bench.set([A]);
    bench.send([1, 2]);
    let _sender = bench.sender(3);
    bench.advance(secs(60));
    let polls = bench.driver.polls();
    bench.advance(secs(1_000_000));
    assert_eq!(bench.driver.polls(), polls);
    bench.finish();
}

#[test]
fn f2_an_item_alone_costs_two_polls_at_most_and_a_batch_hardly_more() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let before = bench.driver.polls();
    for id in 0..1000 {
        bench.send([id]);
    }
    let alone = bench.driver.polls() - before;
    assert!(alone <= 2000, "{alone} polls for 1000 items");
    let before = bench.driver.polls();
    bench.send(1000..1100);
    assert!(bench.driver.polls() - before <= 2);
    bench.finish();
}

#[test]
fn f2_a_driver_with_a_great_many_items_lets_others_run_meanwhile() {
    let mut bench = Bench::up([A], |pool| pool.queue_size(10_000));
    for id in 0..5000 {
        assert_eq!(bench.try_send(id), Ok(()));
    }
    let before = bench.driver.polls();
    bench.executor.run_round();
    let sent = bench.ledger.ended(End::Sent).len();
    assert!((1..5000).contains(&sent), "{sent} in one poll");
    bench.run();
    assert!((5..=50).contains(&(bench.driver.polls() - before)));
    bench.finish();
}

#[test]
fn f2_a_connection_that_wakes_itself_for_ever_costs_one_poll_per_poll_of_the_driver() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let link = bench.world.link(A);
    link.take_log();
    link.change(|behaviour| behaviour.wakes_itself = true);
    let before = bench.driver.polls();
    (0..100).for_each(|_| bench.executor.run_round());
    assert_eq!(bench.driver.polls() - before, 100);
    assert_eq!(link.take_log(), [Call::Event; 100]);
    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    bench.executor.run_round();
    bench.executor.run_round();
    assert_eq!(bench.world.received(A).len() + bench.world.received(B).len(), 2);
    link.change(|behaviour| behaviour.wakes_itself = false);
    bench.finish();
}

#[test]
fn f2_a_busy_connection_that_wakes_itself_for_ever_delays_nobody() {
    let mut bench = Bench::up([A, B], |pool| pool);
    bench.world.link(A).change(|behaviour| (behaviour.is_ready, behaviour.wakes_itself) = (false, true));
    for id in 0..20 {
        assert_eq!(bench.try_send(id), Ok(()));
        bench.executor.run_round();
        bench.executor.run_round();
    }
    assert_eq!(bench.world.received(B).len(), 20);
    bench.world.link(A).change(|behaviour| (behaviour.is_ready, behaviour.wakes_itself) = (true, false));
    bench.finish();
}

/// Counts wake-ups.
#[derive(Default)]
struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

#[test]
fn f2_a_driver_that_moves_to_another_task_is_woken_there_by_everything() {
    let outside = Outside::new();
    let (pool, mut driver) = outside.builder().build::<Item>().expect("the settings make sense");
    let (before, after) = (Arc::new(Flag::default()), Arc::new(Flag::default()));
    let mut drive = |flag: &Arc<Flag>| {
        flag.0.store(0, Ordering::Release);
        let waker = Waker::from(Arc::clone(flag));
        assert!(Pin::new(&mut driver).poll(&mut Context::from_waker(&waker)).is_pending());
    };
    outside.world.answer(B, Dial::Hang);
    outside.feed.push_set([A, B]);
    (0..3).for_each(|_| drive(&before));
    let wakes: [&dyn Fn(); 4] =
        [&|| outside.feed.push_set([A, B]), &|| outside.world.link(A).wake(), &|| pool.retry_now(B), &|| {
            outside.clock.set(outside.clock.next().expect("the dial has a timeout"));
        }];
    for (number, wake) in wakes.into_iter().enumerate() {
        drive(&before);
        drive(&after);
        before.0.store(0, Ordering::Release);
        wake();
        let woken = (before.0.load(Ordering::Acquire), after.0.load(Ordering::Acquire));
        assert_eq!(woken, (0, 1), "wake-up number {number}");
    }
}

#[test]
fn f2_a_connection_with_a_great_deal_to_tell_lets_others_go_first() {
    let mut bench = Bench::up([A, B], |pool| pool);
    let link = bench.world.link(A);
    link.finish(1000, Outcome::Cancelled);
    assert_eq!((bench.try_send(1), bench.try_send(2)), (Ok(()), Ok(())));
    bench.executor.run_round();
    assert_eq!(bench.world.received(B).len(), 1);
    assert!((1..1000).contains(&link.untold()), "{} untold", link.untold());
    bench.run();
    assert_eq!(link.untold(), 0);
    bench.finish();
}

/// Connections that share a budget of operations for each poll of their driver, as on Tokio: one that has
/// none left is woken at once, and has to be polled again.
#[derive(Clone, Default)]
struct Crowd {
    budget: Rc<Cell<usize>>,
    /// Reads that found a message.
    messages: Rc<Cell<usize>>,
    /// Reads that found none.
    vain_polls: Rc<Cell<usize>>,
    members: Rc<RefCell<Vec<Rc<Member>>>>,
}

#[derive(Default)]
struct Member {
    untold: Cell<usize>,
    told: Cell<usize>,
    waker: RefCell<Option<Waker>>,
}

struct MemberOf {
    crowd: Crowd,
    member: Rc<Member>,
}

impl Crowd {
    /// A pool with so many connections, and a driver that gives them this budget in each poll.
    fn up(&self, connections: u16, budget_per_poll: usize) -> (Executor, Spawned<()>, Pool<u32, u16>) {
        let (crowd, budget) = (self.clone(), Rc::clone(&self.budget));
        let connect = move |_: u16| {
            let member = Rc::new(Member::default());
            crowd.members.borrow_mut().push(Rc::clone(&member));
            ready(Ok::<_, String>(MemberOf { crowd: crowd.clone(), member }))
        };
        let builder = PoolBuilder::new(connect, Clock::default()).dials_max(10_000).seed(1);
        let (pool, driver) = builder.connect_to_fixed(0..connections).build::<u32>().expect("sound settings");
        let mut driver = Box::pin(driver);
        let mut executor = Executor::default();
        let driver = executor.spawn(poll_fn(move |cx| {
            budget.set(budget_per_poll);
            driver.as_mut().poll(cx).map(drop)
        }));
        executor.run();
        assert_eq!(self.members.borrow().len(), usize::from(connections));
        self.messages.set(0);
        self.vain_polls.set(0);
        (executor, driver, pool)
    }

    /// Each has so many messages now.
    fn tell(&self, messages: usize) {
        for member in &*self.members.borrow() {
            member.untold.set(messages);
            let waker = member.waker.take();
            waker.expect("it waits to be read").wake();
        }
    }
}

impl Sink<u32> for MemberOf {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, _: u32) -> Result<(), String> {
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection<u32> for MemberOf {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<u32>, String>> {
        let (crowd, member) = (&self.crowd, &self.member);
        *member.waker.borrow_mut() = Some(cx.waker().clone());
        if member.untold.get() > 0 && crowd.budget.get() > 0 {
            crowd.budget.set(crowd.budget.get() - 1);
            member.untold.set(member.untold.get() - 1);
            member.told.set(member.told.get() + 1);
            crowd.messages.set(crowd.messages.get() + 1);
            return Poll::Ready(Ok(ConnectionEvent::Finished(Outcome::Cancelled)));
        }
        crowd.vain_polls.set(crowd.vain_polls.get() + 1);
        if member.untold.get() > 0 {
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

#[test]
fn f2_the_polls_of_many_connections_grow_with_their_messages_and_not_faster() {
    let crowd = Crowd::default();
    let (mut executor, driver, _pool) = crowd.up(40_000, 128);
    let polls = driver.polls();
    crowd.tell(1);
    executor.run();
    assert_eq!(crowd.messages.get(), 40_000);
    let vain = crowd.vain_polls.get();
    assert!(
        vain <= 60_000,
        "{vain} vain polls for 40,000 messages, in {} polls of the driver",
        driver.polls() - polls
    );
}

#[test]
fn f2_the_events_of_one_poll_are_bounded_and_all_connections_have_their_turn() {
    let crowd = Crowd::default();
    let (mut executor, _driver, pool) = crowd.up(10_000, usize::MAX);
    crowd.tell(1_000_000);
    let told =
        |crowd: &Crowd| crowd.members.borrow().iter().map(|member| member.told.get()).collect::<Vec<_>>();
    let (mut before, mut largest) = (0, 0);
    for _ in 0..100 {
        executor.run_round();
        largest = largest.max(crowd.messages.get() - before);
        before = crowd.messages.get();
    }
    assert!(largest <= 2_048, "{largest} events in one poll of the driver");
    // Those that were read are the first in turn, and each was read as often as the others or once more.
    let told = told(&crowd);
    let (most, least) = (told.iter().max().expect("there are some"), told.iter().min().expect("as before"));
    assert!(most - least <= 64, "between {least} and {most} events of each");
    drop(pool);
}

#[test]
fn f2_a_timer_that_fires_early_is_set_again() {
    let mut bench = Bench::new(|pool| pool);
    bench.world.answer(A, Dial::Refuse);
    bench.set([A]);
    bench.advance(secs(30));
    bench.world.answer(A, Dial::Accept);
    for _ in 0..3 {
        bench.clock.fire_early();
        bench.run();
        assert_eq!(bench.world.alive(A), 0, "its backoff goes on");
    }
    bench.advance(secs(36));
    assert_eq!(bench.world.alive(A), 1);
}

#[test]
fn f2_many_wake_ups_of_one_source_are_one_poll_of_it() {
    let mut bench = Bench::up([A], |pool| pool);
    let waker = bench.world.link(A).steal_waker().expect("it was polled");
    bench.world.link(A).take_log();
    let polls = bench.driver.polls();
    (0..1000).for_each(|_| waker.wake_by_ref());
    bench.run();
    assert_eq!((bench.driver.polls() - polls, bench.world.link(A).take_log()), (1, vec![Call::Event]));
}
