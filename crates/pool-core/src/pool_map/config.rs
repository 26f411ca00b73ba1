//! The settings of a map of pools, and which of them make no sense.

use core::time::Duration;

use crate::config_error::ConfigError;

/// The settings of [`NamedPools`](super::NamedPools).
///
/// ```
/// use pool_core::pool_map::{NamedPools, PoolMapConfig};
///
/// let mut config = PoolMapConfig::default();
/// config.names_max = 64;
/// assert!(NamedPools::new(config).is_ok());
///
/// config.names_max = 0;
/// let error = NamedPools::new(config).unwrap_err();
/// assert_eq!(error.to_string(), "names_max must be from 1 to 131072, but is 0");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolMapConfig {
    /// Pools at a time, from 1 to 131,072; 1,024 by default. Those that are being created and those that
    /// are being closed count.
    pub names_max: usize,
    /// A pool that has been idle for this long is closed, at most a quarter of this time later; 5 minutes
    /// by default, never with `None`. From 1 millisecond to 366 days.
    pub idle_timeout: Option<Duration>,
    /// What a pool that the map closes may take to deliver what is queued; 30 s by default. Zero, or from
    /// 1 millisecond to 366 days.
    pub shutdown_timeout: Duration,
}

/// Names are numbered with 32 bits; a look at all of them shall stay cheap.
const NAMES_MAX: usize = 131_072;

impl Default for PoolMapConfig {
    fn default() -> Self {
        Self {
            names_max: 1024,
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            shutdown_timeout: Duration::from_secs(30),
        }
    }
}

impl PoolMapConfig {
    /// Says which field makes no sense, if one does.
    ///
    /// # Errors
    ///
    /// A [`ConfigError`] for the first field that is out of its range.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.names_max == 0 || self.names_max > NAMES_MAX {
            return Err(ConfigError::out_of_range("names_max", self.names_max as u64, NAMES_MAX as u64));
        }
        if let Some(idle_timeout) = self.idle_timeout {
            ConfigError::check_duration("idle_timeout", idle_timeout)?;
        }
        if !self.shutdown_timeout.is_zero() {
            ConfigError::check_duration("shutdown_timeout", self.shutdown_timeout)?;
        }
        Ok(())
    }
}
