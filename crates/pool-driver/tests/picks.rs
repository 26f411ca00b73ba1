//! What the policy of items asks of the choice, and what it is told of it.

mod support;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pool_driver::{
    AddressId, Balance, EndReason, Event, Instant, ItemPolicy, PickArgs, Ring, RoundRobin, UndeliveredReason,
};
use support::{A, B, Bench, Builder, C, Item, Ledger, Outside};

/// What the policy of a test's items asks for.
#[derive(Clone, Copy)]
enum Choice {
    /// That items with equal remainders go to equal addresses.
    Remainder(u64),
    /// Another address than that of the item before.
    Change,
    /// Of so many items one goes elsewhere than the one before it; the others want nothing.
    ChangeEach(u32),
    /// Nothing, and for this item it panics.
    PanicAt(u32),
}

#[derive(Clone)]
struct ScriptedPolicy {
    ledger: Ledger,
    choice: Choice,
    picked: Rc<RefCell<Vec<(u32, AddressId)>>>,
    panics_in: Rc<Cell<&'static str>>,
}

impl ScriptedPolicy {
    fn new(outside: &Outside, choice: Choice) -> Self {
        Self { ledger: outside.ledger.clone(), choice, picked: Rc::default(), panics_in: Rc::default() }
    }

    fn check(&self, method: &str) {
        assert_ne!(self.panics_in.get(), method, "a scripted panic of the policy");
    }

    /// The items that were to go to each address, in the order of these.
    fn picked(&self) -> Vec<Vec<u32>> {
        let picked = self.picked.borrow();
        let mut addresses: Vec<AddressId> = picked.iter().map(|(_, address)| *address).collect();
        addresses.sort_unstable();
        addresses.dedup();
        let of = |address| picked.iter().filter(move |(_, to)| *to == address).map(|(id, _)| *id).collect();
        addresses.into_iter().map(of).collect()
    }
}

impl ItemPolicy<Item> for ScriptedPolicy {
    fn has_pick_args(&self) -> bool {
        self.check("has_pick_args");
        true
    }

    fn on_undelivered(&mut self, item: Item, reason: UndeliveredReason) {
        self.ledger.on_undelivered(item, reason);
    }

    fn pick(&self, item: &Item) -> PickArgs {
        self.check("pick");
        match self.choice {
            Choice::Remainder(divisor) => PickArgs::with_key(u64::from(item.id) % divisor),
            Choice::PanicAt(id) => {
                assert_ne!(item.id, id, "a scripted panic of the policy");
                PickArgs::any()
            }
            Choice::ChangeEach(every) if !item.id.is_multiple_of(every) => PickArgs::any(),
            Choice::Change | Choice::ChangeEach(_) => {
                self.picked.borrow().last().map_or(PickArgs::any(), |last| PickArgs::avoiding(last.1))
            }
        }
    }

    fn on_picked(&self, item: &Item, address: AddressId) {
        self.check("on_picked");
        self.picked.borrow_mut().push((item.id, address));
    }
}

/// Keeps a key at the address with that number.
struct ByKey;

impl Balance for ByKey {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, _: Instant) -> Option<AddressId> {
        ring.turns().map(|member| member.id).find(|id| pick.key == Some(id.index() as u64))
    }
}

/// Never leaves its first choice unless it is asked to.
struct Sticky;

impl Balance for Sticky {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, _: Instant) -> Option<AddressId> {
        ring.turns().map(|member| member.id).filter(|id| pick.avoid != Some(*id)).min()
    }
}

fn bench<P: Balance + 'static>(
    addresses: impl IntoIterator<Item = u16>,
    choice: Choice,
    change: impl FnOnce(Builder) -> Builder<P>,
) -> (Bench, ScriptedPolicy) {
    let outside = Outside::new();
    let policy = ScriptedPolicy::new(&outside, choice);
    let settings = change(outside.builder()).item_policy(policy.clone());
    let (pool, driver) = settings.build::<Item>().expect("the settings make sense");
    let mut bench = Bench::around(outside, pool, driver);
    bench.set(addresses);
    (bench, policy)
}

#[test]
fn a_balancer_that_goes_by_keys_gets_those_of_the_items() {
    let (mut bench, policy) = bench([A, B, C], Choice::Remainder(3), |pool| pool.balancer(ByKey));
    bench.send(0..9);
    let received = [A, B, C].map(|address| bench.world.received(address));
    assert_eq!(received, [[0, 3, 6], [1, 4, 7], [2, 5, 8]]);
    assert_eq!(policy.picked(), received);
    bench.finish();
}

#[test]
fn an_item_goes_to_another_address_than_the_one_to_avoid_if_there_is_one() {
    let (mut bench, policy) = bench([A, B], Choice::Change, |pool| pool.balancer(Sticky));
    bench.send(0..6);
    assert_eq!((bench.world.received(A), bench.world.received(B)), (vec![0, 2, 4], vec![1, 3, 5]));
    assert_eq!(policy.picked(), [[0, 2, 4], [1, 3, 5]]);
    bench.finish();

    let (mut bench, _) = self::bench([A], Choice::Change, |pool| pool.balancer(RoundRobin::new()));
    bench.send(0..6);
    assert_eq!(bench.world.received(A), [0, 1, 2, 3, 4, 5]);
    bench.finish();
}

#[test]
fn an_item_in_the_middle_of_a_turn_that_wants_something_gets_it_and_the_others_have_their_turns() {
    let (mut bench, policy) = bench([A, B], Choice::ChangeEach(5), |pool| pool.items_per_turn(4));
    bench.send(1..=40);
    let picked = policy.picked.borrow().clone();
    for (index, (item, address)) in picked.iter().enumerate().filter(|(_, (item, _))| item.is_multiple_of(5))
    {
        assert_ne!(*address, picked[index - 1].1, "item {item} goes elsewhere");
    }
    let is_turn = |turn: &[(u32, AddressId)]| turn.iter().all(|(_, address)| *address == turn[0].1);
    assert!(picked.windows(4).any(is_turn), "{picked:?}");
    assert_eq!((bench.world.received(A).len() + bench.world.received(B).len(), picked.len()), (40, 40));
    bench.finish();
}

#[test]
fn an_item_that_comes_back_is_asked_again_where_it_wants_to_go() {
    let (mut bench, policy) = bench([A], Choice::Change, |pool| pool);
    bench.world.link(A).change(|behaviour| (behaviour.flushes, behaviour.window) = (false, 2));
    bench.send([1, 2]);
    bench.world.link(A).give_back();
    bench.world.link(A).hang_up();
    bench.set([B]);
    assert_eq!(bench.world.received(B), [1, 2]);
    assert_eq!(policy.picked(), [[1, 2], [1, 2]]);
    bench.finish();
}

/// Is asked only if somebody insists.
struct Modest(ScriptedPolicy, Rc<Cell<bool>>);

impl ItemPolicy<Item> for Modest {
    fn has_pick_args(&self) -> bool {
        self.1.get()
    }

    fn on_undelivered(&mut self, item: Item, reason: UndeliveredReason) {
        self.0.on_undelivered(item, reason);
    }

    fn pick(&self, item: &Item) -> PickArgs {
        self.0.pick(item)
    }

    fn on_picked(&self, item: &Item, address: AddressId) {
        self.0.on_picked(item, address);
    }
}

#[test]
fn a_policy_without_pick_args_is_not_asked_for_any_until_somebody_has_one() {
    let outside = Outside::new();
    let policy = ScriptedPolicy::new(&outside, Choice::Change);
    let insists = Rc::new(Cell::new(false));
    let settings =
        outside.builder().balancer(Sticky).item_policy(Modest(policy.clone(), Rc::clone(&insists)));
    let (pool, driver) = settings.build::<Item>().expect("the settings make sense");
    let mut bench = Bench::around(outside, pool, driver);
    bench.set([A, B]);
    bench.send([0, 1]);
    assert_eq!((bench.world.received(A), policy.picked()), (vec![0, 1], vec![]));
    insists.set(true);
    bench.send([2, 3]);
    assert_eq!((bench.world.received(A), bench.world.received(B)), (vec![0, 1, 2], vec![3]));
    bench.finish();
}

#[test]
fn f1_a_panic_of_the_policy_in_a_choice_is_the_pools_end_and_costs_no_connection_an_item() {
    for method in ["has_pick_args", "pick", "on_picked"] {
        let (mut bench, policy) = bench([A], Choice::Change, |pool| pool);
        bench.send([1]);
        policy.panics_in.set(method);
        assert_eq!((bench.try_send(2), bench.try_send(3)), (Ok(()), Ok(())));
        let ended = bench.output(&bench.driver.clone());
        assert_eq!((ended.reason, ended.counts.sent), (EndReason::BalancerPanicked, 1), "{method}");
        assert_eq!(bench.ledger.undelivered(), [2, 3], "{method}");
        bench.check_accounts(ended, method);
    }
}

#[test]
fn f1_what_was_sent_before_the_policy_panicked_in_the_middle_of_a_turn_is_counted() {
    let (mut bench, _) = bench([A], Choice::PanicAt(20), |pool| pool.items_per_turn(64));
    for item in 1..=30 {
        assert_eq!(bench.try_send(item), Ok(()));
    }
    let ended = bench.output(&bench.driver.clone());
    assert_eq!((ended.reason, ended.counts.sent), (EndReason::BalancerPanicked, 19));
    assert_eq!(bench.ledger.undelivered(), (20..=30).collect::<Vec<_>>());
    bench.check_accounts(ended, "in the middle of a turn");
    let sent_over = |event| if let Event::SlotEnded { sent, .. } = event { Some(sent) } else { None };
    assert_eq!(bench.take_events().into_iter().find_map(sent_over), Some(19));
}
