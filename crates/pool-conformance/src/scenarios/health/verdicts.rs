//! H4: an address that is overloaded gets less, one that is unfit rests.

use std::time::Duration;

use pool_driver::Outcome;

use crate::scenarios::shared::{
    AN_HOUR, FAILURE, SUCCESS, connected, constant_backoff, endpoint, millis, secs,
};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

/// A driver may look at its sockets once more before it looks at the time.
const A_BIT_OVER_A_SECOND: Duration = millis(1_100);
const LATENCY: Option<Duration> = Some(Duration::ZERO);
const OVERLOADED: Outcome = Outcome::Overloaded { latency: LATENCY, pause: None };
const UNFIT: Outcome = Outcome::Unfit { latency: LATENCY };

const fn overloaded_for(pause: Duration) -> Outcome {
    Outcome::Overloaded { latency: LATENCY, pause: Some(pause) }
}

/// The first of two addresses keeps what it gets, the second answers. Each has had one item.
fn one_item_each(script: Script) -> Script {
    connected(script.behave(1, Conduct::KeepsItems).behave(2, Conduct::Answers(SUCCESS)), 1..=2)
        .send([1, 2])
        .expect(Received(1), 1)
        .expect(Received(2), 1)
}

/// An address rests for as long each time.
fn with_rests_of(rest: Duration) -> Script {
    Script::new().with(BackoffOf(constant_backoff(rest)))
}

pub(crate) fn h4_an_overloaded_address_gets_no_item_for_its_pause() -> Script {
    one_item_each(Script::new())
        .finish(1, 1, overloaded_for(AN_HOUR))
        .expect(AddressState(1), "resting")
        .never_above(Received(1), 1)
        .send(3..=22)
        .expect(Received(2), 21)
        .advance(secs(5))
        .send(23..=42)
        .expect(Received(2), 41)
}

pub(crate) fn h4_an_overload_costs_no_connection_and_is_no_failure() -> Script {
    one_item_each(Script::new())
        .never_above(Dials(1), 1)
        .never_above(BackOffs(1), 0)
        .finish(1, 1, overloaded_for(AN_HOUR))
        .expect(Rests(1), 1)
        .retry_now(1)
        .expect(Returned(1), 1)
        .send_some(2)
        .expect(Received(1), 2)
        .finish(1, 1, OVERLOADED)
        .expect(Rests(1), 2)
        .expect(Connected(1), 1)
        .expect(Failures(1), 0)
}

pub(crate) fn h4_an_overloaded_address_gets_what_nobody_else_can_take() -> Script {
    one_item_each(Script::new())
        .finish(1, 1, overloaded_for(AN_HOUR))
        .expect(Rests(1), 1)
        .stall(2)
        .send([3, 4])
        .expect(Received(1), 3)
        .resume(2)
        .expect(AddressState(2), "ready")
        .send([5, 6])
        .expect(Received(2), 3)
        .kill(2)
        .expect(Connected(2), 0)
        .send([7, 8])
        .expect(Received(1), 5)
}

pub(crate) fn h4_no_item_waits_for_an_address_that_is_overloaded_for_years() -> Script {
    connected(Script::new().behave(1, Conduct::Answers(overloaded_for(Duration::MAX))), 1..=1)
        .send(1..=20)
        .expect(Received(1), 20)
        .expect(AddressState(1), "resting")
        .expect(Availability, "Usable")
}

pub(crate) fn h4_one_item_tries_an_overloaded_address_and_others_follow_its_success() -> Script {
    one_item_each(Script::new())
        .finish(1, 1, overloaded_for(secs(1)))
        .expect(Rests(1), 1)
        .advance(A_BIT_OVER_A_SECOND)
        .send_some(20)
        .expect(Received(1), 2)
        .expect(Received(2), 20)
        .finish(1, 1, SUCCESS)
        .expect(Returned(1), 1)
        .send_some(20)
        .expect(Received(1), 12)
}

pub(crate) fn h4_one_of_two_servers_that_is_overloaded_for_ever_gets_next_to_nothing() -> Script {
    connected(
        Script::new().behave(1, Conduct::Answers(OVERLOADED)).behave(2, Conduct::Answers(SUCCESS)),
        1..=2,
    )
    .send([1, 2])
    .expect(Rests(1), 1)
    .never_above(Received(1), 10)
    .repeat(100, |script| script.send_some(20).advance(millis(20)))
    .expect_at_least(Received(2), 1_980)
}

pub(crate) fn h4_a_worse_priority_is_not_drawn_in_for_an_overload() -> Script {
    Script::new()
        .behave(1, Conduct::Answers(overloaded_for(AN_HOUR)))
        .never_above(Received(2), 0)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send([1])
        .expect(Rests(1), 1)
        .send(2..=10)
        .expect(Received(1), 10)
}

pub(crate) fn h4_an_unfit_address_rests_and_keeps_its_connections() -> Script {
    one_item_each(with_rests_of(AN_HOUR).with(ConnectionsPerAddress(3)))
        .never_above(Dials(1), 3)
        .finish(1, 1, UNFIT)
        .expect(AddressState(1), "resting")
        .never_above(Received(1), 1)
        .send(3..=22)
        .expect(Received(2), 21)
        .advance(secs(5))
        .send(23..=42)
        .expect(Received(2), 41)
        .expect(Connected(1), 3)
        .expect(BackOffs(1), 0)
}

pub(crate) fn h4_an_address_that_the_dial_finds_unfit_gets_no_item() -> Script {
    let servers =
        with_rests_of(AN_HOUR).serve(1, Dial::AcceptThenFindUnfit).behave(2, Conduct::Answers(SUCCESS));
    servers
        .with(ConnectionsPerAddress(3))
        .never_above(Dials(1), 3)
        .never_above(Received(1), 0)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 0, 1)])
        .send_some(20)
        .expect(Received(2), 20)
        .expect(Connected(1), 3)
        .expect(AddressState(1), "resting")
        .expect(Rests(1), 1)
        .expect(BackOffs(1), 0)
}

pub(crate) fn h4_one_item_tries_an_address_that_the_dial_found_unfit() -> Script {
    with_rests_of(secs(1))
        .serve(1, Dial::AcceptThenFindUnfit)
        .behave(1, Conduct::KeepsItems)
        .set_addresses([endpoint(1, 0, 1)])
        .expect(Rests(1), 1)
        .send_some(2)
        .expect(Received(1), 1)
        .finish(1, 1, SUCCESS)
        .expect(Returned(1), 1)
        .expect(Received(1), 2)
}

pub(crate) fn h4_items_wait_for_an_unfit_address_where_nobody_else_is() -> Script {
    connected(with_rests_of(AN_HOUR).behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, UNFIT)
        .expect(Availability, "Waiting")
        .send([2, 3])
        .expect(PermitsInUse, 2)
        .expect_to_stay(secs(1), Received(1), 1)
        .retry_now(1)
        .expect(ReceivedItems(1), [1, 2, 3])
        .expect(Availability, "Usable")
}

pub(crate) fn h4_a_worse_priority_takes_the_items_of_an_unfit_address() -> Script {
    with_rests_of(AN_HOUR)
        .behave(1, Conduct::KeepsItems)
        .set_addresses([endpoint(1, 0, 1), endpoint(2, 1, 1)])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, UNFIT)
        .expect(Rests(1), 1)
        .send([2, 3])
        .expect(ReceivedItems(2), [2, 3])
        .retry_now(1)
        .expect(Returned(1), 1)
        .send([4, 5])
        .expect(ReceivedItems(1), [1, 4, 5])
}

pub(crate) fn h4_one_item_tries_an_unfit_address_and_others_follow_its_success() -> Script {
    one_item_each(with_rests_of(secs(1)))
        .finish(1, 1, UNFIT)
        .expect(Rests(1), 1)
        .advance(A_BIT_OVER_A_SECOND)
        .send_some(20)
        .expect(Received(1), 2)
        .expect(Received(2), 20)
        .finish(1, 1, SUCCESS)
        .expect(Returned(1), 1)
        .send_some(20)
        .expect(Received(1), 12)
}

pub(crate) fn h4_the_item_that_waits_for_an_unfit_address_tries_it_when_its_rest_is_over() -> Script {
    connected(with_rests_of(millis(300)).behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, UNFIT)
        .expect(Rests(1), 1)
        .send([2, 3, 4])
        .expect(ReceivedItems(1), [1, 2])
        .expect(PermitsInUse, 2)
        .finish(1, 1, SUCCESS)
        .expect(ReceivedItems(1), [1, 2, 3, 4])
}

pub(crate) fn h4_each_unfit_reply_in_a_row_doubles_the_rest_up_to_the_cap() -> Script {
    let mut backoff = constant_backoff(millis(100));
    (backoff.growth_percent, backoff.cap) = (200, millis(400));
    connected(
        Script::new()
            .with(BackoffOf(backoff))
            .behave(1, Conduct::Answers(UNFIT))
            .behave(2, Conduct::Answers(SUCCESS)),
        1..=2,
    )
    .repeat(30, |script| script.send_some(2).advance(millis(50)))
    .expect_at_least(Rests(1), 4)
    .expect(RestMillis(1, 0), 100)
    .expect(RestMillis(1, 1), 200)
    .expect(RestMillis(1, 2), 400)
    .expect(RestMillis(1, 3), 400)
    .expect(Returned(1), 0)
}

pub(crate) fn h4_many_bad_replies_at_once_are_one_rest() -> Script {
    connected(with_rests_of(AN_HOUR).behave(1, Conduct::KeepsItems), 1..=1)
        .send(1..=10)
        .expect(Received(1), 10)
        .finish(1, 10, UNFIT)
        .expect(InFlight(1), 0)
        .expect(Rests(1), 1)
}

pub(crate) fn h4_a_success_from_before_the_rest_ends_no_rest_of_an_unfit_address() -> Script {
    connected(with_rests_of(AN_HOUR).behave(1, Conduct::KeepsItems), 1..=2)
        .never_above(Returned(1), 0)
        .send(1..=6)
        .expect(Received(1), 3)
        .finish(1, 1, UNFIT)
        .finish(1, 2, SUCCESS)
        .expect(InFlight(1), 0)
        .expect(AddressState(1), "resting")
        .send(7..=16)
        .expect(Received(2), 13)
}

pub(crate) fn h4_a_success_from_before_the_rest_ends_no_rest_of_an_overloaded_address() -> Script {
    connected(Script::new().behave(1, Conduct::KeepsItems), 1..=2)
        .never_above(Returned(1), 0)
        .send(1..=6)
        .expect(Received(1), 3)
        .finish(1, 1, overloaded_for(AN_HOUR))
        .finish(1, 2, SUCCESS)
        .expect(InFlight(1), 0)
        .expect(AddressState(1), "resting")
        .send(7..=16)
        .expect(Received(2), 13)
}

pub(crate) fn h4_an_item_that_fails_where_it_was_to_try_an_address_lets_no_other_follow() -> Script {
    one_item_each(with_rests_of(secs(1)))
        .never_above(Returned(1), 0)
        .finish(1, 1, UNFIT)
        .expect(Rests(1), 1)
        .advance(A_BIT_OVER_A_SECOND)
        .send_some(4)
        .expect(Received(1), 2)
        .finish(1, 1, FAILURE)
        .expect(Rests(1), 2)
        .send_some(10)
        .expect(Received(1), 2)
}

pub(crate) fn h4_a_connection_that_dies_with_the_item_that_tried_its_address_ends_no_rest() -> Script {
    one_item_each(with_rests_of(secs(1)))
        .never_above(Returned(1), 0)
        .finish(1, 1, UNFIT)
        .expect(Rests(1), 1)
        .advance(A_BIT_OVER_A_SECOND)
        .send_some(2)
        .expect(Received(1), 2)
        .break_connections(1)
        .expect(Rests(1), 2)
}

pub(crate) fn h4_a_pool_whose_addresses_are_all_unfit_fails_fast() -> Script {
    connected(with_rests_of(AN_HOUR).with(FailFastAfter(secs(1))).behave(1, Conduct::Answers(UNFIT)), 1..=1)
        .send([1])
        .expect(Rests(1), 1)
        .send([2])
        .expect(Availability, "FailingFast")
        .expect(UndeliveredItems, [2])
        .try_send(3)
        .expect(Refused, 1)
        .retry_now(1)
        .expect(Availability, "Usable")
        .send([4])
        .expect(ReceivedItems(1), [1, 4])
}

pub(crate) fn h4_somebody_who_knows_that_an_address_is_well_ends_its_rest() -> Script {
    one_item_each(Script::new())
        .finish(1, 1, overloaded_for(AN_HOUR))
        .expect(AddressState(1), "resting")
        .retry_now(1)
        .expect(Returned(1), 1)
        .expect(AddressState(1), "ready")
        .send_some(20)
        .expect(Received(1), 11)
}

pub(crate) fn h4_a_rest_outlives_the_absence_of_its_address() -> Script {
    one_item_each(Script::new())
        .finish(1, 1, overloaded_for(AN_HOUR))
        .expect(Rests(1), 1)
        .set_addresses([2])
        .expect(Open(1), 0)
        .set_addresses([1, 2])
        .expect(Connections(1), 2)
        .expect(AddressState(1), "resting")
        .send_some(20)
        .expect(Received(1), 1)
}

pub(crate) fn h4_an_unfit_address_of_a_lazy_pool_is_not_dialled_for_items_that_wait() -> Script {
    with_rests_of(AN_HOUR)
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .behave(1, Conduct::Answers(UNFIT))
        .never_above(Dials(1), 1)
        .set_addresses([1])
        .send([1])
        .expect(Rests(1), 1)
        .send([2, 3])
        .advance(secs(1))
        .set_addresses([1, 2])
        .expect(ReceivedItems(2), [2, 3])
}

pub(crate) fn h4_a_lazy_pool_dials_another_address_for_what_goes_to_an_overloaded_one() -> Script {
    Script::new()
        .with(Lazy)
        .behave(1, Conduct::Answers(overloaded_for(AN_HOUR)))
        .set_addresses([1])
        .send([1])
        .expect(Rests(1), 1)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .send(2..=5)
        .expect(ReceivedItems(2), [2, 3, 4, 5])
}

pub(crate) fn h4_an_address_that_says_now_this_and_now_that_stays_within_bounds() -> Script {
    let words = [UNFIT, OVERLOADED, FAILURE, overloaded_for(Duration::ZERO), UNFIT, Outcome::Cancelled];
    let all = |script: Script| {
        words.into_iter().fold(script, |script, outcome| {
            script.behave(1, Conduct::Answers(outcome)).send_some(20).advance(millis(100))
        })
    };
    connected(Script::new().behave(1, Conduct::Answers(UNFIT)).behave(2, Conduct::Answers(SUCCESS)), 1..=2)
        .send([1, 2])
        .expect(Rests(1), 1)
        .never_above(Received(1), 25)
        .never_above(Dials(1), 1)
        .repeat(4, all)
        .behave(1, Conduct::Answers(SUCCESS))
        .retry_now(1)
        .expect_at_least(Returned(1), 1)
        .expect(Sent, 482)
}
