//! When the address set is doubted.
//!
//! A pool whose connections keep failing may be working with addresses that are no longer true. Each
//! time it has counted as many failures as it has addresses, it asks for the name service to look
//! again, as gRPC's pick-first does (gRFC A61), but not more often than
//! [`Config::refresh_interval_min`](crate::Config::refresh_interval_min).

use core::time::Duration;

use super::Uniform;
use crate::balance::Balance;
use crate::instant::{Instant, duration_nanos};
use crate::output::Output;

#[derive(Clone, Debug, Default)]
pub(super) struct Refreshes {
    /// Failures of addresses in the set, since it last changed or was last doubted.
    failures: usize,
    /// No refresh before this.
    refresh_at: Instant,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// An address of the set has failed.
    pub(super) fn request_refresh(&mut self) {
        self.refreshes.failures += 1;
        let is_enough = self.refreshes.failures >= self.addresses.len();
        if is_enough && self.now >= self.refreshes.refresh_at && self.phase.is_open() {
            self.refreshes.failures = 0;
            self.refreshes.refresh_at = self.now + self.config.refresh_interval_min;
            self.outputs.push_back(Output::Refresh);
        }
    }

    /// The time between two refreshes is another: one that has begun is as long as the others.
    pub(super) fn change_refresh_interval(&mut self, before: Duration) {
        if self.refreshes.refresh_at > self.now {
            let begun = self.refreshes.refresh_at.as_nanos().saturating_sub(duration_nanos(before));
            self.refreshes.refresh_at = Instant::from_nanos(begun) + self.config.refresh_interval_min;
        }
    }

    /// The name service has said something else.
    pub(super) fn stop_refreshing(&mut self) {
        self.refreshes.failures = 0;
    }
}
