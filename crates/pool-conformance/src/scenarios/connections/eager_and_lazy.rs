//! C2: eager opens without traffic, lazy only when an item waits.

use crate::scenarios::shared::{connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn c2_an_eager_pool_opens_all_connections_without_traffic_and_no_more() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1, 2])
        .expect(Ready(1), 3)
        .expect(Ready(2), 3)
        .expect_to_stay(millis(500), Dials(1), 3)
        .expect(Dials(2), 3)
}

pub(crate) fn c2_a_lazy_pool_opens_nothing_before_an_item_waits() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(2))
        .set_addresses([1, 2])
        .expect(KnownAddresses, 2)
        .expect_to_stay(secs(2), DiallingMax, 0)
        .send([1])
        .expect(Sent, 1)
        .expect(DiallingMax, 1)
}

pub(crate) fn c2_a_lazy_pool_opens_no_more_while_an_open_connection_takes_the_items() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .never_above(Dials(1), 1)
        .set_addresses([1])
        .send([0])
        .expect(Received(1), 1)
        .send(1..100)
        .expect(Received(1), 100)
}

pub(crate) fn c2_a_lazy_pool_opens_the_next_connection_to_the_least_connected_address() -> Script {
    // Every connection takes one item only.
    let script = Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(2))
        .for_each(1..=3, |script, address| {
            script.behave(address, Conduct::Window(1)).behave(address, Conduct::NeverFlushes)
        })
        .set_addresses([1, 2, 3]);
    let one_by_one = |script: Script, item: u32| script.send([item]).expect(Sent, u64::from(item));
    let script = (1..=3).fold(script, one_by_one);
    let script = script.for_each(1..=3, |script, address| script.expect(Connections(address), 1));
    (4..=6)
        .fold(script, one_by_one)
        .for_each(1..=3, |script, address| script.expect(Connections(address), 2))
        .send([7])
        .expect(PermitsInUse, 1)
        .advance(millis(500))
        .for_each(1..=3, |script, address| script.expect(Dials(address), 2))
}

pub(crate) fn c2_a_lazy_pool_dials_no_more_at_a_time_than_it_has_connections() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(4))
        .behave(1, Conduct::Window(1))
        .behave(1, Conduct::NeverFlushes)
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send(1..=4)
        .expect_to_stay(millis(200), Dialling, 1)
        .serve(1, Dial::Accept)
        .expect(Sent, 4)
        .expect(Connections(1), 4)
        .expect_between(DiallingMax, 1, 2)
}

pub(crate) fn c2_a_lazy_pool_does_not_replace_a_connection_before_the_next_item() -> Script {
    Script::new()
        .with(Lazy)
        .set_addresses([1])
        .send([1])
        .expect(Received(1), 1)
        .break_connections(1)
        .expect(Connected(1), 0)
        .expect_to_stay(secs(2), Dials(1), 1)
        .send([2])
        .expect(ReceivedItems(1), [1, 2])
        .expect(Dials(1), 2)
}

pub(crate) fn c2_a_lazy_pool_connects_for_somebody_who_asks_whether_it_is_ready() -> Script {
    Script::new()
        .with(Lazy)
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .ask_ready()
        .expect(ReadyAnswer, "ready")
        .expect_to_stay(millis(500), Dials(1), 1)
}

pub(crate) fn c2_a_sender_that_gives_up_cancels_no_dial() -> Script {
    Script::new()
        .with(Lazy)
        .with(QueueSize(1))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .send([1])
        .start_send(2)
        .expect(Waiting, 1)
        .expect(Dialling, 1)
        .cancel(2)
        .expect(Withdrawn, 1)
        .expect_to_stay(millis(500), Dialling, 1)
        .serve(1, Dial::Accept)
        .expect(ReceivedItems(1), [1])
        .expect(Dials(1), 1)
}

pub(crate) fn c2_a_pool_that_becomes_lazy_keeps_its_connections_and_opens_no_others() -> Script {
    connected(Script::new(), 1..=1)
        .change_settings([Lazy, ConnectionsPerAddress(3)])
        .expect(ConfigApplied, 1)
        .set_addresses([1, 2])
        .expect(Added(2), 1)
        .expect_to_stay(secs(1), Dials(2), 0)
        .send_some(10)
        .expect(Received(1), 10)
        .expect(Connections(1), 1)
}

pub(crate) fn c2_a_pool_that_becomes_eager_opens_all_connections_without_traffic() -> Script {
    Script::new()
        .with(Lazy)
        .set_addresses([1, 2])
        .expect(KnownAddresses, 2)
        .expect_to_stay(secs(1), Dialling, 0)
        .change_settings([ConnectionsPerAddress(2)])
        .expect(Ready(1), 2)
        .expect(Ready(2), 2)
}
