//! Settings that come while the multiplexer runs.

use std::sync::Arc;
use std::task::{Context, Poll};

use pool_core::{Balance, ConfigError};

use super::Multiplexer;
use crate::addresses::AddressStream;
use crate::connect::Connect;
use crate::connection::Connection;
use crate::error::SharedError;
use crate::observer::{Event, Observer};
use crate::panic::{discard, guard};
use crate::runtime::Runtime;
use crate::settings::{PoolConfig, SettingsStream};
use crate::wake_list::{Signal, WakeList, WakeUp};

/// Where settings come from, and those that aren't kept elsewhere.
pub(super) struct LiveSettings {
    stream: Option<SettingsStream>,
    signal: Arc<Signal>,
    /// Of the queue above, if there is one.
    queue_size: Option<usize>,
    /// The queue has another size.
    is_resized: bool,
}

impl LiveSettings {
    pub(super) fn new(
        wakes: &Arc<WakeList>,
        stream: Option<SettingsStream>,
        queue_size: Option<usize>,
    ) -> Self {
        let signal = Signal::new(wakes, WakeUp::Settings);
        if stream.is_some() {
            signal.raise();
        }
        Self { stream, signal, queue_size, is_resized: false }
    }

    pub(super) fn discard(&mut self) {
        discard(self.stream.take());
    }
}

/// At most this many are read in one poll; a stream that never pauses is asked again in the next.
const SETTINGS_PER_POLL_MAX: usize = 32;

impl<T, C, S, R, O, B> Multiplexer<T, C, S, R, O, B>
where
    S: AddressStream,
    C: Connect<S::Address>,
    C::Connection: Connection<T>,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    pub(super) fn poll_settings(&mut self) {
        self.settings.signal.clear();
        let waker = Arc::clone(&self.settings.signal).into();
        let mut cx = Context::from_waker(&waker);
        let mut latest = None;
        let mut ended = None;
        let mut left = SETTINGS_PER_POLL_MAX;
        while let Some(stream) = &mut self.settings.stream {
            if left == 0 {
                self.settings.signal.raise();
                break;
            }
            left -= 1;
            match guard(|| stream.as_mut().poll_next(&mut cx)) {
                Ok(Poll::Ready(Some(settings))) => latest = self.accept_settings(settings).or(latest),
                Ok(Poll::Pending) => break,
                Ok(Poll::Ready(None)) => ended = Some(None),
                Err(panic) => ended = Some(Some(Arc::new(panic) as SharedError)),
            }
            if ended.is_some() {
                self.settings.discard();
            }
        }
        if let Some(settings) = latest {
            self.apply_settings(settings);
        }
        if let Some(error) = ended {
            self.observe(|| Event::SettingsEnded { error });
        }
    }

    /// Settings that make no sense are refused when they are read, so that they don't displace good ones.
    fn accept_settings(&mut self, settings: PoolConfig) -> Option<PoolConfig> {
        match self.check_settings(&settings) {
            Ok(()) => Some(settings),
            Err(error) => {
                self.observe(|| Event::SettingsRefused { error });
                None
            }
        }
    }

    fn check_settings(&self, settings: &PoolConfig) -> Result<(), ConfigError> {
        settings.check(C::Connection::REPORTS_OUTCOMES)?;
        if self.settings.queue_size.is_some() {
            settings.check_queue_size()?;
        }
        settings.config.validate()
    }

    fn apply_settings(&mut self, settings: PoolConfig) {
        if self.has_settings(&settings) {
            return;
        }
        if let Err(error) = self.put_in_force(&settings) {
            return self.observe(|| Event::SettingsRefused { error });
        }
        self.observe(|| Event::SettingsApplied { settings: Arc::new(settings) });
        self.carry_out();
        // Not all that has changed is told address by address.
        let ids = self.core.addresses().map(|(_, status)| status.id);
        self.touched.extend(ids);
    }

    fn has_settings(&self, settings: &PoolConfig) -> bool {
        let PoolConfig { config, queue_size, shutdown_timeout } = settings;
        config == self.core.config()
            && self.settings.queue_size.is_none_or(|size| size == *queue_size)
            && *shutdown_timeout == self.shutdown_timeout
    }

    fn put_in_force(&mut self, settings: &PoolConfig) -> Result<(), ConfigError> {
        self.core.handle_config(settings.config.clone(), self.now)?;
        self.shutdown_timeout = settings.shutdown_timeout;
        if let Some(size) = &mut self.settings.queue_size {
            self.settings.is_resized |= *size != settings.queue_size;
            *size = settings.queue_size;
        }
        Ok(())
    }

    /// The size of the queue, if it has changed since this was asked last.
    pub(crate) fn take_queue_size(&mut self) -> Option<usize> {
        if !self.settings.is_resized {
            return None;
        }
        self.settings.is_resized = false;
        self.settings.queue_size
    }
}
