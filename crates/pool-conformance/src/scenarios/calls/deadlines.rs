//! Q4: a deadline that is over sends nothing.

use std::time::Duration;

use super::{blocked, on_the_wire};
use crate::scenarios::shared::{AN_HOUR, SUCCESS, connected, millis, secs};
use crate::script::{Conduct, Observation::*, Script};

const NOT_SENT: &str = "the request was not sent: its time was over before a connection could take it";
const MAYBE_SENT: &str = "the request may have been executed: no reply came in time";

pub(crate) fn q4_a_call_whose_time_is_over_in_the_queue_is_not_sent() -> Script {
    blocked()
        .call_within(0, millis(500))
        .expect_within(millis(500), Answer(0), NOT_SENT)
        .resume(1)
        .expect(Ready(1), 1)
        .expect_to_stay(secs(1), Received(1), 0)
        .expect(PermitsInUse, 0)
}

pub(crate) fn q4_a_call_without_time_is_not_sent() -> Script {
    connected(Script::of_calls().behave(1, Conduct::Answers(SUCCESS)), 1..=1)
        .call_within(0, Duration::ZERO)
        .expect(Answer(0), NOT_SENT)
        .call(1)
        .expect(Answer(1), "reply 1")
        .expect(ReceivedItems(1), [1])
}

pub(crate) fn q4_a_call_whose_time_is_over_is_not_sent_though_its_caller_never_looks() -> Script {
    blocked()
        .neglect_call(0, millis(500))
        .expect(PermitsInUse, 1)
        .advance(secs(1))
        .resume(1)
        .expect(PermitsInUse, 0)
        .expect_to_stay(secs(1), Received(1), 0)
        .expect(InFlight(1), 0)
}

pub(crate) fn q4_a_call_that_has_begun_may_have_been_sent_when_its_time_is_over() -> Script {
    connected(Script::of_calls().behave(1, Conduct::KeepsItems), 1..=1)
        .call_within(0, secs(3))
        .expect(Received(1), 1)
        .expect_within(secs(3), Answer(0), MAYBE_SENT)
        .finish(1, 1, SUCCESS)
        .expect(InFlight(1), 0)
        .expect(Connections(1), 1)
}

pub(crate) fn q4_a_call_that_is_answered_in_time_has_its_reply() -> Script {
    on_the_wire(0..1)
        .call_within(1, AN_HOUR)
        .expect(Received(1), 2)
        .advance(secs(1))
        .finish(1, 2, SUCCESS)
        .expect(Answer(1), "reply 1")
}

pub(crate) fn q4_a_deadline_comes_when_it_was_said_to() -> Script {
    blocked()
        .call_within(0, secs(3))
        .call_within(1, secs(1))
        .expect_within(secs(1), Answer(1), NOT_SENT)
        .expect(Answer(0), "")
        .expect_within(secs(2), Answer(0), NOT_SENT)
}
