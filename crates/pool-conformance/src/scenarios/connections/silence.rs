//! C8: silence, suspects and outstanding work.

use std::time::Duration;

use pool_driver::Outcome;

use crate::scenarios::shared::{SUCCESS, connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

const SUSPECT_AFTER: Duration = millis(500);

/// An address whose connections keep what they get, four items at most, and say nothing.
fn silent() -> Script {
    connected(Script::new().with(SuspectAfter(SUSPECT_AFTER)).behave(1, Conduct::KeepsItemsUpTo(4)), 1..=1)
}

/// The same, whose first connection has been sent so much and is a suspect, with another beside it.
fn suspected(items: usize) -> Script {
    silent().send_some(items).expect(Suspected(1), 1).expect(Connections(1), 2).expect(Ready(1), 1)
}

pub(crate) fn c8_a_silent_connection_gets_no_new_items_and_another_beside_it_does() -> Script {
    suspected(1)
        .send_some(1)
        .expect(ReceivedOver(1, 1), 1)
        .expect(ReceivedOver(1, 0), 1)
        .expect(Failures(1), 0)
}

pub(crate) fn c8_a_suspect_that_says_something_takes_items_again() -> Script {
    silent()
        .serve(1, Dial::Hang)
        .send_some(1)
        .expect(Suspected(1), 1)
        .make_progress(1)
        .expect(Cleared(1), 1)
        .send_some(1)
        .expect(ReceivedOver(1, 0), 2)
}

pub(crate) fn c8_parts_of_a_reply_are_no_silence() -> Script {
    silent()
        .never_above(Suspected(1), 0)
        .send_some(1)
        .repeat(8, |script| script.advance(millis(150)).make_progress(1))
        .finish(1, 1, SUCCESS)
        .advance(secs(1))
}

pub(crate) fn c8_a_time_in_which_nobody_listens_is_no_silence() -> Script {
    connected(Script::new().with(SuspectAfter(secs(4))).behave(1, Conduct::KeepsItemsUpTo(4)), 1..=1)
        .never_above(Suspected(1), 0)
        .send_some(1)
        .expect(Received(1), 1)
        .hold_driver()
        .advance(secs(10))
        .finish(1, 1, SUCCESS)
        .release_driver()
        .expect(InFlight(1), 0)
        .send_some(1)
        .expect(ReceivedOver(1, 0), 2)
}

pub(crate) fn c8_cancels_alone_make_no_suspect() -> Script {
    silent()
        .never_above(Suspected(1), 0)
        .never_above(BackOffs(1), 0)
        .repeat(8, |script| script.send_some(1).advance(millis(150)).finish(1, 1, Outcome::Cancelled))
        .expect(Received(1), 8)
        .expect(Connections(1), 1)
}

pub(crate) fn c8_cancels_end_no_silence() -> Script {
    connected(Script::new().with(SuspectAfter(secs(4))).behave(1, Conduct::KeepsItems), 1..=1)
        .send_some(8)
        .repeat(3, |script| script.advance(secs(1)).finish(1, 1, Outcome::Cancelled))
        .expect_within(secs(2), Suspected(1), 1)
}

pub(crate) fn c8_a_suspect_that_owes_nothing_any_more_is_replaced() -> Script {
    suspected(2)
        .finish(1, 2, Outcome::Cancelled)
        .expect(DrainReasons(1), "Silent")
        .expect(BackOffs(1), 0)
        .send_some(1)
        .expect(ReceivedOver(1, 1), 1)
}

pub(crate) fn c8_a_peer_that_hangs_gets_no_more_to_do_than_its_limit_and_one_probe() -> Script {
    suspected(4)
        .send_some(10)
        .expect(Received(1), 5)
        .expect_to_stay(millis(300), Received(1), 5)
        .expect(Failures(1), 0)
}

pub(crate) fn c8_the_reply_to_a_probe_gives_the_suspects_up_and_blames_nobody() -> Script {
    suspected(4)
        .behave(1, Conduct::Answers(SUCCESS))
        .send_some(10)
        .expect(Ends(1), "Silent")
        .expect(Received(1), 14)
        .expect(BackOffs(1), 0)
}

pub(crate) fn c8_what_suspects_hold_goes_to_other_addresses() -> Script {
    connected(
        Script::new()
            .with(SuspectAfter(SUSPECT_AFTER))
            .behave(1, Conduct::KeepsItemsUpTo(4))
            .behave(2, Conduct::Answers(SUCCESS)),
        1..=2,
    )
    .send_some(8)
    .expect(Received(1), 4)
    .expect(Suspected(1), 1)
    .expect(Connections(1), 2)
    .send_some(20)
    .expect(Received(1), 5)
    .expect(Received(2), 23)
}

pub(crate) fn c8_a_connection_that_takes_one_item_at_a_time_is_no_suspect() -> Script {
    connected(Script::new().with(SuspectAfter(SUSPECT_AFTER)).behave(1, Conduct::KeepsItemsUpTo(1)), 1..=1)
        .never_above(Suspected(1), 0)
        .send_some(1)
        .advance(secs(1))
        .expect(Connections(1), 1)
}

pub(crate) fn c8_a_suspect_is_given_up_at_the_timeout() -> Script {
    connected(
        Script::new()
            .with(SuspectAfter(SUSPECT_AFTER))
            .with(OutcomeTimeout(secs(1)))
            .behave(1, Conduct::KeepsItemsUpTo(4)),
        1..=1,
    )
    .send_some(1)
    .expect(Suspected(1), 1)
    .expect(Ends(1), "TimedOut")
    .expect(BackOffs(1), 1)
}

pub(crate) fn c8_nobody_is_blamed_for_a_silence_in_which_nobody_waits() -> Script {
    connected(
        Script::new()
            .with(SuspectAfter(SUSPECT_AFTER))
            .with(OutcomeTimeout(secs(1)))
            .never_above(BackOffs(1), 0)
            .behave(1, Conduct::KeepsItemsUpTo(4)),
        1..=1,
    )
    .send_some(2)
    .expect(Received(1), 2)
    .abandon(1, 2)
    .expect(Suspected(1), 1)
    .expect(Ends(1), "Silent")
    .expect(Ready(1), 1)
}

pub(crate) fn c8_a_lazy_pool_makes_one_beside_a_suspect_when_an_item_waits() -> Script {
    Script::new()
        .with(Lazy)
        .with(SuspectAfter(SUSPECT_AFTER))
        .behave(1, Conduct::KeepsItemsUpTo(4))
        .set_addresses([1])
        .send_some(1)
        .expect(Suspected(1), 1)
        .expect(Connections(1), 1)
        .send_some(1)
        .expect(ReceivedOver(1, 1), 1)
}
