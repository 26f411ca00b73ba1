//! C5: a connection that dies young backs off like a failed dial.

use std::time::Duration;

use pool_driver::{FailureKind, Outcome};

use crate::scenarios::shared::{A_LONG_LIFE, SUCCESS, constant_backoff, millis};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

/// An address that flaps is dialled after the default delays, plus or minus a fifth.
fn flaps(dial: Dial) -> Script {
    Script::new()
        .serve(1, dial)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 4)
        .expect_between(BackOffMillis(1, 0), 80, 120)
        .expect_between(BackOffMillis(1, 1), 128, 192)
        .expect_between(BackOffMillis(1, 2), 204, 308)
        .expect_between(DialGapMillis(1, 0), 80, 121)
        .expect_between(DialGapMillis(1, 1), 128, 193)
        .expect_between(DialGapMillis(1, 2), 204, 309)
}

pub(crate) fn c5_a_connection_that_dies_young_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenDie)
}

pub(crate) fn c5_a_peer_that_accepts_and_hangs_up_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenClose)
}

pub(crate) fn c5_a_peer_that_accepts_and_sends_away_backs_off_like_a_failed_dial() -> Script {
    flaps(Dial::AcceptThenGoAway)
}

pub(crate) fn c5_a_flapping_address_takes_no_item_with_it() -> Script {
    Script::new()
        .serve(1, Dial::AcceptThenDie)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .repeat(4, |script| script.send_some(10).advance(millis(100)))
        .expect(Received(2), 40)
        .expect_at_least(BackOffs(1), 2)
        .expect(SentBeforeEnd(1), 0)
}

pub(crate) fn c5_a_connection_that_lives_long_enough_clears_the_failures() -> Script {
    Script::new()
        .with(StableAfter(millis(500)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(DialContextFailures(1), 3)
        .serve(1, Dial::Accept)
        .expect(Recovered(1), 1)
        .expect(Failures(1), 0)
        .break_connections(1)
        // The failures are counted from zero again.
        .expect(DialContextFailures(1), 1)
}

pub(crate) fn c5_a_connection_that_is_merely_up_clears_nothing() -> Script {
    Script::new()
        .with(BackoffOf(constant_backoff(millis(50))))
        .never_above(Recovered(1), 0)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .repeat(3, |script| script.kill(1).expect(Connected(1), 0).serve(1, Dial::Accept).expect(Ready(1), 1))
        .expect_at_least(Failures(1), 3)
        .expect_at_least(DialContextFailures(1), 3)
}

pub(crate) fn c5_one_reported_success_clears_the_failures() -> Script {
    Script::new()
        .behave(1, Conduct::KeepsItems)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, SUCCESS)
        .expect(Recovered(1), 1)
        .expect(Failures(1), 0)
        .expect(InFlight(1), 0)
}

pub(crate) fn c5_items_that_failed_or_were_cancelled_clear_nothing() -> Script {
    let failure = Outcome::Failure { latency: Some(Duration::ZERO), kind: FailureKind::Error };
    Script::new()
        .behave(1, Conduct::KeepsItems)
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .serve(1, Dial::Accept)
        .send([1, 2])
        .expect(Received(1), 2)
        .finish(1, 1, failure)
        .finish(1, 1, Outcome::Cancelled)
        .expect(UnreadEvents(1), 0)
        .expect(InFlight(1), 0)
        .expect(Recovered(1), 0)
        .expect_at_least(Failures(1), 2)
}

pub(crate) fn c5_a_clean_close_after_an_item_is_no_failure() -> Script {
    Script::new()
        .never_above(BackOffs(1), 0)
        .set_addresses([1])
        .send([1])
        .expect(Received(1), 1)
        .advance(A_LONG_LIFE)
        .hang_up(1)
        .expect_within(millis(51), Connections(1), 2)
        .expect(Ends(1), "Closed")
        .expect(Failures(1), 0)
}

pub(crate) fn c5_items_that_all_came_back_do_not_excuse_a_hang_up() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .behave(1, Conduct::NeverFlushes)
        .send([1])
        .expect(Unflushed(1), 1)
        .stall(1)
        .give_back(1)
        .expect(InBacklog, 1)
        .hang_up(1)
        .expect(Ends(1), "Closed")
        .expect(BackOffs(1), 1)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}
