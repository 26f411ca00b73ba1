//! Time as the state machine sees it: a number that the caller passes in.

use core::fmt;
use core::ops::Add;
use core::time::Duration;

/// A point in time: nanoseconds since an epoch of the caller's choice.
///
/// The state machine never reads a clock. It only compares the instants it is given and adds
/// durations to them; sums saturate, so no configuration can make time wrap around. 64 bits of
/// nanoseconds last for 584 years.
///
/// ```
/// use core::time::Duration;
/// use pool_core::Instant;
///
/// let start = Instant::from_nanos(5);
/// let later = start + Duration::from_secs(1);
/// assert_eq!(later.saturating_duration_since(start), Duration::from_secs(1));
/// assert_eq!(start.saturating_duration_since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Instant {
    nanos: u64,
}

impl Instant {
    /// The caller's epoch.
    pub const ZERO: Self = Self { nanos: 0 };

    /// In the place of a deadline where there is none.
    pub(crate) const NEVER: Self = Self { nanos: u64::MAX };

    /// The latest deadline that there can be.
    pub(crate) const LAST: Self = Self { nanos: u64::MAX - 1 };

    /// The instant that lies `nanos` nanoseconds after the epoch.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Self {
        Self { nanos }
    }

    /// Nanoseconds since the epoch.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.nanos
    }

    /// This instant moved by `duration` into the future, or the last representable one.
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        Self { nanos: self.nanos.saturating_add(duration_nanos(duration)) }
    }

    /// The time from `earlier` to this instant; zero if `earlier` is in fact later.
    #[must_use]
    pub const fn saturating_duration_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.nanos.saturating_sub(earlier.nanos))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        self.saturating_add(duration)
    }
}

impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Duration::from_nanos(self.nanos).fmt(f)
    }
}

/// The nanoseconds of a duration, saturating where they don't fit into 64 bits.
pub(crate) fn duration_nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adding_an_endless_duration_saturates_instead_of_wrapping() {
        let end = Instant::from_nanos(7) + Duration::MAX;
        assert_eq!(end.as_nanos(), u64::MAX);
        assert_eq!(end + Duration::from_secs(1), end);
    }
}
