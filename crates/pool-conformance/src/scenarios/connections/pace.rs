//! C7: pace is not blame.

use crate::scenarios::shared::{A_LONG_LIFE, SUCCESS, connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Parting, Script, Setting::*};

pub(crate) fn c7_a_server_that_closes_silent_connections_is_redialled_at_once_and_never_blamed() -> Script {
    connected(Script::new().never_above(BackOffs(1), 0), 1..=1)
        .repeat(3, |script| script.advance(secs(5)).hang_up(1).expect_within(millis(51), Ready(1), 1))
}

pub(crate) fn c7_a_peer_that_takes_an_item_and_closes_backs_off() -> Script {
    connected(Script::new().behave(1, Conduct::Parts(None, Parting::Close)), 1..=2)
        .repeat(100, |script| script.send_some(2).advance(millis(10)))
        .expect_at_least(BackOffs(1), 3)
        .expect_between(Connections(1), 3, 9)
        .expect_at_least(Received(2), 180)
}

pub(crate) fn c7_goodbyes_after_each_reply_are_paced_where_another_address_takes_the_items() -> Script {
    let script = Script::new()
        .never_above(BackOffs(1), 0)
        .behave(1, Conduct::Parts(Some(SUCCESS), Parting::Goodbye))
        .behave(2, Conduct::Answers(SUCCESS));
    connected(script, 1..=2)
        .repeat(40, |script| script.send_some(1).advance(millis(200)))
        // There are ten, and more on a machine that is slow; without a pace there are twenty.
        .expect_between(Connections(1), 4, 15)
        .expect_at_least(Received(2), 25)
}

pub(crate) fn c7_an_item_that_nobody_else_can_take_does_not_wait_for_the_pace() -> Script {
    let script =
        Script::new().never_above(BackOffs(1), 0).behave(1, Conduct::Parts(Some(SUCCESS), Parting::Goodbye));
    (1..=8).fold(connected(script, 1..=1), |script, items| {
        script.send_some(1).expect_within(millis(80), Received(1), items)
    })
}

pub(crate) fn c7_a_long_life_ends_the_row_of_short_ones() -> Script {
    let script =
        Script::new().never_above(BackOffs(1), 0).behave(1, Conduct::Parts(Some(SUCCESS), Parting::Goodbye));
    connected(script, 1..=1)
        .repeat(2, |script| script.send_some(1).advance(secs(5)))
        .behave(1, Conduct::Well)
        .expect(Ready(1), 1)
        .advance(A_LONG_LIFE)
        .go_away(1)
        .expect_within(millis(51), Ready(1), 1)
}

pub(crate) fn c7_a_close_that_owes_replies_is_a_failure() -> Script {
    connected(Script::new().behave(1, Conduct::KeepsItems), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .finish(1, 1, SUCCESS)
        .advance(secs(5))
        .send([2])
        .expect(Received(1), 2)
        .hang_up(1)
        .expect(BackOffs(1), 1)
}

pub(crate) fn c7_a_goodbye_that_answers_what_it_owes_is_no_failure() -> Script {
    connected(Script::new().never_above(BackOffs(1), 0).behave(1, Conduct::KeepsItemsAndWaits), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .go_away(1)
        .expect(Draining(1), 1)
        .finish(1, 1, SUCCESS)
        .expect(Ends(1), "Closed")
        .expect(Ready(1), 1)
}

pub(crate) fn c7_an_early_goodbye_that_answers_nothing_is_a_failure() -> Script {
    connected(Script::new().with(OutcomeTimeout(secs(30))).behave(1, Conduct::KeepsItemsAndWaits), 1..=1)
        .send([1])
        .expect(Received(1), 1)
        .go_away(1)
        .expect(Draining(1), 1)
        .expect(BackOffs(1), 0)
        .hang_up(1)
        .expect(BackOffs(1), 1)
}

pub(crate) fn c7_a_connection_drains_first_if_its_replacement_is_refused() -> Script {
    let script = Script::new()
        .with(StableAfter(millis(100)))
        .with(LifetimeMax(secs(2)))
        .never_above(BackOffs(1), 0)
        .behave(1, Conduct::NeverCloses);
    connected(script, 1..=1)
        .serve(1, Dial::Refuse)
        .expect(DrainReasons(1), "Lifetime")
        // While it drains nobody is dialled, for a second.
        .serve(1, Dial::Accept)
        .expect_within(millis(1_100), Ready(1), 1)
        .expect(Failures(1), 0)
}

pub(crate) fn c7_a_server_that_is_down_for_less_than_a_second_is_back_within_a_second() -> Script {
    connected(Script::new(), 1..=3)
        .advance(secs(5))
        .kill(1)
        .advance(millis(900))
        .serve(1, Dial::Accept)
        .expect_within(secs(1), Ready(1), 1)
}

pub(crate) fn c7_redials_that_nobody_waits_for_are_spread_over_50_ms() -> Script {
    connected(Script::new(), 1..=20)
        .advance(secs(10))
        .mark_time()
        .for_each(1..=20, Script::break_connections)
        .for_each(1..=20, |script, address| script.expect_within(millis(51), Ready(address), 1))
        .expect_at_least(SinceMarkMillis, 25)
}
