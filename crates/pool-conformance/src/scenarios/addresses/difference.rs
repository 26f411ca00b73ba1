//! A1: a set is applied whole, and only its difference acts.

use crate::scenarios::shared::{AN_HOUR, endpoint, millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn a1_the_same_set_again_causes_nothing() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(Added(1), 1)
        .never_above(Removed(1), 0)
        .never_above(Dials(1), 1)
        .repeat(50, |again| again.set_addresses([2, 1]).set_addresses([1, 2]).expect(NamesUnread, 0))
        .send(0..20)
        .expect(ReceivedOver(1, 0), 10)
        .expect(ReceivedOver(2, 0), 10)
}

pub(crate) fn a1_of_two_sets_only_the_difference_acts() -> Script {
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        // A pool that removed all addresses and then added all would be without a connection in between.
        .never_above(AvailabilityChanges, 1)
        .never_above(Dials(2), 1)
        .never_above(Removed(2), 0)
        .set_addresses([2, 3])
        .expect(Ready(3), 1)
        .expect(Open(1), 0)
        .send(0..10)
        .expect(ReceivedOver(2, 0), 5)
        .expect(Received(3), 5)
        .expect(Received(1), 0)
}

pub(crate) fn a1_the_same_set_again_ends_no_backoff() -> Script {
    Script::new()
        .with(Backoff(secs(5), secs(5)))
        .serve(1, Dial::Refuse)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 1)
        .repeat(10, |again| again.set_addresses([1]).advance(millis(50)))
        .set_addresses([endpoint(1, 1, 7)])
        .expect_between(DialGapMillis(1, 0), 4000, 6000)
        .expect_at_least(Failures(1), 2)
}

pub(crate) fn a1_an_address_that_stays_keeps_its_dial() -> Script {
    Script::new()
        .serve(1, Dial::Hang)
        .set_addresses([1])
        .expect(DialsOpen(1), 1)
        .never_above(Dials(1), 1)
        .set_addresses([1, 2])
        .expect(Connected(2), 1)
        .set_addresses([1])
        .expect(Open(2), 0)
        .serve(1, Dial::Accept)
        .expect(Ready(1), 1)
        .expect(Ends(1), "")
}

pub(crate) fn a1_a_change_of_weight_and_priority_keeps_the_connection_and_what_it_holds() -> Script {
    Script::new()
        .behave(1, Conduct::NeverFlushes)
        .set_addresses([1])
        .expect(Ready(1), 1)
        .send([0, 1])
        .expect(Unflushed(1), 2)
        .never_above(Dials(1), 1)
        .never_above(Removed(1), 0)
        .set_addresses([endpoint(1, 3, 7)])
        .expect(Weight(1), 7)
        .expect(Priority(1), 3)
        .resume(1)
        .send([2])
        .expect(ReceivedOver(1, 0), 3)
}

pub(crate) fn a1_an_address_that_stays_works_on_while_others_come_and_go() -> Script {
    Script::new()
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(Dials(1), 1)
        .never_above(Removed(1), 0)
        .repeat(30, |flap| {
            flap.set_addresses([1, 2])
                .expect(Connected(2), 1)
                .expect(Ready(2), 1)
                .send_some(4)
                .expect(PermitsInUse, 0)
                .set_addresses([1])
                .expect(Open(2), 0)
                .send_some(2)
                .expect(PermitsInUse, 0)
        })
        .expect(ReceivedOver(1, 0), 30 * 4)
        .expect(Received(2), 30 * 2)
}

pub(crate) fn a1_a_change_of_the_set_counts_no_failure_and_forgets_none() -> Script {
    Script::new()
        .with(Backoff(AN_HOUR, AN_HOUR))
        .serve(1, Dial::Refuse)
        .set_addresses([1, 2])
        .expect(Failures(1), 1)
        .expect(Connected(2), 1)
        .set_addresses([1, 3])
        .expect(Connected(3), 1)
        .set_addresses([endpoint(1, 0, 9), endpoint(2, 0, 1)])
        .expect(Removed(3), 1)
        .expect(Connections(2), 2)
        .expect(Failures(1), 1)
        .expect(Failures(2), 0)
        .expect(AddressState(1), "backoff")
        .expect(Dials(1), 1)
}
