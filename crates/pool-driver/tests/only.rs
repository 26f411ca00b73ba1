//! Items that are for one address only: they wait by themselves, and hold up nobody.

mod support;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use pool_driver::{AddressId, EndReason, ItemPolicy, PickArgs, UndeliveredReason};
use support::{A, B, Bench, Builder, C, Dial, Item, Ledger, Outside, millis, secs};

/// Where items are to go, by their numbers.
#[derive(Clone)]
struct Wishes {
    ledger: Ledger,
    only: Rc<RefCell<BTreeMap<u32, AddressId>>>,
    panics_at: Rc<Cell<Option<u32>>>,
}

impl ItemPolicy<Item> for Wishes {
    fn on_undelivered(&mut self, item: Item, reason: UndeliveredReason) {
        self.ledger.on_undelivered(item, reason);
    }

    fn is_wanted(&self, item: &Item) -> bool {
        self.ledger.is_wanted(item)
    }

    fn pick(&self, item: &Item) -> PickArgs {
        self.only.borrow().get(&item.id).map_or(PickArgs::any(), |id| PickArgs::only(*id))
    }

    fn on_picked(&self, item: &Item, _: AddressId) {
        assert_ne!(self.panics_at.get(), Some(item.id), "a scripted panic of the policy");
    }
}

struct Test {
    bench: Bench,
    wishes: Wishes,
}

impl Test {
    fn new(addresses: impl IntoIterator<Item = u16>, change: impl FnOnce(Builder) -> Builder) -> Self {
        let outside = Outside::new();
        let wishes = Wishes { ledger: outside.ledger.clone(), only: Rc::default(), panics_at: Rc::default() };
        let settings = change(outside.builder()).item_policy(wishes.clone());
        let (pool, driver) = settings.build::<Item>().expect("the settings make sense");
        let mut bench = Bench::around(outside, pool, driver);
        bench.set(addresses);
        Self { bench, wishes }
    }

    /// With these addresses, of which A takes nothing for now.
    fn with_busy_a(
        addresses: impl IntoIterator<Item = u16>,
        change: impl FnOnce(Builder) -> Builder,
    ) -> Self {
        let mut test = Self::new(addresses, change);
        test.set_ready(A, false);
        test
    }

    fn set_ready(&mut self, address: u16, is_ready: bool) {
        self.bench.world.link(address).change(|behaviour| behaviour.is_ready = is_ready);
        self.bench.run();
    }

    /// Says that these items are for this address only.
    fn wish(&self, address: u16, ids: impl IntoIterator<Item = u32>) {
        let id = self.bench.pool().address_id(&address).expect("the address is known");
        self.wishes.only.borrow_mut().extend(ids.into_iter().map(|item| (item, id)));
    }

    fn send_only(&mut self, address: u16, ids: impl IntoIterator<Item = u32> + Clone) {
        self.wish(address, ids.clone());
        self.bench.send(ids);
    }

    fn received(&self, address: u16) -> Vec<u32> {
        self.bench.world.received(address)
    }
}

fn as_it_is(pool: Builder) -> Builder {
    pool
}

#[test]
fn b5_an_item_for_one_address_goes_there_whoever_has_the_turn() {
    let mut test = Test::new([A, B, C], as_it_is);
    test.send_only(B, 1..=5);
    test.send_only(C, 6..=7);
    assert_eq!([A, B, C].map(|address| test.received(address)), [vec![], vec![1, 2, 3, 4, 5], vec![6, 7]]);
    test.bench.finish();
}

#[test]
fn b5_an_item_whose_only_address_is_busy_waits_by_itself_and_holds_up_nobody() {
    let mut test = Test::with_busy_a([A, B], as_it_is);
    test.wish(A, [1, 3]);
    test.bench.send(1..=5);
    assert_eq!((test.received(A), test.received(B)), (vec![], vec![2, 4, 5]));
    assert_eq!(test.bench.snapshot().queue.in_backlog, 2, "they take places");
    test.bench.send(6..=8);
    assert_eq!(test.received(B), [2, 4, 5, 6, 7, 8]);
    test.set_ready(A, true);
    assert_eq!(test.received(A), [1, 3]);
    assert_eq!(test.bench.snapshot().queue.in_backlog, 0);
    test.bench.finish();
}

#[test]
fn b5_items_for_several_busy_addresses_wait_each_for_its_own() {
    let mut test = Test::with_busy_a([A, B, C], as_it_is);
    test.set_ready(B, false);
    test.wish(A, [1, 4]);
    test.wish(B, [2, 3]);
    test.bench.send(1..=5);
    assert_eq!(test.received(C), [5]);
    test.set_ready(B, true);
    assert_eq!((test.received(A), test.received(B)), (vec![], vec![2, 3]));
    test.set_ready(A, true);
    assert_eq!(test.received(A), [1, 4]);
    test.bench.finish();
}

#[test]
fn b5_younger_items_for_one_address_stay_behind_older_ones_also_behind_some_that_come_back() {
    let mut test = Test::new([A, B], as_it_is);
    test.bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 2));
    test.send_only(A, 1..=5);
    assert_eq!(test.bench.world.link(A).unflushed(), 2);
    // The two that came back are older than the three that wait.
    test.bench.world.link(A).change(|behaviour| behaviour.is_ready = false);
    test.bench.world.link(A).give_back();
    test.bench.run();
    test.send_only(A, 6..=7);
    test.bench.world.link(A).change(|behaviour| {
        (behaviour.is_ready, behaviour.flushes, behaviour.window) = (true, true, usize::MAX);
    });
    test.bench.run();
    assert_eq!((test.received(A), test.received(B)), ((1..=7).collect(), vec![]));
    test.bench.finish();
}

#[test]
fn b5_items_that_wait_for_one_address_take_half_of_the_queue_and_further_ones_are_refused() {
    let mut test = Test::with_busy_a([A, B], |pool| pool.queue_size(8));
    test.send_only(A, 1..=6);
    assert_eq!(test.bench.ledger.undelivered(), [5, 6]);
    assert_eq!(test.bench.ledger.reasons(), [UndeliveredReason::AddressBusy; 2]);
    // The other half is for others.
    test.bench.send(7..=10);
    test.bench.send(11..=14);
    assert_eq!(test.received(B), (7..=14).collect::<Vec<_>>());
    test.set_ready(A, true);
    test.set_ready(A, false);
    test.send_only(A, 21..=24);
    assert_eq!((test.received(A), test.bench.ledger.undelivered()), (vec![1, 2, 3, 4], vec![5, 6]));
    test.bench.finish();
}

#[test]
fn b5_an_item_whose_only_address_is_not_in_the_set_is_undelivered_at_once() {
    let mut test = Test::new([A, B], as_it_is);
    test.wish(A, [1]);
    test.bench.set([B]);
    test.bench.send([1, 2]);
    assert_eq!((test.bench.ledger.undelivered(), test.received(B)), (vec![1], vec![2]));
    assert_eq!(test.bench.ledger.reasons(), [UndeliveredReason::AddressLeft]);
    test.bench.finish();
}

#[test]
fn b5_items_whose_only_address_leaves_the_set_are_undelivered_at_once() {
    let mut test = Test::with_busy_a([A, B, C], as_it_is);
    test.set_ready(B, false);
    test.send_only(A, 1..=3);
    test.send_only(B, 4..=5);
    test.bench.set([B, C]);
    assert_eq!(test.bench.ledger.undelivered(), [1, 2, 3]);
    assert_eq!(test.bench.ledger.reasons(), [UndeliveredReason::AddressLeft; 3]);
    test.set_ready(B, true);
    assert_eq!(test.received(B), [4, 5]);
    test.bench.finish();
}

#[test]
fn b5_a_lazy_pool_dials_an_address_that_items_wait_for() {
    let mut test = Test::new([A, B, C], pool_driver::PoolBuilder::lazy);
    test.send_only(B, [1, 2]);
    assert_eq!([A, B, C].map(|address| test.bench.world.dials(address)), [0, 1, 0]);
    assert_eq!(test.received(B), [1, 2]);
    test.send_only(C, [3]);
    assert_eq!((test.received(C), test.bench.world.dials(A)), (vec![3], 0));
    test.bench.finish();
}

#[test]
fn b5_a_queue_of_one_place_has_it_for_an_item_that_waits_for_one_address() {
    let mut test = Test::new([A, B], |pool| pool.lazy().queue_size(1));
    test.send_only(B, [1]);
    assert_eq!(test.received(B), [1]);
    test.bench.finish();
}

#[test]
fn items_that_wait_for_one_address_are_returned_when_the_pool_fails_fast() {
    let mut test = Test::new([], |pool| pool.fail_fast_after(secs(3)));
    test.bench.world.answer(A, Dial::Refuse);
    test.bench.set([A]);
    test.send_only(A, [1, 2]);
    test.bench.send([3]);
    test.bench.advance(secs(4));
    assert_eq!(test.bench.ledger.undelivered(), [1, 2, 3]);
    assert_eq!(test.bench.ledger.reasons(), [UndeliveredReason::FailingFast; 3]);
    test.bench.world.answer(A, Dial::Accept);
    test.bench.advance(secs(60));
    test.send_only(A, [4]);
    assert_eq!(test.received(A), [4]);
    test.bench.finish();
}

#[test]
fn a_shutdown_delivers_items_that_wait_for_one_address_within_its_deadline_and_returns_them_after_it() {
    for is_in_time in [true, false] {
        let mut test = Test::with_busy_a([A, B], as_it_is);
        test.send_only(A, [1, 2]);
        let shutdown = test.bench.shut_down(secs(10));
        test.bench.advance(secs(9));
        assert!(!shutdown.is_done());
        if is_in_time {
            test.set_ready(A, true);
        }
        test.bench.advance(secs(2));
        let ended = test.bench.output(&shutdown);
        assert_eq!(ended.reason, EndReason::Shutdown);
        let (sent, undelivered) = if is_in_time { (2, 0) } else { (0, 2) };
        assert_eq!((ended.counts.sent, ended.counts.undelivered), (sent, undelivered));
        test.bench.check_accounts(ended, "");
    }
}

#[test]
fn an_item_that_waits_for_one_address_and_is_unwanted_leaves_its_place_to_another() {
    let mut test = Test::with_busy_a([A, B], |pool| pool.queue_size(4));
    test.send_only(A, [1, 2]);
    for id in [1, 2] {
        test.bench.ledger.disown(id);
        test.bench.pool().report_unwanted();
    }
    test.bench.run();
    assert_eq!(test.bench.ledger.reasons(), [UndeliveredReason::Unwanted; 2]);
    assert_eq!(test.bench.snapshot().queue.in_backlog, 0);
    test.send_only(A, [3, 4]);
    test.set_ready(A, true);
    assert_eq!((test.received(A), test.bench.ledger.undelivered()), (vec![3, 4], vec![1, 2]));
    test.bench.finish();
}

#[test]
fn a_dropped_driver_returns_items_that_wait_for_one_address() {
    let mut test = Test::with_busy_a([A, B], as_it_is);
    test.send_only(A, [1, 2]);
    test.bench.executor.cancel(&test.bench.driver.clone());
    let reason = UndeliveredReason::Closed(EndReason::DriverDropped);
    assert_eq!(test.bench.ledger.reasons(), [reason; 2]);
    let ended = test.bench.snapshot().ended.expect("it is over");
    test.bench.check_accounts(ended, "");
}

#[test]
fn items_that_wait_for_one_address_outlive_its_connections() {
    let mut test = Test::with_busy_a([A, B], as_it_is);
    test.send_only(A, 1..=3);
    test.bench.world.link(A).break_off();
    test.bench.advance(secs(60));
    assert_eq!((test.received(A), test.received(B)), (vec![1, 2, 3], vec![]));
    test.bench.finish();
}

#[test]
fn an_item_for_one_address_that_its_broken_connection_gives_back_goes_to_no_other() {
    let mut test = Test::new([A, B], as_it_is);
    test.bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 2));
    test.send_only(A, 1..=4);
    test.bench.world.link(A).give_back();
    test.bench.world.link(A).hang_up();
    test.bench.advance(secs(60));
    assert_eq!((test.received(A), test.received(B)), ((1..=4).collect(), vec![]));
    test.bench.finish();
}

#[test]
fn more_items_than_one_poll_sends_are_all_sent_once_their_only_address_is_ready() {
    let mut test = Test::with_busy_a([A, B], |pool| pool.queue_size(4000));
    test.send_only(A, 0..1500);
    test.set_ready(A, true);
    assert_eq!(test.received(A), (0..1500).collect::<Vec<_>>());
    test.bench.finish();
}

#[test]
fn f1_a_panic_of_the_policy_over_an_item_that_waited_for_one_address_is_the_pools_end() {
    let mut test = Test::with_busy_a([A, B], as_it_is);
    test.send_only(A, 1..=3);
    test.wishes.panics_at.set(Some(2));
    test.bench.world.link(A).change(|behaviour| behaviour.is_ready = true);
    let ended = test.bench.output(&test.bench.driver.clone());
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::BalancerPanicked, 1));
    test.bench.check_accounts(ended, "");
}

#[test]
fn items_that_wait_for_one_address_don_t_keep_the_driver_busy() {
    let mut test = Test::with_busy_a([A, B], as_it_is);
    test.send_only(A, 1..=3);
    // The executor fails a test whose tasks never sleep.
    test.bench.advance(millis(100));
    assert!(test.received(A).is_empty());
    test.set_ready(A, true);
    test.bench.finish();
}
