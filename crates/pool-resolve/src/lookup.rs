//! One question and its answer, for name services that have to be asked again and again.

use std::time::Duration;

use pool_core::AddressSet;
use pool_driver::BoxError;

/// All addresses of a name, and how long that is so.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct LookupAnswer<A> {
    /// All addresses there are.
    pub addresses: AddressSet<A>,
    /// When to ask again (a DNS record's time to live), if the answer says so.
    pub valid_for: Option<Duration>,
}

impl<A> LookupAnswer<A> {
    /// These addresses, for as long as is usual.
    #[must_use]
    pub fn new(addresses: AddressSet<A>) -> Self {
        Self { addresses, valid_for: None }
    }

    /// The same answer, for so long.
    #[must_use]
    pub fn valid_for(self, duration: Duration) -> Self {
        Self { valid_for: Some(duration), ..self }
    }
}

/// Why there are no addresses.
#[derive(Debug)]
#[non_exhaustive]
pub enum LookupError {
    /// The answer was that there is no such name, or that it has no addresses.
    NoSuchName {
        /// When to ask again, if the answer says so.
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

/// Asks for the addresses of one name. Closures that return futures do.
pub trait Lookup {
    /// Where to connect.
    type Address: Clone + Ord;
    /// The answer to one question; dropped when it takes too long.
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
