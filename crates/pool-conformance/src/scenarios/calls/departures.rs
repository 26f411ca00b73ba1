//! Q3: a caller that goes leaves nothing behind.

use super::{blocked, on_the_wire};
use crate::scenarios::shared::{SUCCESS, secs};
use crate::script::{Conduct, Observation::*, Script, Setting::*};

/// The connection takes calls, and answers them.
fn answering(script: Script) -> Script {
    script.behave(1, Conduct::Answers(SUCCESS))
}

pub(crate) fn q3_a_caller_that_goes_while_its_call_is_queued_sends_nothing() -> Script {
    let waiting = blocked().call(0).call(1).call(2).expect(PermitsInUse, 3);
    answering(waiting.cancel(1).expect(Sending, 2))
        .expect(Replies, 2)
        .expect(Received(1), 2)
        .expect(Answer(1), "")
        .expect(InFlight(1), 0)
        .expect(PermitsInUse, 0)
}

pub(crate) fn q3_a_caller_that_goes_while_its_call_is_on_the_wire_takes_no_place_for_good() -> Script {
    on_the_wire(0..2)
        .cancel(0)
        .cancel(1)
        .expect(Sending, 0)
        .finish(1, 2, SUCCESS)
        .expect(InFlight(1), 0)
        .expect_to_stay(secs(1), Connections(1), 1)
        .behave(1, Conduct::Answers(SUCCESS))
        .call(2)
        .expect(Answer(2), "reply 2")
}

pub(crate) fn q3_a_caller_that_goes_leaves_its_place_in_the_queue() -> Script {
    let full = blocked().with(QueueSize(2)).call(0).call(1).expect(PermitsInUse, 2);
    answering(full.call(2).expect(Waiting, 1).cancel(0).cancel(1).expect(Sending, 1).expect(Waiting, 0))
        .expect(Answer(2), "reply 2")
        .expect(ReceivedItems(1), [2])
}
