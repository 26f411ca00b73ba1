//! Items that are for one address only.

mod support;

use pool_core::{AddressId, AddressSet, Endpoint, Outcome, PickArgs};
use support::{A, B, Bench, C, eager, lazy, millis, prioritised, secs};

impl<P: pool_core::Balance> Bench<P> {
    fn only(&self, id: AddressId) -> Option<u32> {
        self.uniform.select(&PickArgs::only(id), self.now).map(|slot| self.address_of(slot))
    }

    fn ask_for(&mut self, id: AddressId, is_waiting: bool) -> bool {
        let is_in_set = self.uniform.set_demand_for(id, is_waiting, self.now);
        self.demand(0);
        is_in_set
    }
}

#[test]
fn b5_an_item_for_one_address_goes_there_whosever_turn_it_is() {
    let mut bench = Bench::up(eager(2), [A, B, C]);
    for address in [C, A, C, C, B] {
        assert_eq!(bench.only(bench.id(address)), Some(address));
        let slot = bench.uniform.select(&PickArgs::only(bench.id(address)), bench.now).expect("ready");
        bench.sent(slot);
    }
}

#[test]
fn b5_it_waits_by_itself_while_its_address_is_busy() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let (id, slot) = (bench.id(A), bench.open(A)[0]);
    bench.busy(slot);
    assert_eq!((bench.only(id), bench.send()), (None, B));
    bench.ready(slot);
    assert_eq!(bench.only(id), Some(A));
}

#[test]
fn b5_priority_and_weight_do_not_count() {
    let backup = Endpoint::new(B).with_priority(1);
    let mut bench = Bench::up(
        eager(1),
        AddressSet::from_iter([Endpoint::new(A), backup, Endpoint::new(C).with_weight(0)]),
    );
    assert_eq!(bench.shares(4), [(A, 4)].into());
    for address in [B, C] {
        assert_eq!(bench.only(bench.id(address)), Some(address));
        bench.sent(bench.open(address)[0]);
    }
    assert_eq!(bench.shares(4), [(A, 4)].into());
}

#[test]
fn b5_one_that_is_unfit_is_given_nothing_and_one_that_is_overloaded_is() {
    let mut bench = Bench::up(eager(1), [A, B, C]);
    for (address, outcome) in [
        (A, Outcome::Unfit { latency: None }),
        (B, Outcome::Overloaded { latency: None, pause: Some(secs(5)) }),
    ] {
        bench.sent(bench.open(address)[0]);
        bench.reply(bench.open(address)[0], outcome);
    }
    assert_eq!((bench.only(bench.id(A)), bench.only(bench.id(B))), (None, Some(B)));
}

#[test]
fn b5_an_address_that_is_not_in_the_set_is_known_for_it() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let id = bench.id(A);
    assert!(bench.uniform.is_in_set(id) && bench.ask_for(id, true));
    bench.send();
    bench.send();
    bench.set([B]);
    assert!(bench.uniform.find_address(&A).is_some(), "it drains");
    assert!(!bench.uniform.is_in_set(id) && !bench.ask_for(id, true));
    assert_eq!(bench.only(id), None);
    bench.set([A, B]);
    assert!(bench.uniform.is_in_set(bench.id(A)));
    assert!(!bench.uniform.is_in_set(AddressId::from_bits(u64::MAX - 1)), "nobody is called that");
}

#[test]
fn b5_a_lazy_pool_dials_the_address_that_items_wait_for() {
    let mut bench = Bench::new(lazy(2));
    bench.set(prioritised([(A, 0), (B, 1), (C, 2)]));
    bench.demand(1);
    bench.connect_all();
    assert_eq!(bench.open(A).len(), 1, "others need no other");
    assert!(bench.ask_for(bench.id(C), true));
    bench.connect_all();
    assert_eq!((bench.open(B).len(), bench.open(C).len()), (0, 1));
    bench.ask_for(bench.id(C), false);
    assert_eq!(bench.only(bench.id(C)), Some(C));
}

#[test]
fn b5_who_is_asked_for_is_dialled_first_but_not_in_its_backoff() {
    let mut settings = lazy(1);
    settings.dials_max = 1;
    let mut bench = Bench::new(settings);
    bench.set([A, B, C]);
    let id = bench.id(C);
    bench.ask_for(id, true);
    bench.fail(bench.dial(C));
    assert_eq!(bench.dials(), [], "it has just failed");
    bench.wait_out_backoff(C);
    assert_eq!(bench.dials().len(), 1);
    bench.connect(bench.dial(C));
    bench.advance(millis(1));
    assert_eq!(bench.only(id), Some(C));
}

#[test]
fn b5_a_pool_that_closes_waits_for_them() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.ask_for(bench.id(A), true);
    bench.close(secs(10));
    assert!(bench.uniform.takes_items());
    bench.ask_for(bench.id(A), false);
    assert!(!bench.uniform.takes_items());
}
