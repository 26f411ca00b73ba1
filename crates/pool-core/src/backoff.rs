//! How long an address that fails is left alone.

use core::time::Duration;

use crate::config_error::{ConfigError, Problem, check_percent};
use crate::instant::duration_nanos;
use crate::random::Random;

/// Exponential backoff with jitter, measured between the starts of dials.
///
/// After the k-th failure in a row an address is dialled no earlier than
/// `min(cap, base * growth^(k-1))`, give or take the jitter, after its last dial started. So a
/// dial that fails slowly has waited already, and one that fails at once can't become a hot loop.
/// The jitter comes after the cap (delays at the cap stay apart too) and is drawn for each
/// failure. The shape is gRPC's (doc/connection-backoff.md), the scale is that of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backoff {
    /// The delay after the first failure; 100 ms by default.
    pub base: Duration,
    /// What each further failure makes of the delay, from 100 (constant) to 1,000; 160 by default.
    pub growth_percent: u32,
    /// The delay never exceeds this, jitter apart; 30 s by default.
    pub cap: Duration,
    /// How far a delay is moved at most, either way, from 0 to 90; 20 by default.
    pub jitter_percent: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(100),
            growth_percent: 160,
            cap: Duration::from_secs(30),
            jitter_percent: 20,
        }
    }
}

impl Backoff {
    /// The delay after the given number of failures in a row, before jitter.
    ///
    /// ```
    /// use core::time::Duration;
    /// use pool_core::Backoff;
    ///
    /// let backoff = Backoff::default();
    /// assert_eq!(backoff.delay(1), Duration::from_millis(100));
    /// assert_eq!(backoff.delay(2), Duration::from_millis(160));
    /// assert_eq!(backoff.delay(1_000_000), Duration::from_secs(30));
    /// ```
    #[must_use]
    pub fn delay(&self, failures: u32) -> Duration {
        let cap = duration_nanos(self.cap);
        let mut delay = duration_nanos(self.base).min(cap);
        for _ in 1..failures {
            let grown = u128::from(delay) * u128::from(self.growth_percent) / 100;
            let grown = u64::try_from(grown).unwrap_or(u64::MAX).min(cap);
            if grown == delay {
                break;
            }
            delay = grown;
        }
        Duration::from_nanos(delay)
    }

    /// The same, moved either way by up to [`jitter_percent`](Self::jitter_percent) of it, as chance has it.
    #[must_use]
    pub fn jittered(&self, failures: u32, random: &mut Random) -> Duration {
        let delay = self.delay(failures);
        let spread = self.spread(delay);
        random.between(delay.saturating_sub(spread), delay.saturating_add(spread))
    }

    /// The longest delay, less up to the jitter.
    pub(crate) fn jittered_cap(&self, random: &mut Random) -> Duration {
        random.between(self.cap.saturating_sub(self.spread(self.cap)), self.cap)
    }

    fn spread(&self, delay: Duration) -> Duration {
        (delay / 100).saturating_mul(self.jitter_percent)
    }

    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_duration("backoff.base", self.base)?;
        ConfigError::check_duration("backoff.cap", self.cap)?;
        check_percent("backoff.growth_percent", self.growth_percent, 100, 1000)?;
        check_percent("backoff.jitter_percent", self.jitter_percent, 0, 90)?;
        if self.cap < self.base {
            return Err(ConfigError::new("backoff.cap", Problem::ShorterThan("backoff.base")));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t18_jitter_also_spreads_delays_that_have_reached_the_cap() {
        let backoff = Backoff::default();
        let mut random = Random::new(1);
        let delays: alloc::vec::Vec<_> = (0..100).map(|_| backoff.jittered(1000, &mut random)).collect();
        let (min, max) = (delays.iter().min().expect("100 delays"), delays.iter().max().expect("100 delays"));
        assert!(*min >= Duration::from_secs(24) && *max <= Duration::from_secs(36), "{min:?} to {max:?}");
        assert!(
            *max > *min + Duration::from_secs(6),
            "a fifth either way spreads 100 draws: {min:?} to {max:?}"
        );
    }

    #[test]
    fn the_slowest_curve_has_reached_its_cap_long_before_failures_are_no_longer_counted() {
        let (base, cap) = (Duration::from_millis(1), Duration::from_secs(366 * 24 * 60 * 60));
        let backoff = Backoff { base, cap, growth_percent: 101, ..Backoff::default() };
        assert_eq!(backoff.validate(), Ok(()));
        assert_eq!(Backoff { growth_percent: 100, ..backoff }.delay(u32::MAX), base, "it never grows");
        assert_eq!(backoff.delay(u16::MAX.into()), cap);
    }

    #[test]
    fn delays_never_shrink_as_failures_go_on() {
        let backoff = Backoff { growth_percent: 101, ..Backoff::default() };
        let mut last = Duration::ZERO;
        for failures in 1..2000 {
            let delay = backoff.delay(failures);
            assert!(delay >= last && delay <= backoff.cap);
            last = delay;
        }
        assert_eq!(last, backoff.cap);
    }
}
