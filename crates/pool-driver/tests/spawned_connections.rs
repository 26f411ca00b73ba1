//! Connections that run in tasks of their own. That all other promises stay is shown by the scenarios of
//! `pool-conformance`, which are played with such connections, too.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use futures_util::FutureExt;
use pool_core::Outcome;
use pool_driver::{BoxError, Connection, ConnectionEvent, Event, Pool, PoolBuilder, Spawn};
use support::{
    A, B, Bench, Builder, Call, Clock, Executor, Fault, Feed, Link, Outside, SEED, Task, connect_once,
    millis, secs,
};

type Spawned = Pin<Box<dyn Future<Output = ()>>>;

/// Keeps what is spawned for the bench's executor.
#[derive(Clone, Default)]
struct Tasks {
    new: Arc<Mutex<Vec<Spawned>>>,
    turns: Turns,
}

/// Which tasks get no turns, by the order in which they were spawned.
#[derive(Clone, Default)]
struct Turns {
    spawned: Rc<Cell<usize>>,
    held: Rc<RefCell<BTreeSet<usize>>>,
    waiting: Rc<RefCell<HashMap<usize, Waker>>>,
}

impl Turns {
    fn hold(&self, task: usize) {
        self.held.borrow_mut().insert(task);
    }

    fn release(&self, task: usize) {
        self.held.borrow_mut().remove(&task);
        let waker = self.waiting.borrow_mut().remove(&task);
        waker.into_iter().for_each(Waker::wake);
    }

    /// The future, if it has its turns.
    fn share<F: Future<Output = ()> + 'static>(&self, future: F) -> Spawned {
        let (turns, task) = (self.clone(), self.spawned.replace(self.spawned.get() + 1));
        let mut future = Box::pin(future);
        Box::pin(std::future::poll_fn(move |cx| {
            if turns.held.borrow().contains(&task) {
                turns.waiting.borrow_mut().insert(task, cx.waker().clone());
                return Poll::Pending;
            }
            future.as_mut().poll(cx)
        }))
    }
}

impl<F: Future<Output = ()> + 'static> Spawn<Clock, F> for Tasks {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        let future = self.turns.share(future);
        self.new.lock().expect("nobody panics").push(future);
        Ok(())
    }
}

/// Runs nothing.
#[derive(Clone)]
struct Nobody;

impl<F> Spawn<Clock, F> for Nobody {
    fn spawn(self, _: &str, _: F) -> Result<(), BoxError> {
        Err("there is no executor".into())
    }
}

/// A pool over connections that have tasks in the bench's executor.
struct Spawning {
    bench: Bench,
    new: Tasks,
    /// Of the connections, in the order in which they came up.
    tasks: Vec<Task<()>>,
}

impl Spawning {
    fn up(outside: Outside, addresses: impl IntoIterator<Item = u16>) -> Self {
        Self::up_with(outside, addresses, |builder| builder)
    }

    fn up_with(
        outside: Outside,
        addresses: impl IntoIterator<Item = u16>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let new = Tasks::default();
        let builder = change(outside.builder()).spawn_connections_on(new.clone());
        let (pool, driver) = builder.build().expect("the settings make sense");
        let mut this = Self { bench: Bench::around(outside, pool, driver), new, tasks: Vec::new() };
        this.bench.feed.push_set(addresses);
        this.run();
        this
    }

    /// Runs until everybody sleeps, also those that come meanwhile.
    fn run(&mut self) {
        loop {
            self.bench.run();
            let new = std::mem::take(&mut *self.new.new.lock().expect("nobody panics"));
            if new.is_empty() {
                return;
            }
            self.tasks.extend(new.into_iter().map(|task| self.bench.executor.spawn(task)));
        }
    }

    fn advance(&mut self, seconds: u64) {
        for _ in 0..seconds * 10 {
            self.bench.advance(millis(100));
            self.run();
        }
    }

    fn hold(&self, task: usize) {
        self.new.turns.hold(task);
    }

    fn release(&mut self, task: usize) {
        self.new.turns.release(task);
        self.run();
    }

    fn shut_down(&mut self, seconds: u64) -> Task<pool_driver::Ended> {
        let task = self.bench.shut_down(secs(seconds));
        self.run();
        task
    }

    fn queue(&self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            assert_eq!(self.bench.try_send(id), Ok(()), "item {id}");
        }
    }

    fn send(&mut self, ids: impl IntoIterator<Item = u32>) {
        self.queue(ids);
        self.run();
    }

    fn last_error(&self) -> String {
        self.bench.snapshot().addresses[0].last_error.as_ref().expect("it has failed").to_string()
    }

    /// Ends the pool, and checks that every item is accounted for.
    fn finish(mut self) {
        drop(self.bench.pool().shutdown(secs(60)));
        self.advance(100);
        let ended = self.bench.output(&self.bench.driver.clone());
        self.bench.check_accounts(ended, "");
        assert!(self.tasks.iter().all(Task::is_done), "no task is left behind");
    }
}

#[test]
fn items_reach_connections_in_their_order_and_are_flushed() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    pool.send(1..=6);
    assert_eq!(pool.bench.world.received(A).len(), 3);
    let mut received = [pool.bench.world.received(A), pool.bench.world.received(B)].concat();
    assert!(received[..3].is_sorted() && received[3..].is_sorted(), "{received:?}");
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4, 5, 6]);
    pool.finish();
}

#[test]
fn a_connection_has_no_more_in_flight_than_it_may_and_none_waits_in_front_of_it() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| {
        (behaviour.in_flight_max, behaviour.keeps_items) = (Some(2), true);
    });
    let mut pool = Spawning::up(outside, [A]);
    pool.send(1..=5);
    let link = pool.bench.world.link(A);
    assert_eq!((link.received(), pool.bench.snapshot().addresses[0].status.in_flight), (vec![1, 2], 2));
    link.finish(1, Outcome::Success { latency: None });
    pool.run();
    assert_eq!(link.received(), [1, 2, 3], "one place was free");
    link.change(|behaviour| behaviour.keeps_items = false);
    link.finish(2, Outcome::Success { latency: None });
    pool.run();
    assert_eq!(link.received(), [1, 2, 3, 4, 5]);
    pool.finish();
}

#[test]
fn items_that_a_connection_does_not_take_when_it_is_asked_go_to_another_in_their_order() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    let link = pool.bench.world.link(A);
    pool.queue(1..=6);
    // The driver doesn't know yet.
    link.change(|behaviour| behaviour.is_ready = false);
    pool.run();
    assert!(link.received().is_empty());
    let mut received = pool.bench.world.received(B);
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4, 5, 6]);
    link.change(|behaviour| behaviour.is_ready = true);
    pool.send(7..=10);
    assert_eq!(link.received().len(), 2, "it has its turns again");
    pool.finish();
}

#[test]
fn a_connection_that_breaks_returns_what_it_has_not_taken() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    let link = pool.bench.world.link(A);
    pool.queue(1..=6);
    link.fault(Call::Ready, Fault::Error);
    link.wake();
    pool.run();
    assert!(!link.is_open() && link.received().is_empty());
    assert_eq!(pool.bench.world.received(B).len(), 6);
    assert_eq!(pool.last_error(), "a scripted error in Ready");
    pool.finish();
}

#[test]
fn f1_a_panic_in_any_call_into_a_connection_costs_that_connection() {
    for call in [Call::Ready, Call::Send, Call::Flush, Call::Event] {
        let mut pool = Spawning::up(Outside::new(), [A, B]);
        pool.advance(20);
        let link = pool.bench.world.link(A);
        link.fault(call, Fault::Panic);
        link.wake();
        pool.send(1..=6);
        assert!(!link.is_open(), "{call:?}");
        assert!(
            pool.last_error().starts_with("panicked: a scripted panic in"),
            "{call:?}: {}",
            pool.last_error()
        );
        pool.advance(1);
        assert_eq!((pool.bench.world.alive(A), pool.bench.world.alive(B)), (1, 1), "{call:?}");
        pool.finish();
    }
}

#[test]
fn f1_a_panic_in_the_drop_of_a_connection_costs_nothing_else() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    pool.bench.world.link(A).fault(Call::Drop, Fault::Panic);
    pool.bench.feed.push_set([B]);
    pool.run();
    assert_eq!(pool.bench.world.alive(A), 0);
    pool.send([1]);
    assert_eq!(pool.bench.world.received(B), [1]);
    pool.finish();
}

#[test]
fn a_task_that_its_executor_drops_is_a_connection_that_broke_and_what_it_had_not_taken_comes_back() {
    let mut pool = Spawning::up(Outside::new(), [A]);
    pool.queue(1..=4);
    // The driver alone has its turn: the items are on their way.
    pool.bench.executor.step();
    assert_eq!(pool.bench.snapshot().addresses[0].status.in_flight, 4);
    pool.bench.executor.cancel(&pool.tasks.remove(0));
    pool.run();
    assert_eq!(pool.last_error(), "the task of the connection was dropped");
    pool.advance(1);
    let received: Vec<_> = pool.bench.world.links(A).iter().map(Link::received).collect();
    assert_eq!(received, [vec![], vec![1, 2, 3, 4]], "by connection");
    pool.finish();
}

#[test]
fn a_dial_whose_task_cannot_be_spawned_fails() {
    let outside = Outside::new();
    let (pool, driver) =
        outside.builder().spawn_connections_on(Nobody).build().expect("the settings make sense");
    let mut bench = Bench::around(outside, pool, driver);
    bench.set([A]);
    let error = bench.snapshot().addresses[0].last_error.clone().expect("it has failed");
    assert_eq!((error.to_string().as_str(), bench.world.alive(A)), ("there is no executor", 0));
    bench.finish();
}

#[test]
fn a_connection_that_never_closes_is_gone_after_the_drain_timeout_and_its_last_outcomes_count() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| {
        (behaviour.closes, behaviour.keeps_items, behaviour.returns_unflushed) = (false, true, true);
    });
    let mut pool = Spawning::up(outside, [A, B]);
    pool.send([1, 2]);
    pool.bench.feed.push_set([B]);
    pool.run();
    assert_eq!(pool.bench.world.alive(A), 1, "it drains");
    pool.advance(31);
    assert_eq!(pool.bench.world.alive(A), 0);
    assert_eq!(pool.bench.snapshot().addresses.len(), 1, "its slot is free, and its address forgotten");
    pool.finish();
}

#[test]
fn a_driver_that_is_dropped_ends_all_tasks() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    let driver = pool.bench.driver.clone();
    pool.bench.executor.cancel(&driver);
    pool.run();
    assert!(pool.tasks.len() == 2 && pool.tasks.iter().all(Task::is_done));
    assert_eq!((pool.bench.world.alive(A), pool.bench.world.alive(B)), (0, 0));
}

#[test]
fn connections_are_told_the_time_of_the_runtime_when_their_tasks_run() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| behaviour.keeps_items = true);
    let mut pool = Spawning::up(outside, [A]);
    pool.send([1]);
    pool.advance(3);
    let link = pool.bench.world.link(A);
    link.begin_replies(1);
    pool.run();
    assert_eq!(link.latencies(), [secs(3)]);
    link.finish(1, Outcome::Success { latency: None });
    pool.finish();
}

#[test]
fn a_pool_whose_connections_sleep_is_not_polled_and_neither_are_their_tasks() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    pool.advance(20);
    let polls = |pool: &Spawning| -> usize {
        pool.bench.driver.polls() + pool.tasks.iter().map(Task::polls).sum::<usize>()
    };
    let before = polls(&pool);
    pool.advance(3600 / 10);
    assert_eq!(polls(&pool), before);
    pool.finish();
}

#[test]
fn a_shutdown_waits_for_what_is_on_its_way_to_a_connection_that_has_turned_busy() {
    let mut pool = Spawning::up(Outside::new(), [A]);
    let link = pool.bench.world.link(A);
    pool.hold(0);
    pool.send(1..=4);
    // The driver doesn't know yet.
    link.change(|behaviour| behaviour.is_ready = false);
    let ended = pool.shut_down(30);
    pool.release(0);
    assert!(link.is_open() && link.received().is_empty() && !ended.is_done());
    link.change(|behaviour| behaviour.is_ready = true);
    pool.run();
    assert_eq!(link.received(), [1, 2, 3, 4]);
    let ended = pool.bench.output(&ended);
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (4, 0));
    pool.finish();
}

#[test]
fn a_shutdown_waits_for_what_a_task_has_not_had_a_turn_to_take() {
    let mut pool = Spawning::up(Outside::new(), [A]);
    pool.hold(0);
    pool.send(1..=4);
    let ended = pool.shut_down(30);
    assert!(!ended.is_done());
    pool.release(0);
    assert_eq!(pool.bench.world.received(A), [1, 2, 3, 4]);
    assert_eq!(pool.bench.output(&ended).counts.undelivered, 0);
    pool.finish();
}

#[test]
fn at_the_deadline_of_a_shutdown_what_no_task_has_taken_comes_back_and_no_task_has_to_run_for_the_end() {
    let mut pool = Spawning::up(Outside::new(), [A]);
    pool.hold(0);
    pool.send(1..=4);
    let ended = pool.shut_down(5);
    pool.advance(5);
    assert_eq!(pool.bench.ledger.undelivered(), [1, 2, 3, 4]);
    assert_eq!(pool.bench.world.alive(A), 1, "it has the drain timeout");
    pool.advance(30);
    assert_eq!(pool.bench.world.alive(A), 0);
    let ended = pool.bench.output(&ended);
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (0, 4));
    pool.release(0);
    pool.finish();
}

#[test]
fn a_connection_that_drains_returns_at_once_what_its_task_has_not_taken() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    pool.hold(0);
    pool.send(1..=6);
    let held_back = [A, B].into_iter().find(|address| pool.bench.world.received(*address).is_empty());
    let (held_back, other) = if held_back == Some(A) { (A, B) } else { (B, A) };
    assert_eq!(pool.bench.world.received(other).len(), 3);
    pool.bench.feed.push_set([other]);
    pool.run();
    let mut received = pool.bench.world.received(other);
    assert!(received[3..].is_sorted(), "{received:?}");
    received.sort_unstable();
    assert_eq!(received, [1, 2, 3, 4, 5, 6]);
    assert_eq!(pool.bench.world.alive(held_back), 1);
    pool.release(0);
    assert_eq!(pool.bench.world.alive(held_back), 0);
    pool.finish();
}

#[test]
fn a_connection_that_is_given_up_is_gone_at_once_though_its_task_gets_no_turns_and_tells_what_has_come() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| behaviour.keeps_items = true);
    let mut pool = Spawning::up_with(outside, [A], |builder| builder.outcome_timeout(secs(5)));
    pool.send([1, 2]);
    let link = pool.bench.world.link(A);
    pool.hold(0);
    pool.send([3]);
    link.finish(1, Outcome::Success { latency: None });
    pool.advance(6);
    assert!(!link.is_open());
    assert_eq!((link.received(), link.untold()), (vec![1, 2], 0));
    let received: Vec<_> = pool.bench.world.links(A).iter().map(Link::received).collect();
    assert_eq!(received, [vec![1, 2], vec![3]], "by connection");
    pool.release(0);
    pool.bench.world.link(A).change(|behaviour| behaviour.keeps_items = false);
    pool.finish();
}

#[test]
fn items_behind_a_goodbye_go_to_another_connection() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    let link = pool.bench.world.link(A);
    pool.queue(1..=6);
    // It is read when the items are there.
    link.go_away_unnoticed();
    pool.run();
    assert!(link.received().is_empty(), "{:?}", link.received());
    assert_eq!(pool.bench.world.received(B).len() + pool.bench.world.received(A).len(), 6);
    pool.finish();
}

#[test]
fn a_connection_that_closes_is_read_to_its_end_first() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| behaviour.keeps_items = true);
    let mut pool = Spawning::up_with(outside, [A], |builder| builder.queue_size(1_000));
    let link = pool.bench.world.link(A);
    pool.send(1..=600);
    assert_eq!(link.received().len(), 600);
    link.change(|behaviour| behaviour.keeps_items = false);
    for _ in 0..600 {
        link.tell_unnoticed(ConnectionEvent::Finished(Outcome::Success { latency: None }));
    }
    pool.bench.feed.push_set([]);
    pool.run();
    let taken_along = pool.bench.count_events(|event| match event {
        Event::SlotEnded { in_flight, .. } => *in_flight > 0,
        _ => false,
    });
    assert_eq!((link.is_open(), taken_along), (false, 0));
    pool.finish();
}

#[test]
fn a_task_takes_a_bounded_number_of_items_in_one_poll_and_lets_others_run() {
    let outside = Outside::new();
    outside.world.behave(A, |behaviour| behaviour.in_flight_max = Some(10_000));
    let mut pool = Spawning::up_with(outside, [A], |builder| builder.queue_size(2_000));
    let link = pool.bench.world.link(A);
    pool.hold(0);
    pool.send(1..=1_200);
    pool.new.turns.release(0);
    let mut received = Vec::new();
    while pool.bench.executor.step() {
        received.push(link.received().len());
    }
    received.dedup();
    assert_eq!(received, [512, 1_024, 1_200]);
    pool.finish();
}

#[test]
fn a_driver_that_is_dropped_drops_its_connections_though_their_tasks_get_no_turns() {
    let mut pool = Spawning::up(Outside::new(), [A, B]);
    pool.hold(0);
    pool.hold(1);
    pool.send(1..=6);
    let driver = pool.bench.driver.clone();
    pool.bench.executor.cancel(&driver);
    assert_eq!((pool.bench.world.alive(A), pool.bench.world.alive(B)), (0, 0));
    pool.release(0);
    pool.release(1);
    assert!(pool.tasks.iter().all(Task::is_done));
}

/// Loses what it gets, as the runtime of a program that ends does.
#[derive(Clone)]
struct Forgetful;

impl<F> Spawn<Clock, F> for Forgetful {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        drop(future);
        Ok(())
    }
}

#[derive(Clone)]
struct Panicking;

impl<F> Spawn<Clock, F> for Panicking {
    fn spawn(self, _: &str, _: F) -> Result<(), BoxError> {
        panic!("there is no runtime here")
    }
}

#[test]
fn f1_an_executor_that_loses_tasks_or_panics_costs_the_connection() {
    fn last_error<E>(executor: E) -> String
    where
        E: Spawn<
                Clock,
                pool_driver::ConnectionTask<
                    support::Item,
                    pool_conformance::world::ScriptedConnection,
                    Clock,
                >,
            > + Clone
            + 'static,
    {
        let outside = Outside::new();
        let builder = outside.builder().spawn_connections_on(executor);
        let (pool, driver) = builder.build().expect("the settings make sense");
        let mut bench = Bench::around(outside, pool, driver);
        bench.set([A]);
        bench.advance(millis(10));
        let error = bench.snapshot().addresses[0].last_error.clone().expect("it has failed").to_string();
        assert_eq!(bench.world.alive(A), 0);
        bench.finish();
        error
    }
    assert_eq!(last_error(Forgetful), "the task of the connection was dropped");
    assert_eq!(last_error(Panicking), "panicked: there is no runtime here");
}

/// Panics when it is dropped.
#[derive(Debug)]
struct Bomb(Rc<Cell<usize>>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
        std::panic::resume_unwind(Box::new("a bomb"));
    }
}

/// An error that panics when it is dropped.
#[derive(Debug)]
struct DangerousError;

impl std::fmt::Display for DangerousError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("dangerous")
    }
}

impl std::error::Error for DangerousError {}

impl Drop for DangerousError {
    fn drop(&mut self) {
        std::panic::resume_unwind(Box::new("the error"));
    }
}

/// What a [`Chatterbox`] says whenever it is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Says {
    Nothing,
    Progress,
    Error,
}

/// Takes everything, and says the same again and again.
#[derive(Clone)]
struct Chatterbox {
    says: Rc<Cell<Says>>,
    said: Rc<Cell<usize>>,
}

impl Chatterbox {
    fn new(says: Says) -> Self {
        Self { says: Rc::new(Cell::new(says)), said: Rc::default() }
    }
}

impl<T> Sink<T> for Chatterbox {
    type Error = BoxError;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), BoxError> {
        std::mem::forget(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }
}

impl<T> Connection<T> for Chatterbox {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<ConnectionEvent<T>, BoxError>> {
        match self.says.get() {
            Says::Nothing => Poll::Pending,
            Says::Progress => {
                self.said.set(self.said.get() + 1);
                Poll::Ready(Ok(ConnectionEvent::Progress))
            }
            Says::Error => Poll::Ready(Err(Box::new(DangerousError))),
        }
    }
}

/// A pool with one connection whose task is polled by hand.
struct ByHand<T> {
    executor: Executor,
    driver: Task<pool_driver::Ended>,
    pool: Pool<T, u16>,
    task: Spawned,
}

impl<T: 'static> ByHand<T> {
    fn up(peer: Chatterbox) -> Self {
        let (tasks, feed) = (Tasks::default(), Feed::new(&support::Calls::default()));
        let (pool, driver) = PoolBuilder::new(connect_once(peer), Clock::default())
            .follow(feed.clone())
            .spawn_connections_on(tasks.clone())
            .seed(SEED)
            .build::<T>()
            .expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        feed.push_set([A]);
        executor.run();
        let mut task = tasks.new.lock().expect("nobody panics").pop().expect("it was dialled");
        assert!((&mut task).now_or_never().is_none());
        executor.run();
        Self { executor, driver, pool, task }
    }

    fn poll(&mut self) -> bool {
        (&mut self.task).now_or_never().is_some()
    }
}

#[test]
fn f2_a_connection_that_tells_more_than_the_driver_reads_has_to_wait() {
    let peer = Chatterbox::new(Says::Nothing);
    let mut by_hand = ByHand::<u32>::up(peer.clone());
    peer.says.set(Says::Progress);
    for _ in 0..1_000 {
        by_hand.poll();
    }
    assert!(peer.said.get() < 2_000, "{}", peer.said.get());
    let before = peer.said.get();
    by_hand.executor.run();
    by_hand.poll();
    assert!(peer.said.get() > before, "it goes on when the driver has read");
}

#[test]
fn f1_errors_that_nobody_hears_of_and_items_that_nobody_takes_harm_nothing_when_they_are_dropped() {
    let peer = Chatterbox::new(Says::Nothing);
    let mut by_hand = ByHand::<Bomb>::up(peer.clone());
    let bombs = Rc::<Cell<usize>>::default();
    by_hand.pool.try_send(Bomb(Rc::clone(&bombs))).expect("there is room");
    by_hand.pool.try_send(Bomb(Rc::clone(&bombs))).expect("there is room");
    by_hand.executor.run();
    by_hand.executor.cancel(&by_hand.driver.clone());
    assert_eq!(bombs.get(), 2);
    assert!(by_hand.poll());

    let peer = Chatterbox::new(Says::Nothing);
    let mut by_hand = ByHand::<Bomb>::up(peer.clone());
    peer.says.set(Says::Error);
    assert!(by_hand.poll());
    let ByHand { mut executor, driver, task, .. } = by_hand;
    let harm = catch_unwind(AssertUnwindSafe(|| {
        executor.cancel(&driver);
        drop(task);
    }));
    assert!(harm.is_ok());
}

#[test]
fn a_multiplexer_is_flushed_when_what_it_was_sent_has_arrived() {
    let peer = Chatterbox::new(Says::Nothing);
    let tasks = Tasks::default();
    let mut multiplexer = PoolBuilder::new(connect_once(peer), Clock::default())
        .connect_to_fixed([A])
        .spawn_connections_on(tasks.clone())
        .build_multiplexer::<u32>()
        .expect("the settings make sense");
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut multiplexer).poll_ready(&mut cx).is_pending());
    assert!(Pin::new(&mut multiplexer).poll_ready(&mut cx).is_pending());
    let mut task = tasks.new.lock().expect("nobody panics").pop().expect("it was dialled");
    assert!((&mut task).now_or_never().is_none());
    assert!(Pin::new(&mut multiplexer).poll_ready(&mut cx).is_ready());
    Pin::new(&mut multiplexer).start_send(1).expect("it is open");
    assert!(Pin::new(&mut multiplexer).poll_flush(&mut cx).is_pending());
    assert!((&mut task).now_or_never().is_none());
    assert!(Pin::new(&mut multiplexer).poll_flush(&mut cx).is_ready());
}
