//! How long an address that fails is left alone, and when it is forgiven (C3, C5).

mod support;

use core::time::Duration;

use pool_core::{Config, Event, FailureKind, Handled, Instant, LastOutcome, Opening, Outcome, SlotEvent};
use support::{A, B, Bench, Peer, SEED, assert_jittered, config, eager, lazy, millis, secs};

fn gaps(times: &[Instant]) -> Vec<Duration> {
    times.windows(2).map(|pair| pair[1].saturating_duration_since(pair[0])).collect()
}

/// The times between dials to an address that behaves in one way for so long.
fn gaps_of(peer: Peer, duration: Duration, seed: u64) -> Vec<Duration> {
    let mut bench = Bench::seeded(eager(1), seed);
    bench.peer(A, peer);
    bench.set([A]);
    bench.advance(duration);
    gaps(&bench.dial_times(A))
}

#[test]
fn c3_delays_grow_by_the_factor_up_to_the_cap_and_are_jittered_by_a_fifth() {
    let gaps = gaps_of(Peer::Refuses, secs(1_000), SEED);
    let mut expected = 0.1;
    for gap in &gaps {
        assert_jittered(*gap, Duration::from_secs_f64(expected));
        expected = f64::min(expected * 1.6, 30.0);
    }
    assert!(gaps.len() > 35, "{} dials", gaps.len());
}

#[test]
fn t18_the_delays_of_two_clients_differ_at_every_step_and_at_the_cap() {
    let (mine, theirs) = (gaps_of(Peer::Refuses, secs(1_000), 1), gaps_of(Peer::Refuses, secs(1_000), 2));
    let equal = mine.iter().zip(&theirs).filter(|(mine, theirs)| mine == theirs).count();
    assert_eq!(equal, 0);
    let capped = &mine[14..];
    assert!(capped.iter().max() > capped.iter().min().map(|least| *least + secs(4)).as_ref(), "{capped:?}");
}

#[test]
fn t18_two_addresses_that_fail_together_are_not_redialled_together() {
    let mut bench = Bench::new(eager(1));
    bench.peer(A, Peer::Refuses);
    bench.peer(B, Peer::Refuses);
    bench.set([A, B]);
    bench.advance(secs(100));
    let (first, second) = (bench.dial_times(A), bench.dial_times(B));
    assert_eq!(first[1..].iter().filter(|at| second.contains(at)).count(), 0);
}

#[test]
fn t19_an_address_is_never_given_up() {
    let mut bench = Bench::new(eager(1));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.advance(secs(24 * 60 * 60));
    assert!(bench.status(A).failures > 2_000);
    bench.peer(A, Peer::Up);
    bench.advance(secs(36));
    assert_eq!(bench.open(A).len(), 1, "a day of failure costs one delay at the cap");
}

#[test]
fn t19_failures_beyond_65_535_are_not_counted_and_change_nothing() {
    let mut bench = Bench::new(config(|config| {
        config.backoff.base = millis(1);
        config.backoff.cap = millis(1);
    }));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    while bench.status(A).failures < 65_535 {
        bench.advance(millis(500));
    }
    let dials = bench.dials_made();
    bench.advance(millis(500));
    assert_eq!(bench.status(A).failures, 65_535);
    assert!(bench.dials_made() >= dials + 400, "at the cap as before");
    bench.peer(A, Peer::Up);
    bench.advance(millis(2));
    bench.send();
    bench.succeed(bench.open(A)[0]);
    assert_eq!(bench.status(A).failures, 0);
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.status(A).failures, 1, "the next one is a first one");
}

#[test]
fn t17_a_connection_that_breaks_evicts_its_address_for_a_moment_only() {
    let mut bench = Bench::up(eager(1), [A, B]);
    bench.advance(secs(20));
    bench.fail(bench.open(A)[0]);
    bench.connect(bench.dial(A));
    assert_eq!(bench.shares(4), [(A, 2), (B, 2)].into());
}

#[test]
fn c3_a_dial_that_fails_slowly_has_waited_already() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let start = bench.now;
    bench.advance(millis(90));
    bench.fail(bench.dial(A));
    bench.advance(millis(500));
    assert_jittered(gaps(&bench.dial_times(A))[0], millis(100));
    bench.advance(secs(20));
    let hung = gaps(&bench.dial_times(A));
    assert_eq!(hung[1], secs(5), "the dial timeout is longer than the delay");
    assert!(bench.dial_times(A)[0] == start);
}

#[test]
fn c3_no_dial_starts_during_backoff_whatever_else_happens() {
    let mut bench = Bench::up(eager(2), [A]);
    let other = bench.open(A)[1];
    bench.fail(bench.open(A)[0]);
    let until = bench.status(A).retry_at.expect("in backoff");
    for _ in 0..7 {
        bench.advance(millis(10));
        bench.set([A, B]);
        bench.demand(100);
        bench.busy(other);
        bench.set([A]);
        bench.ready(other);
    }
    assert_eq!(bench.dials_to(A).len(), 0);
    bench.advance(millis(60));
    assert_eq!(bench.dial_times(A).last(), Some(&until));
}

#[test]
fn c3_a_failing_address_does_not_slow_the_others() {
    let mut bench = Bench::new(eager(1));
    bench.peer(A, Peer::Refuses);
    bench.peer(B, Peer::Up);
    bench.set([A, B]);
    for _ in 0..100 {
        bench.advance(secs(11));
        assert_eq!(bench.send(), B);
        bench.fail(bench.open(B)[0]);
        assert_eq!(bench.open(B).len(), 1, "redialled at once");
    }
}

// Episodes.

#[test]
fn c3_one_server_restart_is_one_failure_however_many_connections_it_ends() {
    let mut bench = Bench::up(eager(10), [A]);
    bench.advance(secs(60));
    let start = bench.now;
    bench.take();
    for slot in bench.open(A) {
        bench.fail(slot);
    }
    assert_eq!(bench.status(A).failures, 1);
    assert_eq!(bench.dial_times(A).last(), Some(&start), "the first redial needn't wait");
    bench.fail(bench.dial(A));
    assert_eq!(bench.status(A).failures, 2);
    let until = bench.status(A).retry_at.expect("in backoff");
    assert_jittered(until.saturating_duration_since(start), millis(160));
    assert_eq!(bench.take_backoffs().iter().map(|(failures, _)| *failures).collect::<Vec<_>>(), [1, 2]);
}

#[test]
fn c3_dials_that_were_in_flight_together_fail_as_one() {
    let mut bench = Bench::new(eager(8));
    bench.set([A]);
    bench.connect(bench.dial(A));
    assert_eq!(bench.dials_to(A).len(), 7);
    for slot in bench.dials_to(A) {
        bench.fail(slot);
    }
    assert_eq!(bench.status(A).failures, 1);
}

#[test]
fn c3_a_late_failure_of_an_old_connection_does_not_raise_the_step() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.advance(secs(20));
    let (first, second) = (bench.open(A)[0], bench.open(A)[1]);
    bench.fail(first);
    bench.fail(bench.dial(A));
    let status = bench.status(A);
    bench.fail(second);
    assert_eq!((bench.status(A).failures, bench.status(A).retry_at), (2, status.retry_at));
}

#[test]
fn c3_a_connection_that_came_up_after_the_last_failure_clears_it_though_it_was_dialled_before() {
    let mut bench = Bench::new(lazy(2));
    bench.set([A]);
    bench.demand(1);
    let first = bench.dial(A);
    bench.connect(first);
    bench.busy(first);
    let second = bench.dial(A);
    bench.fail(first);
    assert_eq!((bench.status(A).failures, bench.dials_to(A)), (1, vec![second]));
    bench.connect(second);
    bench.take();
    bench.sent(second);
    bench.succeed(second);
    assert_eq!(bench.take_events(), [Event::Recovered { address: A, id: bench.id(A) }]);
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn c3_a_success_of_an_old_connection_does_not_reset_the_backoff() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.advance(secs(20));
    bench.fail(bench.open(A)[0]);
    bench.fail(bench.dial(A));
    let old = bench.open(A)[0];
    bench.sent(old);
    bench.succeed(old);
    assert_eq!(bench.status(A).failures, 2, "it says nothing about whether new connections are let in");
}

// Flaps.

#[test]
fn c5_t20_a_connection_that_dies_young_backs_off_like_a_failed_dial() {
    let mut expected = 0.1;
    for gap in gaps_of(Peer::Flaps, secs(300), SEED) {
        assert_jittered(gap, Duration::from_secs_f64(expected));
        expected = f64::min(expected * 1.6, 30.0);
    }
}

#[test]
fn c5_t29_a_peer_that_accepts_and_hangs_up_in_good_order_backs_off_too() {
    for event in [SlotEvent::Closed, SlotEvent::GoingAway] {
        let mut bench = Bench::new(eager(1));
        bench.set([A]);
        for failures in 1..5 {
            bench.connect(bench.dial(A));
            bench.event(bench.open(A)[0], event);
            assert_eq!((bench.status(A).failures, bench.dials().len()), (failures, 0), "{event:?}");
            bench.wait_out_backoff(A);
        }
    }
}

#[test]
fn c5_a_clean_close_after_an_item_is_no_failure_if_the_connection_has_lived_for_a_second() {
    for (age, failures) in [(millis(999), 1), (secs(1), 0)] {
        let mut bench = Bench::up(eager(1), [A]);
        bench.advance(age);
        bench.send();
        bench.closed(bench.open(A)[0]);
        assert_eq!((bench.status(A).failures, bench.dials_to(A).len()), (failures, 1));
        assert_eq!(bench.status(A).last_outcome, Some(LastOutcome::Closed));
    }
}

#[test]
fn c7_a_clean_close_after_a_success_is_no_failure() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    bench.closed(slot);
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn c7_a_clean_close_that_owes_replies_is_a_failure() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    bench.advance(secs(10));
    bench.sent(slot);
    bench.closed(slot);
    assert_eq!(bench.status(A).failures, 1);
}

#[test]
fn c7_a_close_after_callers_gave_up_is_no_failure() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.uniform.handle_outcome(slot, Outcome::Cancelled, bench.now);
    bench.closed(slot);
    assert_eq!(bench.status(A).failures, 0, "over HTTP/1.1 the connection ends with the call");
}

#[test]
fn c7_an_early_goodbye_is_a_failure_if_what_is_in_flight_is_not_done() {
    for (is_done, failures) in [(true, 0), (false, 1)] {
        let mut bench = Bench::up(eager(1), [A]);
        let slot = bench.open(A)[0];
        bench.sent(slot);
        bench.going_away(slot);
        assert_eq!(bench.status(A).failures, 0, "it may be done");
        bench.sent(slot);
        bench.uniform.handle_outcome(slot, Outcome::Cancelled, bench.now);
        if is_done {
            bench.succeed(slot);
        }
        bench.closed(slot);
        assert_eq!(bench.status(A).failures, failures, "is done: {is_done}");
    }
}

#[test]
fn c5_items_that_all_came_back_unsent_do_not_excuse_a_hang_up() {
    for event in [SlotEvent::Closed, SlotEvent::GoingAway] {
        // What is still in flight at a goodbye may be done.
        let owes = u32::from(event == SlotEvent::Closed);
        for (outcomes, failures) in [
            (vec![Outcome::Unsent, Outcome::Unsent], 1),
            (vec![Outcome::Unsent], owes),
            (vec![Outcome::Cancelled, Outcome::Unsent], 0),
            (vec![Outcome::Unsent, Outcome::Success { latency: None }], 0),
        ] {
            let mut bench = Bench::up(eager(1), [A]);
            let slot = bench.open(A)[0];
            bench.sends(2);
            for &outcome in &outcomes {
                assert_eq!(bench.uniform.handle_outcome(slot, outcome, bench.now), Handled::Applied);
            }
            bench.event(slot, event);
            assert_eq!(bench.status(A).failures, failures, "{event:?} after {outcomes:?}");
        }
    }
}

#[test]
fn an_item_that_came_back_unsent_does_not_make_a_plain_sink_owe_outcomes() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sends(4);
    assert_eq!(bench.uniform.handle_outcome(slot, Outcome::Unsent, bench.now), Handled::Applied);
    bench.advance(secs(5));
    bench.closed(slot);
    assert_eq!(bench.status(A).failures, 0, "it never says what became of an item");
}

#[test]
fn c5_a_clean_close_after_a_long_idle_life_is_no_failure() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.advance(secs(10));
    bench.closed(bench.open(A)[0]);
    assert_eq!((bench.status(A).failures, bench.dials_to(A).len()), (0, 1));
}

#[test]
fn c5_a_connection_that_breaks_has_failed_even_after_an_item() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.send();
    bench.fail(bench.open(A)[0]);
    assert_eq!((bench.status(A).failures, bench.dials().len()), (1, 0));
    assert_eq!(bench.status(A).last_outcome, Some(LastOutcome::Failed(FailureKind::Error)));
}

// Resets.

fn failing_and_connected(config: Config) -> Bench {
    let mut bench = Bench::new(config);
    bench.set([A]);
    for _ in 0..3 {
        bench.fail(bench.dial(A));
        bench.advance(secs(1));
    }
    bench.connect(bench.dial(A));
    bench.take();
    bench
}

#[test]
fn c5_ten_seconds_of_life_reset_the_backoff() {
    let mut bench = failing_and_connected(eager(1));
    bench.advance(millis(9_999));
    assert_eq!(bench.status(A).failures, 3);
    bench.advance(millis(1));
    assert_eq!(bench.take_events(), [Event::Recovered { address: A, id: bench.id(A) }]);
    assert_eq!(bench.status(A).failures, 0);
    bench.fail(bench.open(A)[0]);
    assert_eq!(bench.status(A).failures, 1, "the steps start afresh");
}

#[test]
fn c3_a_short_idle_timeout_still_clears_failures() {
    let mut bench = Bench::new(config(|config| {
        config.opening = Opening::Lazy;
        config.idle_timeout = Some(secs(2));
    }));
    bench.set([A]);
    bench.demand(1);
    bench.fail(bench.dial(A));
    bench.advance(secs(1));
    bench.connect(bench.dial(A));
    bench.demand(0);
    bench.advance(millis(1_799));
    assert_eq!((bench.status(A).failures, bench.draining(A).len()), (1, 0));
    bench.take();
    bench.advance(millis(201));
    assert_eq!((bench.status(A).failures, bench.draining(A).len()), (0, 1));
    let recovered = Event::Recovered { address: A, id: bench.id(A) };
    assert_eq!(bench.take_events().first(), Some(&recovered));
}

#[test]
fn c3_a_lifetime_that_ends_a_little_early_still_clears_failures() {
    for seed in 0..10 {
        let limits = config(|config| {
            config.opening = Opening::Lazy;
            config.lifetime_max = Some(config.stable_after + millis(1));
        });
        let mut bench = Bench::seeded(limits, seed);
        bench.set([A]);
        bench.demand(1);
        bench.fail(bench.dial(A));
        bench.advance(secs(1));
        bench.connect(bench.dial(A));
        bench.demand(0);
        bench.advance(millis(8_999));
        assert_eq!((bench.status(A).failures, bench.draining(A).len()), (1, 0));
        bench.advance(millis(1_002));
        assert_eq!((bench.status(A).failures, bench.draining(A).len()), (0, 1));
    }
}

#[test]
fn c5_one_reported_success_resets_the_backoff_and_other_outcomes_do_not() {
    let mut bench = failing_and_connected(eager(3));
    let slot = bench.open(A)[0];
    let failure = Outcome::Failure { latency: Some(millis(1)), kind: FailureKind::Error };
    for outcome in [failure, Outcome::Cancelled, Outcome::Unsent] {
        bench.sent(slot);
        bench.uniform.handle_outcome(slot, outcome, bench.now);
        assert_eq!(bench.status(A).failures, 3, "{outcome:?}");
    }
    bench.sent(slot);
    bench.succeed(slot);
    assert_eq!((bench.status(A).failures, bench.dials_to(A).len()), (0, 2), "and the missing are dialled");
}

#[test]
fn c5_a_success_on_a_connection_that_drains_already_still_counts() {
    let mut bench = failing_and_connected(eager(1));
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.going_away(slot);
    bench.succeed(slot);
    assert_eq!(bench.status(A).failures, 0);
}

// Operators.

#[test]
fn t21_retry_now_dials_an_address_in_backoff_at_once() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    bench.fail(bench.dial(A));
    assert!(bench.retry_now(A));
    assert_eq!((bench.dials_to(A).len(), bench.status(A).failures), (1, 1));
    assert!(!bench.retry_now(A), "it is not in backoff any more");
    bench.advance(millis(200));
    assert_eq!(bench.dial_times(A).len(), 2, "the timer of the former backoff is gone");
}

#[test]
fn t21_retry_now_keeps_the_limits_and_lazy_pools_lazy() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A]);
    bench.demand(1);
    bench.fail(bench.dial(A));
    bench.demand(0);
    assert!(bench.retry_now(A));
    assert_eq!(bench.dials().len(), 0);
    bench.demand(1);
    assert_eq!(bench.dials().len(), 1);
}

#[test]
fn a_backoff_with_neither_growth_nor_jitter_is_exact() {
    let mut bench = Bench::new(config(|config| {
        config.backoff.growth_percent = 100;
        config.backoff.jitter_percent = 0;
        config.backoff.base = secs(2);
    }));
    bench.peer(A, Peer::Refuses);
    bench.set([A]);
    bench.advance(secs(20));
    assert_eq!(gaps(&bench.dial_times(A)), [secs(2); 10]);
}
