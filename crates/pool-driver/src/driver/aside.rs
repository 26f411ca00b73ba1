//! Items that are for one address only, and wait for it by themselves.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use pool_core::{AddressId, PickArgs};

use super::Driver;
use crate::error::UndeliveredReason;
use crate::panic::guard;
use crate::seams::Seams;
use crate::seams::item_policy::ItemPolicy;

/// A queue for each address that some item waits for, oldest first. None of them is empty.
#[derive(Debug)]
pub(super) struct Aside<T> {
    lanes: BTreeMap<AddressId, VecDeque<T>>,
    len: usize,
    /// Whose turn was last: each poll goes on behind it, so that no address is always the first.
    last: Option<AddressId>,
}

impl<T> Aside<T> {
    pub(super) const fn new() -> Self {
        Self { lanes: BTreeMap::new(), len: 0, last: None }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// An item that is younger than all others for this address.
    fn push_back(&mut self, id: AddressId, item: T) {
        self.lanes.entry(id).or_default().push_back(item);
        self.len += 1;
    }

    /// An item that is older than all others for this address.
    ///
    /// # Errors
    ///
    /// The item, if no other waits for the address.
    fn push_front(&mut self, id: AddressId, item: T) -> Result<(), T> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Err(item) };
        lane.push_front(item);
        self.len += 1;
        Ok(())
    }

    /// The address whose turn is next.
    fn next_turn(&mut self) -> Option<AddressId> {
        let behind = self.last.map_or(Bound::Unbounded, Bound::Excluded);
        let mut ids = self.lanes.range((behind, Bound::Unbounded)).chain(&self.lanes).map(|(id, _)| *id);
        self.last = ids.next();
        self.last
    }

    /// So many items were taken out of a lane. Returns whether it is over.
    fn on_taken(&mut self, id: AddressId, count: usize) -> bool {
        self.len -= count;
        let is_over = self.lanes.get(&id).is_some_and(VecDeque::is_empty);
        if is_over {
            self.lanes.remove(&id);
        }
        is_over
    }

    fn remove(&mut self, id: AddressId) -> VecDeque<T> {
        let lane = self.lanes.remove(&id).unwrap_or_default();
        self.len -= lane.len();
        lane
    }
}

impl<P: Seams> Driver<P> {
    /// Moves items that wait aside to the connections that they are for. One whose address has left the set ends. Returns
    /// how many are gone.
    pub(super) fn deliver_aside(&mut self, budget: &mut usize) -> usize {
        let mut gone = 0;
        for _ in 0..self.aside.lanes.len() {
            if *budget == 0 {
                break;
            }
            let Some(id) = self.aside.next_turn() else { break };
            // The core forgets who waits for an address that leaves, also if that comes back at once.
            if !self.multiplexer.wait_for(id) {
                gone += self.undeliver_lane(id);
                continue;
            }
            let Some(lane) = self.aside.lanes.get_mut(&id) else { continue };
            let before = lane.len();
            self.multiplexer.dispatch_only(id, lane, *budget, &self.policy);
            let sent = before - lane.len();
            if self.aside.on_taken(id, sent) {
                self.multiplexer.stop_waiting_for(id);
            }
            *budget -= sent;
            gone += sent;
        }
        gone
    }

    /// The item at the head of the backlog can't go to its only address now, so it waits by itself. Returns how many items
    /// have ended by that.
    pub(super) fn set_aside(&mut self, id: AddressId) -> usize {
        let Some(item) = self.backlog.pop() else { return 0 };
        let mut gone = 1;
        let reason = if !self.multiplexer.wait_for(id) {
            gone += self.undeliver_lane(id);
            UndeliveredReason::AddressLeft
        } else if self.aside.len() >= self.shared.queue.aside_max() {
            if !self.aside.lanes.contains_key(&id) {
                self.multiplexer.stop_waiting_for(id);
            }
            UndeliveredReason::AddressBusy
        } else {
            self.aside.push_back(id, item);
            return 0;
        };
        self.undeliver(item, reason);
        self.tell_undelivered(1, reason);
        gone
    }

    /// An item that came back goes before those that wait for its address, if there are any: they are younger.
    ///
    /// # Errors
    ///
    /// The item, if none wait.
    pub(super) fn return_aside(&mut self, item: P::Item) -> Result<(), P::Item> {
        if self.aside.is_empty() {
            return Err(item);
        }
        // A policy that panics is the pool's end when the item is offered.
        let args = guard(|| self.policy.pick(&item)).unwrap_or(PickArgs::any());
        match args.only {
            Some(id) => self.aside.push_front(id, item),
            None => Err(item),
        }
    }

    /// All that wait aside are among the others again, because all end now.
    pub(super) fn rejoin_aside(&mut self) {
        while let Some(id) = self.aside.next_turn() {
            self.multiplexer.stop_waiting_for(id);
            self.aside.remove(id).into_iter().for_each(|item| self.backlog.push_back(item));
        }
    }

    /// Takes out the items that nobody wants any more.
    pub(super) fn remove_unwanted_aside(&mut self) -> Vec<P::Item> {
        let mut unwanted = Vec::new();
        for _ in 0..self.aside.lanes.len() {
            let Some(id) = self.aside.next_turn() else { break };
            let Some(lane) = self.aside.lanes.get_mut(&id) else { continue };
            let is_wanted = |item: &P::Item| guard(|| self.policy.is_wanted(item)).unwrap_or(true);
            let (kept, removed): (VecDeque<_>, VecDeque<_>) = lane.drain(..).partition(is_wanted);
            *lane = kept;
            if self.aside.on_taken(id, removed.len()) {
                self.multiplexer.stop_waiting_for(id);
            }
            unwanted.extend(removed);
        }
        unwanted
    }

    fn undeliver_lane(&mut self, id: AddressId) -> usize {
        self.multiplexer.stop_waiting_for(id);
        let lane = self.aside.remove(id);
        let count = lane.len();
        for item in lane {
            self.undeliver(item, UndeliveredReason::AddressLeft);
        }
        self.tell_undelivered(count, UndeliveredReason::AddressLeft);
        count
    }
}
