//! Q5: an item is in flight until nothing of its reply is owed.

use crate::scenarios::shared::{AN_HOUR, SUCCESS, connected, millis, secs};
use crate::script::{Conduct, Observation::*, Script, Setting::*};

/// A connection that was sent items and has begun to get the replies to this many of them.
fn answered(items: u32, replies: usize) -> Script {
    connected(Script::new().behave(1, Conduct::KeepsItemsAndWaits), 1..=1)
        .send(0..items)
        .expect(Received(1), u64::from(items))
        .begin_replies(1, replies)
        .expect(UnreadEvents(1), 0)
}

pub(crate) fn q5_an_item_that_is_answered_is_in_flight_until_it_is_finished() -> Script {
    answered(3, 2)
        .expect_to_stay(secs(1), InFlight(1), 3)
        .begin_replies(1, 1)
        .expect(UnreadEvents(1), 0)
        .expect_to_stay(secs(1), InFlight(1), 3)
        .finish(1, 2, SUCCESS)
        .expect(InFlight(1), 1)
        .finish(1, 1, SUCCESS)
        .expect(InFlight(1), 0)
}

pub(crate) fn q5_a_drain_waits_for_an_item_that_is_answered_and_not_finished() -> Script {
    answered(2, 2)
        .go_away(1)
        .expect(Draining(1), 1)
        .finish(1, 1, SUCCESS)
        .expect_to_stay(secs(1), Draining(1), 1)
        .expect(OpenLink(1, 0), 1)
        .finish(1, 1, SUCCESS)
        .expect(OpenLink(1, 0), 0)
        .expect(Ends(1), "Closed")
        .expect(InFlightAtEnd(1), 0)
}

pub(crate) fn q5_a_shutdown_waits_for_an_item_that_is_answered_and_not_finished() -> Script {
    answered(1, 1)
        .shutdown(AN_HOUR)
        .expect_to_stay(secs(1), EndEvents, 0)
        .finish(1, 1, SUCCESS)
        .expect(EndReason, "it was shut down")
        .expect(Ends(1), "Closed")
        .expect(InFlightAtEnd(1), 0)
}

pub(crate) fn q5_a_connection_that_answers_and_then_is_silent_is_replaced() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(1))).behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .begin_replies(1, 1)
        .expect(Connections(1), 2)
        .expect(Ends(1), "TimedOut")
        .expect(InFlightAtEnd(1), 1)
}

pub(crate) fn q5_a_connection_tells_latencies_by_the_time_of_the_runtime() -> Script {
    connected(Script::new().behave(1, Conduct::KeepsItems), 1..=1)
        .advance(secs(2))
        .send([1])
        .expect(Received(1), 1)
        .advance(millis(300))
        .begin_replies(1, 1)
        .expect_between(LatencyMillis(1, 0), 290, 310)
        .finish(1, 1, SUCCESS)
        .advance(secs(5))
        .send([2])
        .expect(Received(1), 2)
        .advance(millis(100))
        .begin_replies(1, 1)
        .expect_between(LatencyMillis(1, 1), 90, 110)
}
