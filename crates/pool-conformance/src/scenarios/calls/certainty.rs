//! Q2: not sent is certain; maybe sent, only where nobody can know.

use std::time::Duration;

use super::{blocked, on_the_wire};
use crate::scenarios::shared::{FAILURE, SUCCESS, connected, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

const DROPPED: &str = "the request may have been executed: its connection was dropped";

pub(crate) fn q2_a_call_that_no_connection_had_is_not_sent() -> Script {
    Script::of_calls().with(FailFastAfter(secs(1))).serve(1, Dial::Refuse).set_addresses([1]).call(0).expect(
        Answer(0),
        "the request was not sent: the pool has no connection and fails fast; the last error of a \
             connection: connection refused",
    )
}

pub(crate) fn q2_a_call_that_waits_when_the_pool_ends_is_not_sent() -> Script {
    blocked()
        .call(0)
        .expect(PermitsInUse, 1)
        .shutdown(Duration::ZERO)
        .expect(Answer(0), "the request was not sent: the pool is closed: it was shut down")
        .expect(Received(1), 0)
}

pub(crate) fn q2_a_call_that_a_closed_pool_gets_is_not_sent() -> Script {
    Script::of_calls()
        .shutdown(Duration::ZERO)
        .expect(EndReason, "it was shut down")
        .call(0)
        .expect(Answer(0), "the request was not sent: the pool is closed: it was shut down")
}

pub(crate) fn q2_a_call_that_a_connection_had_when_it_broke_may_have_been_sent() -> Script {
    on_the_wire(0..2).break_connections(1).expect(Answer(0), DROPPED).expect(Answer(1), DROPPED)
}

pub(crate) fn q2_a_call_that_the_peer_refuses_goes_to_another_address() -> Script {
    on_the_wire(0..2)
        .behave(2, Conduct::Answers(SUCCESS))
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .stall(1)
        .give_back(1)
        .expect(Answer(0), "reply 0")
        .expect(Answer(1), "reply 1")
        .expect(ReceivedItems(2), [0, 1])
        .expect(InFlight(1), 0)
}

pub(crate) fn q2_a_call_that_the_peer_refuses_while_nobody_else_is_there_is_not_sent() -> Script {
    on_the_wire(0..1)
        .stall(1)
        .give_back(1)
        .expect(PermitsInUse, 1)
        .shutdown(Duration::ZERO)
        .expect(Answer(0), "the request was not sent: the pool is closed: it was shut down")
}

pub(crate) fn q2_a_call_that_has_failed_is_not_repeated_without_a_word() -> Script {
    connected(Script::of_calls().behave(1, Conduct::Answers(FAILURE)), 1..=1)
        .call(0)
        .expect(Answer(0), DROPPED)
        .expect_to_stay(secs(1), Received(1), 1)
}
