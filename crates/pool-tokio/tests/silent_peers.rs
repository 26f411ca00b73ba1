//! Servers that are silent, slow, or deaf, over real TCP: what their callers learn and when, and that
//! those of the server beside them never notice.

mod bench;
#[path = "../../pool-call/tests/loopback/frames.rs"]
mod frames;
#[path = "../../pool-call/tests/loopback/watchdog.rs"]
mod watchdog;

use std::time::Duration;

use bench::{Bench, EACH, End, Ends, Kind, Peer, Settings, each, hold_time, on_both_kinds, pass};
use tokio::time::sleep;

const DEADLINE: Duration = Duration::from_secs(3);
const OUTCOME_TIMEOUT: Duration = Duration::from_secs(3);

const TIMED_OUT: End = End::MaybeSent("timed out");
const SILENT: End = End::MaybeSent("silent");

on_both_kinds! {
    a_peer_that_never_answers_loses_its_connection_in_time_although_all_callers_have_gone
    a_peer_that_never_answers_loses_its_connection_when_the_outcome_timeout_is_over
    a_peer_that_grows_ever_slower_loses_its_connection_when_a_reply_is_too_late
    calls_to_a_peer_that_never_reads_are_known_to_be_unsent_but_for_the_first
    calls_to_a_peer_that_never_reads_go_to_another_when_the_outcome_timeout_is_over
    a_peer_that_never_reads_loses_its_connection_although_callers_come_and_go
}

// Silence

async fn a_peer_that_never_answers_loses_its_connection_in_time_although_all_callers_have_gone<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { in_flight_max: Some(each()), outcome_timeout: Some(OUTCOME_TIMEOUT) };
    let mut bench = Bench::up::<K, _, _>(settings, Peer::answer_none).await;
    let patience = Duration::from_secs(1);
    let mut calls = bench.call_with(2 * EACH, 0, Some(patience));
    bench.bad.has_seen(each()).await;
    let ends = calls.first_ends(EACH).await;
    assert!(bench.ends_at_bad(&ends).is_empty());
    pass(patience).await;
    let ends = calls.ends().await;
    assert_eq!(bench.ends_at_bad(&ends), vec![TIMED_OUT; each()]);
    assert_eq!(bench.bad.connections(), 1, "patience is no evidence");
    pass(OUTCOME_TIMEOUT).await;
    bench.recovers().await;
}

async fn a_peer_that_never_answers_loses_its_connection_when_the_outcome_timeout_is_over<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { outcome_timeout: Some(OUTCOME_TIMEOUT), ..Settings::default() };
    let mut bench = Bench::up::<K, _, _>(settings, Peer::answer_none).await;
    // No caller has a deadline, and nobody else calls.
    let mut calls = bench.call(2 * EACH);
    bench.bad.has_seen(each()).await;
    let ends = calls.first_ends(EACH).await;
    assert!(bench.ends_at_bad(&ends).is_empty());
    pass(OUTCOME_TIMEOUT).await;
    assert_eq!(bench.ends_at_bad(&calls.ends().await), vec![SILENT; each()]);
    let error = bench.bad_row().last_error.expect("it has failed");
    assert_eq!(error.to_string(), "the peer owes replies, and has been silent for too long");
    pass(Duration::from_secs(1)).await;
    bench.recovers().await;
}

async fn a_peer_that_grows_ever_slower_loses_its_connection_when_a_reply_is_too_late<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { outcome_timeout: Some(OUTCOME_TIMEOUT), ..Settings::default() };
    let mut bench = Bench::up::<K, _, _>(settings, grow_slower).await;
    for (seconds, end) in [(1, End::Reply), (2, End::Reply), (3, SILENT)] {
        bench.call_slow(seconds, end).await;
    }
    pass(Duration::from_secs(1)).await;
    bench.recovers().await;
}

/// Its delays are 1, 2, 4, 8 s and so on.
async fn grow_slower(mut peer: Peer) {
    let mut delay = Duration::from_secs(1);
    while let Some(request) = peer.next().await {
        sleep(delay).await;
        peer.answer(request).await;
        delay *= 2;
    }
}

impl Bench {
    /// Makes a call to the bad server, and lets so much time pass.
    async fn call_slow(&mut self, seconds: u64, expected: End) {
        let mut calls = self.call(2);
        assert!(calls.first_ends(1).await.values().all(|end| *end == End::Reply));
        self.has_in_flight(1).await;
        pass(Duration::from_secs(seconds)).await;
        assert!(calls.ends().await.values().all(|end| *end == expected));
    }
}

// Writes that block

/// Many times what the sockets hold.
const PADDING: u32 = 64 * 1024;
const EACH_PADDED: u32 = 32;

async fn calls_to_a_peer_that_never_reads_are_known_to_be_unsent_but_for_the_first<K: Kind>() {
    let _held = hold_time();
    let mut bench = Bench::up::<K, _, _>(Settings::default(), Peer::never_read).await;
    let mut calls = bench.call_with(2 * EACH_PADDED, PADDING, Some(DEADLINE));
    let ends = calls.first_ends(EACH_PADDED).await;
    assert!(bench.ends_at_bad(&ends).is_empty());
    pass(DEADLINE).await;
    let ends = calls.ends().await;
    assert_begun_and_not(&ends, TIMED_OUT, End::NotSent("timed out"));
}

async fn calls_to_a_peer_that_never_reads_go_to_another_when_the_outcome_timeout_is_over<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { outcome_timeout: Some(OUTCOME_TIMEOUT), ..Settings::default() };
    let mut bench = Bench::up::<K, _, _>(settings, Peer::never_read).await;
    let mut calls = bench.call_with(2 * EACH_PADDED, PADDING, None);
    assert!(calls.first_ends(EACH_PADDED).await.values().all(|end| *end == End::Reply));
    pass(OUTCOME_TIMEOUT).await;
    let ends = calls.ends().await;
    assert_begun_and_not(&ends, SILENT, End::Reply);
    pass(Duration::from_secs(1)).await;
    bench.recovers().await;
}

async fn a_peer_that_never_reads_loses_its_connection_although_callers_come_and_go<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { outcome_timeout: Some(OUTCOME_TIMEOUT), ..Settings::default() };
    let mut bench = Bench::up::<K, _, _>(settings, Peer::never_read).await;
    let second = Duration::from_secs(1);
    for _ in 0..OUTCOME_TIMEOUT.as_secs() {
        let mut calls = bench.call_with(2 * EACH, PADDING, Some(second));
        assert!(calls.first_ends(EACH).await.values().all(|end| *end == End::Reply));
        pass(second).await;
        calls.ends().await;
    }
    pass(second).await;
    pass(Duration::from_secs(1)).await;
    bench.recovers().await;
}

/// There are some of either, and more of those that were not begun.
fn assert_begun_and_not(ends: &Ends, begun: End, not_begun: End) {
    let count = |meant| ends.values().filter(|end| **end == meant).count();
    assert_eq!(count(begun) + count(not_begun), ends.len(), "{ends:?}");
    assert!((1..ends.len() / 2).contains(&count(begun)), "{ends:?}");
}
