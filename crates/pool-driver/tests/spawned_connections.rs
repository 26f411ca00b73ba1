//! Connections that run in tasks of their own. That all other promises stay is shown by the scenarios of
//! `pool-conformance`, which are played with such connections, too.

mod support;

use std::pin::Pin;
use std::sync::{Arc, Mutex};

use pool_core::Outcome;
use pool_driver::{BoxError, Spawn};
use support::{A, B, Bench, Call, Clock, Fault, Link, Outside, Task, millis, secs};

type Spawned = Pin<Box<dyn Future<Output = ()>>>;

/// Keeps what is spawned for the bench's executor.
#[derive(Clone, Default)]
struct Tasks(Arc<Mutex<Vec<Spawned>>>);

impl<F: Future<Output = ()> + 'static> Spawn<Clock, F> for Tasks {
    fn spawn(self, _: &str, future: F) -> Result<(), BoxError> {
        self.0.lock().expect("nobody panics").push(Box::pin(future));
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
        let new = Tasks::default();
        let builder = outside.builder().spawn_connections_on(new.clone());
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
            let new = std::mem::take(&mut *self.new.0.lock().expect("nobody panics"));
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
