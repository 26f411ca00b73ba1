//! The settings of a source that polls.

use std::time::Duration;

use pool_core::{Backoff, ConfigError};

/// How often a name service is asked, and how long an answer may take.
///
/// Durations are from 1 ms to 366 days.
///
/// ```
/// use std::time::Duration;
/// use pool_resolve::PollConfig;
///
/// let mut config = PollConfig::default();
/// config.interval = Duration::from_secs(10);
/// assert!(config.validate().is_ok());
///
/// config.timeout = Duration::ZERO;
/// assert_eq!(config.validate().unwrap_err().field(), "timeout");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PollConfig {
    /// The time from an answer to the next question, where the answer has no time to live; 30 s by default.
    pub interval: Duration,
    /// The least time between questions, whatever time to live an answer has; 1 s by default. A
    /// [`refresh`](pool_driver::AddressStream::refresh) keeps to it too.
    pub interval_min: Duration,
    /// The most time from an answer to the next question, whatever time to live it has; 5 min by default.
    pub interval_max: Duration,
    /// The most time from "no such name" to the next question; 30 s by default.
    pub no_such_name_interval_max: Duration,
    /// The intervals are shortened by up to this many percent, drawn each time, so that clients which were
    /// started together don't ask together; from 0 to 90, 10 by default.
    pub jitter_percent: u32,
    /// The delays after failures; from 1 s to 30 s by default.
    pub backoff: Backoff,
    /// A question that has no answer after this long has failed; 5 s by default.
    pub timeout: Duration,
    /// Makes the jitter repeatable. By default every stream has another seed.
    pub seed: Option<u64>,
}

impl Default for PollConfig {
    fn default() -> Self {
        let mut backoff = Backoff::default();
        backoff.base = Duration::from_secs(1);
        Self {
            interval: Duration::from_secs(30),
            interval_min: Duration::from_secs(1),
            interval_max: Duration::from_secs(300),
            no_such_name_interval_max: Duration::from_secs(30),
            jitter_percent: 10,
            backoff,
            timeout: Duration::from_secs(5),
            seed: None,
        }
    }
}

impl PollConfig {
    /// Checks all settings.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range or contradicts another.
    pub fn validate(&self) -> Result<(), ConfigError> {
        ConfigError::check_duration("interval", self.interval)?;
        ConfigError::check_duration("interval_min", self.interval_min)?;
        ConfigError::check_duration("interval_max", self.interval_max)?;
        ConfigError::check_duration("no_such_name_interval_max", self.no_such_name_interval_max)?;
        ConfigError::check_duration("timeout", self.timeout)?;
        self.backoff.validate()?;
        if self.jitter_percent > JITTER_PERCENT_MAX {
            let (found, max) = (self.jitter_percent.into(), JITTER_PERCENT_MAX.into());
            return Err(ConfigError::out_of_range("jitter_percent", found, max));
        }
        for (field, duration) in [
            ("interval", self.interval),
            ("interval_max", self.interval_max),
            ("no_such_name_interval_max", self.no_such_name_interval_max),
        ] {
            if duration < self.interval_min {
                return Err(ConfigError::shorter_than(field, "interval_min"));
            }
        }
        if self.interval_max < self.interval {
            return Err(ConfigError::shorter_than("interval_max", "interval"));
        }
        Ok(())
    }
}

const JITTER_PERCENT_MAX: u32 = 90;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let refuse = |expected: &str, change: fn(&mut PollConfig)| {
            let mut config = PollConfig::default();
            change(&mut config);
            let error = config.validate().expect_err(expected);
            assert_eq!(error.field(), expected, "{error}");
        };
        refuse("interval", |config| config.interval = Duration::ZERO);
        refuse("interval", |config| config.interval = Duration::from_millis(900));
        refuse("interval_min", |config| config.interval_min = Duration::MAX);
        refuse("interval_max", |config| config.interval_max = Duration::from_secs(29));
        refuse("no_such_name_interval_max", |config| config.no_such_name_interval_max = Duration::ZERO);
        refuse("timeout", |config| config.timeout = Duration::MAX);
        refuse("jitter_percent", |config| config.jitter_percent = 91);
        refuse("backoff.cap", |config| config.backoff.cap = Duration::from_millis(1));
        assert!(PollConfig::default().validate().is_ok());
    }
}
