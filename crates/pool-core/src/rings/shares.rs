//! Which priority has which share of the items, by how many of its addresses are there.

use alloc::vec::Vec;
use core::time::Duration;

use super::Rings;
use super::ring::Ring;
use super::tier::Tier;
use crate::instant::Instant;

/// The share of each priority in percent, where so many of its addresses are healthy: Envoy's arithmetic. All shares are
/// 100 together, or nothing where nobody is healthy.
fn shares(priorities: &[(u32, u32)]) -> Vec<u32> {
    let health = |&(healthy, total): &(u32, u32)| {
        let percent = u64::from(healthy) * OVERPROVISIONING / u64::from(total.max(1));
        u32::try_from(percent.min(100)).unwrap_or(100)
    };
    let norm = priorities.iter().map(health).sum::<u32>().min(100);
    let mut left = 100;
    let share = |priority| {
        // To the nearest, as Envoy's documentation has it.
        let share = ((health(priority) * 200 + norm) / (2 * norm).max(1)).min(left);
        left -= share;
        share
    };
    let mut shares: Vec<u32> = priorities.iter().map(share).collect();
    if norm > 0
        && let Some(first) = shares.iter_mut().find(|share| **share > 0)
    {
        // What was lost by rounding.
        *first += left;
    }
    shares
}

/// In percent: how many times the items of an address the others can take over.
const OVERPROVISIONING: u64 = 140;

/// How many of the addresses of a priority are counted upon: not those that have come back only now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Credit {
    count: u32,
    /// It has lost some, and has not had all of them since.
    has_fallen: bool,
    rising: Option<Rising>,
}

/// More are there than are counted upon.
#[derive(Clone, Copy, Debug)]
struct Rising {
    since: Instant,
    /// How many there were at least since then.
    lowest: u32,
}

impl Credit {
    pub(super) const NONE: Self = Self { count: 0, has_fallen: false, rising: None };

    pub(super) fn is_any(&self) -> bool {
        self.count > 0
    }

    /// So many of so many are there now. Returns when more of them will be counted upon.
    fn update(&mut self, there: u32, total: u32, now: Instant, after: Option<Duration>) -> Option<Instant> {
        match after.filter(|_| there > self.count && self.has_fallen) {
            None => {
                self.has_fallen |= there < self.count && there < total;
                self.count = there;
                self.rising = None;
            }
            Some(after) => {
                let rising = self.rising.get_or_insert(Rising { since: now, lowest: there });
                rising.lowest = rising.lowest.min(there);
                if rising.since + after <= now {
                    self.count = rising.lowest;
                    self.rising = (there > self.count).then_some(Rising { since: now, lowest: there });
                }
            }
        }
        self.has_fallen &= self.count < total;
        self.rising.zip(after).map(|(rising, after)| rising.since + after)
    }
}

impl Rings {
    /// Whether several priorities have a share of the items.
    #[inline]
    pub(crate) fn is_shared_out(&self) -> bool {
        !self.shares.is_empty()
    }

    /// The ring that the next item goes by.
    #[inline]
    pub(crate) fn next_ring(&self) -> Ring<'_> {
        if self.is_shared_out() { self.drawn_ring() } else { Ring::new(self, &self.active) }
    }

    /// The same where priorities have shares: items are spread over priorities as evenly as can be, by multiples of the golden ratio. Where nobody can
    /// take it there, another priority that has a share gets the item.
    #[cold]
    pub(crate) fn drawn_ring(&self) -> Ring<'_> {
        let spread = self.sends.wrapping_mul(GOLDEN_RATIO).wrapping_add(self.seed);
        let drawn = u32::try_from(((spread >> 32) * 100) >> 32).unwrap_or(0);
        let own = self.shares.iter().find(|(_, up_to)| drawn < *up_to).map(|(priority, _)| *priority);
        let tiers = own.into_iter().chain(self.shares.iter().map(|(priority, _)| *priority));
        let mut able = tiers.filter_map(|priority| self.tier(priority)).filter(|tier| tier.round.len > 0);
        Ring::new(self, able.next().unwrap_or(&self.active))
    }

    pub(super) fn tier(&self, priority: u16) -> Option<&Tier> {
        if priority == self.active.priority { Some(&self.active) } else { self.others.get(&priority) }
    }

    fn priorities(&self) -> Vec<u16> {
        let mut priorities: Vec<u16> = self.others.keys().copied().collect();
        if self.active.addresses > 0 {
            priorities.push(self.active.priority);
        }
        priorities.sort_unstable();
        priorities
    }

    pub(crate) fn is_ruled(&self) -> bool {
        self.is_ruled
    }

    /// Only connections count, and those at once.
    pub(crate) fn share_out_plainly(&mut self) {
        self.is_ruled = false;
        self.shares.clear();
        self.choose_active();
    }

    /// Priorities have shares by what is counted upon of their addresses: the best that has any has all of them, or by
    /// Envoy's arithmetic. Returns when that may change by itself.
    pub(crate) fn share_out(
        &mut self,
        spills: bool,
        now: Instant,
        after: Option<Duration>,
    ) -> Option<Instant> {
        self.is_ruled = true;
        let priorities = self.priorities();
        let mut due = None;
        for &priority in &priorities {
            let tier = self.tier_mut(priority);
            let at = tier.credit.update(tier.there, tier.addresses, now, after);
            due = [due, at].into_iter().flatten().min();
        }
        // Rather those that are back only now than nobody.
        let has_any =
            |this: &Self| priorities.iter().any(|of| this.tier(*of).is_some_and(Tier::is_counted_upon));
        if !has_any(self) {
            due = None;
            for &priority in &priorities {
                let tier = self.tier_mut(priority);
                (tier.credit.count, tier.credit.rising) = (tier.there, None);
            }
        }
        self.shares.clear();
        if spills {
            let health = |of: &u16| self.tier(*of).map_or((0, 1), |tier| (tier.credit.count, tier.addresses));
            let health: Vec<(u32, u32)> = priorities.iter().map(health).collect();
            let mut up_to = 0;
            for (priority, share) in priorities.iter().zip(shares(&health)).filter(|(_, share)| *share > 0) {
                up_to += share;
                self.shares.push((*priority, up_to));
            }
            if self.shares.len() == 1 {
                self.shares.clear();
            }
        }
        self.choose_active();
        due
    }
}

/// By 2^64.
const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b4_shares_are_those_of_envoy() {
        for (health, expected) in [
            (&[72, 100][..], &[100, 0][..]),
            (&[71, 100], &[99, 1]),
            (&[50, 100], &[70, 30]),
            (&[25, 100], &[35, 65]),
            (&[0, 100], &[0, 100]),
            (&[100, 100], &[100, 0]),
            (&[25, 25], &[50, 50]),
            (&[25, 25, 20], &[36, 36, 28]),
            (&[5, 65], &[7, 93]),
            (&[0, 0, 1], &[0, 0, 100]),
            (&[0, 0], &[0, 0]),
            (&[], &[]),
        ] {
            let priorities: Vec<(u32, u32)> = health.iter().map(|healthy| (*healthy, 100)).collect();
            assert_eq!(shares(&priorities), expected, "{health:?}");
        }
    }

    #[test]
    fn b4_shares_are_a_hundred_together_whatever_the_health() {
        for first in 0..=30 {
            for second in 0..=7 {
                for third in 0..=3 {
                    let shares = shares(&[(first, 30), (second, 7), (third, 3)]);
                    let expected = if first + second + third == 0 { 0 } else { 100 };
                    assert_eq!(shares.iter().sum::<u32>(), expected, "{first} {second} {third}");
                }
            }
        }
    }
}
