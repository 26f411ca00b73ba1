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

/// What can be made of any source, its own or of this crate. The names differ from those of
/// `futures::StreamExt`, so that both can be imported.
///
/// All of these pass a [`refresh`](AddressStream::refresh) on, take linear time for a set, and end when
/// what they are made of has ended.
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
    /// The addresses of both, each with what it said last: a source that fails, or ends, keeps its
    /// last set. An address that both name counts once, as in any
    /// [`AddressSet`](pool_core::AddressSet).
    ///
    /// The first set comes when both have said something, be it that they failed: a pool that starts
    /// with half of its addresses would send them everything. While one of them can't answer, the pool's
    /// snapshot shows that: it is told again after each set.
    fn merge_with<S>(self, other: S) -> MergeWith<Self, S>
    where
        S: AddressStream<Address = Self::Address>,
    {
        MergeWith::new(self, other)
    }

    /// The addresses of this source while it names any, and those of the fallback while it names none or
    /// never has. One that fails after it has named some keeps them, as in a pool; one that knows no such
    /// name, too, unless it is [`no_such_name_is_empty`](Self::no_such_name_is_empty).
    ///
    /// The fallback is followed all the time, and used only when this source has said something: that
    /// it failed, or that there are no addresses. So it should have a time limit, as all sources of this
    /// crate do. What the fallback says besides addresses shows only while it is in use.
    ///
    /// This decides by what names say. To use other addresses while connections fail, give them a worse
    /// priority: that is what the pool decides.
    fn prefer_over<S>(self, fallback: S) -> PreferOver<Self, S>
    where
        S: AddressStream<Address = Self::Address>,
    {
        PreferOver::new(self, fallback)
    }

    /// Changes every endpoint, and so also the type of addresses.
    fn map_endpoints<A, F>(self, map: F) -> EachSet<Self, MapEndpoints<F>>
    where
        A: Clone + Ord,
        F: FnMut(Endpoint<Self::Address>) -> Endpoint<A>,
    {
        EachSet::new(self, MapEndpoints(map))
    }

    /// Weighs every address anew.
    fn map_weights<F>(self, weigh: F) -> EachSet<Self, MapWeights<F>>
    where
        F: FnMut(&Endpoint<Self::Address>) -> u32,
    {
        EachSet::new(self, MapWeights(weigh))
    }

    /// Leaves out endpoints. If that leaves none, the set is empty, which drains everything.
    fn filter_endpoints<F>(self, is_wanted: F) -> EachSet<Self, FilterEndpoints<F>>
    where
        F: FnMut(&Endpoint<Self::Address>) -> bool,
    {
        EachSet::new(self, FilterEndpoints(is_wanted))
    }

    /// Passes on at most one set in each interval, so that a source that flaps can't make the pool dial
    /// without end. The first is passed on at once; of those that come within the interval the last
    /// is, when it is over. What the source says besides is held to the same limit, apart from the sets.
    ///
    /// # Errors
    ///
    /// When `interval` makes no sense.
    fn throttle_sets<R: Runtime>(
        self,
        runtime: R,
        interval: Duration,
    ) -> Result<ThrottleSets<Self, R>, ConfigError> {
        ThrottleSets::new(self, runtime, interval)
    }

    /// Keeps addresses in force for some time after they left, in case that they left by mistake. Only
    /// time counts in which the source is healthy, that is, in which addresses were the last that it
    /// said. An address that comes back has not left. An empty set is no exception: it drains the
    /// pool when the time is over.
    ///
    /// # Errors
    ///
    /// When `grace` makes no sense.
    fn removal_grace<R: Runtime>(
        self,
        runtime: R,
        grace: Duration,
    ) -> Result<RemovalGrace<Self, R>, ConfigError> {
        RemovalGrace::new(self, runtime, grace)
    }

    /// Believes the source that there is no such name: that is an empty set then, and drains everything.
    fn no_such_name_is_empty(self) -> NoSuchNameIsEmpty<Self> {
        NoSuchNameIsEmpty::new(self)
    }
}

impl<S: AddressStream> AddressStreamExt for S {}

/// Sources are read so often in one poll where nothing comes of it.
const UPDATES_PER_POLL_MAX: usize = 32;
