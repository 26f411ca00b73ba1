//! How maps of pools are made.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use pool_core::ConfigError;

use super::driver::PoolMapDriver;
use super::{Creator, PoolMap, Shared};
use crate::builder::BuildError;
use crate::error::BoxError;
use crate::pool::Pool;
use crate::runtime::{Ambient, Local, Runtime, SpawnOn};

/// The settings of a [`PoolMap`] on their way to becoming one.
///
/// The runtime crates start one (`pool_tokio::pool_map`); [`PoolMapBuilder::new`] does for a runtime of
/// your own. What pools are like is up to the creator.
#[must_use = "a builder does nothing until it builds"]
pub struct PoolMapBuilder<N, T, A, F, R> {
    creator: F,
    runtime: R,
    names_max: usize,
    idle_timeout: Option<Duration>,
    shutdown_timeout: Duration,
    creates: PhantomData<Creates<N, T, A>>,
}

/// What a creator makes of what; a builder holds neither.
type Creates<N, T, A> = fn(&N) -> Pool<T, A>;

/// A sweep looks at all names.
const NAMES_MAX: usize = 65_536;

impl<N, T, A, F, R: Runtime> PoolMapBuilder<N, T, A, F, R> {
    /// A map whose pools `creator` makes. The runtime is for the map alone; it knows when.
    pub fn new<E>(creator: F, runtime: R) -> Self
    where
        F: Fn(&N) -> Result<Pool<T, A>, E>,
    {
        Self {
            creator,
            runtime,
            names_max: 1024,
            idle_timeout: Some(Duration::from_secs(5 * 60)),
            shutdown_timeout: Duration::from_secs(30),
            creates: PhantomData,
        }
    }

    /// How many pools there are at most, those included that are being created or closed; 1,024 by
    /// default, up to 65,536.
    pub fn names_max(mut self, names: usize) -> Self {
        self.names_max = names;
        self
    }

    /// How long a pool must have been idle to be closed, 5 minutes by default; never with `None`. It is
    /// noticed up to a quarter of that time later.
    pub fn idle_timeout(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.idle_timeout = duration.into();
        self
    }

    /// How long a pool that the map closes may go on to deliver what is queued; 30 s by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.shutdown_timeout = timeout;
        self
    }

    /// Makes a map and the future that runs it, to be polled anywhere.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense.
    #[expect(clippy::type_complexity, reason = "two halves; the driver's type is rarely written")]
    pub fn build<E>(self) -> Result<(PoolMap<N, T, A>, PoolMapDriver<N, T, A, R>), BuildError>
    where
        F: Fn(&N) -> Result<Pool<T, A>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        let (shared, creator, driver) = self.into_parts()?;
        let creator: Arc<Creator<N, T, A>> =
            Arc::new(move |name: &N| creator(name).map_err(|error: E| error.into()));
        Ok((PoolMap::new(shared, creator), driver))
    }

    /// As [`build`](Self::build), for a creator that need not be `Send` or `Sync` and may borrow; the
    /// type of the map has its type in it.
    ///
    /// # Errors
    ///
    /// As for [`build`](Self::build).
    #[expect(clippy::type_complexity, reason = "two halves; the driver's type is rarely written")]
    pub fn build_with<E>(
        self,
    ) -> Result<
        (
            PoolMap<N, T, A, impl Fn(&N) -> Result<Pool<T, A>, BoxError> + use<N, T, A, F, R, E>>,
            PoolMapDriver<N, T, A, R>,
        ),
        BuildError,
    >
    where
        F: Fn(&N) -> Result<Pool<T, A>, E>,
        E: Into<BoxError>,
    {
        let (shared, creator, driver) = self.into_parts()?;
        let creator = Arc::new(move |name: &N| creator(name).map_err(|error: E| error.into()));
        Ok((PoolMap::new(shared, creator), driver))
    }

    #[expect(clippy::type_complexity, reason = "what is left of a builder")]
    fn into_parts(self) -> Result<(Arc<Shared<N, T, A>>, F, PoolMapDriver<N, T, A, R>), ConfigError> {
        if self.names_max == 0 || self.names_max > NAMES_MAX {
            return Err(ConfigError::out_of_range("names_max", self.names_max as u64, NAMES_MAX as u64));
        }
        if let Some(idle_timeout) = self.idle_timeout {
            ConfigError::check_duration("idle_timeout", idle_timeout)?;
        }
        if !self.shutdown_timeout.is_zero() {
            ConfigError::check_duration("shutdown_timeout", self.shutdown_timeout)?;
        }
        let shared = Arc::new(Shared::new(self.names_max, self.shutdown_timeout));
        let driver = PoolMapDriver::new(Arc::clone(&shared), self.runtime, self.idle_timeout);
        Ok((shared, self.creator, driver))
    }

    /// Makes a map and spawns its driver where the caller runs.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense; [`BuildError::Spawn`] says that
    /// there is no runtime here.
    pub fn spawn<E>(self) -> Result<PoolMap<N, T, A>, BuildError>
    where
        F: Fn(&N) -> Result<Pool<T, A>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        R: SpawnOn<Ambient, PoolMapDriver<N, T, A, R>>,
    {
        self.spawn_on(Ambient)
    }

    /// Makes a map and spawns its driver on the thread of the caller, so that neither connections nor
    /// items of its pools need be `Send`.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// Where the runtime does, when the caller's thread has no such executor: on Tokio, outside a
    /// `LocalSet`.
    pub fn spawn_local<E>(self) -> Result<PoolMap<N, T, A>, BuildError>
    where
        F: Fn(&N) -> Result<Pool<T, A>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        R: SpawnOn<Local, PoolMapDriver<N, T, A, R>>,
    {
        self.spawn_on(Local)
    }

    /// Makes a map and spawns its driver on an executor.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    pub fn spawn_on<X, E>(self, executor: X) -> Result<PoolMap<N, T, A>, BuildError>
    where
        F: Fn(&N) -> Result<Pool<T, A>, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        R: SpawnOn<X, PoolMapDriver<N, T, A, R>>,
    {
        let (pools, driver) = self.build()?;
        R::spawn_on(executor, driver).map_err(BuildError::Spawn)?;
        Ok(pools)
    }
}

impl<N, T, A, F, R: std::fmt::Debug> std::fmt::Debug for PoolMapBuilder<N, T, A, F, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolMapBuilder")
            .field("runtime", &self.runtime)
            .field("names_max", &self.names_max)
            .field("idle_timeout", &self.idle_timeout)
            .field("shutdown_timeout", &self.shutdown_timeout)
            .finish_non_exhaustive()
    }
}
