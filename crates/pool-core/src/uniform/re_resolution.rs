//! Re-resolution: when the name service is to be asked again.
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
pub(super) struct ReResolution {
    /// Failures of addresses in the set, since it last changed or a refresh was last asked for.
    failures: usize,
    /// No refresh before this.
    refresh_at: Instant,
}

impl<A: Clone + Ord, B: Balance> Uniform<A, B> {
    /// An address of the set has failed. Enough failures ask for a refresh.
    pub(super) fn count_towards_re_resolution(&mut self) {
        self.re_resolution.failures += 1;
        let is_enough = self.re_resolution.failures >= self.addresses.len();
        if is_enough && self.now >= self.re_resolution.refresh_at && self.phase.is_open() {
            self.re_resolution.failures = 0;
            self.re_resolution.refresh_at = self.now + self.config.refresh_interval_min;
            self.outputs.push_back(Output::Refresh);
        }
    }

    /// The time between two refreshes is another: one that has begun is as long as the others.
    pub(super) fn change_refresh_interval(&mut self, before: Duration) {
        if self.re_resolution.refresh_at > self.now {
            let begun = self.re_resolution.refresh_at.as_nanos().saturating_sub(duration_nanos(before));
            self.re_resolution.refresh_at = Instant::from_nanos(begun) + self.config.refresh_interval_min;
        }
    }

    /// The name service has said something else.
    pub(super) fn restart_re_resolution(&mut self) {
        self.re_resolution.failures = 0;
    }
}
