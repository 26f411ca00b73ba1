//! Q1: everybody gets their own reply.

use super::on_the_wire;
use crate::scenarios::shared::{SUCCESS, connected};
use crate::script::{Conduct, Observation::*, Script, Setting::*};

pub(crate) fn q1_every_caller_of_a_crowd_gets_its_own_reply() -> Script {
    let script = Script::of_calls()
        .with(ConnectionsPerAddress(2))
        .with(QueueSize(10))
        .for_each(1..=3, |script, address| script.behave(address, Conduct::Answers(SUCCESS)));
    (0..80)
        .fold(connected(script, 1..=3), Script::call)
        .expect(Replies, 80)
        .expect(Sending, 0)
        .for_each(1..=3, |script, address| script.expect(InFlight(address), 0))
}

pub(crate) fn q1_replies_that_come_late_go_to_their_callers_in_order() -> Script {
    on_the_wire(0..3)
        .finish(1, 1, SUCCESS)
        .expect(Answer(0), "reply 0")
        .finish(1, 2, SUCCESS)
        .expect(Answer(1), "reply 1")
        .expect(Answer(2), "reply 2")
        .expect(InFlight(1), 0)
}

pub(crate) fn q1_a_caller_that_has_gone_shifts_nobodys_reply() -> Script {
    on_the_wire(0..3)
        .cancel(1)
        .expect(Sending, 2)
        .finish(1, 3, SUCCESS)
        .expect(Answer(0), "reply 0")
        .expect(Answer(2), "reply 2")
        .expect(Answer(1), "")
}
