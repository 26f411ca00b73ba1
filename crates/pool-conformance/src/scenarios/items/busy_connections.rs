//! I4: a busy connection delays nobody else.

use crate::scenarios::shared::{connected, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn i4_an_item_that_a_connection_pushes_back_goes_to_another() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::Window(1))
        .behave(1, Conduct::NeverFlushes)
        // The next item is sent only after that, so it can't be what moves this one on.
        .for_each(2..=20, |script, items| {
            let script = if items == 2 { script.send([1]) } else { script };
            script.send([items.into()]).expect_within(millis(1), Sent, u64::from(items))
        })
        .expect(Received(2), 19)
        .expect(Unflushed(1), 1)
        .expect(PermitsInUse, 0)
}

pub(crate) fn i4_an_item_that_is_pushed_back_goes_to_another_without_more_traffic() -> Script {
    // In at least every second round it is the turn of the stalled connection.
    connected(Script::new(), 1..=2)
        .repeat(4, |script| {
            script
                .stall(1)
                .send_some(1)
                .expect_within(millis(1), PermitsInUse, 0)
                .resume(1)
                .expect(Ready(1), 1)
        })
        .expect(Received(2), 4)
}

pub(crate) fn i4_an_address_that_takes_nothing_delays_no_other() -> Script {
    Script::new()
        .stall(2)
        .set_addresses([1, 2, 3])
        .expect(Ready(1), 1)
        .expect(AddressState(2), "busy")
        .expect(Ready(3), 1)
        .send(1..=40)
        .expect_within(millis(1), Received(1), 20)
        .expect_within(millis(1), Received(3), 20)
        .expect(Sent, 40)
}

pub(crate) fn i4_a_full_connection_leaves_the_next_item_to_its_sibling() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::Window(2))
        .behave(1, Conduct::NeverFlushes)
        .serve(1, Dial::AcceptOnce)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([1, 2])
        .expect(Unflushed(1), 2)
        // The driver has not found out yet that it is full.
        .serve(1, Dial::Accept)
        .expect(Ready(1), 2)
        // One of these two items goes to the full connection first, whichever begins.
        .send([3])
        .expect_within(millis(1), Sent, 3)
        .send([4])
        .expect_within(millis(1), Sent, 4)
        .expect(UnflushedOver(1, 1), 2)
}

pub(crate) fn i4_a_slow_flush_delays_no_other_connection() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::FlushesAfter(secs(2)))
        .send(1..=20)
        .expect_within(millis(1), Received(2), 10)
        .send(21..=40)
        .expect_within(millis(1), Received(2), 20)
        .expect(Received(1), 20)
}

pub(crate) fn i4_the_first_connection_that_is_ready_again_takes_all_that_waits() -> Script {
    let script = (1..=3).fold(Script::new(), Script::stall);
    script
        .set_addresses([1, 2, 3])
        .expect(AddressState(3), "busy")
        .send(1..=10)
        .expect(PermitsInUse, 10)
        .resume(3)
        .expect(ReceivedItems(3), 1..11)
        .expect(Sent, 10)
}

pub(crate) fn i4_a_connection_that_drains_for_long_delays_nobody() -> Script {
    connected(Script::new(), 1..=2)
        .behave(1, Conduct::NeverFlushes)
        .send(1..=4)
        .expect(Unflushed(1), 2)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .send(5..=20)
        .expect_within(millis(1), Received(2), 18)
        .resume(1)
        .expect(Received(1), 2)
}
