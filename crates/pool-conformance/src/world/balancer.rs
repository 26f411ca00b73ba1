//! Round-robin that can be told to panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pool_driver::{AddressId, Balance, Instant, PickArgs, Ring, RoundRobin};

use super::user_calls::Calls;

/// The balancer of a scenario's pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedBalancer {
    panics: Arc<AtomicBool>,
    calls: Calls,
}

impl ScriptedBalancer {
    /// A balancer whose panics count as panics of user code.
    pub(crate) fn new(calls: &Calls) -> Self {
        Self { calls: calls.clone(), ..Self::default() }
    }

    /// From now on it panics.
    pub(crate) fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }
}

impl Balance for ScriptedBalancer {
    fn pick(&self, ring: &Ring<'_>, pick: &PickArgs, now: Instant) -> Option<AddressId> {
        if self.panics.load(Ordering::Relaxed) {
            self.calls.panic("of the balancer");
        }
        RoundRobin::new().pick(ring, pick, now)
    }
}
