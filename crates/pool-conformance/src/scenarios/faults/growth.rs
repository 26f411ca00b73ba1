//! F3: nothing grows with time.

use pool_driver::Endpoint;

use crate::scenarios::shared::{millis, secs};
use crate::script::{Conduct, Dial, Observation::*, Script, Setting::*};

pub(crate) fn f3_an_address_that_keeps_coming_and_going_leaves_no_row_and_no_connection_behind() -> Script {
    Script::new()
        .never_above(KnownAddresses, 1)
        .never_above(Open(1), 1)
        .never_above(PollsSinceMark, 300 * 8)
        .repeat(300, |flap| {
            flap.set_addresses([1]).expect(Connected(1), 1).set_no_addresses().expect(Open(1), 0)
        })
        .expect(KnownAddresses, 0)
        .expect(Connections(1), 300)
}

pub(crate) fn f3_addresses_that_come_but_once_are_forgotten() -> Script {
    (1..=300)
        .fold(Script::new().never_above(KnownAddresses, 2), |script, address| {
            script.set_addresses([address]).expect(Connected(address), 1).expect(KnownAddresses, 1)
        })
        .set_no_addresses()
        .expect(KnownAddresses, 0)
}

pub(crate) fn f3_addresses_that_failed_and_left_are_forgotten_when_their_backoff_is_over() -> Script {
    let refusing = Script::new().with(Backoff(secs(1), secs(1)));
    (1..=60)
        .fold(refusing, |script, address| {
            script.serve(address, Dial::Refuse).set_addresses([address]).expect_at_least(BackOffs(address), 1)
        })
        .set_no_addresses()
        .expect(KnownAddresses, 0)
        .serve(1, Dial::Accept)
        .set_addresses([1])
        .expect(Connected(1), 1)
        .expect(DialContextFailures(1), 0)
}

pub(crate) fn f3_a_connection_that_keeps_dying_costs_a_few_polls_each_time() -> Script {
    Script::new()
        .with(Backoff(millis(1), millis(1)))
        .set_addresses([1])
        .expect(Ready(1), 1)
        .never_above(KnownAddresses, 1)
        .never_above(Open(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 200 * 12)
        .repeat(200, |again| {
            again
                .serve(1, Dial::Hang)
                .break_connections(1)
                .expect(Connected(1), 0)
                .serve(1, Dial::Accept)
                .expect(Connected(1), 1)
        })
        .expect(Dials(1), 201)
        .send([0])
        .expect(ReceivedOver(1, 200), 1)
}

pub(crate) fn f3_weights_and_priorities_that_keep_changing_cost_a_few_polls_and_no_dial() -> Script {
    let changed = Endpoint::new(1).with_weight(9).with_priority(2);
    Script::new()
        .set_addresses([1, 2])
        .expect(Ready(1), 1)
        .expect(Ready(2), 1)
        .never_above(KnownAddresses, 2)
        .never_above(Dials(1), 1)
        .mark_polls()
        .never_above(PollsSinceMark, 200 * 4)
        .repeat(200, |change| {
            change.set_addresses([changed, Endpoint::new(2)]).set_addresses([1, 2]).expect(NamesUnread, 0)
        })
        .send(0..10)
        .expect(Received(1), 5)
        .expect(Received(2), 5)
}

pub(crate) fn f3_connections_that_drain_for_ever_do_not_pile_up() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(2))
        .behave(1, Conduct::NeverCloses)
        .never_above(Open(1), 4)
        .repeat(60, |flap| {
            flap.set_addresses([1]).expect(Connected(1), 2).set_addresses([2]).expect(Connected(1), 0)
        })
        .expect(Open(1), 2)
        .expect(Connections(1), 120)
        .resume(1)
        .expect(Open(1), 0)
}

pub(crate) fn f3_dials_that_are_abandoned_do_not_pile_up() -> Script {
    Script::new()
        .with(ConnectionsPerAddress(8))
        .with(DialsMax(8))
        .serve(1, Dial::Hang)
        .never_above(DialsOpen(1), 8)
        .repeat(200, |flap| {
            flap.set_addresses([1])
                .expect_at_least(DialsOpen(1), 1)
                .set_addresses([2])
                .expect(DialsOpen(1), 0)
        })
        // No permit was lost on the way.
        .serve(1, Dial::Accept)
        .set_addresses([1, 2])
        .expect(Ready(1), 8)
        .expect(KnownAddresses, 2)
}
