//! Which deadline comes next, and how late the machine is called for it.

use alloc::collections::BTreeSet;
use core::time::Duration;

use crate::instant::Instant;

/// What a deadline is for; in this order when several are due at one instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum DeadlineKind {
    /// The nearest deadline of a slot.
    Slot(u32),
    /// The end of an address's backoff.
    Backoff(u32),
    /// The end of an address's rest, or of what follows it.
    Rest(u32),
    /// An address may have too many connections, since its suspects were cleared.
    Surplus(u32),
    /// What is back of a priority gets items again.
    Failback,
    FailFast,
    Close,
}

/// A machine that is called later than this was not run for a while: the process was stopped, the machine
/// suspended, or the event loop blocked. Timers of operating systems and runtimes are late by a few
/// milliseconds, and by some ten under load.
pub(crate) const LATENESS_MAX: Duration = Duration::from_millis(50);

/// An ordered set of deadlines. The owner of a timer remembers when it is due, so that it can be
/// disarmed: nothing outdated is ever kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct DeadlineQueue {
    due: BTreeSet<(Instant, DeadlineKind)>,
    /// When the machine asked to be called, until it is.
    asked: Option<Instant>,
    /// When lateness was last excused.
    excused_at: Option<Instant>,
}

impl DeadlineQueue {
    pub(crate) fn arm(&mut self, at: Instant, timer: DeadlineKind) {
        self.due.insert((at, timer));
    }

    pub(crate) fn disarm(&mut self, at: Instant, timer: DeadlineKind) {
        let was_armed = self.due.remove(&(at, timer));
        debug_assert!(was_armed, "{timer:?} was not armed for {at:?}");
    }

    /// Asks to be called when the next timer is due. A question that is overdue stands until it is answered,
    /// whatever else happens first.
    pub(crate) fn ask(&mut self, now: Instant) -> Option<Instant> {
        let next = self.due.first().map(|(at, _)| *at);
        // Lateness is about all that waits, also when an event has settled what was overdue.
        if next.is_some() && self.asked.is_some_and(|asked| asked + LATENESS_MAX < now) {
            return self.asked;
        }
        let is_overdue = self.asked.is_some_and(|asked| asked < now);
        if !is_overdue || next.is_none_or(|next| next > now) {
            self.asked = next.map(|next| next.max(now));
        }
        next
    }

    /// How late the machine is called, where that is more than [`LATENESS_MAX`]. It is excused once: what was
    /// asked for within as much of an excused call is late without excuse. So at least so much
    /// time counts for every call that is excused, and a machine that is always late still gets
    /// to every deadline.
    pub(crate) fn take_lateness(&mut self, now: Instant) -> Option<Duration> {
        let asked = self.asked.take_if(|asked| *asked <= now)?;
        let lateness = now.saturating_duration_since(asked);
        let was_just_excused = self.excused_at.is_some_and(|at| asked < at + LATENESS_MAX);
        if lateness <= LATENESS_MAX || was_just_excused {
            return None;
        }
        self.excused_at = Some(now);
        Some(lateness)
    }

    /// Takes out the earliest timer that is due.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<(Instant, DeadlineKind)> {
        let (at, _) = self.due.first()?;
        if *at > now { None } else { self.due.pop_first() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t13_timers_fire_in_the_order_of_time_whatever_the_order_of_arming() {
        let mut timers = DeadlineQueue::default();
        for nanos in [50_u32, 10, 40, 20, 30] {
            timers.arm(Instant::from_nanos(nanos.into()), DeadlineKind::Slot(nanos));
        }
        timers.disarm(Instant::from_nanos(30), DeadlineKind::Slot(30));
        let due = core::iter::from_fn(|| timers.pop_due(Instant::from_nanos(40)));
        let order: alloc::vec::Vec<u64> = due.map(|(at, _)| at.as_nanos()).collect();
        assert_eq!(order, [10, 20, 40]);
        assert_eq!(timers.ask(Instant::ZERO), Some(Instant::from_nanos(50)));
    }
}
