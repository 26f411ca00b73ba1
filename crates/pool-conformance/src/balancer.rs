//! Round-robin that can be told to panic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pool_driver::{AddressId, Balance, Instant, Pick, Ring, RoundRobin};

/// The balancer of a scenario's pool.
#[derive(Clone, Debug, Default)]
pub(crate) struct ScriptedBalancer {
    panics: Arc<AtomicBool>,
}

impl ScriptedBalancer {
    /// From now on it panics.
    pub(crate) fn spoil(&self) {
        self.panics.store(true, Ordering::Relaxed);
    }
}

impl Balance for ScriptedBalancer {
    fn pick(&self, ring: &Ring<'_>, pick: &Pick, now: Instant) -> Option<AddressId> {
        assert!(!self.panics.load(Ordering::Relaxed), "a scripted panic of the balancer");
        RoundRobin::new().pick(ring, pick, now)
    }
}
