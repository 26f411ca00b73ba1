//! I3: round-robin is exact.

use crate::scenarios::shared::{SUCCESS, connected};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn i3_items_in_a_row_are_shared_equally() -> Script {
    connected(Script::new(), 1..=3)
        .send(1..=60)
        .for_each(1..=3, |script, address| script.expect(Received(address), 20))
}

pub(crate) fn i3_items_that_come_one_by_one_are_shared_equally() -> Script {
    connected(Script::new(), 1..=4)
        .repeat(3, |script| {
            script
                .repeat(4, |script| script.send_some(1).expect(PermitsInUse, 0))
                .for_each(1..=4, |script, address| script.expect_at_least(Received(address), 1))
        })
        .for_each(1..=4, |script, address| script.expect(Received(address), 3))
}

pub(crate) fn i3_the_connections_of_an_address_take_turns() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .expect(Ready(1), 3)
        .send(1..=30)
        .expect(ReceivedOver(1, 0), 10)
        .expect(ReceivedOver(1, 1), 10)
        .expect(ReceivedOver(1, 2), 10)
}

/// Two addresses that keep what they get, and have got twenty items together.
fn laden() -> Script {
    connected(Script::new().behave(1, Conduct::KeepsItems).behave(2, Conduct::KeepsItems), 1..=2)
        .send(1..=20)
        .expect(Sent, 20)
        .expect(Received(1), 10)
        .expect(Received(2), 10)
}

pub(crate) fn i3_turns_of_several_items_are_shared_equally() -> Script {
    laden()
        .change_settings([ItemsPerTurn(5)])
        .expect(ConfigApplied, 1)
        .send(21..=80)
        .expect(Received(1), 40)
        .expect(Received(2), 40)
}

pub(crate) fn i3_turns_are_short_where_little_is_under_way() -> Script {
    let answering = Script::new().behave(1, Conduct::Answers(SUCCESS)).behave(2, Conduct::Answers(SUCCESS));
    connected(answering.with(ItemsPerTurn(64)), 1..=2)
        .for_each(1..=10, |script, item| {
            script
                .send([item.into()])
                .expect(Sent, u64::from(item))
                .expect(InFlight(1), 0)
                .expect(InFlight(2), 0)
        })
        .expect(Received(1), 5)
        .expect(Received(2), 5)
}

pub(crate) fn i3_an_address_that_joins_has_its_share_from_then_on() -> Script {
    connected(Script::new(), 1..=2)
        .send(1..=10)
        .expect(PermitsInUse, 0)
        .set_addresses([1, 2, 3])
        .expect(Ready(3), 1)
        .send(11..=40)
        .expect(Received(3), 10)
        .expect(Received(1), 15)
        .expect(Received(2), 15)
}

pub(crate) fn i3_an_address_that_leaves_leaves_equal_shares_to_the_others() -> Script {
    connected(Script::new(), 1..=3)
        .send(1..=30)
        .expect(PermitsInUse, 0)
        .set_addresses([1, 3])
        .expect(Removed(2), 1)
        .send(31..=50)
        .expect(Received(1), 20)
        .expect(Received(2), 10)
        .expect(Received(3), 20)
}

pub(crate) fn i3_an_address_that_pauses_has_its_share_before_and_after() -> Script {
    connected(Script::new(), 1..=2)
        .send(1..=10)
        .expect(Received(1), 5)
        .stall(1)
        .send(11..=20)
        .expect(Received(2), 15)
        .resume(1)
        .expect(Ready(1), 1)
        .send(21..=40)
        .expect(Received(1), 15)
        .expect(Received(2), 25)
}

pub(crate) fn i3_sets_that_come_all_the_time_do_not_start_the_round_afresh() -> Script {
    connected(Script::new().serve(5, Dial::Hang), 1..=4)
        .repeat(10, |script| {
            script
                .set_addresses(1..=5)
                .expect(NamesUnread, 0)
                .send_some(1)
                .set_addresses(1..=4)
                .expect(NamesUnread, 0)
                .send_some(1)
        })
        .for_each(1..=4, |script, address| script.expect(Received(address), 5))
}

pub(crate) fn i3_turns_become_longer_and_shorter_when_the_settings_say_so() -> Script {
    laden()
        .change_settings([ItemsPerTurn(5)])
        .expect(ConfigApplied, 1)
        .send(21..=40)
        .expect(Sent, 40)
        .change_settings([ItemsPerTurn(1)])
        .expect(ConfigApplied, 2)
        .send(41..=60)
        .expect(Received(1), 30)
        .expect(Received(2), 30)
}
