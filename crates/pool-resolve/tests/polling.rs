//! Sources that poll: when they ask, which updates come of it, and what a pool does with these.

mod support;

use pool_conformance::simulated::Clock;
use pool_resolve::{LookupAnswer, LookupError, PollConfig, Polling};
use support::{Followed, Follower, Script, advance, millis, secs, set};

fn exactly() -> PollConfig {
    let mut config = PollConfig::default();
    config.jitter_percent = 0;
    config.backoff.jitter_percent = 0;
    config
}

fn polling(script: &Script, clock: &Clock) -> Follower<Polling<Script, Clock>> {
    let polling = Polling::with_config(script.clone(), clock.clone(), exactly());
    Follower::new(polling.expect("the settings are valid"))
}

#[test]
fn nothing_is_asked_before_the_first_poll_and_then_at_once() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    source.source.as_mut().as_mut();
    assert_eq!(script.asked(), 0);
    script.reply(Ok(LookupAnswer::new(set([1, 2]))));
    assert_eq!(source.read(), ["1 2"]);
    assert_eq!(script.asked(), 1);
}

#[test]
fn the_same_answer_is_an_update_each_time_it_is_confirmed() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    for _ in 0..3 {
        script.reply(Ok(LookupAnswer::new(set([1]))));
        assert_eq!(source.read(), ["1"]);
        assert!(source.read().is_empty());
        advance(&clock, millis(29_999));
        assert!(source.read().is_empty());
        advance(&clock, millis(1));
    }
    assert_eq!(script.asked(), 3);
}

#[test]
fn an_answer_says_when_to_ask_again() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    script.reply(Ok(LookupAnswer::new(set([1])).valid_for(secs(7))));
    assert_eq!(source.read(), ["1"]);
    script.reply(Err(LookupError::NoSuchName { valid_for: Some(secs(11)) }));
    advance(&clock, secs(7));
    assert_eq!(source.read(), ["no such name"]);
    script.reply(Ok(LookupAnswer::new(set([2]))));
    advance(&clock, secs(11));
    assert_eq!(source.read(), ["2"]);
}

#[test]
fn failures_are_shown_and_repeated_with_backoff() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    for pause in [1000, 1600, 2560] {
        script.reply(Err("out of order".into()));
        assert_eq!(source.read(), ["failed: out of order"]);
        advance(&clock, millis(pause - 1));
        assert!(source.read().is_empty());
        advance(&clock, millis(1));
    }
}

#[test]
fn a_question_that_takes_too_long_is_dropped_and_has_failed() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    assert!(source.read().is_empty());
    advance(&clock, millis(4999));
    assert!(source.read().is_empty());
    advance(&clock, millis(1));
    assert_eq!(source.read(), ["failed: the name service did not answer within 5s"]);
    assert_eq!((script.asked(), script.dropped()), (1, 1));
}

#[test]
fn an_answer_that_comes_together_with_its_time_limit_counts() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    assert!(source.read().is_empty());
    script.reply(Ok(LookupAnswer::new(set([1]))));
    advance(&clock, secs(5));
    assert_eq!(source.read(), ["1"]);
}

#[test]
fn a_refresh_asks_at_once_but_not_twice_in_a_second_nor_twice_at_a_time() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    source.refresh();
    assert!(source.read().is_empty());
    source.refresh();
    assert!(source.read().is_empty());
    assert_eq!(script.asked(), 1);
    script.reply(Ok(LookupAnswer::new(set([1]))));
    assert_eq!(source.read(), ["1"]);

    source.refresh();
    assert!(source.read().is_empty());
    script.reply(Ok(LookupAnswer::new(set([2]))));
    assert!(source.read().is_empty());
    advance(&clock, secs(1));
    assert_eq!(source.read(), ["2"]);

    advance(&clock, secs(10));
    assert!(source.read().is_empty());
    script.reply(Ok(LookupAnswer::new(set([3]))));
    source.refresh();
    assert_eq!(source.read(), ["3"]);
}

#[test]
fn a_timer_that_fires_early_does_not_ask_early_and_does_not_spin() {
    let (script, clock) = (Script::default(), Clock::default());
    let mut source = polling(&script, &clock);
    script.reply(Ok(LookupAnswer::new(set([1]))));
    source.read();
    for _ in 0..100 {
        clock.fire_early();
        assert!(source.read().is_empty());
    }
    assert_eq!(script.asked(), 1);
    script.reply(Ok(LookupAnswer::new(set([1]))));
    advance(&clock, secs(30));
    assert_eq!(source.read(), ["1"]);
}

#[test]
fn settings_out_of_range_are_refused_by_name() {
    let mut config = exactly();
    config.interval_min = secs(60);
    let error = Polling::with_config(Script::default(), Clock::default(), config).expect_err("contradictory");
    assert_eq!(error.to_string(), "interval must not be shorter than interval_min");
}

#[test]
fn seeds_make_clients_ask_at_times_of_their_own() {
    let next = |seed| {
        let (script, clock) = (Script::default(), Clock::default());
        let mut config = PollConfig::default();
        config.seed = Some(seed);
        let polling = Polling::with_config(script.clone(), clock.clone(), config);
        let mut source = Follower::new(polling.expect("the settings are valid"));
        script.reply(Ok(LookupAnswer::new(set([1]))));
        source.read();
        clock.next().expect("a timer is set")
    };
    assert_eq!(next(1), next(1));
    assert_ne!(next(1), next(2));
}

#[test]
fn a_pool_keeps_its_connections_whatever_a_lookup_reports_besides_addresses() {
    let (script, clock) = (Script::default(), Clock::default());
    let polling = Polling::with_config(script.clone(), clock.clone(), exactly());
    let mut pool = Followed::new(&clock, polling.expect("the settings are valid"));
    script.reply(Ok(LookupAnswer::new((0..10_000).collect())));
    pool.advance(secs(1));
    assert_eq!(pool.connected(), 10_000);
    script.reply(Err("garbage".into()));
    script.reply(Err(LookupError::NoSuchName { valid_for: None }));
    pool.advance(millis(29_500));
    assert_eq!((pool.connected(), pool.source().as_str()), (10_000, "failed: garbage"));
    pool.advance(secs(2));
    assert_eq!((pool.connected(), pool.source().as_str()), (10_000, "NoSuchName"));
    pool.advance(secs(3600));
    assert_eq!(pool.connected(), 10_000, "{}", pool.source());
    script.reply(Ok(LookupAnswer::new(set([1, 2]))));
    pool.advance(secs(60));
    assert_eq!(pool.connected(), 2);
}
