//! Settings that come while the multiplexer runs.

use std::sync::Arc;
use std::time::Duration;

use futures_core::Stream;
use pool_core::{Config, ConfigError};

use super::bounded_stream::{BoundedStream, StreamEnd};
use crate::config::{ConfigStream, PoolConfig};
use crate::wake_list::Signal;

/// Where settings come from, and those that the core doesn't keep.
pub(super) struct LiveConfig {
    stream: BoundedStream<dyn Stream<Item = PoolConfig> + Send>,
    reports_outcomes: bool,
    /// Of the queue above, if there is one.
    queue_size: Option<usize>,
    /// The queue has another size, which it has not been told.
    is_resized: bool,
    shutdown_timeout: Duration,
}

/// What the stream of settings has said since it was last read.
#[derive(Default)]
pub(super) struct ConfigNews {
    /// The last of those that make sense: the others never act.
    pub(super) latest: Option<PoolConfig>,
    /// Why others make no sense, in order.
    pub(super) refused: Vec<ConfigError>,
    /// The stream is over.
    pub(super) end: Option<StreamEnd>,
}

impl LiveConfig {
    pub(super) fn new(
        stream: Option<ConfigStream>,
        signal: Arc<Signal>,
        queue_size: Option<usize>,
        shutdown_timeout: Duration,
        reports_outcomes: bool,
    ) -> Self {
        let stream = BoundedStream::new(stream, signal);
        Self { stream, reports_outcomes, queue_size, is_resized: false, shutdown_timeout }
    }

    /// Reads what settings there are. Those that make no sense displace no good ones.
    pub(super) fn poll(&mut self) -> ConfigNews {
        let mut news = ConfigNews::default();
        let (has_queue, reports_outcomes) = (self.queue_size.is_some(), self.reports_outcomes);
        news.end = self.stream.read(|config| match check(&config, has_queue, reports_outcomes) {
            Ok(()) => news.latest = Some(config),
            Err(error) => news.refused.push(error),
        });
        news
    }

    /// Whether these settings would change nothing. The core's are `config`.
    pub(super) fn is_in_force(&self, settings: &PoolConfig, config: &Config) -> bool {
        settings.config == *config
            && self.queue_size.is_none_or(|size| size == settings.queue_size)
            && self.shutdown_timeout == settings.shutdown_timeout
    }

    /// Keeps what the core doesn't.
    pub(super) fn put_in_force(&mut self, settings: &PoolConfig) {
        self.shutdown_timeout = settings.shutdown_timeout;
        if let Some(size) = &mut self.queue_size {
            self.is_resized |= *size != settings.queue_size;
            *size = settings.queue_size;
        }
    }

    pub(super) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// The size of the queue, if it has changed since this was asked last.
    pub(super) fn take_queue_size(&mut self) -> Option<usize> {
        let is_resized = std::mem::take(&mut self.is_resized);
        self.queue_size.filter(|_| is_resized)
    }

    pub(super) fn discard(&mut self) {
        self.stream.discard();
    }
}

fn check(settings: &PoolConfig, has_queue: bool, reports_outcomes: bool) -> Result<(), ConfigError> {
    settings.check(reports_outcomes)?;
    if has_queue {
        settings.check_queue_size()?;
    }
    settings.config.validate()
}
