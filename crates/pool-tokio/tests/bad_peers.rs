//! Servers that misbehave, over real TCP: what their callers learn, and that those of the server
//! beside them never notice.

mod bench;
#[path = "../../pool-call/tests/loopback/frames.rs"]
mod frames;
#[path = "../../pool-call/tests/loopback/watchdog.rs"]
mod watchdog;

use std::future::pending;
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use bench::{Bench, ById, End, InOrder, Kind, Peer, Settings, hold_time, pass};
use frames::Reply;
use pool_tokio::AddressState;
use tokio::task::yield_now;
use tokio::time::sleep;

/// So many calls go to each server.
const EACH: u32 = 8;
const DEADLINE: Duration = Duration::from_secs(3);
/// By the machine's clock, and so short that it need not be waited for.
const REPLY_TIMEOUT: Duration = Duration::from_millis(1);

const TIMED_OUT: End = End::MaybeSent("timed out");

fn each() -> usize {
    usize::try_from(EACH).expect("it is small")
}

fn default() -> Settings {
    Settings::default()
}

/// Makes tests of these for both kinds of connection.
macro_rules! on_both_kinds {
    ($($test:ident)*) => {
        mod pipelined {
            $(#[tokio::test] async fn $test() { super::$test::<super::InOrder>().await; })*
        }
        mod tagged {
            $(#[tokio::test] async fn $test() { super::$test::<super::ById>().await; })*
        }
    };
}

on_both_kinds! {
    a_reply_that_nobody_asked_for_is_noticed_without_traffic
    a_second_reply_breaks_the_connection_and_goes_to_nobody
    garbage_breaks_the_connection
    a_peer_that_hangs_up_in_the_middle_of_a_reply_may_have_executed_the_rest
    a_peer_that_hangs_up_after_a_reply_may_have_executed_the_rest
    a_peer_that_resets_the_connection_may_have_executed_all
    replies_that_come_byte_by_byte_are_replies
    a_peer_that_hangs_up_at_once_is_dialled_ever_less_often
    a_peer_that_never_answers_loses_its_connection_when_all_callers_have_gone
    the_next_call_finds_that_a_peer_does_not_answer_and_goes_to_another
    a_caller_that_goes_lets_it_be_seen_that_a_peer_does_not_answer
    a_peer_that_grows_ever_slower_loses_its_connection_when_only_orphans_are_left
    calls_to_a_peer_that_never_reads_are_known_to_be_unsent_but_for_the_first
    calls_to_a_peer_that_never_reads_go_to_another_when_it_does_not_answer
}

// Replies that are none

async fn a_reply_that_nobody_asked_for_is_noticed_without_traffic<K: Kind>() {
    let mut bench = Bench::start::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        peer.say(Reply { id: 7, number: 7 }).await;
        peer.answer_none().await;
    });
    bench.bad.has_connections(2).await;
    let error = bench.bad_row().last_error.expect("it has failed");
    assert_eq!(error.to_string(), "the peer sent a reply that nobody waits for");
    bench.recovers().await;
}

async fn a_second_reply_breaks_the_connection_and_goes_to_nobody<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let reply = peer.read(1).await[0].reply();
        peer.say_at_once([reply, reply]).await;
        peer.answer_none().await;
    })
    .await;
    // One call for each: where replies come in order, nobody else may wait for one.
    bench.all_is_well().await;
    bench.recovers().await;
}

#[tokio::test]
async fn a_reply_with_an_id_that_is_not_in_use_breaks_the_connection() {
    let mut bench = Bench::up::<ById, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let first = peer.read(each()).await[0];
        peer.say(Reply { id: 1000, number: first.number }).await;
        peer.answer_none().await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), vec![End::MaybeSent("unexpected reply"); each()]);
    bench.recovers().await;
}

#[tokio::test]
async fn a_second_reply_with_one_id_goes_to_nobody_else() {
    let mut bench = Bench::up::<ById, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let reply = peer.read(each()).await[0].reply();
        peer.say_at_once([reply, reply]).await;
        peer.answer_none().await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::MaybeSent("unexpected reply")));
    bench.recovers().await;
}

async fn garbage_breaks_the_connection<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let first = peer.read(each()).await[0];
        peer.answer(first).await;
        peer.write(b"HTTP/1.1 400 Bad Request").await;
        peer.answer_none().await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::Broken(ErrorKind::InvalidData)));
    bench.recovers().await;
}

// Connections that end

async fn a_peer_that_hangs_up_in_the_middle_of_a_reply_may_have_executed_the_rest<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let first = peer.read(each()).await[0];
        peer.answer(first).await;
        peer.write(b"!\0\0").await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::Broken(ErrorKind::Other)));
    bench.recovers().await;
}

async fn a_peer_that_hangs_up_after_a_reply_may_have_executed_the_rest<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        let first = peer.read(each()).await[0];
        peer.answer(first).await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::MaybeSent("closed")));
    bench.recovers().await;
}

async fn a_peer_that_resets_the_connection_may_have_executed_all<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        // A socket that is dropped with something unread in it is reset.
        peer.peek(each() * frames::REQUEST_HEAD_LEN).await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    let good = bench.good.seen();
    for (number, end) in &ends {
        let is_good = good.contains(number);
        assert_eq!(*end, if is_good { End::Reply } else { End::Broken(ErrorKind::ConnectionReset) });
    }
    assert_eq!(good.len(), each());
    bench.recovers().await;
}

async fn a_peer_that_hangs_up_at_once_is_dialled_ever_less_often<K: Kind>() {
    const SECONDS: u32 = 600;
    let _held = hold_time();
    let mut bench = Bench::start::<K, _, _>(default(), |_, _| async {});
    for _ in 0..SECONDS {
        pass(Duration::from_secs(1)).await;
        while !matches!(bench.bad_row().status.state, AddressState::Backoff | AddressState::Waiting) {
            yield_now().await;
        }
        bench.all_is_well().await;
    }
    // As often as if each dial had failed: delays grow up to the cap, less the jitter.
    let delay = |failures| bench::backoff().delay(failures).mul_f64(0.8);
    let mut dials_max = 1;
    let mut last = Duration::ZERO;
    while last < Duration::from_secs(SECONDS.into()) {
        last += delay(dials_max);
        dials_max += 1;
    }
    let dials = u32::try_from(bench.bad.connections()).expect("there are few");
    assert!((dials_max / 3..=dials_max).contains(&dials), "{dials} of at most {dials_max}");
}

// Silence

async fn a_peer_that_never_answers_loses_its_connection_when_all_callers_have_gone<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { in_flight_max: Some(each()), ..default() };
    let mut bench = Bench::up::<K, _, _>(settings, |before, peer| async move {
        if before > 0 { peer.answer_all().await } else { peer.answer_none().await }
    })
    .await;
    let mut calls = bench.call_with(2 * EACH, 0, Some(DEADLINE));
    bench.bad.has_seen(each()).await;
    let ends = calls.first_ends(EACH).await;
    assert!(bench.ends_at_bad(&ends).is_empty());
    pass(DEADLINE).await;
    let ends = calls.ends().await;
    assert_eq!(bench.ends_at_bad(&ends), vec![TIMED_OUT; each()]);
    bench.recovers().await;
}

async fn the_next_call_finds_that_a_peer_does_not_answer_and_goes_to_another<K: Kind>() {
    let settings = Settings { reply_timeout: Some(REPLY_TIMEOUT), ..default() };
    let mut bench = Bench::up::<K, _, _>(settings, |before, peer| async move {
        if before > 0 { peer.answer_all().await } else { peer.answer_none().await }
    })
    .await;
    let calls = bench.call(2);
    bench.bad.has_seen(1).await;
    thread::sleep(2 * REPLY_TIMEOUT);
    bench.all_is_well().await;
    assert_eq!(bench.ends_at_bad(&calls.ends().await), [End::MaybeSent("not answering")]);
    bench.recovers().await;
}

async fn a_caller_that_goes_lets_it_be_seen_that_a_peer_does_not_answer<K: Kind>() {
    let settings = Settings { reply_timeout: Some(REPLY_TIMEOUT), ..default() };
    let mut bench = Bench::up::<K, _, _>(settings, |before, peer| async move {
        if before > 0 { peer.answer_all().await } else { peer.answer_none().await }
    })
    .await;
    let calls = bench.call(4);
    bench.bad.has_seen(2).await;
    thread::sleep(2 * REPLY_TIMEOUT);
    calls.give_up(bench.bad.seen()[0]);
    assert_eq!(bench.ends_at_bad(&calls.ends().await), [End::MaybeSent("not answering")]);
    bench.recovers().await;
}

// Slowness

async fn replies_that_come_byte_by_byte_are_replies<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |_, mut peer| async move {
        for request in peer.read(each()).await {
            for byte in Peer::encoded(request.reply()) {
                peer.write(&[byte]).await;
                yield_now().await;
            }
        }
        peer.answer_all().await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), vec![End::Reply; each()]);
    assert_eq!(bench.bad.connections(), 1);
}

/// The server's delays are 1, 2, 4, 8 s and so on.
async fn a_peer_that_grows_ever_slower_loses_its_connection_when_only_orphans_are_left<K: Kind>() {
    let _held = hold_time();
    let settings = Settings { in_flight_max: Some(2), ..default() };
    let mut bench = Bench::up::<K, _, _>(settings, |before, mut peer| async move {
        if before > 0 {
            return peer.answer_all().await;
        }
        for doublings in 0.. {
            let request = peer.read(1).await[0];
            sleep(Duration::from_secs(1 << doublings)).await;
            peer.answer(request).await;
        }
    })
    .await;
    for (seconds, end) in [(1, End::Reply), (2, End::Reply), (3, TIMED_OUT)] {
        bench.call_slow(1, seconds, end).await;
    }
    // The reply that nobody waits for comes, and goes to nobody.
    pass(Duration::from_secs(1)).await;
    bench.has_in_flight(0).await;
    bench.call_slow(1, 3, TIMED_OUT).await;
    bench.call_slow(2, 3, TIMED_OUT).await;
    bench.recovers().await;
    pass(Duration::from_secs(20)).await;
    bench.all_is_well().await;
}

impl Bench {
    /// Makes a call to the bad server, which then has so many, and lets so much time pass.
    async fn call_slow(&mut self, in_flight: u32, seconds: u64, expected: End) {
        let mut calls = self.call_with(2, 0, Some(DEADLINE));
        assert!(calls.first_ends(1).await.values().all(|end| *end == End::Reply));
        self.has_in_flight(in_flight).await;
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
    let mut bench = Bench::up::<K, _, _>(default(), |_, peer| never_read(peer)).await;
    let mut calls = bench.call_with(2 * EACH_PADDED, PADDING, Some(DEADLINE));
    let ends = calls.first_ends(EACH_PADDED).await;
    assert!(bench.ends_at_bad(&ends).is_empty());
    pass(DEADLINE).await;
    let ends = calls.ends().await;
    let count = |meant| ends.values().filter(|end| **end == meant).count();
    let (not_sent, maybe_sent) = (count(End::NotSent("timed out")), count(TIMED_OUT));
    assert_eq!(not_sent + maybe_sent, ends.len());
    assert!(maybe_sent >= 1 && not_sent > maybe_sent, "{maybe_sent} were begun, {not_sent} not");
}

async fn calls_to_a_peer_that_never_reads_go_to_another_when_it_does_not_answer<K: Kind>() {
    let settings = Settings { reply_timeout: Some(REPLY_TIMEOUT), ..default() };
    let mut bench = Bench::up::<K, _, _>(settings, |before, peer| async move {
        if before > 0 { peer.answer_all().await } else { never_read(peer).await }
    })
    .await;
    let mut calls = bench.call_with(2 * EACH_PADDED, PADDING, None);
    let mut ends = calls.first_ends(EACH_PADDED).await;
    thread::sleep(2 * REPLY_TIMEOUT);
    bench.all_is_well().await;
    ends.append(&mut calls.ends().await);
    let maybe_sent = ends.values().filter(|end| **end == End::MaybeSent("not answering")).count();
    let replies = ends.values().filter(|end| **end == End::Reply).count();
    assert_eq!(maybe_sent + replies, ends.len());
    assert!(maybe_sent >= 1 && replies > maybe_sent, "{maybe_sent} were begun, {replies} not");
    bench.recovers().await;
}

async fn never_read(peer: Peer) {
    pending::<()>().await;
    drop(peer);
}

fn one_reply_and(rest: End) -> Vec<End> {
    let mut ends = vec![rest; each()];
    ends[0] = End::Reply;
    ends
}
