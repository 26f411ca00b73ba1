//! One pool per name, made on first use and closed when nobody uses it.

mod builder;
mod driver;
mod effects;
mod error;
mod snapshot;
mod state;

use std::borrow::Borrow;
use std::fmt;
use std::future::poll_fn;
use std::hash::{BuildHasher, Hash, RandomState};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use crate::error::{BoxError, Ended, SharedError};
use crate::panic::guard;
use crate::pool::Pool;
use crate::sync::Mutex;
use crate::wake_list::{Signal, WakeList};
use crate::watchers::Watchers;

use effects::Effects;
use state::{Kept, Key, Named, Patience, State, Step, Woken};

pub use builder::PoolMapBuilder;
pub use driver::PoolMapDriver;
pub use error::{GetError, GetErrorReason, PoolMapEnded};
pub use snapshot::{NameSnapshot, PoolMapSnapshot};

/// How the pool of a name is made, where the type of the closure isn't kept.
pub type Creator<N, T, A> = dyn Fn(&N) -> Result<Pool<T, A>, BoxError> + Send + Sync;

/// Pools by name: one for each host, shard, tenant or queue, made when it is first asked for.
///
/// Handles are cheap to clone and to move between threads and tasks. [`get`](Self::get) returns a
/// handle of the name's pool; all that the map does happens there, and in its driver, while the pool
/// itself is used as if there were no map. Names are limited in number: to make room for another, the
/// idle one that was not used for longest is closed. A name is idle when nobody outside the map has a
/// handle of its pool, and all that was sent is dealt with (for connections that report no outcomes:
/// is sent over). It is closed in any case after it has been idle for some time.
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
/// It runs on the caller's thread, once for all who want that name meanwhile, and never under a lock;
/// it makes a new pool each time and should not block. It may use the map: for names that have a pool, or
/// a place for one, it gets it; but where it would have to wait, and so for its own name, it is told
/// [`GetErrorReason::InCreator`]. (This is known by the thread: a creator that waits for another thread, which
/// waits for the creator, can't be helped.) A creator that owns a handle of its own map keeps that alive
/// for ever.
///
/// A pool that comes to an end by itself, because its address stream ended, its driver was dropped or
/// somebody shut it down, is taken out of the map, and made anew when it is next asked for.
///
/// When the last handle of the map is dropped, or its driver, pools that somebody has a handle of live
/// on; the others deliver what they have and end.
///
/// Names are hashed, so that they can be compared outside the lock: no code of a name's type runs under
/// it. Only the lists want an order.
///
/// `F` is the type of the closure; see [`PoolMapBuilder::build_with`].
pub struct PoolMap<N, T, A = SocketAddr, F: ?Sized = Creator<N, T, A>> {
    shared: Arc<Shared<N, T, A>>,
    creator: Arc<F>,
}

/// What handles and driver have in common.
struct Shared<N, T, A> {
    state: Mutex<State<N, T, A>>,
    hasher: RandomState,
    handles: AtomicUsize,
    wakes: Arc<WakeList<Woken>>,
    signal: Arc<Signal<Woken>>,
    watchers: Watchers,
    /// How long a pool may take to deliver what it has, if nobody says otherwise.
    shutdown_timeout: Duration,
}

impl<N, T, A> Shared<N, T, A> {
    fn new(names_max: usize, shutdown_timeout: Duration) -> Self {
        let wakes = Arc::new(WakeList::default());
        Self {
            state: Mutex::new(State::new(names_max)),
            hasher: RandomState::new(),
            handles: AtomicUsize::new(0),
            signal: Signal::new(&wakes, Woken::Handles),
            wakes,
            watchers: Watchers::new(),
            shutdown_timeout,
        }
    }

    /// Does something under the lock, and what follows from it outside.
    fn with<R>(&self, act: impl FnOnce(&mut State<N, T, A>, &mut Effects<N, T, A>) -> R) -> R {
        let mut effects = Effects::new();
        let result = act(&mut self.state.lock(), &mut effects);
        effects.run(&self.signal);
        result
    }

    /// The slot of a name, or the number of the last one that might have been it.
    fn find<Q>(&self, hash: u64, name: &Q, mut newest: u64) -> Result<Key, u64>
    where
        N: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        loop {
            let Some((key, named)) = self.state.lock().find(hash, newest) else { return Err(newest) };
            if named.name.borrow() == name {
                return Ok(key);
            }
            newest = key.number;
        }
    }

    fn step<Q>(&self, hash: u64, name: &Q, patience: Patience) -> Step<N, T, A>
    where
        N: Borrow<Q>,
        Q: Eq + ToOwned<Owned = N> + ?Sized,
    {
        match self.find(hash, name, 0) {
            Ok(key) => self.with(|state, _| state.join(key, patience)),
            Err(newest) => {
                let named = Arc::new(Named::new(name.to_owned()));
                self.with(|state, effects| state.insert(hash, newest, &named, patience, effects))
            }
        }
    }
}

impl<N> Named<N> {
    fn new(name: N) -> Self {
        Self { name, failure: std::sync::OnceLock::new() }
    }
}

impl<N, T, A, F: ?Sized> PoolMap<N, T, A, F> {
    fn new(shared: Arc<Shared<N, T, A>>, creator: Arc<F>) -> Self {
        shared.handles.fetch_add(1, Ordering::Relaxed);
        Self { shared, creator }
    }

    /// Closes the name's pool, for everybody who has a handle of it; the name is free at once.
    /// Returns `None` if it has no pool now.
    ///
    /// What is queued is delivered until the deadline, as by [`Pool::shutdown`]; that begins at once,
    /// whether the future is polled or not.
    pub fn close<Q>(
        &self,
        name: &Q,
        deadline: Duration,
    ) -> impl Future<Output = Option<Ended>> + use<N, T, A, F, Q>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let found = self.shared.find(self.shared.hasher.hash_one(name), name, 0);
        let retire = |key| self.shared.with(|state, effects| state.retire(key, deadline, effects));
        let pool = found.ok().and_then(retire);
        async move {
            match pool {
                Some(pool) => Some(pool.closed().await),
                None => None,
            }
        }
    }

    /// Closes all pools, for everybody who has a handle of one, and waits until they are over. No pool
    /// is made from now on, and none takes an item, also if the future is never polled.
    ///
    /// What is queued is delivered until the deadline, as by [`Pool::shutdown`]. The earliest deadline
    /// of several calls counts.
    pub fn shutdown(&self, deadline: Duration) -> impl Future<Output = PoolMapEnded> + use<'_, N, T, A, F> {
        self.shared.with(|state, effects| state.shut_down(deadline, effects));
        self.closed()
    }

    /// Waits until the map is over, and tells why.
    pub async fn closed(&self) -> PoolMapEnded {
        loop {
            let changed = self.shared.watchers.watch();
            let ended = self.shared.state.lock().ended;
            if let Some(ended) = ended {
                return ended;
            }
            // Cancelled or not: it is time to look again.
            let _ = changed.await;
        }
    }

    /// How many names have a pool.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shared.state.lock().len()
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
    pub fn snapshot(&self) -> PoolMapSnapshot<N, A>
    where
        N: Clone + Ord,
    {
        let (pools, [creating, closing, waiting, names_max]) = {
            let state = self.shared.state.lock();
            (state.pools(), state.totals())
        };
        let look = pools.iter().map(|(named, pool)| NameSnapshot {
            name: named.name.clone(),
            handles: pool.handles().saturating_sub(1),
            pool: pool.snapshot(),
        });
        let mut names: Vec<_> = look.collect();
        names.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        PoolMapSnapshot { names, creating, closing, waiting, names_max }
    }
}

impl<N, T, A, F> PoolMap<N, T, A, F>
where
    N: Eq + Hash,
    F: Fn(&N) -> Result<Pool<T, A>, BoxError> + ?Sized,
{
    /// A handle of the name's pool, which is made if there is none.
    ///
    /// When there are as many pools as there may be, this waits in line, first come first served,
    /// until one is over; an idle one is closed for that. Callers that want the same name share a
    /// place. Dropping the future leaves the line, and passes on a place that it was just given.
    ///
    /// Pools are made where they are asked for first: on Tokio, `spawn` in the creator takes the
    /// caller's runtime. Where there are several, `spawn_on(&handle)` says which.
    ///
    /// # Errors
    ///
    /// [`GetErrorReason::NotCreated`] with the creator's error or its panic, for all who waited for it;
    /// [`GetErrorReason::InCreator`]; [`GetErrorReason::Closed`].
    pub async fn get<Q>(&self, name: &Q) -> Result<Pool<T, A>, GetError<N>>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = N> + ?Sized,
    {
        let hash = self.shared.hasher.hash_one(name);
        let mut step = self.shared.step(hash, name, Patience::Waits);
        loop {
            step = match step {
                Step::Wait(key, named, ticket) => {
                    let mut waiting = Waiting { shared: &self.shared, key, named, ticket };
                    poll_fn(|cx| waiting.poll(cx.waker())).await
                }
                step => match self.finish(name, step) {
                    Some(result) => return result,
                    None => self.shared.step(hash, name, Patience::Waits),
                },
            }
        }
    }

    /// A handle of the name's pool, which is made if there is none, without waiting.
    ///
    /// # Errors
    ///
    /// [`GetErrorReason::Full`] when there are as many pools as there may be; an idle one is closed then, if
    /// there is one, so that another try may succeed. [`GetErrorReason::BeingCreated`] when somebody is at it
    /// on another thread. Otherwise as [`get`](Self::get).
    pub fn try_get<Q>(&self, name: &Q) -> Result<Pool<T, A>, GetError<N>>
    where
        N: Borrow<Q>,
        Q: Hash + Eq + ToOwned<Owned = N> + ?Sized,
    {
        let hash = self.shared.hasher.hash_one(name);
        loop {
            if let Some(result) = self.finish(name, self.shared.step(hash, name, Patience::Leaves)) {
                return result;
            }
        }
    }

    /// What a step comes to, if it need not be taken again.
    fn finish<Q>(&self, name: &Q, step: Step<N, T, A>) -> Option<Result<Pool<T, A>, GetError<N>>>
    where
        Q: ToOwned<Owned = N> + ?Sized,
    {
        let result = match step {
            Step::Got(key, pool) if pool.shared().is_closed() => {
                drop(pool);
                self.shared.with(|state, effects| state.retire_closed(key, effects));
                return None;
            }
            Step::Got(_, pool) => Ok(pool),
            Step::Create(key, named) => self.create(key, &named),
            Step::Refused(reason) => Err(reason),
            Step::Again | Step::Wait(..) => return None,
        };
        Some(result.map_err(|reason| GetError { name: name.to_owned(), reason }))
    }

    fn create(&self, key: Key, named: &Named<N>) -> Result<Pool<T, A>, GetErrorReason> {
        let made = match guard(|| (self.creator)(&named.name)) {
            Ok(Ok(pool)) => {
                let signal = Signal::new(&self.shared.wakes, Woken::Pool(key));
                pool.shared().set_keeper(Waker::from(Arc::clone(&signal)));
                Ok(Kept { pool, signal })
            }
            Ok(Err(error)) => Err(GetErrorReason::NotCreated(SharedError::from(error))),
            Err(panicked) => Err(GetErrorReason::NotCreated(Arc::new(panicked))),
        };
        self.shared.with(|state, effects| state.settle(key, made, effects))
    }
}

/// Somebody in line.
struct Waiting<'a, N, T, A> {
    shared: &'a Shared<N, T, A>,
    key: Key,
    named: Arc<Named<N>>,
    ticket: u64,
}

impl<N, T, A> Waiting<'_, N, T, A> {
    fn poll(&mut self, waker: &Waker) -> Poll<Step<N, T, A>> {
        let (key, ticket, waker) = (self.key, self.ticket, waker.clone());
        match self.shared.with(|state, effects| state.look_again(key, ticket, waker, effects)) {
            None => Poll::Pending,
            Some(Step::Again) => {
                let failure = self.named.failure.get().cloned();
                Poll::Ready(failure.map_or(Step::Again, Step::Refused))
            }
            Some(step) => Poll::Ready(step),
        }
    }
}

impl<N, T, A> Drop for Waiting<'_, N, T, A> {
    fn drop(&mut self) {
        self.shared.with(|state, effects| state.leave(self.key, self.ticket, effects));
    }
}

impl<N, T, A, F: ?Sized> Clone for PoolMap<N, T, A, F> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), Arc::clone(&self.creator))
    }
}

impl<N, T, A, F: ?Sized> Drop for PoolMap<N, T, A, F> {
    fn drop(&mut self) {
        if self.shared.handles.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.shared.signal.raise();
        }
    }
}

impl<N, T, A, F: ?Sized> fmt::Debug for PoolMap<N, T, A, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolMap").field("len", &self.len()).finish_non_exhaustive()
    }
}
