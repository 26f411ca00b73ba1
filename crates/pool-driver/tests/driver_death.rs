//! The driver dies with a batch in its hand: at any poll, or because any call into user code
//! panics. Every item ends exactly once all the same.

mod support;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use pool_core::{AddressId, Instant, PickArgs, Ring};
use pool_driver::{Attributes, Balance, Ended, Outcome, RefusedReason, RoundRobin};
use support::{A, B, Bench, C, Calls, Dial, End, Item, Outside, Task, secs};

/// A driver that is dropped after so many polls.
struct Mortal<D> {
    driver: Option<D>,
    polls: Rc<Cell<usize>>,
    polls_max: usize,
}

impl<D: Future<Output = Ended> + Unpin> Future for Mortal<D> {
    type Output = Ended;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
        let this = &mut *self;
        if this.polls.get() == this.polls_max {
            this.driver = None;
        }
        this.polls.set(this.polls.get() + 1);
        this.driver.as_mut().map_or(Poll::Pending, |driver| Pin::new(driver).poll(cx))
    }
}

/// Round-robin whose calls are counted among those into user code.
struct Counted(Calls);

impl Balance for Counted {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId> {
        self.0.enter();
        RoundRobin::new().pick(ring, pick, now)
    }

    fn on_joined(&mut self, _: AddressId, _: &Attributes, _: Instant) {
        self.0.enter();
    }

    fn on_changed(&mut self, _: AddressId, _: &Attributes, _: Instant) {
        self.0.enter();
    }

    fn on_left(&mut self, _: AddressId, _: Instant) {
        self.0.enter();
    }

    fn on_readiness(&mut self, _: AddressId, _: bool, _: Instant) {
        self.0.enter();
    }

    fn on_sent(&mut self, _: AddressId, _: Instant) {
        self.0.enter();
    }

    fn on_answered(&mut self, _: AddressId, _: Duration, _: Instant) {
        self.0.enter();
    }

    fn on_lost(&mut self, _: AddressId, _: u32, _: Instant) {
        self.0.enter();
    }

    fn on_finished(&mut self, _: AddressId, _: &Outcome, _: Instant) {
        self.0.enter();
    }
}

/// What kills the driver.
#[derive(Clone, Copy, Debug)]
enum Death {
    None,
    /// It is dropped instead of its next poll.
    AfterPolls(usize),
    InCall(usize),
}

struct Run {
    bench: Bench,
    polls: Rc<Cell<usize>>,
    senders: Vec<(Task<Result<(), RefusedReason>>, u32)>,
}

impl Run {
    fn new(death: Death) -> Self {
        let outside = Outside::new();
        let balancer = Counted(outside.calls.clone());
        let settings = outside.builder().queue_size(4).balancer(balancer);
        let (pool, driver) = settings.build::<Item>().expect("the settings make sense");
        let (polls, mut polls_max) = (Rc::new(Cell::new(0)), usize::MAX);
        match death {
            Death::None => {}
            Death::AfterPolls(count) => polls_max = count,
            Death::InCall(call) => outside.calls.panic_at(call),
        }
        let mortal = Mortal { driver: Some(driver), polls: Rc::clone(&polls), polls_max };
        Self { bench: Bench::around(outside, pool, mortal), polls, senders: Vec::new() }
    }

    fn start_senders(&mut self, ids: impl IntoIterator<Item = u32>) {
        for id in ids {
            let sender = self.bench.sender(id);
            self.senders.push((sender, id));
        }
        self.bench.run();
    }

    /// Does something to all connections that the pool has at the moment.
    fn each_link(&mut self, change: impl Fn(&support::Link)) {
        self.bench.world.all_links().iter().filter(|link| link.is_open()).for_each(change);
        self.bench.run();
    }

    /// 20 items and 3 connections that push back, break, give back and are replaced.
    fn play(&mut self) {
        for address in [A, B, C] {
            self.bench
                .world
                .behave(address, |behaviour| (behaviour.window, behaviour.keeps_items) = (2, true));
        }
        self.start_senders(0..6);
        self.bench.set([A, B, C]);
        self.each_link(|link| link.change(|behaviour| behaviour.flushes = false));
        for address in [A, B, C] {
            self.bench.world.behave(address, |behaviour| behaviour.flushes = false);
        }
        self.start_senders(6..20);
        if let Some((sender, id)) = self.senders.iter().find(|(sender, _)| !sender.is_done()).cloned() {
            self.bench.give_up(&sender, id);
            self.senders.retain(|(_, other)| *other != id);
        }
        self.each_link(|link| {
            if link.address() == A {
                link.break_off();
            }
        });
        self.each_link(|link| {
            if link.address() == B {
                link.give_back();
                link.go_away();
            }
        });
        self.each_link(|link| link.answer(1, secs(0)));
        self.each_link(|link| link.finish(1, Outcome::Cancelled));
        self.bench.world.answer(B, Dial::Refuse);
        self.bench.advance(secs(1));
        self.bench.set([A, B]);
        drop(self.bench.pool().shutdown(secs(5)));
        self.bench.advance(secs(3));
        self.each_link(|link| {
            if link.address() == A {
                link.give_back();
            }
        });
        self.bench.advance(secs(3));
        self.each_link(|link| link.change(|behaviour| behaviour.flushes = true));
        self.bench.advance(secs(60));
    }

    /// Everybody has an answer, every item has one end, and nothing is left anywhere.
    fn check(&mut self, context: &str) -> Ended {
        let ended = self.bench.spawn_with_pool(|pool| async move { pool.closed().await });
        let ended = self.bench.output(&ended);
        for (sender, id) in &self.senders {
            assert!(sender.is_done(), "the sender of {id} sleeps for ever; {context}");
        }
        let queue = self.bench.snapshot().queue;
        let counts = (queue.queued, queue.in_backlog, queue.granted, queue.waiting);
        assert_eq!(counts, (0, 0, 0, 0), "capacity is whole again; {context}");
        let alive = [A, B, C].map(|address| self.bench.world.alive(address));
        assert_eq!(alive, [0; 3], "no connection outlives the pool; {context}");
        self.bench.check_accounts(ended, context);
        ended
    }
}

#[test]
fn the_schedule_makes_items_end_in_every_way() {
    let mut run = Run::new(Death::None);
    run.play();
    run.check("nobody died");
    for end in [End::Sent, End::Refused, End::Undelivered, End::Withdrawn] {
        assert!(!run.bench.ledger.ended(end).is_empty(), "none {end:?}");
    }
    assert!(run.polls.get() > 15 && run.bench.calls.count() > 100);
}

#[test]
fn every_item_ends_once_whenever_the_driver_is_dropped() {
    let mut plain = Run::new(Death::None);
    plain.play();
    for polls in 0..=plain.polls.get() {
        let death = Death::AfterPolls(polls);
        let mut run = Run::new(death);
        run.play();
        // One that is over before is not dropped.
        run.bench.executor.cancel(&run.bench.driver.clone());
        run.check(&format!("{death:?}"));
    }
}

#[test]
fn every_item_ends_once_whichever_call_into_user_code_panics() {
    let mut plain = Run::new(Death::None);
    plain.play();
    for call in 1..=plain.bench.calls.count() {
        let death = Death::InCall(call);
        let mut run = Run::new(death);
        run.play();
        run.check(&format!("{death:?}"));
    }
}
