//! Sources made of other sources.

mod each_set;
mod merge;
mod no_such_name;
mod prefer;
mod removal_grace;
mod throttle;
mod upstream;

use std::time::Duration;

use pool_core::{ConfigError, Endpoint};
use pool_driver::{AddressStream, Runtime};

pub use each_set::{ChangeSet, EachSet, FilterEndpoints, MapEndpoints, MapWeights};
pub use merge::MergeWith;
pub use no_such_name::NoSuchNameIsEmpty;
pub use prefer::PreferOver;
pub use removal_grace::RemovalGrace;
pub use throttle::ThrottleSets;

/// Sources made of any source. The names differ from those of `futures::StreamExt`, so that both can be
/// imported.
///
/// All of these pass [`refresh`](AddressStream::refresh) on and take linear time for a set. They end when
/// what they are made of has ended; [`removal_grace`](Self::removal_grace) first waits until no address
/// is in its grace.
///
/// ```
/// # use pool_conformance::simulated::Clock as MyRuntime;
/// use std::time::Duration;
/// use pool_driver::FixedAddresses;
/// use pool_resolve::AddressStreamExt;
///
/// let east = FixedAddresses::new([1, 2].into());
/// let west = FixedAddresses::new([3, 4].into());
/// let addresses = east
///     .merge_with(west.map_endpoints(|endpoint| endpoint.with_priority(1)))
///     .filter_endpoints(|endpoint| endpoint.address != 4)
///     .removal_grace(MyRuntime::default(), Duration::from_secs(60))?;
/// # Ok::<(), pool_driver::ConfigError>(())
/// ```
pub trait AddressStreamExt: AddressStream + Sized {
    /// The addresses of both sources. A source that fails or ends keeps its last set. An address in both
    /// sets counts once, as in any [`AddressSet`](pool_core::AddressSet).
    ///
    /// The first set comes when both have reported, be it a failure: a pool that starts with half of its
    /// addresses would send everything to that half. While a source has no answer, its error is shown
    /// after each set, so that it stays visible in the pool's snapshot.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let both = FixedAddresses::new([1, 2].into()).merge_with(FixedAddresses::new([2, 3].into()));
    /// ```
    fn merge_with<S>(self, other: S) -> MergeWith<Self, S>
    where
        S: AddressStream<Address = Self::Address>,
    {
        MergeWith::new(self, other)
    }

    /// The addresses of this source while it has any, and otherwise those of the fallback. A source that
    /// fails after it had addresses keeps them, as in a pool. So does one that reports "no such name",
    /// unless it is [`no_such_name_is_empty`](Self::no_such_name_is_empty).
    ///
    /// The fallback is followed all the time, and used only after this source has reported: a failure, or
    /// that there are no addresses. So this source needs a timeout, which all sources of this crate have.
    /// Errors of the fallback are shown only while it is in use.
    ///
    /// This decides by what name services report, not by whether connections work. For addresses that
    /// take over while connections fail, give them a worse priority: the pool decides that.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let discovered = FixedAddresses::new([1, 2].into());
    /// let addresses = discovered.prefer_over(FixedAddresses::new([9].into()));
    /// ```
    fn prefer_over<S>(self, fallback: S) -> PreferOver<Self, S>
    where
        S: AddressStream<Address = Self::Address>,
    {
        PreferOver::new(self, fallback)
    }

    /// Changes every endpoint, and with it the type of addresses if need be.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into());
    /// let emergency = addresses.map_endpoints(|endpoint| endpoint.with_priority(1));
    /// ```
    fn map_endpoints<A, F>(self, map: F) -> EachSet<Self, MapEndpoints<F>>
    where
        A: Clone + Ord,
        F: FnMut(Endpoint<Self::Address>) -> Endpoint<A>,
    {
        EachSet::new(self, MapEndpoints(map))
    }

    /// Gives every endpoint a weight.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into());
    /// let weighted = addresses.map_weights(|endpoint| if endpoint.address == 1 { 5 } else { 1 });
    /// ```
    fn map_weights<F>(self, weigh: F) -> EachSet<Self, MapWeights<F>>
    where
        F: FnMut(&Endpoint<Self::Address>) -> u32,
    {
        EachSet::new(self, MapWeights(weigh))
    }

    /// Leaves endpoints out. If none is left, the set is empty, which drains everything.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into());
    /// let odd = addresses.filter_endpoints(|endpoint| endpoint.address % 2 == 1);
    /// ```
    fn filter_endpoints<F>(self, is_wanted: F) -> EachSet<Self, FilterEndpoints<F>>
    where
        F: FnMut(&Endpoint<Self::Address>) -> bool,
    {
        EachSet::new(self, FilterEndpoints(is_wanted))
    }

    /// Passes on at most one set in each interval, so that a source that flaps can't make the pool dial
    /// without end. The first set passes at once. Of the sets within an interval the last one passes, at
    /// its end. Errors have a limit of their own, one in each interval.
    ///
    /// ```
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use std::time::Duration;
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into());
    /// let calm = addresses.throttle_sets(MyRuntime::default(), Duration::from_secs(5))?;
    /// # Ok::<(), pool_driver::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `interval` is zero or too long: its field is `interval`.
    fn throttle_sets<R: Runtime>(
        self,
        runtime: R,
        interval: Duration,
    ) -> Result<ThrottleSets<Self, R>, ConfigError> {
        ThrottleSets::new(self, runtime, interval)
    }

    /// Keeps an address in force for a while after it left, in case it left by mistake. An address that
    /// comes back has not left. An empty set is no exception: it drains the pool when the grace is over.
    ///
    /// Only healthy time counts: time while the last update of the source is a set. When the source has
    /// ended, its last set is final, and time counts. The stream then ends when no address is in its grace
    /// any more.
    ///
    /// ```
    /// # use pool_conformance::simulated::Clock as MyRuntime;
    /// use std::time::Duration;
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into());
    /// let graceful = addresses.removal_grace(MyRuntime::default(), Duration::from_secs(60))?;
    /// # Ok::<(), pool_driver::ConfigError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// If `grace` is zero or too long: its field is `grace`.
    fn removal_grace<R: Runtime>(
        self,
        runtime: R,
        grace: Duration,
    ) -> Result<RemovalGrace<Self, R>, ConfigError> {
        RemovalGrace::new(self, runtime, grace)
    }

    /// Turns "no such name" into an empty set, which drains everything. For names that vanish for good.
    ///
    /// ```
    /// use pool_driver::FixedAddresses;
    /// use pool_resolve::AddressStreamExt;
    ///
    /// let addresses = FixedAddresses::new([1, 2].into()).no_such_name_is_empty();
    /// ```
    fn no_such_name_is_empty(self) -> NoSuchNameIsEmpty<Self> {
        NoSuchNameIsEmpty::new(self)
    }
}

impl<S: AddressStream> AddressStreamExt for S {}
