//! Servers that misbehave, over real TCP: what their callers learn, and that those of the server
//! beside them never notice. Those that are slow or silent are in `silent_peers.rs`.

mod bench;
#[path = "../../pool-call/tests/loopback/frames.rs"]
mod frames;
#[path = "../../pool-call/tests/loopback/watchdog.rs"]
mod watchdog;

use std::io::ErrorKind;
use std::time::Duration;

use bench::{Bench, ById, EACH, End, Kind, Peer, Settings, each, hold_time, on_both_kinds, pass};
use frames::Reply;
use pool_tokio::events::AddressState;
use tokio::task::yield_now;

fn default() -> Settings {
    Settings::default()
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
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
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
    let mut bench = Bench::up::<ById, _, _>(default(), |mut peer| async move {
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
    let mut bench = Bench::up::<ById, _, _>(default(), |mut peer| async move {
        let reply = peer.read(each()).await[0].reply();
        peer.say_at_once([reply, reply]).await;
        peer.answer_none().await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::MaybeSent("unexpected reply")));
    bench.recovers().await;
}

#[tokio::test]
async fn a_second_reply_that_is_late_goes_to_nobody_who_has_the_place_of_the_first() {
    let settings = Settings { in_flight_max: Some(1), ..default() };
    let mut bench = Bench::up::<ById, _, _>(settings, |mut peer| async move {
        let first = peer.read(1).await[0];
        peer.answer(first).await;
        peer.read(1).await;
        peer.answer(first).await;
        peer.answer_none().await;
    })
    .await;
    bench.all_is_well().await;
    let ends = bench.call(2).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), [End::MaybeSent("unexpected reply")]);
    bench.recovers().await;
}

async fn garbage_breaks_the_connection<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
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
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
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
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
        let first = peer.read(each()).await[0];
        peer.answer(first).await;
    })
    .await;
    let ends = bench.call(2 * EACH).ends().await;
    assert_eq!(bench.ends_at_bad(&ends), one_reply_and(End::MaybeSent("closed")));
    bench.recovers().await;
}

async fn a_peer_that_resets_the_connection_may_have_executed_all<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
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

// Peers that are odd and do no harm

async fn replies_that_come_byte_by_byte_are_replies<K: Kind>() {
    let mut bench = Bench::up::<K, _, _>(default(), |mut peer| async move {
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

fn one_reply_and(rest: End) -> Vec<End> {
    let mut ends = vec![rest; each()];
    ends[0] = End::Reply;
    ends
}
