//! One pool per name, made on first use and closed when nobody uses it.

mod builder;
mod driver;
mod effects;
mod error;
mod handle;
mod names;
mod shared;
mod snapshot;
mod state;

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Poll, Waker};
use std::time::Duration;

use pool_core::pool_map::{NameId, Patience};

use crate::error::{BoxError, Ended, SharedError};
use crate::panic::guard;
use crate::wake_list::Signal;
use crate::watchers::Watcher;

use names::{Held, Named};
use shared::Shared;
use state::Step;

pub use builder::PoolMapBuilder;
pub use driver::PoolMapDriver;
pub use error::{GetError, GetErrorReason, PoolMapEnded};
pub use handle::PoolHandle;
pub use snapshot::{NameSnapshot, PoolMapSnapshot};

/// How the pool of a name is made, where the type of the closure isn't kept.
pub type Creator<N, H> = dyn Fn(&N) -> Result<H, BoxError> + Send + Sync;

/// Pools by name: one for each host, shard, tenant or queue, made when it is first asked for.
///
/// Handles are cheap to clone and to move between threads and tasks. [`get`](Self::get) returns a
/// handle of the name's pool; all that the map does happens there, and in its driver, while the pool
/// itself is used as if there were no map. The number of pools is limited: to make room for another, the
/// least recently used of the idle ones is closed. A pool is idle when the map has the only handle, and all
/// that was sent is dealt with: over a connection that reports outcomes it is answered, over any other it is
/// sent. A pool that has been idle for some time is closed in any case.
///
/// The closure that makes pools is the one place for their settings, also for those that differ:
///
/// ```
/// use std::time::Duration;
/// # use std::collections::BTreeMap;
/// # use std::future::ready;
/// use pool_driver::{BuildError, PoolBuilder, PoolMapBuilder};
/// # use pool_conformance::simulated::Clock;
/// # use pool_driver::Pool;
/// # let clock = Clock::default();
/// # let runtime = clock.clone();
/// # let spawn = |_| ();
/// # struct Service { address: u16, connections: Option<u32> }
/// # let services = BTreeMap::from([("orders".to_owned(), Service { address: 1, connections: Some(4) })]);
/// # let dial = |_: u16| ready(Ok::<_, String>(futures_util::sink::drain::<u32>()));
///
/// let create = move |name: &String| {
///     // What is so for all.
///     let pool = PoolBuilder::plain(dial, runtime.clone()).dial_timeout(Duration::from_secs(1));
///     // What a table says of some.
///     let service = services.get(name).ok_or_else(|| format!("there is no service {name}"))?;
///     let pool = pool.connections_per_address(service.connections.unwrap_or(1));
///     // What one needs.
///     let pool = if name == "reports" { pool.queue_size(10_000) } else { pool };
///     let (pool, driver) = pool.connect_to_fixed([service.address]).build::<u32>()?;
///     spawn(driver); // on a runtime: `.spawn()` in place of `.build()`
///     Ok::<_, pool_driver::BoxError>(pool)
/// };
/// let (pools, driver) = PoolMapBuilder::new(create, clock).names_max(64).build()?;
/// # let get = |name| futures_util::FutureExt::now_or_never(pools.get(name)).expect("nobody waits");
/// # // In a program: `pools.get("orders").await`.
/// let orders = get("orders").expect("the table has it");
/// let error = get("order").unwrap_err();
/// assert_eq!(error.to_string(), r#"no pool for "order": it could not be created"#);
/// # drop(driver);
/// # Ok::<(), BuildError>(())
/// ```
///
/// It runs on the caller's thread, once for all callers that want the name meanwhile, and never under a
/// lock; it makes a new pool each time and should not block. It may use the map: it gets the pools that are
/// there, and those that can be made at once. Where it would have to wait, and so for its own name, it is
/// refused with [`GetErrorReason::InCreator`]. The map knows a creator by its thread: a creator that waits
/// for another thread, which waits for the creator, waits for ever. A creator that owns a handle of its own
/// map keeps that alive for ever.
///
/// A pool that comes to an end by itself, because its address stream ended, its driver was dropped or
/// it was shut down, is taken out of the map, and made anew when it is next asked for.
///
/// When the last handle of the map is dropped, or its driver, pools that have other handles live on; the
/// others deliver what they have and end.
///
/// Names are hashed, compared, cloned and dropped outside of the map's lock, and so are handles. Only the
/// lists want an order of names.
///
/// `H` is the type of the pools' handles: [`Pool`](crate::Pool), or another [`PoolHandle`]. `F` is the type of the closure; see [`PoolMapBuilder::build_with`].
pub struct PoolMap<N, H, F: ?Sized = Creator<N, H>> {
    shared: Arc<Shared<N, H>>,
    creator: Arc<F>,
}

/// What can wake a map's driver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum MapWakeUp {
    Handles,
    Timer,
    /// A pool has ended, or become idle.
    Pool(NameId),
}

impl<N, H, F: ?Sized> PoolMap<N, H, F> {
    fn new(shared: Arc<Shared<N, H>>, creator: Arc<F>) -> Self {
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared, creator }
    }
}

impl<N, H: PoolHandle, F: ?Sized> PoolMap<N, H, F> {
    /// Closes the name's pool, for all its handles; the name is free at once.
    /// Returns `None` if it has no pool now.
    ///
    /// What is queued is delivered until the timeout, as by [`Pool::shutdown`](crate::Pool::shutdown); that begins at once,
    /// whether the future is polled or not.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_driver::{Pool, PoolMap};
    ///
    /// /// A tenant has left: how many of its last messages were not sent?
    /// async fn remove(pools: &PoolMap<String, Pool<String>>, tenant: &str) -> u64 {
    ///     let ended = pools.close(tenant, Duration::from_secs(5)).await;
    ///     ended.map_or(0, |ended| ended.counts.undelivered)
    /// }
    /// ```
    pub fn close<Q>(
        &self,
        name: &Q,
        timeout: Duration,
    ) -> impl Future<Output = Option<Ended>> + use<N, H, F, Q>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = self.shared.find(self.shared.hasher.hash_one(name), name);
        let close = |id| self.shared.with(|state, _| state.close_name(id, timeout));
        let held = found.ok().and_then(close);
        async move {
            match held {
                Some(held) => Some(held.handle.closed().await),
                None => None,
            }
        }
    }

    /// Closes all pools, for all their handles, and waits until they are over. No pool
    /// is made from now on, and none takes an item, also if the future is never polled.
    ///
    /// What is queued is delivered until the timeout, as by [`Pool::shutdown`](crate::Pool::shutdown). The shortest timeout
    /// of several calls counts.
    ///
    /// ```
    /// use std::time::Duration;
    ///
    /// use pool_driver::{Pool, PoolMap};
    ///
    /// async fn stop(pools: &PoolMap<String, Pool<String>>) {
    ///     let ended = pools.shutdown(Duration::from_secs(5)).await;
    ///     println!("{} pools are over, {} items were not sent", ended.pools, ended.counts.undelivered);
    /// }
    /// ```
    pub fn shutdown(&self, timeout: Duration) -> impl Future<Output = PoolMapEnded> + use<'_, N, H, F> {
        self.shared.with(|state, _| state.shut_down(timeout));
        self.closed()
    }

    /// Waits until the map is over, and tells why.
    pub async fn closed(&self) -> PoolMapEnded {
        let (shared, mut watcher) = (&self.shared, Watcher::default());
        poll_fn(|cx| watcher.poll(&shared.watchers, cx, || shared.state.lock().ended)).await
    }

    /// The map's [name](PoolMapBuilder::name), if it has one.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.shared.name.as_deref()
    }

    /// How many names have a pool.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.state.lock().counts().open
    }

    /// Whether no name has a pool.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The names that have a pool, in their order.
    #[must_use]
    pub fn names(&self) -> Vec<N>
    where
        N: Clone + Ord,
    {
        let open = self.shared.state.lock().names();
        let mut names: Vec<N> = open.iter().map(|named| named.name.clone()).collect();
        names.sort_unstable();
        names
    }

    /// A look at all pools, in the order of their names. It doesn't count as a use of them.
    #[must_use]
    pub fn snapshot(&self) -> PoolMapSnapshot<N, H::Address>
    where
        N: Clone + Ord,
    {
        let (open, counts) = {
            let state = self.shared.state.lock();
            (state.open(), state.counts())
        };
        let look = open.iter().map(|open| NameSnapshot {
            name: open.named.name.clone(),
            handles: open.held.handle.handles().saturating_sub(1),
            pool: open.held.handle.snapshot(),
        });
        let mut names: Vec<_> = look.collect();
        names.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        PoolMapSnapshot {
            name: self.shared.name.clone(),
            names,
            creating: counts.creating,
            closing: counts.closing,
            waiting: counts.waiting,
            names_max: counts.names_max,
        }
    }
}

impl<N, H, F> PoolMap<N, H, F>
where
    N: Eq + Hash,
    H: PoolHandle,
    F: Fn(&N) -> Result<H, BoxError> + ?Sized,
{
    /// A handle of the name's pool, which is made if there is none.
    ///
    /// When there are as many pools as there may be, the name waits for a permit, first come, first served,
    /// until a pool has ended; an idle one is closed for that. Callers of one name share its permit.
    /// Dropping the future gives up waiting, and passes on a permit that was just granted.
    ///
    /// Pools are made where they are asked for first: on Tokio, `spawn` in the creator takes the
    /// caller's runtime. Where there are several, `spawn_on(&handle)` says which.
    ///
    /// ```
    /// use pool_driver::{BoxError, Pool, PoolMap};
    ///
    /// async fn notify(pools: &PoolMap<String, Pool<String>>, tenant: &str, text: String) -> Result<(), BoxError> {
    ///     // Keep the handle as long as there is something to send: the pool is not idle meanwhile.
    ///     let pool = pools.get(tenant).await?;
    ///     pool.send(text).await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetErrorReason::NotCreated`] with the creator's error or its panic, for all callers that waited;
    /// [`GetErrorReason::InCreator`]; [`GetErrorReason::Closed`].
    pub async fn get<Q>(&self, name: &Q) -> Result<H, GetError<N>>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = N> + ?Sized,
    {
        let hash = self.shared.hasher.hash_one(name);
        let mut step = self.shared.step(hash, name, Patience::Wait);
        loop {
            step = match step {
                Step::Wait(id, named, ticket) => {
                    let mut waiting = Waiting { shared: &self.shared, id, named, ticket };
                    poll_fn(|cx| waiting.poll(cx.waker())).await
                }
                step => match self.finish(name, step) {
                    Some(result) => return result,
                    None => self.shared.step(hash, name, Patience::Wait),
                },
            }
        }
    }

    /// A handle of the name's pool, which is made if there is none, without waiting.
    ///
    /// ```
    /// use pool_driver::{GetErrorReason, Pool, PoolMap};
    ///
    /// fn pool_if_there_is_room(pools: &PoolMap<String, Pool<String>>, tenant: &str) -> Option<Pool<String>> {
    ///     match pools.try_get(tenant) {
    ///         Ok(pool) => Some(pool),
    ///         Err(error) if matches!(error.reason, GetErrorReason::Full) => None, // try again later
    ///         Err(error) => {
    ///             eprintln!("{error}");
    ///             None
    ///         }
    ///     }
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`GetErrorReason::Full`] when there are as many pools as there may be; the least recently used of the
    /// idle ones is closed then, so that another try may succeed. [`GetErrorReason::BeingCreated`] when
    /// another thread creates the pool. Otherwise as [`get`](Self::get).
    pub fn try_get<Q>(&self, name: &Q) -> Result<H, GetError<N>>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = N> + ?Sized,
    {
        let hash = self.shared.hasher.hash_one(name);
        loop {
            if let Some(result) = self.finish(name, self.shared.step(hash, name, Patience::NoWait)) {
                return result;
            }
        }
    }

    /// What a step comes to, if it need not be taken again.
    fn finish<Q>(&self, name: &Q, step: Step<N, H>) -> Option<Result<H, GetError<N>>>
    where
        Q: ToOwned<Owned = N> + ?Sized,
    {
        let result = match step {
            Step::Got(id, claim) if claim.handle().is_closed() => {
                let ended = claim.handle().ended();
                drop(claim);
                self.shared.with(|state, _| match ended {
                    Some(ended) => state.handle_ended(id, ended),
                    None => state.handle_closed(id),
                });
                return None;
            }
            Step::Got(_, claim) => Ok(claim.handle().clone()),
            Step::Create(id, named) => self.create(id, &named),
            Step::Refused(reason) => Err(reason),
            Step::Again | Step::Wait(..) => return None,
        };
        Some(result.map_err(|reason| GetError { name: name.to_owned(), reason }))
    }

    fn create(&self, id: NameId, named: &Named<N>) -> Result<H, GetErrorReason> {
        let create = || {
            let handle = (self.creator)(&named.name)?;
            let signal = Signal::new(&self.shared.wakes, MapWakeUp::Pool(id));
            handle.set_keeper(Waker::from(Arc::clone(&signal)));
            Ok::<_, BoxError>((handle.clone(), Held::new(handle, signal)))
        };
        let reason = match guard(create) {
            Ok(Ok((handle, held))) => {
                self.shared.with(|state, effects| state.handle_created(id, &held, effects))?;
                return Ok(handle);
            }
            Ok(Err(error)) => GetErrorReason::NotCreated(SharedError::from(error)),
            Err(panicked) => GetErrorReason::NotCreated(Arc::new(panicked)),
        };
        self.shared.with(|state, _| state.handle_creation_failed(id, &reason));
        Err(reason)
    }
}

/// A caller that waits.
struct Waiting<'a, N, H: PoolHandle> {
    shared: &'a Shared<N, H>,
    id: NameId,
    named: Arc<Named<N>>,
    ticket: u64,
}

impl<N, H: PoolHandle> Waiting<'_, N, H> {
    fn poll(&mut self, waker: &Waker) -> Poll<Step<N, H>> {
        let waker = waker.clone();
        match self.shared.with(|state, effects| state.resume(self.id, self.ticket, waker, effects)) {
            None => Poll::Pending,
            Some(Step::Again) => {
                let failure = self.named.failure.get().cloned();
                Poll::Ready(failure.map_or(Step::Again, Step::Refused))
            }
            Some(step) => Poll::Ready(step),
        }
    }
}

impl<N, H: PoolHandle> Drop for Waiting<'_, N, H> {
    fn drop(&mut self) {
        self.shared.with(|state, effects| state.cancel(self.id, self.ticket, effects));
    }
}

impl<N, H, F: ?Sized> Clone for PoolMap<N, H, F> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), Arc::clone(&self.creator))
    }
}

impl<N, H, F: ?Sized> Drop for PoolMap<N, H, F> {
    fn drop(&mut self) {
        if self.shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.signal.raise();
        }
    }
}

impl<N, H, F: ?Sized> fmt::Debug for PoolMap<N, H, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMap")
            .field("len", &self.shared.state.lock().counts().open)
            .finish_non_exhaustive()
    }
}
