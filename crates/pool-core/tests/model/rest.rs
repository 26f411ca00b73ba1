//! How an address rests for what its replies said.
//!
//! `Resting` until its time is over, then `Due`: the next item tries it, and it is `Trying`, for as long as the rest
//! was. From there a success leads `Back`, a bad reply to the next rest, all else to the same rest once more. After
//! an overload nothing is remembered of it, else for as long as it was.

use core::time::Duration;

use pool_core::{Backoff, Instant, RestReason, SlotId};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest {
    pub(crate) reason: RestReason,
    pub(crate) stage: Stage,
    pub(crate) count: u32,
    pub(crate) length: Duration,
    pub(crate) until: Option<Instant>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Stage {
    Resting,
    Due,
    Trying(SlotId),
    Back,
}

/// Which turns an address takes part in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Place {
    Regular,
    /// Where no other can take an item.
    Spare,
}

impl Rest {
    pub(crate) fn place(self) -> Option<Place> {
        match (self.stage, self.reason) {
            (Stage::Due, _) => Some(Place::Regular),
            (_, RestReason::Overloaded) => Some(Place::Spare),
            _ => None,
        }
    }
}

/// Whether an address may rest for so long.
pub(crate) fn is_rest_length(
    found: Duration,
    reason: RestReason,
    count: u32,
    pause: Option<Duration>,
    backoff: &Backoff,
) -> bool {
    let most = if reason == RestReason::Overloaded { 4.0 } else { f64::INFINITY };
    let cap = backoff.cap.as_secs_f64().min(most);
    let mut delay = backoff.base.as_secs_f64();
    for _ in 1..count {
        delay = f64::min(delay * f64::from(backoff.growth_percent) / 100.0, cap);
    }
    let jitter = f64::from(backoff.jitter_percent) / 100.0;
    let pause = pause.unwrap_or_default().min(Duration::from_secs(600)).as_secs_f64();
    let (least, longest) = (f64::max(delay * (1.0 - jitter), pause), f64::max(delay * (1.0 + jitter), pause));
    let found = found.as_secs_f64();
    least - 1e-6 <= found && found <= longest + 1e-6
}
