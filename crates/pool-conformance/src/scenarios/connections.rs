//! C1 to C6: connections.

use std::time::Duration;

use crate::observation::Observation::*;
use crate::script::{Script, Setting::*};
use crate::world::Dial;

pub(super) fn c5_a_connection_that_dies_young_backs_off_like_a_failed_dial() -> Script {
    Script::new()
        .serve(1, Dial::AcceptThenDie)
        .set_addresses([1])
        .expect_at_least(BackOffs(1), 3)
        .expect_between(BackOffMillis(1, 0), 80, 120)
        .expect_between(BackOffMillis(1, 1), 128, 192)
        .expect_between(DialGapMillis(1, 0), 80, 120)
        .expect_between(DialGapMillis(1, 1), 128, 192)
}
