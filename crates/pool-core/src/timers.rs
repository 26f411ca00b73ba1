//! Which deadline comes next.

use alloc::collections::BTreeSet;

use crate::instant::Instant;

/// What a deadline is for; in this order when several are due at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Timer {
    /// The nearest deadline of a slot.
    Slot(u32),
    /// The end of an address's backoff.
    Backoff(u32),
    FailFast,
    Close,
}

/// An ordered set of deadlines. Whoever arms a timer remembers when it is due, so that it can be
/// disarmed: nothing outdated is ever kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct Timers {
    due: BTreeSet<(Instant, Timer)>,
}

impl Timers {
    pub(crate) fn arm(&mut self, at: Instant, timer: Timer) {
        self.due.insert((at, timer));
    }

    pub(crate) fn disarm(&mut self, at: Instant, timer: Timer) {
        let was_armed = self.due.remove(&(at, timer));
        debug_assert!(was_armed, "{timer:?} was not armed for {at:?}");
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Takes out the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, Timer)> {
        let (at, _) = self.due.first()?;
        if *at > now { None } else { self.due.pop_first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_timers_fire_in_the_order_of_time_whatever_the_order_of_arming() {
        let mut timers = Timers::default();
        for nanos in [50_u32, 10, 40, 20, 30] {
            timers.arm(Instant::from_nanos(nanos.into()), Timer::Slot(nanos));
        }
        timers.disarm(Instant::from_nanos(30), Timer::Slot(30));
        let due = core::iter::from_fn(|| timers.pop_due(Instant::from_nanos(40)));
        let order: alloc::vec::Vec<u64> = due.map(|(at, _)| at.as_nanos()).collect();
        assert_eq!(order, [10, 20, 40]);
        assert_eq!(timers.next(), Some(Instant::from_nanos(50)));
    }
}
