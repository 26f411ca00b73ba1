//! Name services as streams of addresses: what a pool follows.

#[cfg(any(feature = "dns", feature = "etcd"))]
mod background;
mod lookup;
mod resolve;

pub use lookup::{Answer, Lookup, LookupError};
pub use resolve::Resolve;
