//! A look at a map of pools.

use std::fmt;
use std::sync::Arc;

use crate::snapshot::Snapshot;

/// A look at a [`PoolMap`](crate::PoolMap). It prints as a table, if names can be printed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PoolMapSnapshot<N, A> {
    /// The map's own name, if it has one.
    pub name: Option<Arc<str>>,
    /// All names that have a pool, in their order.
    pub names: Vec<NameSnapshot<N, A>>,
    /// Names whose pool is being created, or that have a permit for one.
    pub creating: usize,
    /// Pools that have lost their names and are not over yet.
    pub closing: usize,
    /// Names that wait for a permit.
    pub waiting: usize,
    /// The most that the first three can be together.
    pub names_max: usize,
}

/// A look at the pool of one name.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NameSnapshot<N, A> {
    /// Which.
    pub name: N,
    /// Handles of the pool beside the map's own.
    pub handles: usize,
    /// The pool.
    pub pool: Snapshot<A>,
}

impl<N: fmt::Display, A> fmt::Display for PoolMapSnapshot<N, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            writeln!(f, "pool map {name}")?;
        }
        writeln!(
            f,
            "{:<24} {:>7} {:>9} {:>6} {:>6} {:>9} {:>11}  last error",
            "name", "handles", "addresses", "open", "queue", "sent", "undelivered"
        )?;
        for NameSnapshot { name, handles, pool } in &self.names {
            let open: usize =
                pool.addresses.iter().map(|record| usize::from(record.status.slots.connected())).sum();
            let (addresses, queue) = (pool.addresses.len(), pool.queue.queued + pool.queue.in_backlog);
            let (sent, undelivered) = (pool.counts.sent, pool.counts.undelivered);
            write!(f, "{:<24} {handles:>7} {addresses:>9} {open:>6} {queue:>6} ", name.to_string())?;
            write!(f, "{sent:>9} {undelivered:>11}  ")?;
            let errors = pool.addresses.iter().filter_map(|record| record.last_error.as_ref());
            match pool.source.state.error().into_iter().chain(errors).next() {
                Some(error) => writeln!(f, "{error}")?,
                None => writeln!(f, "-")?,
            }
        }
        let Self { name: _, names, creating, closing, waiting, names_max } = self;
        write!(f, "{} of at most {names_max} names; ", names.len())?;
        writeln!(f, "{creating} being created, {closing} closing, {waiting} waiting")
    }
}
