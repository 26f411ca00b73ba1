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
    /// The owner has not been told of the settings in force.
    has_news: bool,
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
        Self { stream, reports_outcomes, queue_size, has_news: false, shutdown_timeout }
    }

    /// Reads what settings there are. Those that make no sense displace no good ones.
    pub(super) fn poll(&mut self) -> ConfigNews {
        let mut news = ConfigNews::default();
        let (has_queue, reports_outcomes) = (self.queue_size.is_some(), self.reports_outcomes);
        news.end = self.stream.read(|config| match config.check(has_queue, reports_outcomes) {
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
        self.has_news = true;
        self.shutdown_timeout = settings.shutdown_timeout;
        if let Some(size) = &mut self.queue_size {
            *size = settings.queue_size;
        }
    }

    /// Settings were refused that the owner takes for those in force.
    pub(super) fn keep_in_force(&mut self) {
        self.has_news = true;
    }

    pub(super) fn shutdown_timeout(&self) -> Duration {
        self.shutdown_timeout
    }

    /// The settings in force, if there has been a change since this was asked last. The core's are `config`.
    pub(super) fn take_news(&mut self, config: &Config) -> Option<PoolConfig> {
        let news = std::mem::take(&mut self.has_news);
        let shutdown_timeout = self.shutdown_timeout;
        let in_force = |queue_size| PoolConfig { config: config.clone(), queue_size, shutdown_timeout };
        self.queue_size.filter(|_| news).map(in_force)
    }

    pub(super) fn discard(&mut self) {
        self.stream.discard();
    }
}
