//! Settings that may change while a pool runs.

use std::pin::Pin;
use std::time::Duration;

use futures_core::Stream;
use pool_core::{Config, ConfigError, Silence};

/// What can change while a pool runs: see [`Pool::reconfigure`](crate::Pool::reconfigure) and
/// [`PoolBuilder::config_from`](crate::PoolBuilder::config_from).
///
/// Each replaces the one before as a whole. Start from [`Pool::config`](crate::Pool::config) or
/// [`PoolBuilder::pool_config`](crate::PoolBuilder::pool_config), and change some fields.
///
/// ```
/// use pool_driver::PoolConfig;
///
/// let mut config = PoolConfig::default();
/// config.queue_size = 1_000;
/// config.config.connections_per_address = 4;
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolConfig {
    /// How many connections, when they are opened, all timeouts. What a change of each does is told at
    /// [`Uniform::handle_config`](pool_core::Uniform::handle_config).
    pub config: Config,
    /// [`PoolBuilder::queue_size`](crate::PoolBuilder::queue_size). A larger queue grants permits to waiters
    /// at once. A smaller one drops nothing: it takes no item until it has room again. A multiplexer has no
    /// queue, and ignores it.
    pub queue_size: usize,
    /// [`PoolBuilder::shutdown_timeout`](crate::PoolBuilder::shutdown_timeout). A shutdown that has
    /// begun keeps its deadline.
    pub shutdown_timeout: Duration,
}

/// Where settings come from while the pool runs.
pub(crate) type ConfigStream = Pin<Box<dyn Stream<Item = PoolConfig> + Send>>;

const QUEUE_SIZE_MAX: usize = 1 << 30;

impl Default for PoolConfig {
    fn default() -> Self {
        Self { config: Config::default(), queue_size: 100, shutdown_timeout: Duration::from_secs(30) }
    }
}

impl PoolConfig {
    /// Whether they make sense, for a pool with a queue or for a multiplexer without one.
    pub(crate) fn check(&self, has_queue: bool, reports_outcomes: bool) -> Result<(), ConfigError> {
        if has_queue && (self.queue_size == 0 || self.queue_size > QUEUE_SIZE_MAX) {
            let (found, max) = (self.queue_size as u64, QUEUE_SIZE_MAX as u64);
            return Err(ConfigError::out_of_range("queue_size", found, max));
        }
        if !self.shutdown_timeout.is_zero() {
            ConfigError::check_duration("shutdown_timeout", self.shutdown_timeout)?;
        }
        let Silence { suspect_after, outcome_timeout, .. } = self.config.silence;
        for (field, silence) in [("outcome_timeout", outcome_timeout), ("suspect_after", suspect_after)] {
            if silence.is_some() && !reports_outcomes {
                return Err(ConfigError::needs_outcomes(field));
            }
        }
        self.config.validate()
    }
}
