//! Chance that is seeded by the caller, and is the same everywhere.

use core::time::Duration;

use crate::instant::duration_nanos;

/// A small source of seeded chance: the same seed gives the same numbers, on every machine.
///
/// It spreads what many clients would else do at the same time; it is not for secrets. The generator is
/// `SplitMix64` (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
///
/// ```
/// use core::time::Duration;
/// use pool_core::{Backoff, Random};
///
/// let mut random = Random::new(42);
/// let delay = Backoff::default().jittered(1, &mut random);
/// assert!(Duration::from_millis(80) <= delay && delay <= Duration::from_millis(120));
///
/// let (min, max) = (Duration::from_secs(27), Duration::from_secs(30));
/// let interval = random.between(min, max);
/// assert!(min <= interval && interval <= max);
/// ```
#[derive(Clone, Debug)]
pub struct Random {
    state: u64,
}

/// By which the state grows with each number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// Numbers that depend on the seed alone. Any seed is as good as another.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// The number that comes after so many others, at no cost of theirs.
    pub(crate) const fn nth(seed: u64, before: u64) -> u64 {
        Self::new(seed.wrapping_add(before.wrapping_mul(STEP))).next_u64()
    }

    /// The next number, uniform over all.
    pub const fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number that is uniform over `0..=max`.
    pub fn up_to(&mut self, max: u64) -> u64 {
        // By multiplication instead of a division (Lemire 2019).
        let wide = u128::from(self.next_u64()) * (u128::from(max) + 1);
        u64::try_from(wide >> 64).unwrap_or(max)
    }

    /// A duration that is uniform over `min..=max`, in nanoseconds; `min`, if `max` is shorter. Durations
    /// beyond 584 years count as that.
    pub fn between(&mut self, min: Duration, max: Duration) -> Duration {
        let min = duration_nanos(min);
        let spread = duration_nanos(max).saturating_sub(min);
        Duration::from_nanos(min + self.up_to(spread))
    }

    pub(crate) fn next_u16(&mut self) -> u16 {
        let [low, high, ..] = self.next_u64().to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nth_number_is_the_one_that_would_have_come_after_those_before() {
        let mut random = Random::new(7);
        for before in 0..5 {
            assert_eq!(Random::nth(7, before), random.next_u64());
        }
    }

    #[test]
    fn a_duration_between_two_is_drawn_from_all_of_them_and_no_others() {
        let (min, max) = (Duration::from_nanos(7), Duration::from_nanos(9));
        let mut random = Random::new(1);
        let drawn: alloc::collections::BTreeSet<_> = (0..100).map(|_| random.between(min, max)).collect();
        assert_eq!(drawn.into_iter().collect::<alloc::vec::Vec<_>>(), [7, 8, 9].map(Duration::from_nanos));
        assert_eq!(random.between(max, min), max);
        let endless = random.between(Duration::ZERO, Duration::MAX);
        assert!(endless <= Duration::from_nanos(u64::MAX));
    }
}
