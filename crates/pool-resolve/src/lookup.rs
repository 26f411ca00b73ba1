//! One question and its answer, for name services that are polled.

use std::time::Duration;

use pool_core::AddressSet;
use pool_driver::BoxError;

/// All addresses of a name, and how long they are valid.
///
/// ```
/// use std::time::Duration;
/// use pool_driver::AddressSet;
/// use pool_resolve::LookupAnswer;
///
/// let answer = LookupAnswer::new(AddressSet::from([7001, 7002])).valid_for(Duration::from_secs(60));
/// assert_eq!(answer.addresses.len(), 2);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LookupAnswer<A> {
    /// All addresses of the name.
    pub addresses: AddressSet<A>,
    /// The time to live of the answer, if it has one.
    pub valid_for: Option<Duration>,
}

impl<A> LookupAnswer<A> {
    /// An answer without a time to live: [`PollConfig::interval`](crate::PollConfig::interval) counts.
    #[must_use]
    pub fn new(addresses: AddressSet<A>) -> Self {
        Self { addresses, valid_for: None }
    }

    /// The same answer with a time to live.
    #[must_use]
    pub fn valid_for(self, duration: Duration) -> Self {
        Self { valid_for: Some(duration), ..self }
    }
}

/// Why there are no addresses.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// The answer was that the name doesn't exist, or has no addresses.
    NoSuchName {
        /// The time to live of the answer, if it has one.
        valid_for: Option<Duration>,
    },
    /// There was no answer.
    Failed(BoxError),
}

impl<E: Into<BoxError>> From<E> for LookupError {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

/// Asks for the addresses of one name. Closures that return futures are lookups.
///
/// ```
/// use pool_resolve::{Lookup, LookupAnswer, LookupError};
///
/// /// A name service that is not there yet.
/// struct Planned;
///
/// impl Lookup for Planned {
///     type Address = u16;
///     type Future = std::future::Ready<Result<LookupAnswer<u16>, LookupError>>;
///
///     fn lookup(&mut self) -> Self::Future {
///         std::future::ready(Err("it is not there yet".into()))
///     }
/// }
/// ```
pub trait Lookup {
    /// Where to connect.
    type Address: Clone + Ord;
    /// The answer to one question. It is dropped when its timeout is over.
    type Future: Future<Output = Result<LookupAnswer<Self::Address>, LookupError>>;

    /// Asks once.
    fn lookup(&mut self) -> Self::Future;
}

impl<F, Fut, A> Lookup for F
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<LookupAnswer<A>, LookupError>>,
    A: Clone + Ord,
{
    type Address = A;
    type Future = Fut;

    fn lookup(&mut self) -> Fut {
        self()
    }
}
