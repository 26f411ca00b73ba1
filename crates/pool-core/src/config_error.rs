//! What is wrong with a setting, and the checks that find it.

use core::fmt;
use core::time::Duration;

const DURATION_MIN: Duration = Duration::from_millis(1);
const DURATION_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// A setting that makes no sense: which, why, and what would.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigError {
    field: &'static str,
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    Count { found: u64, max: u64 },
    Percent { found: u32, min: u32, max: u32 },
    Duration { found: Duration },
    NotLongerThan(&'static str),
    ShorterThan(&'static str),
    NeedsLazy,
    NeedsOutcomes,
    NeedsEager,
}

impl ConfigError {
    pub(crate) fn new(field: &'static str, problem: Problem) -> Self {
        Self { field, problem }
    }

    /// For settings of the layers above: `field` must be from 1 to `max`, but is `found`.
    #[must_use]
    pub fn out_of_range(field: &'static str, found: u64, max: u64) -> Self {
        Self::new(field, Problem::Count { found, max })
    }

    /// For settings of the layers above: `field` must not be shorter than the setting `other`, but is.
    #[must_use]
    pub fn shorter_than(field: &'static str, other: &'static str) -> Self {
        Self::new(field, Problem::ShorterThan(other))
    }

    /// For the layer above: `field` is set for connections that don't report what becomes of items.
    #[must_use]
    pub fn needs_outcomes(field: &'static str) -> Self {
        Self::new(field, Problem::NeedsOutcomes)
    }

    /// Refuses durations below a millisecond and beyond a year, as all settings do.
    ///
    /// # Errors
    ///
    /// An error that names `field`, if `found` is out of range.
    pub fn check_duration(field: &'static str, found: Duration) -> Result<(), Self> {
        if found < DURATION_MIN || found > DURATION_MAX {
            return Err(Self::new(field, Problem::Duration { found }));
        }
        Ok(())
    }

    /// The name of the setting, as written in code.
    #[must_use]
    pub fn field(&self) -> &'static str {
        self.field
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, problem } = self;
        match problem {
            Problem::Count { found, max } => write!(f, "{field} must be from 1 to {max}, but is {found}"),
            Problem::Percent { found, min, max } => {
                write!(f, "{field} must be from {min} to {max}, but is {found}")
            }
            Problem::Duration { found } => {
                write!(f, "{field} must be from 1 millisecond to 366 days, but is {found:?}")
            }
            Problem::NotLongerThan(other) => write!(f, "{field} must be longer than {other}"),
            Problem::ShorterThan(other) => write!(f, "{field} must not be shorter than {other}"),
            Problem::NeedsOutcomes => {
                write!(f, "{field} works only with connections that report an outcome for each item")
            }
            Problem::NeedsEager => {
                write!(
                    f,
                    "{field} can spill only with eager opening: else nobody knows which addresses are lost"
                )
            }
            Problem::NeedsLazy => {
                write!(
                    f,
                    "{field} works only with lazy opening: eager connections would be redialled at once"
                )
            }
        }
    }
}

impl core::error::Error for ConfigError {}

pub(crate) fn check_count(field: &'static str, found: u32, max: u32) -> Result<(), ConfigError> {
    if found == 0 || found > max {
        return Err(ConfigError::new(field, Problem::Count { found: found.into(), max: max.into() }));
    }
    Ok(())
}

pub(crate) fn check_optional_duration(
    field: &'static str,
    found: Option<Duration>,
) -> Result<(), ConfigError> {
    found.map_or(Ok(()), |duration| ConfigError::check_duration(field, duration))
}

pub(crate) fn check_percent(field: &'static str, found: u32, min: u32, max: u32) -> Result<(), ConfigError> {
    if found < min || found > max {
        return Err(ConfigError::new(field, Problem::Percent { found, min, max }));
    }
    Ok(())
}
