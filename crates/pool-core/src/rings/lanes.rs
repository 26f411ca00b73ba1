//! Turns by weight: whose turn is next among addresses that have turns of different frequency.
//!
//! Each turn has a virtual deadline. One that passes is set anew, later by the time in which an address of this weight
//! has one turn; the earliest deadline is next (earliest deadline first, as Envoy's scheduler for weights). Addresses of
//! equal weight are a *lane*: their deadlines are in the order of their turns, so a lane is a ring like that of
//! round-robin, and is known by the deadline of its head. Only lanes are in a heap. So with equal weights there is one
//! lane, and its turns are those of round-robin; and a turn costs the same however many addresses there are, and
//! grows with the logarithm of the number of different weights.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::links::NONE;
use crate::random::Random;

/// The virtual time in which an address of weight 1 has one turn. Deadlines are no more than this apart, so they may
/// wrap around.
const ROUND: u64 = 1 << 48;

/// How long an address of this weight waits from turn to turn.
pub(super) fn stride(weight: u32) -> u64 {
    ROUND / u64::from(weight.max(1))
}

/// Whether a deadline is before another, where both may have wrapped around.
pub(super) fn is_before(one: u64, other: u64) -> bool {
    one.wrapping_sub(other) > u64::MAX / 2
}

/// The lanes of a round. Which addresses are in them is in the links of these.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// The deadline of the turn that passed last.
    now: u64,
    /// A heap: the lane with the earliest deadline is first.
    heap: Vec<Entry>,
    of: Vec<Lane>,
    by_weight: BTreeMap<u32, u32>,
    vacant: Vec<u32>,
}

/// A lane in the heap.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Of its head.
    deadline: u64,
    weight: u32,
    lane: u32,
}

/// Addresses of equal weight.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Whose turn is the first among them.
    head: u32,
    /// Where it is in the heap.
    position: u32,
}

impl Lanes {
    pub(super) const EMPTY: Self =
        Self { now: 0, heap: Vec::new(), of: Vec::new(), by_weight: BTreeMap::new(), vacant: Vec::new() };

    /// The address whose turn it is; `NONE` if there is none.
    #[inline]
    pub(super) fn first(&self) -> u32 {
        self.heap.first().map_or(NONE, |entry| self.of[entry.lane as usize].head)
    }

    /// The address whose turn is first among those of a weight; `NONE` if there is none.
    pub(super) fn head(&self, weight: u32) -> u32 {
        self.by_weight.get(&weight).map_or(NONE, |lane| self.of[*lane as usize].head)
    }

    /// The first of each lane.
    pub(super) fn heads(&self) -> impl Iterator<Item = u32> {
        self.heap.iter().map(|entry| self.of[entry.lane as usize].head)
    }

    /// The deadline of an address that joins, or whose turn has passed out of order.
    pub(super) fn deadline(&self, weight: u32) -> u64 {
        self.now.wrapping_add(stride(weight))
    }

    /// The same before the first turn. Each weight begins somewhere in its stride, the same for all that have it:
    /// else the heaviest address would have the first item of every client.
    pub(super) fn first_deadline(&self, weight: u32, seed: u64) -> u64 {
        let drawn = Random::nth(seed, weight.into());
        self.now.wrapping_add(1).wrapping_add(drawn % stride(weight))
    }

    /// How long an address with this deadline has still to wait when it is to have another weight: as much of its new
    /// stride as it had of the other.
    pub(super) fn wait(&self, deadline: u64, weight_before: u32, weight: u32) -> u64 {
        let left = u128::from(deadline.wrapping_sub(self.now)) * u128::from(weight_before.max(1));
        let left = u64::try_from(left / u128::from(weight.max(1))).unwrap_or(u64::MAX);
        left.min(stride(weight))
    }

    /// The deadline of the turn that passed last.
    pub(super) fn now(&self) -> u64 {
        self.now
    }

    /// The first of a lane is another, or there is a new lane.
    pub(super) fn set_head(&mut self, weight: u32, head: u32, deadline: u64) {
        let lane = match self.by_weight.get(&weight) {
            Some(&lane) => lane,
            None => self.add_lane(weight, deadline),
        };
        self.of[lane as usize].head = head;
        let position = self.of[lane as usize].position as usize;
        self.heap[position].deadline = deadline;
        let position = self.sift_up(position);
        self.sift_down(position);
    }

    /// The last of a lane has left it.
    pub(super) fn remove_lane(&mut self, weight: u32) {
        let Some(lane) = self.by_weight.remove(&weight) else { return };
        let position = self.of[lane as usize].position as usize;
        self.vacant.push(lane);
        self.heap.swap_remove(position);
        if position < self.heap.len() {
            self.of[self.heap[position].lane as usize].position = place(position);
            let position = self.sift_up(position);
            self.sift_down(position);
        }
    }

    /// The first turn of all has passed: that of `next` is the first in the lane now. Returns whose turn it is.
    #[inline]
    pub(super) fn pass(&mut self, next: u32, next_deadline: u64) -> u32 {
        let Some(entry) = self.heap.first_mut() else { return NONE };
        self.now = entry.deadline;
        entry.deadline = next_deadline;
        self.of[entry.lane as usize].head = next;
        if self.heap.len() > 1 {
            self.sift_down(0);
        }
        self.first()
    }

    /// The deadline of the first turn of all.
    #[inline]
    pub(super) fn earliest(&self) -> u64 {
        self.heap.first().map_or(self.now, |entry| entry.deadline)
    }

    fn add_lane(&mut self, weight: u32, deadline: u64) -> u32 {
        let lane = Lane { head: NONE, position: place(self.heap.len()) };
        let index = self.vacant.pop().unwrap_or_else(|| place(self.of.len()));
        match self.of.get_mut(index as usize) {
            Some(vacant) => *vacant = lane,
            None => self.of.push(lane),
        }
        self.by_weight.insert(weight, index);
        self.heap.push(Entry { deadline, weight, lane: index });
        index
    }

    /// Of two at the same time the heavier is first.
    #[inline]
    fn is_first(one: Entry, other: Entry) -> bool {
        if one.deadline == other.deadline {
            return one.weight > other.weight;
        }
        is_before(one.deadline, other.deadline)
    }

    fn put(&mut self, position: usize, entry: Entry) {
        self.heap[position] = entry;
        self.of[entry.lane as usize].position = place(position);
    }

    fn sift_up(&mut self, mut position: usize) -> usize {
        let entry = self.heap[position];
        while position > 0 {
            let above = (position - 1) / 2;
            if !Self::is_first(entry, self.heap[above]) {
                break;
            }
            self.put(position, self.heap[above]);
            position = above;
        }
        self.put(position, entry);
        position
    }

    #[inline]
    fn sift_down(&mut self, mut position: usize) {
        let Some(&entry) = self.heap.get(position) else { return };
        let start = position;
        loop {
            let mut below = 2 * position + 1;
            let Some(&left) = self.heap.get(below) else { break };
            let mut next = left;
            if let Some(&right) = self.heap.get(below + 1)
                && Self::is_first(right, left)
            {
                (below, next) = (below + 1, right);
            }
            if !Self::is_first(next, entry) {
                break;
            }
            self.put(position, next);
            position = below;
        }
        if position != start {
            self.put(position, entry);
        }
    }
}

/// There are no more lanes than addresses, which are numbered with 32 bits.
fn place(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(NONE)
}
