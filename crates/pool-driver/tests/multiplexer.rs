//! The multiplexer as a sink of its own, without a pool.

mod support;

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use futures_util::SinkExt;
use pool_core::RoundRobin;
use pool_driver::{
    Balance, DropUndelivered, EndReason, Ended, Event, Multiplexer, Refused, RefusedReason, SeamsOf,
};
use support::{
    A, B, Builder, Call, Clock, Dial, End, EventLog, Fault, Feed, Item, Modulo, Outside, World, millis, secs,
};

/// Counts wake-ups.
#[derive(Default)]
struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

type Bare<P> = Multiplexer<SeamsOf<Item, World, Clock, Feed, DropUndelivered, EventLog, P>>;

/// The task that owns a multiplexer.
struct Owner<P: Balance = RoundRobin> {
    outside: Outside,
    multiplexer: Bare<P>,
    flag: Arc<Flag>,
}

impl Owner {
    fn up(addresses: impl IntoIterator<Item = u16>) -> Self {
        let mut owner = Self::new(|pool| pool);
        owner.outside.feed.push_set(addresses);
        assert!(owner.progress().is_pending());
        owner
    }
}

impl<P: Balance> Owner<P> {
    fn new(change: impl FnOnce(Builder) -> Builder<P>) -> Self {
        let outside = Outside::new();
        let settings = change(outside.builder());
        let multiplexer = settings.build_multiplexer::<Item>().expect("the settings make sense");
        Self { outside, multiplexer, flag: Arc::default() }
    }

    /// Calls a method with the owner's waker.
    fn poll<R>(&mut self, call: impl FnOnce(&mut Bare<P>, &mut Context<'_>) -> R) -> R {
        let waker = Waker::from(Arc::clone(&self.flag));
        call(&mut self.multiplexer, &mut Context::from_waker(&waker))
    }

    /// Polls it, and then again only as long as it asks for it.
    fn progress(&mut self) -> Poll<Ended> {
        self.flag.0.store(1, Ordering::Release);
        self.progress_if_woken()
    }

    fn progress_if_woken(&mut self) -> Poll<Ended> {
        let mut polled = Poll::Pending;
        while polled.is_pending() && self.flag.0.swap(0, Ordering::AcqRel) > 0 {
            polled = self.poll(Multiplexer::poll_progress);
        }
        polled
    }

    fn poll_ready(&mut self) -> Poll<Result<(), Refused>> {
        self.poll(SinkExt::poll_ready_unpin)
    }

    fn poll_flush(&mut self) -> Poll<Result<(), Refused>> {
        self.poll(SinkExt::poll_flush_unpin)
    }

    fn poll_close(&mut self) -> Poll<Result<(), Refused>> {
        self.poll(SinkExt::poll_close_unpin)
    }

    fn send(&mut self, id: u32) {
        assert_eq!(self.poll_ready(), Poll::Ready(Ok(())), "{}", self.multiplexer.snapshot());
        let item = self.outside.ledger.item(id);
        self.multiplexer.start_send_unpin(item).expect("it is open");
    }

    fn try_dispatch(&mut self, id: u32) -> bool {
        let item = self.outside.ledger.item(id);
        let refused = self.multiplexer.try_dispatch(item);
        refused.map_err(|item| self.outside.ledger.record(item.id, End::Refused)).is_ok()
    }
}

#[test]
fn it_is_a_sink_that_spreads_items_over_its_connections() {
    let mut owner = Owner::up([A, B]);
    (1..=4).for_each(|id| owner.send(id));
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
    let world = &owner.outside.world;
    assert_eq!((world.received(A).len(), world.received(B).len()), (2, 2));
    assert_eq!(owner.multiplexer.snapshot().counts.sent, 4);
}

#[test]
fn poll_ready_waits_for_a_connection_and_wakes_its_caller_for_it() {
    let mut owner = Owner::new(|pool| pool);
    owner.outside.world.answer(A, Dial::Hang);
    owner.outside.feed.push_set([A]);
    assert!(owner.progress().is_pending());
    assert_eq!(owner.poll_ready(), Poll::Pending);
    owner.flag.0.store(0, Ordering::Release);
    owner.outside.world.answer(A, Dial::Accept);
    assert_eq!(owner.flag.0.load(Ordering::Acquire), 1);
    assert_eq!(owner.poll_ready(), Poll::Ready(Ok(())));
}

#[test]
fn poll_ready_makes_a_lazy_multiplexer_dial() {
    let mut owner = Owner::new(pool_driver::PoolBuilder::lazy);
    owner.outside.feed.push_set([A]);
    assert!(owner.progress().is_pending());
    assert_eq!(owner.outside.world.dials(A), 0);
    while owner.poll_ready().is_pending() {
        assert!(owner.flag.0.swap(0, Ordering::AcqRel) > 0, "nobody will wake it");
    }
    assert_eq!(owner.outside.world.dials(A), 1);
}

#[test]
fn poll_progress_drives_names_dials_and_reads_without_traffic() {
    let mut owner = Owner::up([A]);
    owner.outside.clock.set(owner.outside.now() + secs(60));
    owner.outside.world.link(A).break_off();
    owner.outside.feed.push_set([A, B]);
    assert!(owner.progress().is_pending());
    owner.outside.clock.set(owner.outside.now() + millis(50));
    assert!(owner.progress().is_pending());
    assert_eq!((owner.outside.world.dials(A), owner.outside.world.alive(B)), (2, 1));
}

#[test]
fn an_item_that_no_connection_can_take_any_more_is_kept_and_flush_waits_for_it() {
    let mut owner = Owner::up([A]);
    assert_eq!(owner.poll_ready(), Poll::Ready(Ok(())));
    owner.outside.world.link(A).change(|behaviour| behaviour.is_ready = false);
    let item = owner.outside.ledger.item(1);
    owner.multiplexer.start_send_unpin(item).expect("it is open");
    assert_eq!((owner.poll_flush(), owner.poll_ready()), (Poll::Pending, Poll::Pending));
    assert_eq!(owner.multiplexer.snapshot().queue.in_backlog, 1);
    owner.outside.world.link(A).change(|behaviour| behaviour.is_ready = true);
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
    assert_eq!(owner.outside.world.received(A), [1]);
}

#[test]
fn poll_flush_waits_until_every_connection_has_flushed() {
    let mut owner = Owner::up([A, B]);
    owner.outside.world.link(A).change(|behaviour| behaviour.flushes = false);
    (1..=2).for_each(|id| owner.send(id));
    assert_eq!(owner.poll_flush(), Poll::Pending);
    owner.outside.world.link(A).change(|behaviour| behaviour.flushes = true);
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
}

#[test]
fn try_dispatch_takes_no_waker_and_leaves_the_flush_to_the_next_poll() {
    let mut owner = Owner::up([A]);
    let link = owner.outside.world.link(A);
    link.take_log();
    assert!(owner.try_dispatch(1) && owner.try_dispatch(2));
    assert_eq!(link.take_log(), [Call::Ready, Call::Send, Call::Ready, Call::Send]);
    assert_eq!(link.unflushed(), 2);
    assert!(owner.progress().is_pending());
    assert_eq!((link.take_log(), link.received()), (vec![Call::Flush], vec![1, 2]));
}

#[test]
fn try_dispatch_gives_the_item_back_when_nobody_can_take_it_now() {
    let mut owner = Owner::up([A]);
    owner.outside.world.link(A).change(|behaviour| behaviour.window = 1);
    assert!(owner.try_dispatch(1));
    assert!(!owner.try_dispatch(2));
    assert!(owner.progress().is_pending());
    assert!(owner.try_dispatch(3), "flushed");
    assert_eq!(owner.multiplexer.take_held().len(), 0);
}

#[test]
fn no_wake_up_is_lost_when_a_connection_fails_while_it_is_asked() {
    let mut owner = Owner::up([A, B]);
    owner.outside.world.link(A).fault(Call::Ready, Fault::Error);
    owner.outside.world.link(B).fault(Call::Ready, Fault::Error);
    owner.flag.0.store(0, Ordering::Release);
    assert_eq!(owner.poll_ready(), Poll::Ready(Ok(())));
    assert!(!owner.try_dispatch(1));
    for _ in 0..10 {
        assert!(owner.progress_if_woken().is_pending());
        let Some(next) = owner.outside.clock.next() else { break };
        owner.outside.clock.set(next);
    }
    let world = &owner.outside.world;
    assert!([A, B].iter().all(|&address| world.dials(address) > 1 && world.alive(address) == 1));
}

#[test]
fn an_item_that_its_connection_breaks_on_and_returns_counts_once() {
    let mut owner = Owner::up([A]);
    owner.outside.world.answer(A, Dial::Hang);
    owner.outside.world.link(A).change(|behaviour| behaviour.returns_refused = true);
    owner.outside.world.link(A).fault(Call::Send, Fault::Error);
    owner.send(1);
    assert!(owner.progress().is_pending());
    let snapshot = owner.multiplexer.snapshot();
    assert_eq!((snapshot.counts.accepted, snapshot.counts.sent, snapshot.queue.in_backlog), (1, 0, 1));
    assert_eq!(snapshot.addresses[0].sent, 0);
    owner.outside.world.answer(A, Dial::Accept);
    owner.outside.clock.set(owner.outside.now() + secs(1));
    assert!(owner.progress().is_pending());
    assert_eq!(owner.outside.world.received(A), [1]);
    let snapshot = owner.multiplexer.snapshot();
    assert_eq!((snapshot.counts.accepted, snapshot.counts.sent, snapshot.addresses[0].sent), (1, 1, 1));
}

#[test]
fn poll_flush_does_not_wait_for_the_peer_of_a_connection_that_drains() {
    let mut owner = Owner::up([A, B]);
    let link = owner.outside.world.link(A);
    link.change(|behaviour| behaviour.closes = false);
    (1..=2).for_each(|id| owner.send(id));
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
    link.go_away();
    assert!(owner.progress().is_pending());
    (3..=4).for_each(|id| owner.send(id));
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
    assert!(link.is_open(), "its peer has not closed");
}

#[test]
fn a_balancer_is_never_asked_about_a_ring_with_nobody_in_it() {
    let mut owner = Owner::new(|pool| pool.balancer(Modulo::default()));
    assert_eq!(owner.poll_ready(), Poll::Pending);
    assert!(!owner.try_dispatch(1));
    owner.outside.feed.push_set([A, B]);
    assert!(owner.progress().is_pending());
    (2..=5).for_each(|id| owner.send(id));
    assert_eq!(owner.poll_flush(), Poll::Ready(Ok(())));
    owner.outside.world.all_links().iter().for_each(support::Link::go_away);
    owner.outside.feed.push_set([]);
    assert!(owner.progress().is_pending());
    assert_eq!(owner.poll_ready(), Poll::Pending);
    assert_eq!(owner.multiplexer.snapshot().counts.sent, 4);
}

#[test]
fn items_that_come_back_are_sent_again_or_taken_by_the_owner() {
    let mut owner = Owner::up([A]);
    let link = owner.outside.world.link(A);
    link.change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 2));
    (1..=2).for_each(|id| owner.send(id));
    assert!(owner.progress().is_pending());
    owner.outside.world.answer(A, Dial::Hang);
    link.give_back();
    link.hang_up();
    assert!(owner.progress().is_pending());
    let held: Vec<_> = owner.multiplexer.take_held().iter().map(|item| item.id).collect();
    assert_eq!(held, [1, 2]);
}

#[test]
fn poll_close_delivers_flushes_and_closes_everything() {
    let mut owner = Owner::up([A]);
    owner.outside.world.link(A).change(|behaviour| behaviour.closes = false);
    owner.send(1);
    assert_eq!(owner.poll_close(), Poll::Pending);
    let closed = Refused { reason: RefusedReason::Closed(EndReason::Shutdown) };
    assert_eq!(owner.poll_ready(), Poll::Ready(Err(closed.clone())));
    assert!(owner.progress().is_pending());
    owner.outside.world.link(A).change(|behaviour| behaviour.closes = true);
    let Poll::Ready(ended) = owner.progress() else { panic!("{}", owner.multiplexer.snapshot()) };
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::Shutdown, 1));
    assert_eq!((owner.outside.world.received(A), owner.outside.world.alive(A)), (vec![1], 0));
    assert_eq!((owner.poll_close(), owner.poll_flush()), (Poll::Ready(Ok(())), Poll::Ready(Err(closed))));
}

#[test]
fn close_gives_the_whole_deadline_also_after_a_long_sleep() {
    let mut owner = Owner::up([A]);
    owner.outside.world.link(A).change(|behaviour| behaviour.is_ready = false);
    let item = owner.outside.ledger.item(1);
    owner.multiplexer.start_send_unpin(item).expect("it is open");
    assert!(owner.progress().is_pending());
    owner.outside.clock.set(owner.outside.now() + secs(3600));
    owner.multiplexer.close(secs(10));
    assert!(owner.progress().is_pending());
    owner.outside.world.link(A).change(|behaviour| behaviour.is_ready = true);
    let Poll::Ready(ended) = owner.progress() else { panic!("{}", owner.multiplexer.snapshot()) };
    assert_eq!((ended.counts.sent, ended.counts.undelivered), (1, 0));
}

#[test]
fn many_multiplexers_live_side_by_side_in_a_map() {
    let mut owners: std::collections::BTreeMap<_, _> =
        ["users", "orders"].map(|name| (name, Owner::up([A]))).into();
    for (name, id) in [("users", 1), ("orders", 2), ("users", 3)] {
        owners.get_mut(name).expect("it is there").send(id);
    }
    let received = owners.values_mut().map(|owner| {
        assert!(owner.progress().is_pending());
        owner.outside.world.received(A)
    });
    assert_eq!(received.collect::<Vec<_>>(), [vec![2], vec![1, 3]]);
}

#[test]
fn the_multiplexers_events_and_snapshot_tell_what_happens() {
    let owner = Owner::up([A]);
    assert_eq!(owner.outside.count_events(|event| matches!(event, Event::Connected { .. })), 1);
    let snapshot = owner.multiplexer.snapshot();
    assert_eq!((snapshot.addresses.len(), snapshot.queue.capacity), (1, 1));
}

/// Pinning is not needed: it is `Unpin` whatever it is made of.
#[test]
fn it_can_be_moved_between_polls() {
    let mut owner = Owner::up([A]);
    let mut moved = Box::new(owner.multiplexer);
    let mut cx = Context::from_waker(Waker::noop());
    assert!(Pin::new(&mut *moved).poll_ready_unpin(&mut cx).is_ready());
    owner.multiplexer = *moved;
    owner.send(1);
}
