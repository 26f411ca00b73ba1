//! A3: an address that leaves drains; its backoff outlives its absence.

use crate::scenarios::shared::{AN_HOUR, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn a3_a_dial_to_an_address_that_leaves_is_dropped() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DialsOpen(1), 1)
        .set_addresses([2])
        .expect(DialsOpen(1), 0)
        .expect(Ends(1), "AddressLeft")
        .serve(1, Dial::Accept)
        .send([0])
        .expect(Received(2), 1)
        .expect(Connections(1), 0)
        .expect(BackOffs(1), 0)
}

pub(crate) fn a3_a_connection_to_an_address_that_leaves_flushes_and_closes_and_takes_nothing_new() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0, 1])
        .expect(Unflushed(1), 2)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .expect(Ready(2), 1)
        .send(2..6)
        .expect(Received(2), 4)
        .expect(Open(1), 1)
        .resume(1)
        .expect(Open(1), 0)
        .expect(ReceivedItems(1), [0, 1])
        .expect(DrainReasons(1), "AddressLeft")
        .expect(Ends(1), "Closed")
}

pub(crate) fn a3_an_address_that_comes_back_gets_new_connections_beside_the_ones_that_drain() -> Script {
    Script::new()
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(Open(1), 2)
        .expect(Draining(1), 1)
        .send(0..4)
        .expect(ReceivedOver(1, 1), 4)
        .expect(ReceivedOver(1, 0), 0)
        .resume(1)
        .expect(Open(1), 1)
        .send([4])
        .expect(ReceivedOver(1, 1), 5)
}

pub(crate) fn a3_the_backoff_of_an_address_outlives_its_absence() -> Script {
    Script::new()
        .with(Backoff(secs(5), secs(5)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .repeat(5, |flap| {
            flap.set_addresses([2]).expect(Connected(2), 1).set_addresses([1]).expect(Open(2), 0)
        })
        .expect_between(DialGapMillis(1, 0), 4000, 6000)
        .expect_at_least(DialContextFailures(1), 1)
}

pub(crate) fn a3_who_knows_that_an_address_is_up_ends_the_backoff_that_it_brought_back() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect(BackOffs(1), 1)
        .set_addresses([2])
        .expect(AddressState(1), "departed")
        .serve(1, Dial::Accept)
        .set_addresses([1, 2])
        .expect(AddressState(1), "backoff")
        .expect(Dials(1), 1)
        .retry_now(1)
        .expect(Connected(1), 1)
        .expect(Failures(1), 1)
}

pub(crate) fn a3_what_is_queued_never_goes_to_an_address_that_left() -> Script {
    Script::new()
        .stall(1)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .send(0..10)
        .never_above(Received(1), 0)
        .serve(2, Dial::Hang)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .resume(1)
        .expect(Open(1), 0)
        .serve(2, Dial::Accept)
        .expect(ReceivedItems(2), 0..10)
}

pub(crate) fn a3_a_drain_that_takes_too_long_is_cut_off() -> Script {
    Script::new()
        .with(DrainTimeout(secs(2)))
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0])
        .expect(Unflushed(1), 1)
        .set_addresses([2])
        .expect(Open(1), 0)
        .expect_between(DrainMillis(1, 0), 2000, 2010)
        .expect(Ends(1), "DrainTimedOut")
        .expect(InFlightAtEnd(1), 1)
        .expect(BackOffs(1), 0)
}

pub(crate) fn a3_an_address_that_keeps_coming_and_going_keeps_only_the_newest_of_its_drains() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::NeverCloses)
        .never_above(DrainingMax(1), 2)
        .repeat(5, |flap| {
            flap.set_addresses([1])
                .expect(Connected(1), 2)
                .expect(Ready(1), 2)
                .set_addresses([2])
                .expect(Draining(1), 2)
                .expect(Connected(1), 0)
                .expect(Connected(2), 2)
                // Drains that start at the same time have no order.
                .advance(millis(20))
        })
        .expect(Open(1), 2)
        .expect(Connections(1), 10)
        .expect(OpenLink(1, 8), 1)
        .expect(OpenLink(1, 9), 1)
        .resume(1)
        .expect(Open(1), 0)
}

pub(crate) fn a3_a_connection_that_dies_while_it_drains_is_noticed_and_is_no_failure() -> Script {
    Script::new()
        .behave(1, Conduct::NeverCloses)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .set_addresses([2])
        .expect(Draining(1), 1)
        .break_connections(1)
        .expect(Open(1), 0)
        .expect(Ends(1), "Failed")
        .expect(KnownAddresses, 1)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .expect(BackOffs(1), 0)
}
