//! How fast an address is dialled, whatever ended its connections (C7): pace is not blame.

mod support;

use core::time::Duration;

use pool_core::{Config, Event, Instant, Outcome, SlotId};
use support::{A, B, Bench, C, Peer, SEED, assert_jittered, eager, lazy, millis, secs};

/// The settings as they are, the spread of redials included.
fn defaults(connections_per_address: u32) -> Config {
    let mut config = Config::default();
    config.connections_per_address = connections_per_address;
    config
}

fn age(bench: &Bench, slot: SlotId) -> Duration {
    let since = bench.uniform.slot(slot).expect("live").since;
    bench.now.saturating_duration_since(since)
}

/// The peer closes connections that are as old as this.
fn close_those_of(bench: &mut Bench, address: u32, limit: Duration) {
    for slot in bench.open(address) {
        if age(bench, slot) >= limit {
            bench.closed(slot);
        }
    }
}

fn most_within(times: &[Instant], window: Duration) -> usize {
    let within = |from: &Instant| times.iter().filter(|at| **at >= *from && **at < *from + window).count();
    times.iter().map(within).max().unwrap_or(0)
}

// What servers do.

#[test]
fn c7_k1_a_server_that_closes_what_was_silent_for_5_s_is_usable_all_the_time() {
    for (addresses, n) in [(vec![A], 1), (vec![A, B, C], 2)] {
        let mut bench = Bench::new(defaults(n));
        for address in &addresses {
            bench.peer(*address, Peer::Up);
        }
        bench.set(addresses.clone());
        let (mut usable, steps) = (0, 18_000);
        for _ in 0..steps {
            bench.advance(millis(10));
            for address in &addresses {
                close_those_of(&mut bench, *address, secs(5));
            }
            usable += u32::from(bench.uniform.select(&pool_core::PickArgs::any(), bench.now).is_some());
            assert!(addresses.iter().all(|address| bench.status(*address).failures == 0));
        }
        assert!(usable * 100 >= steps * 99, "{usable} of {steps}");
        for address in addresses {
            assert!(most_within(&bench.dial_times(address), secs(4)) <= n as usize);
        }
    }
}

#[test]
fn c7_k1_the_first_item_after_a_silence_is_served_at_once() {
    for seed in 0..40 {
        let mut bench = Bench::seeded(defaults(1), seed);
        bench.peer(A, Peer::Up);
        bench.set([A]);
        // Closed after 2 s each: a row of short lives, and the address is left alone for up to 4 s.
        for _ in 0..2_000 + seed {
            bench.advance(millis(10));
            close_those_of(&mut bench, A, secs(2));
        }
        bench.demand(1);
        bench.send();
        assert_eq!(bench.status(A).failures, 0);
    }
}

#[test]
fn c7_k2_next_to_nothing_goes_to_a_peer_that_takes_an_item_and_closes() {
    let mut bench = Bench::new(defaults(1));
    bench.peer(A, Peer::Up);
    bench.peer(B, Peer::Up);
    bench.set([A, B]);
    let mut to_a = 0;
    for _ in 0..200 * 180 {
        bench.advance(millis(5));
        let slot = bench.select().expect("B is well");
        bench.sent(slot);
        if bench.address_of(slot) == A {
            to_a += 1;
            bench.closed(slot);
        }
    }
    assert!(to_a <= 200 * 180 / 100, "{to_a} items");
    assert!(bench.status(A).failures > 5, "it fails");
    assert_eq!(bench.dial_times(B).len(), 1);
}

#[test]
fn c7_k4_a_goodbye_after_each_reply_is_paced_where_another_address_takes_the_items() {
    for seed in 0..20 {
        let mut bench = Bench::seeded(defaults(1), seed);
        bench.peer(A, Peer::Up);
        bench.peer(B, Peer::Up);
        bench.set([A, B]);
        let start = bench.now;
        for _ in 0..180 * 100 {
            bench.advance(millis(10));
            let slot = bench.select().expect("B is well");
            bench.sent(slot);
            bench.succeed(slot);
            if bench.address_of(slot) == A {
                bench.going_away(slot);
            }
            assert_eq!(bench.status(A).failures, 0, "nobody is blamed");
        }
        let dials = bench.dial_times(A);
        let in_the_first_second = dials.iter().filter(|at| **at < start + secs(1)).count();
        assert!(in_the_first_second <= 5 && dials.len() <= 60, "{in_the_first_second}, {}", dials.len());
    }
}

#[test]
fn c7_a_goodbye_after_each_reply_costs_no_item_where_nobody_else_takes_it() {
    let mut bench = Bench::new(defaults(1));
    bench.peer(A, Peer::Up);
    bench.set([A]);
    for _ in 0..1_000 {
        bench.demand(1);
        let slot = bench.select().expect("an item draws a dial before its time");
        bench.demand(0);
        bench.sent(slot);
        bench.succeed(slot);
        bench.going_away(slot);
    }
    assert_eq!(bench.status(A).failures, 0);
}

#[test]
fn c7_k8_addresses_that_refuse_are_not_kept_waiting_by_black_holes() {
    let mut bench = Bench::new(defaults(1));
    let black_holes = 100..550;
    bench.set(black_holes.clone().chain([A]).collect::<Vec<_>>());
    bench.peer(A, Peer::Refuses);
    bench.advance(secs(120));
    bench.peer(A, Peer::Up);
    let back = bench.now;
    while bench.open(A).is_empty() {
        bench.advance(millis(100));
    }
    let waited = bench.now.saturating_duration_since(back);
    assert!(waited <= secs(36 + 10), "its own backoff and two dial timeouts: {waited:?}");
    assert!(
        black_holes.map(|address| bench.dial_times(address).len()).min() > Some(1),
        "they have their turns"
    );
}

#[test]
fn c7_a_rolling_restart_of_less_than_a_second_is_over_within_a_second() {
    let mut bench = Bench::new(defaults(2));
    let servers: Vec<u32> = (1..=20).collect();
    for server in &servers {
        bench.peer(*server, Peer::Up);
    }
    bench.set(servers.clone());
    bench.advance(secs(60));
    for server in servers {
        bench.peer(server, Peer::Refuses);
        for slot in bench.open(server) {
            bench.fail(slot);
        }
        bench.advance(millis(900));
        bench.peer(server, Peer::Up);
        bench.advance(secs(1));
        assert!(!bench.open(server).is_empty(), "{server} has been back for a second");
    }
}

// The row of short lives.

/// A connection that lives for so long and is closed after a success.
fn live(bench: &mut Bench, lifetime: Duration) {
    bench.wait_out_backoff(A);
    let slot = bench.dial(A);
    bench.connect(slot);
    bench.sent(slot);
    bench.succeed(slot);
    bench.advance(lifetime);
    bench.closed(slot);
}

fn is_paced(bench: &Bench) -> bool {
    bench.status(A).retry_at.is_some()
}

#[test]
fn c7_short_lives_in_a_row_stretch_the_time_between_dials_up_to_4_s() {
    let mut bench = Bench::new(eager(1));
    bench.set([A]);
    let mut expected = 0.1;
    for _ in 0..20 {
        live(&mut bench, Duration::ZERO);
        let last = *bench.dial_times(A).last().expect("a dial");
        let until = bench.status(A).retry_at.expect("paced");
        assert_jittered(until.saturating_duration_since(last), Duration::from_secs_f64(expected));
        assert_eq!(bench.status(A).failures, 0);
        expected = f64::min(expected * 1.6, 4.0);
    }
}

#[test]
fn c7_a_life_of_4_s_from_its_dial_is_long_and_ends_the_row() {
    for (lifetime, is_long) in [(millis(2_999), false), (secs(3), true)] {
        let mut bench = Bench::new(eager(1));
        bench.set([A]);
        for _ in 0..5 {
            live(&mut bench, Duration::ZERO);
        }
        bench.wait_out_backoff(A);
        let slot = bench.dial(A);
        bench.advance(secs(1));
        bench.connect(slot);
        bench.sent(slot);
        bench.succeed(slot);
        bench.advance(lifetime);
        bench.take();
        bench.closed(slot);
        let told = bench.take_events().into_iter().find_map(|event| match event {
            Event::Paced { short_lives, .. } => Some(short_lives),
            _ => None,
        });
        assert_eq!(told, if is_long { None } else { Some(6) }, "a long life has ended the row before");
    }
}

#[test]
fn c7_a_second_success_of_an_item_sent_after_the_first_ends_the_row() {
    let mut bench = Bench::new(eager(2));
    bench.set([A]);
    bench.connect(bench.dial(A));
    for slot in bench.dials_to(A) {
        bench.connect(slot);
    }
    let first = bench.open(A)[0];
    bench.sent(first);
    bench.succeed(first);
    bench.closed(first);
    assert!(is_paced(&bench));
    bench.wait_out_backoff(A);
    let slot = bench.dial(A);
    bench.connect(slot);
    // Two in flight at once are answered: one goodbye could follow both.
    bench.sent(slot);
    bench.sent(slot);
    bench.succeed(slot);
    bench.succeed(slot);
    bench.take();
    bench.sent(slot);
    bench.succeed(slot);
    let ended = bench.take_events().iter().any(|event| matches!(event, Event::Paced { short_lives: 0, .. }));
    assert!(ended, "one success came after another");
    assert!(!is_paced(&bench));
}

#[test]
fn c7_lives_that_end_together_count_once() {
    let mut bench = Bench::up(eager(8), [A]);
    for slot in bench.open(A) {
        bench.sent(slot);
        bench.succeed(slot);
    }
    bench.take();
    for slot in bench.open(A) {
        bench.closed(slot);
    }
    let steps = bench.take_events().into_iter().filter_map(|event| match event {
        Event::Paced { short_lives, .. } => Some(short_lives),
        _ => None,
    });
    assert_eq!(steps.collect::<Vec<_>>(), [1]);
}

#[test]
fn c7_dials_go_out_one_at_a_time_while_there_are_short_lives() {
    let mut bench = Bench::up(eager(4), [A]);
    for slot in bench.open(A) {
        bench.sent(slot);
        bench.succeed(slot);
        bench.closed(slot);
    }
    bench.wait_out_backoff(A);
    assert_eq!(bench.dials_to(A).len(), 1);
    bench.advance(secs(1));
    assert_eq!(bench.dials_to(A).len(), 1);
    bench.connect(bench.dial(A));
    assert_eq!(bench.dials_to(A).len(), 1);
}

#[test]
fn c7_what_the_pool_ends_itself_is_no_short_life() {
    let mut bench = Bench::up(eager(2), [A]);
    bench.configure(eager(1));
    let gone = bench.draining(A)[0];
    bench.closed(gone);
    assert!(!is_paced(&bench));
}

// Early dials.

#[test]
fn c7_items_that_nobody_else_can_take_draw_as_many_dials_as_wait_up_to_n() {
    for (waiting, dials) in [(1, 1), (2, 2), (9, 3)] {
        let mut bench = Bench::up(eager(3), [A]);
        for slot in bench.open(A) {
            bench.sent(slot);
            bench.succeed(slot);
            bench.closed(slot);
        }
        assert_eq!(bench.dials_to(A).len(), 0, "paced");
        bench.demand(waiting);
        assert_eq!(bench.dials_to(A).len(), dials);
    }
}

#[test]
fn c7_items_that_another_address_can_take_draw_no_dial() {
    let mut bench = Bench::up(eager(1), [A, B]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    bench.closed(slot);
    bench.demand(9);
    assert_eq!(bench.dials_to(A).len(), 0);
    bench.busy(bench.open(B)[0]);
    assert_eq!(bench.dials_to(A).len(), 1, "now nobody can");
}

#[test]
fn c7_no_item_draws_a_dial_to_an_address_that_fails() {
    let mut bench = Bench::up(eager(1), [A]);
    bench.fail(bench.open(A)[0]);
    bench.demand(9);
    assert_eq!(bench.dials_to(A).len(), 0);
}

#[test]
fn c7_retry_now_ends_the_wait() {
    let mut bench = Bench::up(eager(1), [A]);
    let slot = bench.open(A)[0];
    bench.sent(slot);
    bench.succeed(slot);
    bench.closed(slot);
    assert!(is_paced(&bench) && bench.retry_now(A));
    assert_eq!(bench.dials_to(A).len(), 1);
}

// The spread of redials.

#[test]
fn t18_clients_that_lose_a_server_together_redial_it_within_50_ms_and_not_together() {
    let redial = |seed| {
        let mut bench = Bench::seeded(defaults(1), seed);
        bench.peer(A, Peer::Up);
        bench.set([A]);
        bench.advance(secs(60));
        let lost = bench.now;
        bench.fail(bench.open(A)[0]);
        bench.advance(millis(50));
        let times = bench.dial_times(A);
        assert_eq!(times.len(), 2);
        times[1].saturating_duration_since(lost)
    };
    let delays: Vec<_> = (SEED..SEED + 100).map(redial).collect();
    let early = delays.iter().filter(|delay| **delay < millis(25)).count();
    assert!((30..=70).contains(&early), "{early} of 100 in the first half");
}

#[test]
fn c7_an_item_that_waits_does_not_wait_for_the_spread() {
    let mut bench = Bench::new(defaults(1));
    bench.set([A]);
    bench.connect(bench.dial(A));
    bench.advance(secs(60));
    bench.demand(1);
    bench.busy(bench.open(A)[0]);
    bench.closed(bench.open(A)[0]);
    assert_eq!(bench.dials_to(A).len(), 1);
}

// Settings.

#[test]
fn without_a_pace_only_failures_delay_a_dial() {
    let mut config = eager(1);
    config.pace.max = None;
    let mut bench = Bench::new(config);
    bench.set([A]);
    for _ in 0..50 {
        live(&mut bench, Duration::ZERO);
        assert!(!is_paced(&bench));
    }
}

#[test]
fn f5_a_pace_and_a_spread_of_nothing_or_of_years_are_refused_by_name() {
    for duration in [Duration::ZERO, secs(400 * 24 * 3_600)] {
        let mut config = Config::default();
        config.pace.max = Some(duration);
        assert_eq!(config.validate().expect_err("out of range").field(), "pace.max");
        let mut config = Config::default();
        config.pace.redial_spread = Some(duration);
        assert_eq!(config.validate().expect_err("out of range").field(), "pace.redial_spread");
    }
}

#[test]
fn c7_a_lazy_pool_waits_for_items_and_not_for_the_pace() {
    let mut bench = Bench::new(lazy(1));
    bench.set([A]);
    for _ in 0..20 {
        bench.demand(1);
        let slot = bench.dial(A);
        bench.connect(slot);
        bench.sent(slot);
        bench.demand(0);
        let latency = Some(millis(1));
        bench.uniform.handle_outcome(slot, Outcome::Success { latency }, bench.now);
        bench.closed(slot);
        bench.advance(secs(1));
        assert_eq!(bench.dials_to(A).len(), 0);
    }
}
