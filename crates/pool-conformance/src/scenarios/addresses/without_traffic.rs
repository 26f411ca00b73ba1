//! A7: all of this goes on while no item is sent.

use crate::scenarios::shared::{millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn a7_connections_are_opened_and_drained_while_no_item_is_sent() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(3))
        .set_addresses([1])
        .expect(Ready(1), 3)
        .set_addresses([2])
        .expect(Ready(2), 3)
        .expect(Open(1), 0)
        .expect(Accepted, 0)
}

pub(crate) fn a7_an_address_that_fails_is_tried_again_while_no_item_is_sent() -> Script {
    Script::new()
        .with(Backoff(millis(50), millis(200)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 4)
        .expect(LastError(1), "connection refused")
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Accepted, 0)
}

pub(crate) fn a7_a_dial_that_hangs_times_out_while_no_item_is_sent() -> Script {
    Script::new()
        .with(DialTimeout(millis(500)))
        .with(Backoff(millis(100), millis(100)))
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 2)
        .expect(LastError(1), "the dial timed out")
        .expect_between(DialGapMillis(1, 0), 500, 510)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
}

pub(crate) fn a7_a_drain_is_cut_off_while_no_item_is_sent() -> Script {
    Script::new()
        .with(DrainTimeout(secs(1)))
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .set_no_addresses()
        .expect(Open(1), 0)
        .expect_between(DrainMillis(1, 0), 1000, 1010)
        .expect(KnownAddresses, 0)
}

pub(crate) fn a7_an_address_that_left_is_forgotten_while_no_item_is_sent() -> Script {
    Script::new()
        .with(Backoff(secs(1), secs(1)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .set_no_addresses()
        .expect(Removed(1), 1)
        .expect(KnownAddresses, 0)
        .expect(Accepted, 0)
}

pub(crate) fn a7_sets_are_read_while_no_connection_takes_an_item() -> Script {
    Script::new()
        .with(QueueSize(2))
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send([0, 1])
        .start_send(2)
        .expect(Waiting, 1)
        .set_addresses([1, 2])
        .expect(ReceivedItems(2), [0, 1, 2])
        .expect(Received(1), 0)
}
