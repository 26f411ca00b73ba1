//! Which priorities get items: strictly or by shares, and when they come back.

mod support;

use core::time::Duration;
use std::collections::BTreeMap;

use pool_core::{
    AddressSet, Balance, Config, ConsistentHash, LeastLoaded, Opening, Priorities, RoundRobin, Uniform,
};
use support::{A, B, Bench, C, config, millis, prioritised, secs};

fn ruled(priorities: Priorities) -> Config {
    config(|config| config.sharing.priorities = priorities)
}

/// A hundred addresses of each priority; 0 to 99 are of the best.
fn hundreds<P: Balance>(policy: P, priorities: Priorities, count: u16) -> Bench<P> {
    let mut bench = Bench::balanced(ruled(priorities), policy, 1);
    let endpoint = |number: u32| {
        pool_core::Endpoint::new(number).with_priority(u16::try_from(number / 100).expect("few"))
    };
    bench.set((0..100 * u32::from(count)).map(endpoint).collect::<AddressSet<u32>>());
    bench.connect_all();
    bench
}

impl<P: Balance> Bench<P> {
    fn lose(&mut self, addresses: core::ops::Range<u32>) {
        for address in addresses {
            let slot = self.open(address)[0];
            self.fail(slot);
        }
    }

    /// What each priority gets of so many items, in percent.
    fn percents(&mut self, items: usize) -> BTreeMap<u32, usize> {
        let mut percents = BTreeMap::new();
        for (address, share) in self.shares(items) {
            *percents.entry(address / 100).or_default() += share;
        }
        for share in percents.values_mut() {
            *share = *share * 100 / items;
        }
        percents
    }

    fn live(&mut self, duration: Duration) {
        let end = self.now + duration;
        while self.now < end {
            self.advance(millis(100));
            self.connect_all();
        }
    }
}

#[test]
fn b4_items_spill_by_the_arithmetic_of_envoy() {
    for (healthy, best) in [(100, 100), (72, 100), (71, 99), (50, 70), (25, 35), (0, 0)] {
        let mut bench = hundreds(RoundRobin::new(), Priorities::spilling(), 2);
        bench.lose(healthy..100);
        let items = 10_000;
        let shares = bench.shares(items);
        let to_best: usize = shares.range(..100).map(|(_, share)| *share).sum();
        assert!(to_best.abs_diff(items * best / 100) <= 20, "{healthy} %: {to_best} of {items}");
        // Within a priority the policy is what it is.
        let of_best: Vec<usize> = shares.range(..100).map(|(_, share)| *share).collect();
        assert!(of_best.iter().max() <= of_best.iter().min().map(|least| least + 1).as_ref(), "{of_best:?}");
    }
}

#[test]
fn b4_shares_are_even_in_any_hundred_items() {
    let mut bench = hundreds(RoundRobin::new(), Priorities::spilling(), 2);
    bench.lose(50..100);
    let sent = bench.sends(2_000);
    for window in sent.windows(100) {
        let best = window.iter().filter(|address| **address < 100).count();
        assert!(best.abs_diff(70) <= 3, "{best}");
    }
}

#[test]
fn b4_three_priorities_share_what_is_left_and_every_policy_does() {
    fn check(policy: impl Balance) {
        let mut bench = hundreds(policy, Priorities::spilling(), 3);
        bench.lose(25..100);
        bench.lose(125..200);
        bench.lose(220..300);
        let percents = bench.percents(10_000);
        for (priority, expected) in [(0, 36_usize), (1, 36), (2, 28)] {
            assert!(percents[&priority].abs_diff(expected) <= 1, "{percents:?}");
        }
    }
    check(RoundRobin::new());
    check(LeastLoaded::new());
    check(ConsistentHash::new());
    check(pool_core::WeightedRoundRobin::new());
}

#[test]
fn b4_a_choice_is_a_peek_while_items_spill() {
    let mut bench = hundreds(RoundRobin::new(), Priorities::spilling(), 2);
    bench.lose(50..100);
    for _ in 0..200 {
        let slot = bench.select();
        assert_eq!(bench.select(), slot);
        bench.send();
    }
    // Whole turns go to either.
    bench.uniform.set_load(64);
    let mut items = [0_u32; 2];
    for _ in 0..2_000 {
        let slot = bench.select().expect("ready");
        let turn = bench.uniform.turn_left(slot);
        bench.uniform.handle_sent(slot, turn, bench.now);
        items[(bench.address_of(slot) / 100) as usize] += turn;
    }
    let best = items[0] * 100 / (items[0] + items[1]);
    assert!(best.abs_diff(70) <= 3, "{items:?}");
}

#[test]
fn b4_nobody_waits_for_a_priority_that_is_busy_while_another_has_a_share() {
    let mut bench = Bench::new(ruled(Priorities::spilling()));
    bench.set(prioritised([(A, 0), (B, 0), (C, 1)]));
    bench.connect_all();
    bench.fail(bench.open(B)[0]);
    bench.busy(bench.open(A)[0]);
    assert_eq!(bench.shares(10), [(C, 10)].into());
    bench.busy(bench.open(C)[0]);
    assert_eq!(bench.select(), None);
}

#[test]
fn b4_strictly_the_worse_priority_is_left_at_once_by_default() {
    let mut bench = Bench::new(ruled(Priorities::strict()));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect_all();
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.send(), B);
    bench.wait_out_backoff(A);
    bench.connect(bench.dial(A));
    assert_eq!(bench.send(), A);
}

#[test]
fn b4_with_hysteresis_a_priority_gets_items_again_when_it_has_been_back_for_so_long() {
    let mut bench = Bench::new(ruled(Priorities::strict().with_failback_after(secs(5))));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect(bench.dial(B));
    bench.connect(bench.dial(A));
    assert_eq!(bench.send(), A, "that is no way back");
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.send(), B, "at once");
    bench.wait_out_backoff(A);
    bench.connect(bench.dial(A));
    assert_eq!(bench.send(), B);
    bench.advance(millis(4_900));
    assert_eq!(bench.send(), B);
    bench.advance(millis(200));
    assert_eq!(bench.send(), A);
}

#[test]
fn b4_an_address_that_comes_and_goes_draws_no_items_to_and_fro() {
    let mut bench = Bench::new(ruled(Priorities::strict().with_failback_after(secs(5))));
    bench.set(prioritised([(A, 0), (B, 1)]));
    bench.connect_all();
    for _ in 0..20 {
        bench.fail(bench.open(A)[0]);
        bench.wait_out_backoff(A);
        bench.connect_all();
        bench.advance(secs(4));
        assert_eq!(bench.send(), B);
    }
    bench.fail(bench.open(B)[0]);
    assert_eq!(bench.send(), A, "rather that one than nobody");
    bench.wait_out_backoff(B);
    bench.connect_all();
    assert_eq!(bench.send(), A);
}

#[test]
fn b4_what_spilled_comes_back_later_too() {
    let mut bench = hundreds(RoundRobin::new(), Priorities::spilling().with_failback_after(secs(5)), 2);
    bench.lose(25..100);
    assert!(bench.percents(1_000)[&0].abs_diff(35) <= 1);
    bench.live(secs(2));
    assert_eq!(bench.open(99).len(), 1, "all are back");
    assert!(bench.percents(1_000)[&0].abs_diff(35) <= 1);
    bench.live(secs(9));
    assert_eq!(bench.percents(1_000)[&0], 100, "twice the time at the latest");
}

#[test]
fn b4_addresses_that_leave_the_set_are_no_loss() {
    let mut bench = Bench::new(ruled(Priorities::strict().with_failback_after(secs(5))));
    bench.set(prioritised([(A, 0), (B, 0), (C, 1)]));
    bench.connect_all();
    bench.set(prioritised([(A, 1), (B, 1), (C, 1)]));
    assert!([A, B, C].contains(&bench.send()));
    bench.set(prioritised([(A, 0), (B, 1), (C, 1)]));
    assert_eq!(bench.send(), A);
}

#[test]
fn b4_other_settings_are_in_force_at_once() {
    let mut bench = hundreds(RoundRobin::new(), Priorities::strict(), 2);
    bench.lose(50..100);
    assert_eq!(bench.percents(1_000), [(0, 100)].into());
    bench.configure(ruled(Priorities::spilling()));
    assert!(bench.percents(1_000)[&0].abs_diff(70) <= 1);
    bench.configure(ruled(Priorities::strict()));
    assert_eq!(bench.percents(1_000), [(0, 100)].into());
}

#[test]
fn f5_a_lazy_pool_can_not_spill_and_a_hysteresis_of_nothing_is_refused() {
    let refused = |change: fn(&mut Config)| {
        let error = Uniform::<u32>::new(config(change), RoundRobin::new(), 1).expect_err("it makes no sense");
        error.field()
    };
    let lazy = |config: &mut Config| {
        config.opening = Opening::Lazy;
        config.sharing.priorities = Priorities::spilling();
    };
    assert_eq!(refused(lazy), "priorities");
    let nothing = |config: &mut Config| {
        config.sharing.priorities = Priorities::strict().with_failback_after(Duration::ZERO);
    };
    assert_eq!(refused(nothing), "failback_after");
}
