//! How maps of pools are made.

use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use pool_core::ConfigError;
use pool_core::pool_map::{NamedPools, PoolMapConfig};

use super::driver::PoolMapDriver;
use super::handle::PoolHandle;
use super::shared::Shared;
use super::{Creator, PoolMap};
use crate::builder::BuildError;
use crate::error::BoxError;
use crate::seams::runtime::Runtime;
use crate::seams::spawn::{Ambient, Local, Spawn};

/// The settings of a [`PoolMap`] on their way to becoming one.
///
/// The runtime crates start one (`pool_tokio::pool_map`); [`PoolMapBuilder::new`] does for a runtime of
/// your own. What pools are like is up to the creator.
///
/// ```
/// use std::time::Duration;
///
/// # use pool_conformance::simulated::Clock as AnyRuntime;
/// use pool_driver::{BoxError, PoolBuilder, PoolMapBuilder};
///
/// let create = |tenant: &u16| -> Result<_, BoxError> {
///     let connect = async |_port: u16| Ok::<_, std::io::Error>(futures_util::sink::drain::<String>());
///     let pool = PoolBuilder::plain(connect, AnyRuntime::default()).name(format!("tenant {tenant}"));
///     let (pool, driver) = pool.connect_to_fixed([9000 + tenant]).build()?;
///     # std::mem::forget(driver);
///     // … spawn the driver, or `.spawn()` in place of `.build()` …
///     Ok(pool)
/// };
/// let (pools, driver) = PoolMapBuilder::new(create, AnyRuntime::default())
///     .name("tenants")
///     .names_max(100)
///     .idle_timeout(Duration::from_secs(60))
///     .build()?;
/// assert_eq!(pools.name(), Some("tenants"));
/// # drop(driver);
/// # Ok::<(), pool_driver::BuildError>(())
/// ```
#[must_use = "a builder does nothing until it builds"]
pub struct PoolMapBuilder<N, H, F, R> {
    creator: F,
    runtime: R,
    config: PoolMapConfig,
    name: Option<Arc<str>>,
    creates: PhantomData<Creates<N, H>>,
}

/// What a creator makes of what; a builder holds neither.
type Creates<N, H> = fn(&N) -> H;

impl<N, H: PoolHandle, F, R: Runtime> PoolMapBuilder<N, H, F, R> {
    /// A map whose pools `creator` makes. The runtime is for the map alone; it knows when.
    pub fn new<E>(creator: F, runtime: R) -> Self
    where
        F: Fn(&N) -> Result<H, E>,
    {
        Self { creator, runtime, config: PoolMapConfig::default(), name: None, creates: PhantomData }
    }

    /// What the map is called: in its snapshots, and as the name of its task where tasks have names.
    /// `.name("tenants")` gives the task `pool map tenants`. By default it has none. The pools have the names that
    /// the creator gives them.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Pools at a time, those included that are being created or closed: 1 to 131,072, 1,024 by default.
    pub fn names_max(mut self, names: usize) -> Self {
        self.config.names_max = names;
        self
    }

    /// A pool that has been idle for this long is closed, at most a quarter of this time later; 5 minutes
    /// by default, never with `None`. From 1 millisecond to 366 days.
    ///
    /// After a use by [`WeakPool::upgrade`](crate::WeakPool::upgrade), of which the map learns when it looks, it
    /// may be all of this time later.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.config.idle_timeout = timeout.into();
        self
    }

    /// What a pool that the map closes may take to deliver what is queued; 30 s by default. Zero, or from
    /// 1 millisecond to 366 days.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.config.shutdown_timeout = timeout;
        self
    }

    /// Makes a map and the future that runs it, to be polled anywhere.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense.
    #[expect(clippy::type_complexity, reason = "two halves; the driver's type is rarely written")]
    pub fn build<E>(self) -> Result<(PoolMap<N, H>, PoolMapDriver<N, H, R>), BuildError>
    where
        F: Fn(&N) -> Result<H, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        let (shared, creator, driver) = self.into_parts()?;
        let creator: Arc<Creator<N, H>> =
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
        (PoolMap<N, H, impl Fn(&N) -> Result<H, BoxError> + use<N, H, F, R, E>>, PoolMapDriver<N, H, R>),
        BuildError,
    >
    where
        F: Fn(&N) -> Result<H, E>,
        E: Into<BoxError>,
    {
        let (shared, creator, driver) = self.into_parts()?;
        let creator = Arc::new(move |name: &N| creator(name).map_err(|error: E| error.into()));
        Ok((PoolMap::new(shared, creator), driver))
    }

    #[expect(clippy::type_complexity, reason = "what is left of a builder")]
    fn into_parts(self) -> Result<(Arc<Shared<N, H>>, F, PoolMapDriver<N, H, R>), ConfigError> {
        let decisions = NamedPools::new(self.config)?;
        let shared = Arc::new(Shared::new(decisions, self.config.shutdown_timeout, self.name));
        let driver = PoolMapDriver::new(Arc::clone(&shared), self.runtime);
        Ok((shared, self.creator, driver))
    }

    /// Makes a map and spawns its driver where the caller runs.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense; [`BuildError::Spawn`] says that
    /// there is no runtime here.
    pub fn spawn<E>(self) -> Result<PoolMap<N, H>, BuildError>
    where
        F: Fn(&N) -> Result<H, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        Ambient: Spawn<R, PoolMapDriver<N, H, R>>,
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
    pub fn spawn_local<E>(self) -> Result<PoolMap<N, H>, BuildError>
    where
        F: Fn(&N) -> Result<H, E> + Send + Sync + 'static,
        E: Into<BoxError>,
        Local: Spawn<R, PoolMapDriver<N, H, R>>,
    {
        self.spawn_on(Local)
    }

    /// Makes a map and spawns its driver on an executor.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    pub fn spawn_on<E>(
        self,
        executor: impl Spawn<R, PoolMapDriver<N, H, R>>,
    ) -> Result<PoolMap<N, H>, BuildError>
    where
        F: Fn(&N) -> Result<H, E> + Send + Sync + 'static,
        E: Into<BoxError>,
    {
        let task = self.name.as_ref().map_or("pool map".into(), |name| format!("pool map {name}"));
        let (pools, driver) = self.build()?;
        executor.spawn(&task, driver).map_err(BuildError::Spawn)?;
        Ok(pools)
    }
}

impl<N, H, F, R: std::fmt::Debug> std::fmt::Debug for PoolMapBuilder<N, H, F, R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PoolMapBuilder")
            .field("runtime", &self.runtime)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
