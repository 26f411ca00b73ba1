//! How pools are made. It is one subject: a setting a method, and the documentation of each is most of the file.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_core::Stream;
use pool_core::{AddressSet, Backoff, Balance, Config, ConfigError, IntoEndpoint, Opening, RoundRobin};

use crate::clock::Clock;
use crate::config::{ConfigStream, PoolConfig};
use crate::driver::Driver;
use crate::error::{BoxError, UndeliveredReason};
use crate::frontend::{Frontend, Items};
use crate::multiplexer::{Multiplexer, Parts};
use crate::pool::{Pool, Shared};
use crate::seams::SeamsOf;
use crate::seams::addresses::{
    AddressStream, FixedAddresses, IntoAddressUpdate, OnAddressesEnd, StreamSource,
};
use crate::seams::connect::Connect;
use crate::seams::connection::Connection;
use crate::seams::hashed_addresses::HashedAddresses;
use crate::seams::item_policy::{DropUndelivered, ItemPolicy};
use crate::seams::observer::{NoObserver, Observer};
use crate::seams::plain::AsPlain;
use crate::seams::runtime::Runtime;
use crate::seams::spawn::{Ambient, Local, Spawn};
use crate::seams::wrap::Wrapped;
use crate::wake_list::WakeUp;

/// The settings of a pool on their way to becoming one.
///
/// The runtime crates start one (`pool_tokio::pool_for`); [`PoolBuilder::new`] does for a runtime
/// of your own. Every setting has a default but the addresses.
///
/// ```
/// use std::time::Duration;
///
/// use futures_util::sink::drain;
/// # use pool_conformance::simulated::Clock as AnyRuntime;
/// use pool_driver::PoolBuilder;
///
/// let connect = async |_port: u16| Ok::<_, std::io::Error>(drain());
/// let (pool, driver) = PoolBuilder::plain(connect, AnyRuntime::default())
///     .connect_to_fixed([7000, 7001])
///     .connections_per_address(2)
///     .dial_timeout(Duration::from_secs(1))
///     .queue_size(1_000)
///     .build::<String>()?;
/// # drop((pool, driver));
/// # Ok::<(), pool_driver::BuildError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct PoolBuilder<C, R, S = NoAddresses, F = Items<DropUndelivered>, O = NoObserver, B = RoundRobin> {
    connector: C,
    runtime: R,
    addresses: S,
    frontend: F,
    observer: Option<O>,
    balancer: B,
    untyped: Untyped,
}

/// What of a builder has nothing to do with types.
struct Untyped {
    name: Option<Arc<str>>,
    settings: PoolConfig,
    /// Never locked: a lock makes the builder `Sync`, which streams need not be.
    settings_stream: Option<Mutex<ConfigStream>>,
    on_addresses_end: OnAddressesEnd,
    seed: Option<u64>,
}

impl Clone for Untyped {
    /// Streams can't be cloned.
    fn clone(&self) -> Self {
        let (name, settings) = (self.name.clone(), self.settings.clone());
        Self { name, settings, settings_stream: None, ..*self }
    }
}

impl std::fmt::Debug for Untyped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.settings.fmt(f)
    }
}

/// A builder that has not been told yet where addresses come from.
#[derive(Clone, Copy, Debug, Default)]
#[non_exhaustive]
pub struct NoAddresses;

/// Why a pool could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum BuildError {
    /// A setting makes no sense.
    Config(ConfigError),
    /// The driver could not be spawned.
    Spawn(BoxError),
}

impl std::fmt::Display for BuildError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config(error) => error.fmt(f),
            Self::Spawn(error) => write!(f, "the pool's driver could not be spawned: {error}"),
        }
    }
}

impl std::error::Error for BuildError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            // They are displayed already.
            Self::Config(error) => error.source(),
            Self::Spawn(error) => error.source(),
        }
    }
}

// As for `ReadyError`.
impl UnwindSafe for BuildError {}
impl RefUnwindSafe for BuildError {}

impl From<ConfigError> for BuildError {
    fn from(error: ConfigError) -> Self {
        Self::Config(error)
    }
}

impl<C, R> PoolBuilder<Wrapped<C, AsPlain>, R> {
    /// A pool whose connector makes plain sinks.
    pub fn plain(connector: C, runtime: R) -> Self {
        PoolBuilder::new(Wrapped::new(connector, AsPlain), runtime)
    }
}

impl<C, R> PoolBuilder<C, R> {
    /// A pool of items whose connector makes [`Connection`]s.
    pub fn new(connector: C, runtime: R) -> Self {
        Self::of(Items::new(DropUndelivered), connector, runtime)
    }
}

impl<C, R, F> PoolBuilder<C, R, NoAddresses, F> {
    /// A pool of a kind, whose connector makes [`Connection`]s for the items of that kind.
    pub fn of(frontend: F, connector: C, runtime: R) -> Self {
        Self {
            connector,
            runtime,
            addresses: NoAddresses,
            frontend,
            observer: None,
            balancer: RoundRobin::new(),
            untyped: Untyped {
                name: None,
                settings: PoolConfig::default(),
                settings_stream: None,
                on_addresses_end: OnAddressesEnd::default(),
                seed: None,
            },
        }
    }
}

impl<C, R, S, F, O, B> PoolBuilder<C, R, S, F, O, B> {
    /// Where address sets come from: any stream of them, or of results, or of
    /// [`AddressUpdate`](crate::AddressUpdate)s.
    pub fn connect_to<S2>(self, addresses: S2) -> PoolBuilder<C, R, StreamSource<S2>, F, O, B>
    where
        S2: Stream<Item: IntoAddressUpdate>,
    {
        self.follow(StreamSource::new(addresses))
    }

    /// Follows a name: as [`connect_to`](Self::connect_to), for a source that can be asked again when
    /// connections keep failing. Those of `pool-resolve` can: `.follow(dns.subscribe(&name))`.
    pub fn follow<S2: AddressStream>(self, addresses: S2) -> PoolBuilder<C, R, S2, F, O, B> {
        PoolBuilder {
            addresses,
            connector: self.connector,
            runtime: self.runtime,
            frontend: self.frontend,
            observer: self.observer,
            balancer: self.balancer,
            untyped: self.untyped,
        }
    }

    /// Addresses that never change, or [`Endpoint`](pool_core::Endpoint)s, which are addresses with weight and
    /// priority.
    ///
    /// ```
    /// use pool_driver::{Endpoint, PoolBuilder};
    /// # use pool_conformance::simulated::Clock as AnyRuntime;
    ///
    /// # let connect = async |_port: u16| Ok::<_, std::io::Error>(futures_util::sink::drain());
    /// # let sink_pool_for = |connect| PoolBuilder::plain(connect, AnyRuntime::default());
    /// let servers = [Endpoint::new(7001), Endpoint::new(7002).with_priority(1)];
    /// let builder = sink_pool_for(connect).connect_to_fixed(servers); // 7002 if 7001 is away
    /// # builder.build::<String>().expect("the settings make sense");
    /// ```
    pub fn connect_to_fixed<E: IntoEndpoint>(
        self,
        addresses: impl IntoIterator<Item = E>,
    ) -> PoolBuilder<C, R, FixedAddresses<E::Address>, F, O, B> {
        let set: AddressSet<E::Address> = addresses.into_iter().map(E::into_endpoint).collect();
        self.follow(FixedAddresses::new(set))
    }

    /// Gives each address a [stable hash](crate::stable_hash) of itself, unless its endpoint has one: for balancers that
    /// keep equal keys at equal addresses, such as [`ConsistentHash`](pool_core::ConsistentHash). To be called after the
    /// addresses are set.
    pub fn hash_addresses(self) -> PoolBuilder<C, R, HashedAddresses<S>, F, O, B>
    where
        S: AddressStream<Address: Hash>,
    {
        PoolBuilder {
            addresses: HashedAddresses::new(self.addresses),
            connector: self.connector,
            runtime: self.runtime,
            frontend: self.frontend,
            observer: self.observer,
            balancer: self.balancer,
            untyped: self.untyped,
        }
    }

    /// Who is told what happens; by default nobody. `|event: &Event<SocketAddr>| …`
    pub fn observer<O2>(self, observer: O2) -> PoolBuilder<C, R, S, F, O2, B> {
        PoolBuilder {
            observer: Some(observer),
            connector: self.connector,
            runtime: self.runtime,
            addresses: self.addresses,
            frontend: self.frontend,
            balancer: self.balancer,
            untyped: self.untyped,
        }
    }

    /// Who picks the address for an item; by default all have their turns. A policy that
    /// [needs outcomes](Balance::needs_outcomes) is refused over connections that don't
    /// [report them](Connection::REPORTS_OUTCOMES).
    pub fn balancer<B2: Balance>(self, balancer: B2) -> PoolBuilder<C, R, S, F, O, B2> {
        PoolBuilder {
            balancer,
            connector: self.connector,
            runtime: self.runtime,
            addresses: self.addresses,
            frontend: self.frontend,
            observer: self.observer,
            untyped: self.untyped,
        }
    }

    /// What the pool is called: in its snapshots, in [`Event::Started`](crate::Event::Started), and as the name of
    /// its task where tasks have names. `.name("redis")` gives the task `pool redis`. By default it has none.
    pub fn name(mut self, name: impl Into<Arc<str>>) -> Self {
        self.untyped.name = Some(name.into());
        self
    }

    /// All settings of the core at once, in place of those made before.
    pub fn config(mut self, config: Config) -> Self {
        self.untyped.settings.config = config;
        self
    }

    /// [`Config::connections_per_address`]: 1 by default.
    pub fn connections_per_address(mut self, connections: u32) -> Self {
        self.untyped.settings.config.connections_per_address = connections;
        self
    }

    /// Opens connections when items wait for them, not before.
    pub fn lazy(mut self) -> Self {
        self.untyped.settings.config.opening = Opening::Lazy;
        self
    }

    /// [`Config::dials_max`]: 64 by default.
    pub fn dials_max(mut self, dials: u32) -> Self {
        self.untyped.settings.config.dials_max = dials;
        self
    }

    /// [`Config::dial_timeout`]: 5 s by default.
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.untyped.settings.config.dial_timeout = timeout;
        self
    }

    /// [`Config::backoff`].
    pub fn backoff(mut self, backoff: Backoff) -> Self {
        self.untyped.settings.config.backoff = backoff;
        self
    }

    /// [`Pace::max`](crate::Pace::max): 4 s by default; `None`: no pace.
    pub fn pace_max(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.pace.max = duration.into();
        self
    }

    /// [`Pace::redial_spread`](crate::Pace::redial_spread): 50 ms by default; `None`: what is due is dialled at once.
    pub fn redial_spread(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.pace.redial_spread = duration.into();
        self
    }

    /// [`Config::stable_after`]: 10 s by default.
    pub fn stable_after(mut self, duration: Duration) -> Self {
        self.untyped.settings.config.stable_after = duration;
        self
    }

    /// [`Config::drain_timeout`]: 30 s by default.
    pub fn drain_timeout(mut self, timeout: Duration) -> Self {
        self.untyped.settings.config.drain_timeout = timeout;
        self
    }

    /// [`Config::fail_fast_after`]: off by default, and off with `None`.
    pub fn fail_fast_after(mut self, duration: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.fail_fast_after = duration.into();
        self
    }

    /// [`Config::lifetime_max`]: off by default, and off with `None`.
    pub fn lifetime_max(mut self, lifetime: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.lifetime_max = lifetime.into();
        self
    }

    /// [`Config::idle_timeout`]: off by default, and off with `None`; only for lazy pools.
    pub fn idle_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.idle_timeout = timeout.into();
        self
    }

    /// [`Silence::suspect_after`](crate::Silence::suspect_after): off by default, and off with `None`; only for connections that
    /// [report outcomes](Connection::REPORTS_OUTCOMES).
    pub fn suspect_after(mut self, silence: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.silence.suspect_after = silence.into();
        self
    }

    /// [`Silence::outcome_timeout`](crate::Silence::outcome_timeout): off by default, and off with `None`; only for connections that
    /// [report outcomes](Connection::REPORTS_OUTCOMES).
    pub fn outcome_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.untyped.settings.config.silence.outcome_timeout = timeout.into();
        self
    }

    /// [`Config::refresh_interval_min`]: 30 s by default.
    pub fn refresh_interval_min(mut self, interval: Duration) -> Self {
        self.untyped.settings.config.refresh_interval_min = interval;
        self
    }

    /// [`Config::addresses_max`]: 65,536 by default.
    pub fn addresses_max(mut self, addresses: usize) -> Self {
        self.untyped.settings.config.addresses_max = addresses;
        self
    }

    /// [`Sharing::items_per_turn`](pool_core::Sharing::items_per_turn): 64 by default.
    pub fn items_per_turn(mut self, items: u32) -> Self {
        self.untyped.settings.config.sharing.items_per_turn = items;
        self
    }

    /// How many items the pool holds that no connection has taken, at most; 100 by default, and 16,384 in pools of calls. The
    /// number of handles doesn't change it.
    pub fn queue_size(mut self, items: usize) -> Self {
        self.untyped.settings.queue_size = items;
        self
    }

    /// How long the pool may go on to deliver what is queued, when all handles are dropped or the
    /// address stream ends; 30 s by default.
    pub fn shutdown_timeout(mut self, timeout: Duration) -> Self {
        self.untyped.settings.shutdown_timeout = timeout;
        self
    }

    /// What the end of the address stream means: by default a shutdown.
    pub fn on_addresses_end(mut self, policy: OnAddressesEnd) -> Self {
        self.untyped.on_addresses_end = policy;
        self
    }

    /// What of these settings can be changed while the pool runs.
    pub fn pool_config(&self) -> PoolConfig {
        self.untyped.settings.clone()
    }

    /// Where other settings come from while the pool runs. Each that comes replaces all [`PoolConfig`];
    /// only the difference acts, nothing is reconnected for it and no item is lost. Of several that
    /// are there at once only the last counts.
    ///
    /// Settings that make no sense change nothing, and the observer is told why
    /// ([`Event::ConfigRefused`](crate::Event::ConfigRefused)). When the stream ends or panics,
    /// the last settings stay. A clone of the builder is without the stream.
    ///
    /// ```
    /// use std::net::SocketAddr;
    ///
    /// # #[derive(Clone)]
    /// # struct Clock;
    /// # impl pool_driver::Runtime for Clock {
    /// #     type Timer = Never;
    /// #     fn now(&self) -> pool_driver::Instant { pool_driver::Instant::ZERO }
    /// #     fn timer(&self) -> Never { Never }
    /// # }
    /// # struct Never;
    /// # impl pool_driver::Timer for Never {
    /// #     fn reset(self: std::pin::Pin<&mut Self>, _: pool_driver::Instant) {}
    /// #     fn poll_expired(
    /// #         self: std::pin::Pin<&mut Self>,
    /// #         _: &mut std::task::Context<'_>,
    /// #     ) -> std::task::Poll<()> {
    /// #         std::task::Poll::Pending
    /// #     }
    /// # }
    /// # async fn connect(_: SocketAddr) -> std::io::Result<futures_util::sink::Drain<String>> {
    /// #     Ok(futures_util::sink::drain())
    /// # }
    /// let (sender, receiver) = futures_channel::mpsc::unbounded();
    /// # let sink_pool_for = |connector| pool_driver::PoolBuilder::plain(connector, Clock);
    /// let builder = sink_pool_for(connect)
    ///     .connect_to_fixed([SocketAddr::from(([127, 0, 0, 1], 6379))])
    ///     .connections_per_address(2)
    ///     .config_from(receiver);
    /// let mut settings = builder.pool_config();
    /// let (pool, driver) = builder.build::<String>()?;
    /// // Later, when the configuration file has changed:
    /// settings.config.connections_per_address = 4;
    /// settings.queue_size = 1_000;
    /// sender.unbounded_send(settings).expect("the driver lives");
    /// # futures_util::FutureExt::now_or_never(driver);
    /// # assert_eq!(pool.snapshot().queue.capacity, 1_000);
    /// # Ok::<(), pool_driver::BuildError>(())
    /// ```
    pub fn config_from(mut self, settings: impl Stream<Item = PoolConfig> + Send + 'static) -> Self {
        self.untyped.settings_stream = Some(Mutex::new(Box::pin(settings)));
        self
    }

    /// Makes all that is left to chance repeatable. By default every pool has another seed.
    pub fn seed(mut self, seed: u64) -> Self {
        self.untyped.seed = Some(seed);
        self
    }
}

impl<C, R, S, U, O, B> PoolBuilder<C, R, S, Items<U>, O, B> {
    /// Who is given items that were accepted and can't be delivered; by default they are dropped
    /// and counted. `|item: Request, reason| …`; it is the pool's whole
    /// [`item_policy`](Self::item_policy) then.
    pub fn on_undelivered<T, U2>(self, handler: U2) -> PoolBuilder<C, R, S, Items<U2>, O, B>
    where
        U2: FnMut(T, UndeliveredReason),
    {
        self.item_policy(handler)
    }

    /// What becomes of items that can't be delivered, and where the others want to go: an [`ItemPolicy`].
    pub fn item_policy<U2>(self, policy: U2) -> PoolBuilder<C, R, S, Items<U2>, O, B> {
        PoolBuilder {
            frontend: Items::new(policy),
            connector: self.connector,
            runtime: self.runtime,
            addresses: self.addresses,
            observer: self.observer,
            balancer: self.balancer,
            untyped: self.untyped,
        }
    }
}

impl<C, R, S, F, O, B> PoolBuilder<C, R, S, F, O, B>
where
    S: AddressStream,
    R: Runtime,
    O: Observer<S::Address>,
    B: Balance,
{
    /// Makes a pool and the future that runs it, to be polled anywhere.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense.
    #[expect(clippy::type_complexity, reason = "two well-known halves; the driver's type is rarely written")]
    pub fn build<T>(
        self,
    ) -> Result<(F::Handle<S::Address>, Driver<SeamsOf<T, C, R, S, F::Policy, O, B>>), BuildError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
        F: Frontend<T>,
    {
        let config = self.untyped.settings.clone();
        let clock = Clock::of(self.runtime.clone());
        let (frontend, parts) = self.into_parts::<T, F::Policy>(Some(config.queue_size))?;
        let policy = frontend.into_policy();
        let multiplexer = Multiplexer::new(parts)?;
        let signal = multiplexer.signal(WakeUp::Handles);
        let pool_status = Arc::clone(multiplexer.pool_status());
        let reports_outcomes = C::Connection::REPORTS_OUTCOMES;
        let shared = Arc::new(Shared::new(config, signal, clock, pool_status, reports_outcomes));
        let handle = F::handle(Pool::new(Arc::clone(&shared)), &policy);
        Ok((handle, Driver::new(multiplexer, shared, policy)))
    }

    /// Makes a multiplexer: the sink below a pool, for an owner that polls it itself. It has no
    /// queue, so `queue_size` and `on_undelivered` mean nothing to it, and `fail_fast_after` only
    /// leads to an event.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense.
    #[expect(clippy::type_complexity, reason = "rarely written")]
    pub fn build_multiplexer<T>(
        self,
    ) -> Result<Multiplexer<SeamsOf<T, C, R, S, DropUndelivered, O, B>>, BuildError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
    {
        let (_, parts) = self.into_parts(None)?;
        Ok(Multiplexer::new(parts)?)
    }

    #[expect(clippy::type_complexity, reason = "what is left of a builder")]
    fn into_parts<T, U>(
        self,
        queue_size: Option<usize>,
    ) -> Result<(F, Parts<SeamsOf<T, C, R, S, U, O, B>>), ConfigError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
        U: ItemPolicy<T>,
    {
        let Untyped { name, settings, settings_stream, on_addresses_end, seed } = self.untyped;
        settings.check(queue_size.is_some(), C::Connection::REPORTS_OUTCOMES)?;
        if self.balancer.needs_outcomes() && !C::Connection::REPORTS_OUTCOMES {
            return Err(ConfigError::needs_outcomes("balancer"));
        }
        let config_stream =
            settings_stream.map(|stream| stream.into_inner().unwrap_or_else(PoisonError::into_inner));
        let parts = Parts {
            config: settings.config,
            seed: seed.unwrap_or_else(|| RandomState::new().build_hasher().finish()),
            connector: self.connector,
            source: self.addresses,
            on_addresses_end,
            shutdown_timeout: settings.shutdown_timeout,
            config_stream,
            queue_size,
            runtime: self.runtime,
            name,
            observer: self.observer,
            balancer: self.balancer,
        };
        Ok((self.frontend, parts))
    }

    /// Makes a pool and spawns its driver where the caller runs.
    ///
    /// # Errors
    ///
    /// [`BuildError::Config`] names the setting that makes no sense; [`BuildError::Spawn`] says
    /// that there is no runtime here.
    pub fn spawn<T>(self) -> Result<F::Handle<S::Address>, BuildError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
        F: Frontend<T>,
        Ambient: Spawn<R, Driver<SeamsOf<T, C, R, S, F::Policy, O, B>>>,
    {
        self.spawn_on(Ambient)
    }

    /// Makes a pool and spawns its driver on the thread of the caller, so that neither connections
    /// nor items need be `Send`. A runtime that knows no executor of the thread (smol) has only
    /// [`spawn_on`](Self::spawn_on).
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    ///
    /// # Panics
    ///
    /// Where the runtime does, when the caller's thread has no such executor: on Tokio, outside a
    /// `LocalSet`.
    pub fn spawn_local<T>(self) -> Result<F::Handle<S::Address>, BuildError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
        F: Frontend<T>,
        Local: Spawn<R, Driver<SeamsOf<T, C, R, S, F::Policy, O, B>>>,
    {
        self.spawn_on(Local)
    }

    /// Makes a pool and spawns its driver on an executor, by that executor's own handle: `&Handle` or
    /// `&LocalSet` of Tokio, `&Executor` or `&LocalExecutor` of smol.
    ///
    /// # Errors
    ///
    /// As for [`spawn`](Self::spawn).
    pub fn spawn_on<T>(
        self,
        executor: impl Spawn<R, Driver<SeamsOf<T, C, R, S, F::Policy, O, B>>>,
    ) -> Result<F::Handle<S::Address>, BuildError>
    where
        C: Connect<S::Address, Connection: Connection<T>>,
        F: Frontend<T>,
    {
        let task = self.untyped.name.as_ref().map_or("pool".into(), |name| format!("pool {name}"));
        let (handle, driver) = self.build()?;
        executor.spawn(&task, driver).map_err(BuildError::Spawn)?;
        Ok(handle)
    }
}
