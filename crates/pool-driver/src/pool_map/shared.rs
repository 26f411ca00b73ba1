//! What a map's handles and its driver share: the lock, and the one way through it.

use std::borrow::Borrow;
use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use pool_core::pool_map::{NameId, NamedPools, Patience};

use super::MapWakeUp;
use super::effects::Effects;
use super::handle::PoolHandle;
use super::names::Named;
use super::state::{MapState, Step};
use crate::sync::Mutex;
use crate::wake_list::{Signal, WakeList};
use crate::watchers::Watchers;

pub(super) struct Shared<N, H> {
    pub(super) state: Mutex<MapState<N, H>>,
    pub(super) hasher: RandomState,
    pub(super) handles: AtomicUsize,
    pub(super) wakes: Arc<WakeList<MapWakeUp>>,
    pub(super) signal: Arc<Signal<MapWakeUp>>,
    pub(super) watchers: Watchers,
    pub(super) name: Option<Arc<str>>,
    /// How long a pool may take to deliver what it has, if nobody says otherwise.
    pub(super) shutdown_timeout: Duration,
}

impl<N, H> Shared<N, H> {
    pub(super) fn new(decisions: NamedPools, shutdown_timeout: Duration, name: Option<Arc<str>>) -> Self {
        let wakes = Arc::new(WakeList::default());
        Self {
            state: Mutex::new(MapState::new(decisions)),
            hasher: RandomState::new(),
            handles: AtomicUsize::new(0),
            signal: Signal::new(&wakes, MapWakeUp::Handles),
            wakes,
            watchers: Watchers::new(),
            name,
            shutdown_timeout,
        }
    }

    /// The id of a name, or the arrival of the last one that might have been it.
    pub(super) fn find<Q>(&self, hash: u64, name: &Q) -> Result<NameId, u64>
    where
        N: Borrow<Q>,
        Q: Eq + ?Sized,
    {
        let mut newest = 0;
        loop {
            let Some((arrival, id, named)) = self.state.lock().find(hash, newest) else { return Err(newest) };
            if named.name.borrow() == name {
                return Ok(id);
            }
            newest = arrival;
        }
    }
}

impl<N, H: PoolHandle> Shared<N, H> {
    /// Does something under the lock, and what follows from it outside. The driver is told of what concerns
    /// it.
    pub(super) fn with<R>(&self, act: impl FnOnce(&mut MapState<N, H>, &mut Effects<N, H>) -> R) -> R {
        let (result, effects) = self.decide(act);
        effects.run(Some(&self.signal));
        result
    }

    /// As [`with`](Self::with), for the driver.
    pub(super) fn drive<R>(&self, act: impl FnOnce(&mut MapState<N, H>) -> R) -> R {
        let (result, effects) = self.decide(|state, _| act(state));
        effects.run(None);
        result
    }

    fn decide<R>(
        &self,
        act: impl FnOnce(&mut MapState<N, H>, &mut Effects<N, H>) -> R,
    ) -> (R, Effects<N, H>) {
        let mut effects = Effects::new();
        let mut state = self.state.lock();
        let result = act(&mut state, &mut effects);
        state.carry_out(&mut effects);
        drop(state);
        (result, effects)
    }

    pub(super) fn step<Q>(&self, hash: u64, name: &Q, patience: Patience) -> Step<N, H>
    where
        N: Borrow<Q>,
        Q: Eq + ToOwned<Owned = N> + ?Sized,
    {
        match self.find(hash, name) {
            Ok(id) => self.with(|state, _| state.want(id, patience)),
            Err(newest) => {
                let named = Arc::new(Named::new(name.to_owned()));
                self.with(|state, _| state.insert(hash, newest, &named, patience))
            }
        }
    }
}
