//! Sources made of other sources: their updates, and when they come.

mod support;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt};
use pool_conformance::simulated::Clock;
use pool_driver::{AddressSet, AddressStream, Endpoint, FixedAddresses, StreamSource};
use pool_resolve::AddressStreamExt;
use support::{Feed, Followed, Follower, Said, advance, feed, in_short, millis, secs, set};

const BROKEN: Said = Said::Error("broken");

fn over() -> StreamSource<stream::Empty<AddressSet<u16>>> {
    StreamSource::new(stream::empty())
}

fn push_all(feed: &Feed, answers: impl IntoIterator<Item = Said>) {
    answers.into_iter().for_each(|answer| feed.push(answer));
}

// merge_with

#[test]
fn a_merger_is_pending_until_both_sources_have_reported() {
    let (one, other) = (feed(), feed());
    let mut merged = Follower::new(one.clone().merge_with(other.clone()));
    assert!(merged.read().is_empty());
    one.push_set([1, 2]);
    assert_eq!(merged.read(), ["pending"]);
    other.push(Said::Pending);
    assert_eq!(merged.read(), ["pending"]);
    other.push_set([2, 3]);
    assert_eq!(merged.read(), ["1 2*2 3"]);
    one.push_set([4]);
    assert_eq!(merged.read(), ["2 3 4"]);
}

#[test]
fn a_merger_that_starts_with_a_failure_uses_the_other_and_shows_the_failure() {
    for (error, shown) in [(BROKEN, "failed: broken"), (Said::NoSuchName, "no such name")] {
        let (one, other) = (feed(), feed());
        let mut merged = Follower::new(one.clone().merge_with(other.clone()));
        one.push_set([1]);
        assert_eq!(merged.read(), ["pending"]);
        other.push(error);
        assert_eq!(merged.read(), ["1", shown]);
        one.push_set([2]);
        assert_eq!(merged.read(), ["2", shown], "the error is shown again, so that it stays visible");
        other.push_set([3]);
        assert_eq!(merged.read(), ["2 3"]);
    }
}

#[test]
fn a_merged_source_that_fails_or_ends_keeps_its_last_set() {
    let (one, other) = (feed(), feed());
    let mut merged = Follower::new(one.clone().merge_with(other.clone()));
    one.push_set([1]);
    other.push_set([2]);
    merged.read();
    push_all(&one, [BROKEN, Said::NoSuchName]);
    assert_eq!(merged.read(), ["failed: broken", "no such name"]);
    other.push_set([3]);
    assert_eq!(merged.read(), ["1 3", "no such name"]);
    one.push(Said::End);
    other.push_set([4]);
    assert_eq!(merged.read(), ["1 4", "no such name"]);
    assert!(!merged.is_over());
    other.push(Said::End);
    merged.read();
    assert!(merged.is_over() && merged.is_over());
}

#[test]
fn a_merged_source_that_ends_at_once_delays_nothing() {
    let other = feed();
    other.push_set([1]);
    let mut merged = Follower::new(over().merge_with(other));
    assert_eq!(merged.read(), ["1"]);
}

#[test]
fn a_merged_source_that_is_always_ready_does_not_starve_the_other() {
    let chatty = StreamSource::new(stream::repeat_with(|| set([1])));
    let other = feed();
    other.push_set([2]);
    let mut merged = Box::pin(chatty.merge_with(other));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let read: Vec<_> = (0..4)
        .map(|_| match futures_util::StreamExt::poll_next_unpin(&mut merged, &mut cx) {
            std::task::Poll::Ready(Some(update)) => in_short(&update),
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(read.contains(&"1 2".to_owned()), "{read:?}");
}

// prefer_over

#[test]
fn the_fallback_waits_until_the_primary_has_reported() {
    let (primary, fallback) = (feed(), feed());
    let mut source = Follower::new(primary.clone().prefer_over(fallback.clone()));
    fallback.push_set([9]);
    assert!(source.read().is_empty());
    primary.push(Said::Pending);
    assert_eq!(source.read(), ["pending"]);
    primary.push_set([1]);
    assert_eq!(source.read(), ["1"]);
    fallback.push_set([8]);
    fallback.push(BROKEN);
    assert!(source.read().is_empty(), "the fallback is not in use");
}

#[test]
fn the_fallback_is_used_while_the_primary_is_empty_or_has_never_answered() {
    let (primary, fallback) = (feed(), feed());
    let mut source = Follower::new(primary.clone().prefer_over(fallback.clone()));
    fallback.push_set([9]);
    source.read();
    primary.push(BROKEN);
    assert_eq!(source.read(), ["9", "failed: broken"]);
    fallback.push_set([8]);
    assert_eq!(source.read(), ["8", "failed: broken"]);
    primary.push_set([1]);
    assert_eq!(source.read(), ["1"]);
    primary.push_set([]);
    assert_eq!(source.read(), ["8"]);
    primary.push_set([2]);
    assert_eq!(source.read(), ["2"]);
}

#[test]
fn a_primary_that_fails_after_it_had_addresses_keeps_them() {
    let (primary, fallback) = (feed(), feed());
    let mut source = Follower::new(primary.clone().prefer_over(fallback.clone()));
    fallback.push_set([9]);
    primary.push_set([1]);
    source.read();
    push_all(&primary, [BROKEN, Said::NoSuchName]);
    assert_eq!(source.read(), ["failed: broken", "no such name"]);
    push_all(&primary, [Said::End]);
    assert!(source.read().is_empty());
    assert!(!source.is_over());
}

#[test]
fn no_such_name_falls_back_where_it_counts_as_empty() {
    let (primary, fallback) = (feed(), feed());
    let mut source = Follower::new(primary.clone().no_such_name_is_empty().prefer_over(fallback.clone()));
    fallback.push_set([9]);
    primary.push_set([1]);
    primary.push(Said::NoSuchName);
    assert_eq!(source.read(), ["1", "9"]);
}

#[test]
fn an_empty_primary_counts_when_the_fallback_has_no_addresses() {
    let (primary, fallback) = (feed(), feed());
    let mut source = Follower::new(primary.clone().prefer_over(fallback.clone()));
    primary.push_set([1]);
    primary.push_set([]);
    assert_eq!(source.read(), ["1"], "the fallback has not reported yet");
    fallback.push(BROKEN);
    assert_eq!(source.read(), ["none"]);
    fallback.push_set([9]);
    assert_eq!(source.read(), ["9"]);
}

#[test]
fn a_primary_that_fails_without_pause_does_not_starve_the_fallback() {
    let primary = StreamSource::new(stream::repeat_with(|| Err::<AddressSet<u16>, _>("down")));
    let fallback = StreamSource::new(stream::iter([AddressSet::from([7])]).chain(stream::pending()));
    let read = primary.prefer_over(fallback).take(4).map(|update| in_short(&update)).collect::<Vec<_>>();
    let read = read.now_or_never().expect("the primary never pauses");
    assert_eq!(read, ["failed: down", "7", "failed: down", "failed: down"]);
}

#[test]
fn a_fallback_that_never_pauses_does_not_hang_the_poll() {
    let chatty = StreamSource::new(stream::repeat_with(|| set([9])));
    let mut source = Box::pin(feed().prefer_over(chatty));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(futures_util::StreamExt::poll_next_unpin(&mut source, &mut cx).is_pending());
}

// map_endpoints, map_weights, filter_endpoints

#[test]
fn endpoints_are_mapped_weighed_and_left_out_and_all_else_passes() {
    let source = feed();
    let mut changed = Follower::new(
        source
            .clone()
            .map_endpoints(|endpoint| Endpoint::new(u32::from(endpoint.address) + 1000).with_priority(1))
            .filter_endpoints(|endpoint| endpoint.address != 1002)
            .map_weights(|endpoint| endpoint.address),
    );
    source.push_set([1, 2, 3]);
    push_all(&source, [BROKEN, Said::Pending, Said::NoSuchName]);
    assert_eq!(changed.read(), ["1001*1001/1 1003*1003/1", "failed: broken", "pending", "no such name"]);
    source.push_set([2]);
    assert_eq!(changed.read(), ["none"]);
}

#[test]
fn endpoints_that_become_the_same_collapse_as_in_any_set() {
    let source = feed();
    source.push_set([1, 2, 3]);
    let mut changed = Follower::new(source.map_endpoints(|_| Endpoint::new(7).with_weight(u32::MAX / 2)));
    assert_eq!(changed.read(), [format!("7*{}", u32::MAX)]);
}

// throttle_sets

#[test]
fn of_the_sets_of_an_interval_the_first_passes_at_once_and_the_last_when_it_is_over() {
    let (source, clock) = (feed(), Clock::default());
    let throttled = source.clone().throttle_sets(clock.clone(), secs(10));
    let mut throttled = Follower::new(throttled.expect("the setting is valid"));
    source.push_set([1]);
    assert_eq!(throttled.read(), ["1"]);
    for address in 2..6 {
        source.push_set([address]);
        assert!(throttled.read().is_empty());
        advance(&clock, secs(2));
    }
    assert!(throttled.read().is_empty());
    advance(&clock, secs(2));
    assert_eq!(throttled.read(), ["5"]);
    advance(&clock, secs(30));
    source.push_set([6]);
    assert_eq!(throttled.read(), ["6"]);
}

#[test]
fn an_error_passes_a_throttle_at_once_but_no_more_often_than_sets() {
    let (source, clock) = (feed(), Clock::default());
    let throttled = source.clone().throttle_sets(clock.clone(), secs(10));
    let mut throttled = Follower::new(throttled.expect("the setting is valid"));
    source.push_set([1]);
    throttled.read();
    source.push_set([2]);
    source.push(BROKEN);
    assert_eq!(throttled.read(), ["failed: broken"]);
    for _ in 0..100 {
        push_all(&source, [BROKEN, Said::NoSuchName]);
        assert!(throttled.read().is_empty());
    }
    advance(&clock, secs(10));
    assert_eq!(throttled.read(), ["2", "no such name"], "the last update is shown last");
    source.push(BROKEN);
    source.push_set([3]);
    advance(&clock, secs(10));
    assert_eq!(throttled.read(), ["3"], "an error that is over is not shown");
}

#[test]
fn an_error_that_a_throttled_set_hides_is_shown_again_at_once() {
    let (source, clock) = (feed(), Clock::default());
    let throttled = source.clone().throttle_sets(clock.clone(), secs(10));
    let mut throttled = Follower::new(throttled.expect("the setting is valid"));
    source.push_set([1]);
    assert_eq!(throttled.read(), ["1"]);
    source.push_set([2]);
    advance(&clock, secs(9));
    source.push(BROKEN);
    assert_eq!(throttled.read(), ["failed: broken"]);
    advance(&clock, secs(1));
    assert_eq!(throttled.read(), ["2", "failed: broken"]);
}

#[test]
fn a_source_that_flaps_without_pause_is_bounded_and_its_end_passes_its_last_set() {
    let clock = Clock::default();
    let flapping = StreamSource::new(stream::iter((0..10_000).map(|turn| set([turn % 7]))));
    let throttled = flapping.throttle_sets(clock.clone(), secs(1)).expect("the setting is valid");
    let mut throttled = Follower::new(throttled);
    let read = throttled.read();
    assert_eq!(read.len(), 2, "{read:?}");
    assert_eq!(read[1], format!("{}", 9_999 % 7));
    assert!(throttled.is_over());
}

// removal_grace

fn graceful(source: &Feed, clock: &Clock) -> Follower<impl AddressStream<Address = u16> + use<>> {
    let graceful = source.clone().removal_grace(clock.clone(), secs(60));
    Follower::new(graceful.expect("the setting is valid"))
}

#[test]
fn an_address_that_leaves_stays_in_force_for_the_grace() {
    let (source, clock) = (feed(), Clock::default());
    let mut graceful = graceful(&source, &clock);
    source.push(Said::Set([Endpoint::new(1).with_weight(5), Endpoint::new(2)].into_iter().collect()));
    assert_eq!(graceful.read(), ["1*5 2"]);
    source.push_set([2, 3]);
    assert_eq!(graceful.read(), ["1*5 2 3"]);
    advance(&clock, secs(59));
    source.push_set([3]);
    assert_eq!(graceful.read(), ["1*5 2 3"]);
    advance(&clock, secs(1));
    assert_eq!(graceful.read(), ["2 3"]);
    advance(&clock, secs(59));
    assert_eq!(graceful.read(), ["3"]);
    advance(&clock, secs(3600));
    assert!(graceful.read().is_empty());
    assert_eq!(clock.next(), None, "no timer is left");
}

#[test]
fn only_time_of_a_healthy_source_counts_against_an_address_that_left() {
    for error in [BROKEN, Said::Pending, Said::NoSuchName] {
        let (source, clock) = (feed(), Clock::default());
        let mut graceful = graceful(&source, &clock);
        source.push_set([1, 2]);
        source.push_set([2]);
        graceful.read();
        advance(&clock, secs(50));
        source.push(error);
        assert_eq!(graceful.read().len(), 1);
        advance(&clock, secs(3600));
        assert!(graceful.read().is_empty());
        source.push_set([2]);
        assert_eq!(graceful.read(), ["1 2"]);
        advance(&clock, millis(9_999));
        assert!(graceful.read().is_empty());
        advance(&clock, millis(1));
        assert_eq!(graceful.read(), ["2"]);
    }
}

#[test]
fn an_address_that_comes_back_has_not_left() {
    let (source, clock) = (feed(), Clock::default());
    let mut graceful = graceful(&source, &clock);
    source.push_set([1, 2]);
    source.push_set([2]);
    graceful.read();
    advance(&clock, secs(50));
    source.push_set([1, 2]);
    assert_eq!(graceful.read(), ["1 2"]);
    advance(&clock, secs(50));
    source.push_set([2]);
    assert_eq!(graceful.read(), ["1 2"]);
    advance(&clock, secs(59));
    assert!(graceful.read().is_empty());
    advance(&clock, secs(1));
    assert_eq!(graceful.read(), ["2"]);
}

#[test]
fn an_empty_set_counts_after_the_grace() {
    let (source, clock) = (feed(), Clock::default());
    let mut graceful = graceful(&source, &clock);
    source.push_set([1, 2]);
    source.push_set([]);
    assert_eq!(graceful.read(), ["1 2", "1 2"]);
    advance(&clock, secs(60));
    assert_eq!(graceful.read(), ["none"]);
}

#[test]
fn addresses_that_left_go_early_when_there_are_too_many() {
    let (source, clock) = (feed(), Clock::default());
    let graceful = source.clone().removal_grace(clock.clone(), secs(60)).expect("the setting is valid");
    let mut graceful = Follower::new(graceful.addresses_max(5));
    for turn in 0..1000 {
        source.push_set([turn, turn + 1, turn + 2]);
        let updates = graceful.updates();
        let [pool_driver::AddressUpdate::Addresses(set)] = &updates[..] else { panic!("{updates:?}") };
        assert!(set.len() <= 5);
        advance(&clock, millis(1));
    }
    source.push_set([1000, 1001, 1002, 1003, 1004, 1005]);
    assert_eq!(graceful.read(), ["1000 1001 1002 1003 1004 1005"], "the source's own set is not cut");
}

#[test]
fn an_address_in_its_grace_leaves_when_it_is_over_also_after_the_source_has_ended() {
    for last in [None, Some(BROKEN), Some(Said::NoSuchName)] {
        let (source, clock) = (feed(), Clock::default());
        let mut graceful = graceful(&source, &clock);
        source.push_set([1, 2]);
        source.push_set([2]);
        push_all(&source, last);
        source.push(Said::End);
        graceful.read();
        advance(&clock, millis(59_999));
        assert!(graceful.read().is_empty());
        advance(&clock, millis(1));
        assert_eq!(graceful.read(), ["2"]);
        assert!(graceful.is_over() && graceful.is_over());
        assert_eq!(clock.next(), None, "no timer is left");
    }
}

#[test]
fn a_source_without_an_address_in_its_grace_ends_at_once() {
    let (source, clock) = (feed(), Clock::default());
    let mut graceful = graceful(&source, &clock);
    source.push_set([1, 2]);
    source.push(Said::End);
    assert_eq!(graceful.read(), ["1 2"]);
    assert!(graceful.is_over());
}

#[test]
fn a_pool_that_outlives_its_source_drops_an_address_when_its_grace_is_over() {
    let (source, clock) = (feed(), Clock::default());
    let graceful = source.clone().removal_grace(clock.clone(), secs(60)).expect("the setting is valid");
    let mut pool = Followed::that_outlives(&clock, graceful);
    source.push_set([1, 2]);
    pool.advance(secs(1));
    source.push_set([2]);
    source.push(Said::End);
    pool.advance(secs(59));
    assert_eq!(pool.connected(), 2);
    pool.advance(secs(2));
    assert_eq!(pool.connected(), 1);
}

// all of them

#[test]
fn a_setting_out_of_range_is_refused_by_name() {
    let clock = Clock::default();
    let error = feed().throttle_sets(clock.clone(), secs(0)).expect_err("zero");
    assert_eq!(error.field(), "interval");
    let error = feed().removal_grace(clock, std::time::Duration::MAX).expect_err("for ever");
    assert_eq!(error.field(), "grace");
}

fn all(source: Feed, fallback: Feed, clock: &Clock) -> impl AddressStream<Address = u16> + 'static {
    source
        .map_endpoints(|endpoint| endpoint)
        .filter_endpoints(|_| true)
        .map_weights(|endpoint| endpoint.weight)
        .merge_with(FixedAddresses::new(set([])))
        .prefer_over(fallback)
        .throttle_sets(clock.clone(), secs(1))
        .expect("the setting is valid")
        .removal_grace(clock.clone(), secs(10))
        .expect("the setting is valid")
}

#[test]
fn a_refresh_reaches_the_sources_at_the_bottom() {
    let (source, fallback) = (feed(), feed());
    let mut built = Follower::new(all(source.clone(), fallback.clone(), &Clock::default()));
    built.refresh();
    assert_eq!((source.refreshes(), fallback.refreshes()), (1, 1));
}

#[test]
fn a_pool_behind_all_of_them_keeps_its_connections_whatever_comes() {
    let (source, fallback, clock) = (feed(), feed(), Clock::default());
    let mut pool = Followed::new(&clock, all(source.clone(), fallback.clone(), &clock));
    source.push_set(0..10_000);
    pool.run();
    pool.advance(secs(1));
    assert_eq!(pool.connected(), 10_000);
    push_all(&source, [BROKEN, Said::NoSuchName, Said::Pending, BROKEN]);
    push_all(&fallback, [BROKEN, Said::NoSuchName]);
    pool.advance(secs(3600));
    assert_eq!((pool.connected(), pool.source().as_str()), (10_000, "failed: broken"));
    source.push_set(5_000..15_000);
    pool.advance(secs(5));
    assert_eq!(pool.connected(), 15_000);
    pool.advance(secs(10));
    assert_eq!(pool.connected(), 10_000);
}

/// An address that counts how often addresses are compared.
#[derive(Clone, Debug)]
struct Counted(u32, Rc<Cell<usize>>);

impl PartialEq for Counted {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Counted {}

impl PartialOrd for Counted {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Counted {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.1.set(self.1.get() + 1);
        self.0.cmp(&other.0)
    }
}

#[test]
fn ten_thousand_addresses_pass_all_of_them_in_a_few_dozen_comparisons_each() {
    const ADDRESSES: u32 = 10_000;
    let (compared, clock) = (Rc::new(Cell::new(0)), Clock::default());
    let some = |from: u32| -> AddressSet<Counted> {
        (from..from + ADDRESSES).map(|address| Counted(address, Rc::clone(&compared))).collect()
    };
    let sets = [some(0), some(ADDRESSES / 2), some(ADDRESSES)];
    let other = FixedAddresses::new(some(ADDRESSES / 3));
    let fallback = FixedAddresses::new(some(7));
    compared.set(0);
    let mut source = Follower::new(
        StreamSource::new(stream::iter(sets))
            .map_endpoints(|endpoint| endpoint)
            .filter_endpoints(|_| true)
            .map_weights(|_| 1)
            .merge_with(other)
            .prefer_over(fallback)
            .removal_grace(clock.clone(), secs(10))
            .expect("the setting is valid")
            .throttle_sets(clock.clone(), secs(1))
            .expect("the setting is valid"),
    );
    let first = source.updates();
    advance(&clock, secs(10));
    let later = source.updates();
    assert!(!first.is_empty() && !later.is_empty());
    let each = compared.get() / (3 * ADDRESSES as usize);
    assert!(each < 100, "{each} comparisons for each address of each set");
}
