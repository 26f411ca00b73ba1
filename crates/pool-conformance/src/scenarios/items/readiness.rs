//! I2: an item goes only to a connection that is ready just then.
//!
//! Every scenario of the suite checks that each item follows a `poll_ready` that returned ready: see
//! `Unasked`.

use crate::scenarios::shared::{connected, millis};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn i2_a_connection_that_drains_gets_no_item() -> Script {
    connected(Script::new(), 1..=2)
        .never_above(Unflushed(1), 0)
        .never_above(Received(1), 0)
        .behave(1, Conduct::NeverCloses)
        .serve(1, Dial::Refuse)
        .go_away(1)
        .expect(Draining(1), 1)
        .send(1..=10)
        .expect(ReceivedItems(2), 1..11)
        .resume(1)
        .expect(Open(1), 0)
}

pub(crate) fn i2_an_address_that_has_left_gets_no_item() -> Script {
    connected(Script::new().with(ConnectionsPerAddress(3)), 1..=2)
        .expect(Ready(1), 3)
        .never_above(Unflushed(1), 0)
        .never_above(Received(1), 0)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 3)
        .send(1..=20)
        .expect(Received(2), 20)
        .resume(1)
        .expect(Open(1), 0)
}

pub(crate) fn i2_an_address_that_comes_back_gets_items_over_its_new_connection_only() -> Script {
    connected(Script::new(), 1..=1)
        .never_above(ReceivedOver(1, 0), 0)
        .behave(1, Conduct::NeverCloses)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .set_addresses([1])
        .expect(Removed(2), 1)
        .expect(Ready(1), 1)
        .send(1..=10)
        .expect(ReceivedOver(1, 1), 10)
}

pub(crate) fn i2_a_connection_is_never_handed_more_than_it_takes() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::Window(3))
        .behave(1, Conduct::FlushesAfter(millis(20)))
        .never_above(Unflushed(1), 6)
        .set_addresses([1])
        .send_some(40)
        .expect(Received(1), 40)
        .expect(Unasked, 0)
}

pub(crate) fn i2_a_connection_that_has_turned_busy_since_it_was_last_seen_gets_no_item() -> Script {
    connected(Script::new(), 1..=1)
        .stall(1)
        .send([1])
        .expect(InBacklog, 1)
        .expect(AddressState(1), "busy")
        .expect_to_stay(millis(500), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), [1])
}

pub(crate) fn i2_an_item_waits_for_a_connection_that_is_not_up_yet() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([1, 2])
        .expect(AddressState(1), "dialling")
        .expect_to_stay(millis(500), Sent, 0)
        .stall(1)
        .serve(1, Dial::Accept)
        .expect(AddressState(1), "busy")
        .expect_to_stay(millis(500), Sent, 0)
        .resume(1)
        .expect(ReceivedItems(1), [1, 2])
}
