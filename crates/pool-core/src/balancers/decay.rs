//! Exponential decay in integers.

use core::time::Duration;

use crate::instant::duration_nanos;

/// How fast a value decays: to 1/e in a given time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Decay {
    /// Halvings in a nanosecond, by 2^64.
    per_nano: u64,
}

/// log2(e), by 2^32.
const LOG2_E: u128 = 6_196_328_018;
/// The fraction of a halving is looked up in so many steps, and interpolated between them.
const STEPS_BITS: u32 = 5;
/// 2^(-1/32), by 2^63.
const STEP: u64 = 9_025_734_193_507_008_925;

/// 2^(-i/32), by 2^31.
#[expect(clippy::cast_possible_truncation, reason = "no power is above 2^31")]
const POWERS: [u32; 33] = {
    let mut powers = [0; 33];
    let mut power: u128 = 1 << 63;
    let mut step = 0;
    while step < 33 {
        powers[step] = (power >> 32) as u32;
        power = (power * STEP as u128) >> 63;
        step += 1;
    }
    powers
};

impl Decay {
    /// To 1/e in this time, at least a nanosecond.
    pub(super) fn new(time: Duration) -> Self {
        let nanos = u128::from(duration_nanos(time).max(1));
        let per_nano = (LOG2_E << 32) / nanos;
        Self { per_nano: u64::try_from(per_nano).unwrap_or(u64::MAX) }
    }

    /// What is left of a value after so many nanoseconds. Off by less than 0.01 % of it, and rounded down.
    #[inline]
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a fraction, less than 64, and no more than the value"
    )]
    pub(super) fn of(self, value: u64, nanos: u64) -> u64 {
        let halvings = (u128::from(nanos) * u128::from(self.per_nano)) >> 32;
        let whole = halvings >> 32;
        if whole >= u64::BITS.into() {
            return 0;
        }
        let fraction = halvings as u64 & u64::from(u32::MAX);
        let step = (fraction >> (32 - STEPS_BITS)) as usize;
        let between = fraction & ((1 << (32 - STEPS_BITS)) - 1);
        let (above, below) = (u64::from(POWERS[step]), u64::from(POWERS[step + 1]));
        let power = above - (((above - below) * between) >> (32 - STEPS_BITS));
        let left = (u128::from(value) * u128::from(power)) >> (31 + whole as u32);
        left as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::cast_precision_loss, reason = "the numbers are small enough")]
    fn a_value_decays_as_the_exponential_function_says() {
        let decay = Decay::new(Duration::from_secs(10));
        let value = 1_000_000_000_000_u64;
        for millis in (0..200_000_u64).step_by(37) {
            let exact = value as f64 * (-(millis as f64) / 10_000.0).exp();
            let found = decay.of(value, millis * 1_000_000) as f64;
            assert!((found - exact).abs() <= exact * 1e-4 + 1.0, "{millis} ms: {found} instead of {exact}");
        }
    }

    #[test]
    fn nothing_overflows_and_nothing_is_left_in_the_end() {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(10), Duration::MAX] {
            let decay = Decay::new(time);
            assert!(decay.of(u64::MAX, 0) >= u64::MAX - 1, "{time:?}");
            assert_eq!(decay.of(0, u64::MAX), 0);
        }
        assert_eq!(Decay::new(Duration::from_secs(10)).of(u64::MAX, u64::MAX), 0);
    }
}
