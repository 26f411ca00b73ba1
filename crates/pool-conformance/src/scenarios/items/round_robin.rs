//! I3: round-robin is exact.

use crate::scenarios::shared::connected;
use crate::script::{Dial, Observation::*, Script, Setting::*};

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

pub(crate) fn i3_a_turn_can_be_of_several_items() -> Script {
    connected(Script::new().with(ItemsPerTurn(5)), 1..=1)
        .send(0..5)
        .expect(Received(1), 5)
        .set_addresses([1, 2])
        .expect(Ready(2), 1)
        .send(5..25)
        .expect(ReceivedItems(2), [10, 11, 12, 13, 14, 20, 21, 22, 23, 24])
        .expect(ReceivedItems(1), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 18, 19])
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

pub(crate) fn i3_turns_become_longer_when_the_settings_say_so() -> Script {
    connected(Script::new(), 1..=2)
        .send(0..4)
        .expect(Received(1), 2)
        .expect(Received(2), 2)
        .change_settings([ItemsPerTurn(5)])
        .expect(ConfigApplied, 1)
        .send(4..9)
        .expect(Sent, 9)
        .send(9..24)
        .expect(Received(1), 12)
        .expect(Received(2), 12)
}
