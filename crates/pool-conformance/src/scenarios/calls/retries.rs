//! Q6: retries avoid the failed address, and keep to their budget.

use super::on_the_wire;
use crate::scenarios::shared::{FAILURE, SUCCESS, connected, secs};
use crate::script::{Conduct, Observation::*, Script, Setting::*};

const DROPPED: &str = "the request may have been executed: its connection was dropped";

/// A pool of calls whose one address fails them all.
fn failing(script: Script) -> Script {
    connected(script.behave(1, Conduct::Answers(FAILURE)), 1..=1)
}

pub(crate) fn q6_retries_avoid_the_address_that_failed() -> Script {
    // By turns, every other one would go there again.
    let script = connected(Script::of_calls().behave(1, Conduct::KeepsItems), 1..=1);
    (0..6)
        .fold(script, Script::call_idempotently)
        .expect(Received(1), 6)
        .behave(2, Conduct::Answers(SUCCESS))
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .finish(1, 6, FAILURE)
        .expect(Replies, 6)
        .expect(Received(2), 6)
        .expect(Received(1), 6)
        .expect(Ready(1), 1)
}

pub(crate) fn q6_a_retry_goes_to_another_address_when_a_server_dies() -> Script {
    on_the_wire(0..1)
        .call_idempotently(1)
        .expect(Received(1), 2)
        .behave(2, Conduct::Answers(SUCCESS))
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .kill(1)
        .expect(Answer(1), "reply 1")
        .expect(Answer(0), DROPPED)
        .expect(ReceivedItems(2), [1])
}

pub(crate) fn q6_retries_are_no_more_than_the_budget_allows() -> Script {
    let script = Script::of_calls().with(RetryBudget(10, 0)).never_above(Received(1), 66);
    (0..60)
        .fold(failing(script), Script::call_idempotently)
        .expect(Sending, 0)
        .expect(Replies, 0)
        .expect_at_least(Received(1), 60)
}

pub(crate) fn q6_a_budget_forgets_by_the_time_of_the_runtime() -> Script {
    let script = Script::of_calls().with(RetryBudget(50, 0)).behave(2, Conduct::Answers(SUCCESS));
    (0..20)
        .fold(connected(script, 2..=2), Script::call)
        .expect(Replies, 20)
        .advance(secs(20))
        .behave(2, Conduct::Answers(FAILURE))
        .call_idempotently(20)
        .expect(Answer(20), DROPPED)
        .expect(Received(2), 21)
}

pub(crate) fn q6_attempts_are_limited() -> Script {
    failing(Script::of_calls()).call_idempotently(0).expect(Answer(0), DROPPED).expect(Received(1), 3)
}
