//! D2: a shutdown delivers while there is time.

use std::time::Duration;

use crate::scenarios::shared::{AN_HOUR, blocked, connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn d2_a_shutdown_stops_the_intake_at_once_and_delivers_the_queue() -> Script {
    blocked()
        .send([0, 1])
        .shutdown(AN_HOUR)
        .try_send(2)
        .expect(RefusedReason, "the pool is closed: it was shut down")
        .start_send(3)
        .expect(Refused, 2)
        .resume(1)
        .expect(ReceivedItems(1), [0, 1])
        .expect(EndReason, "it was shut down")
        .expect(Open(1), 0)
}

pub(crate) fn d2_senders_in_line_have_their_items_back_at_once() -> Script {
    blocked()
        .with(QueueSize(1))
        .send([0])
        .start_send(1)
        .start_send(2)
        .expect(Waiting, 2)
        .shutdown(AN_HOUR)
        .expect(Refused, 2)
        .expect(RefusedReason, "the pool is closed: it was shut down")
        .expect(Sending, 0)
        .resume(1)
        .expect(ReceivedItems(1), [0])
}

pub(crate) fn d2_what_is_queued_is_delivered_until_the_deadline_and_the_rest_is_undelivered() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::Window(2))
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send(0..5)
        .expect(Unflushed(1), 2)
        .shutdown(secs(2))
        .expect(UndeliveredItems, [2, 3, 4])
        .expect(UndeliveredReason, "the pool is closed: it was shut down")
        .expect(Open(1), 1)
        .resume(1)
        .expect(EndReason, "it was shut down")
        .expect(ReceivedItems(1), [0, 1])
}

pub(crate) fn d2_the_deadline_comes_when_it_was_said_to() -> Script {
    Script::new()
        .send([0])
        .expect(Accepted, 1)
        .mark_time()
        .shutdown(secs(3))
        .expect(EndReason, "it was shut down")
        .expect_between(SinceMarkMillis, 3000, 3010)
        .expect(Undelivered, 1)
}

pub(crate) fn d2_the_earliest_of_several_deadlines_counts() -> Script {
    Script::new()
        .send([0])
        .expect(Accepted, 1)
        .mark_time()
        .shutdown(AN_HOUR)
        .advance(secs(1))
        .shutdown(secs(1))
        .advance(millis(100))
        .shutdown(AN_HOUR)
        .expect(EndReason, "it was shut down")
        .expect_between(SinceMarkMillis, 2000, 2010)
        .expect(Undelivered, 1)
}

pub(crate) fn d2_a_later_deadline_does_not_put_off_an_earlier_one() -> Script {
    Script::new()
        .send([0])
        .expect(Accepted, 1)
        .mark_time()
        .shutdown(secs(2))
        .advance(secs(1))
        .shutdown(secs(2))
        .advance(millis(100))
        .shutdown(AN_HOUR)
        .expect(EndReason, "it was shut down")
        .expect_between(SinceMarkMillis, 2000, 2010)
        .expect(Undelivered, 1)
}

pub(crate) fn d2_a_connection_that_is_lost_during_the_shutdown_is_redialled() -> Script {
    blocked()
        .send([0, 1, 2])
        .shutdown(AN_HOUR)
        .kill(1)
        .expect(Connected(1), 0)
        .resume(1)
        .serve(1, Dial::Accept)
        .expect(EndReason, "it was shut down")
        .expect(ReceivedOver(1, 1), 3)
        .expect(Connections(1), 2)
}

pub(crate) fn d2_a_shutdown_without_time_hands_over_what_is_taken_at_once() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .try_send(0)
        .try_send(1)
        .shutdown(Duration::ZERO)
        .expect(EndReason, "it was shut down")
        .expect(ReceivedItems(1), [0, 1])
        .expect(Undelivered, 0)
}

pub(crate) fn d2_a_shutdown_without_time_returns_what_nobody_takes() -> Script {
    blocked()
        .send([0, 1])
        .shutdown(Duration::ZERO)
        .expect(UndeliveredItems, [0, 1])
        .resume(1)
        .expect(EndReason, "it was shut down")
        .expect(Received(1), 0)
}

pub(crate) fn d2_a_connection_that_does_not_close_holds_the_end_up_for_the_drain_timeout_only() -> Script {
    Script::new()
        .with(DrainTimeout(secs(2)))
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .shutdown(AN_HOUR)
        .expect(EndReason, "it was shut down")
        .expect_between(DrainMillis(1, 0), 2000, 2010)
        .expect(Ends(1), "DrainTimedOut")
        .expect(Ends(2), "Closed")
}

pub(crate) fn d2_an_item_that_comes_back_during_the_shutdown_goes_to_another_connection() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .stall(2)
        .behave(1, Conduct::NeverFlushes)
        .behave(1, Conduct::Window(1))
        .send([0, 1])
        .expect(Unflushed(1), 1)
        .shutdown(AN_HOUR)
        .serve(1, Dial::Hang)
        .stall(1)
        .give_back(1)
        .hang_up(1)
        .expect(Open(1), 0)
        .resume(2)
        .expect(ReceivedItems(2), [0, 1])
        .expect(EndReason, "it was shut down")
}

pub(crate) fn d2_a_deadline_beyond_all_time_is_no_deadline() -> Script {
    blocked()
        .send([0])
        .shutdown(Duration::MAX)
        .expect_to_stay(secs(3), Undelivered, 0)
        .expect(EndEvents, 0)
        .resume(1)
        .expect(ReceivedItems(1), [0])
        .expect(EndReason, "it was shut down")
}

pub(crate) fn d2_what_connections_hold_is_flushed_before_they_close() -> Script {
    Script::new()
        .behave(1, Conduct::FlushesAfter(secs(1)))
        .behave(2, Conduct::FlushesAfter(secs(2)))
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send(0..6)
        .shutdown(AN_HOUR)
        .expect(EndReason, "it was shut down")
        .expect(Received(1), 3)
        .expect(Received(2), 3)
        .expect(InFlightAtEnd(1), 3)
        .expect(Ends(2), "Closed")
}

pub(crate) fn d2_a_backoff_can_be_ended_during_the_shutdown() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(BackOffs(1), 1)
        .send([0])
        .shutdown(AN_HOUR)
        .serve(1, Dial::Accept)
        .retry_now(1)
        .expect(ReceivedItems(1), [0])
        .expect(EndReason, "it was shut down")
}

pub(crate) fn d2_a_shorter_drain_timeout_ends_a_shutdown_that_hangs() -> Script {
    connected(Script::new(), 1..=1)
        .behave(1, Conduct::NeverCloses)
        .shutdown(secs(0))
        .expect(Draining(1), 1)
        .change_settings([DrainTimeout(secs(1))])
        .expect(EndReason, "it was shut down")
        .expect(Ends(1), "DrainTimedOut")
}
