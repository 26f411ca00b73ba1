//! How long things take.

use std::time::Duration;

use pool_core::Random;

/// A time that is drawn again and again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(in crate::simulate) enum Span {
    Fixed(Duration),
    /// Uniform from one to the other.
    Between(Duration, Duration),
    /// Exponential, with this mean.
    Exponential(Duration),
}

impl Span {
    pub(super) fn draw(self, random: &mut Random) -> Duration {
        match self {
            Self::Fixed(time) => time,
            Self::Between(min, max) => random.between(min, max),
            Self::Exponential(mean) => mean.mul_f64(-(1.0 - unit(random)).ln()),
        }
    }
}

/// Uniform from 0 to 1, never 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
fn unit(random: &mut Random) -> f64 {
    (random.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_have_the_mean_that_they_say() {
        let (one, three) = (Duration::from_millis(1), Duration::from_millis(3));
        for span in [Span::Fixed(2 * one), Span::Between(one, three), Span::Exponential(2 * one)] {
            let mut random = Random::new(1);
            let sum: Duration = (0..100_000).map(|_| span.draw(&mut random)).sum();
            let mean = sum / 100_000;
            assert!(mean > one * 198 / 100 && mean < one * 202 / 100, "{span:?}: {mean:?}");
        }
    }
}
