//! Addresses as the core has them: behind reference counts, so that the core never runs their code.

use std::cmp::Ordering;
use std::sync::Arc;

use pool_core::{AddressSet, Endpoint};

use crate::panic::{Panicked, discard, guard};

/// An address that is cloned and dropped without the user's `clone`, and whose last drop can't harm anybody.
///
/// Only its comparisons are the user's.
pub(crate) struct SharedAddress<A> {
    /// Gone only while it is dropped.
    address: Option<Arc<A>>,
}

/// The last address set, as the name service said it and as the core has it.
pub(crate) struct SharedSet<A> {
    original: AddressSet<A>,
    /// It lacks the addresses that could not be cloned.
    shared: AddressSet<SharedAddress<A>>,
}

impl<A> SharedAddress<A> {
    pub(crate) fn new(address: A) -> Self {
        Self { address: Some(Arc::new(address)) }
    }

    pub(crate) fn as_arc(&self) -> &Arc<A> {
        self.address.as_ref().expect("it is there until it is dropped")
    }
}

impl<A: Clone> SharedAddress<A> {
    /// A copy for the user. It runs the user's `clone`, so it is called under a guard.
    pub(crate) fn copy_for_user(&self) -> A {
        A::clone(self.as_arc())
    }
}

impl<A> Clone for SharedAddress<A> {
    fn clone(&self) -> Self {
        Self { address: self.address.clone() }
    }
}

/// Each is dropped alone: one that panics harms no other.
impl<A> Drop for SharedAddress<A> {
    fn drop(&mut self) {
        discard(self.address.take());
    }
}

impl<A: Ord> Ord for SharedAddress<A> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (self.as_arc(), other.as_arc());
        if Arc::ptr_eq(one, other) { Ordering::Equal } else { one.as_ref().cmp(other.as_ref()) }
    }
}

impl<A: Ord> PartialOrd for SharedAddress<A> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<A: Ord> PartialEq for SharedAddress<A> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<A: Ord> Eq for SharedAddress<A> {}

impl<A: Clone + Ord> SharedSet<A> {
    pub(crate) fn new() -> Self {
        Self { original: AddressSet::default(), shared: AddressSet::default() }
    }

    /// Makes the set one of shared addresses. Those that were in the last one are used again, the others are
    /// cloned. An address whose clone panics is left out: the panics are returned, too.
    pub(crate) fn share(&mut self, set: AddressSet<A>) -> (AddressSet<SharedAddress<A>>, Vec<Panicked>) {
        // One that lacks addresses is not taken for the same when it comes again: they are cloned once more.
        let is_whole = self.shared.len() == set.len();
        if is_whole && std::ptr::eq(self.original.endpoints(), set.endpoints()) {
            return (self.shared.clone(), Vec::new());
        }
        let mut panics = Vec::new();
        let mut known = self.shared.endpoints().iter().map(|endpoint| &endpoint.address).peekable();
        let shared: AddressSet<_> = set
            .endpoints()
            .iter()
            .filter_map(|endpoint| {
                let address = &endpoint.address;
                while known.next_if(|known| known.as_arc().as_ref() < address).is_some() {}
                let reused = known.next_if(|known| known.as_arc().as_ref() == address).cloned();
                let shared = match reused.map_or_else(|| guard(|| SharedAddress::new(address.clone())), Ok) {
                    Ok(address) => address,
                    Err(panic) => {
                        panics.push(panic);
                        return None;
                    }
                };
                let Endpoint { weight, priority, hash, .. } = *endpoint;
                Some(Endpoint { address: shared, weight, priority, hash })
            })
            .collect();
        self.shared = shared.clone();
        discard_set(std::mem::replace(&mut self.original, set));
        (shared, panics)
    }
}

impl<A> Drop for SharedSet<A> {
    fn drop(&mut self) {
        discard_set(std::mem::take(&mut self.original));
    }
}

/// Drops a set of the user's, each address alone: two drops that panic in one go would abort the process. The last
/// clone of a set decides, so a set that the user keeps is dropped by the user.
pub(crate) fn discard_set<A>(set: AddressSet<A>) {
    match set.into_endpoints() {
        Ok(endpoints) => endpoints.into_iter().for_each(discard),
        Err(set) => discard(set),
    }
}
