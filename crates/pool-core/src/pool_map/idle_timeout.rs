//! Which pools have been idle for too long.
//!
//! A pool that is used again doesn't say when it becomes idle the next time: that would cost every use a
//! wake-up. Instead names that have been used are looked at every quarter of the timeout, and so a pool is
//! closed at most a quarter of the timeout late.

use alloc::collections::VecDeque;
use core::time::Duration;

use super::NameId;
use super::idle_names::IdleNames;
use crate::instant::Instant;

#[derive(Clone, Debug)]
pub(super) struct IdleTimeout {
    timeout: Option<Duration>,
    /// When names that have been used are looked at again.
    sweep_at: Option<Instant>,
    /// The names that this sweep still has to look at.
    unswept: VecDeque<NameId>,
}

/// So often a timeout a name that has been used is looked at.
const SWEEPS: u32 = 4;

impl IdleTimeout {
    pub(super) const fn new(timeout: Option<Duration>) -> Self {
        Self { timeout, sweep_at: None, unswept: VecDeque::new() }
    }

    /// When there is something to do; an instant in the past if the time of a sweep has to be set.
    pub(super) fn deadline(&self, idle: &IdleNames) -> Option<Instant> {
        let timeout = self.timeout?;
        let sweep_at = if idle.has_used() { Some(self.sweep_at.unwrap_or_default()) } else { None };
        let oldest = idle.least_recently_used().and_then(|name| idle.idle_since(name));
        let overdue_at = oldest.map(|since| since + timeout);
        sweep_at.into_iter().chain(overdue_at).min()
    }

    pub(super) fn handle_timeout(&mut self, idle: &IdleNames, now: Instant) {
        let Some(timeout) = self.timeout else { return };
        if self.sweep_at.is_some_and(|at| at <= now) {
            self.unswept = idle.used().into();
            self.sweep_at = None;
        }
        if self.sweep_at.is_none() && idle.has_used() {
            self.sweep_at = Some(now + timeout / SWEEPS);
        }
    }

    /// The name to be looked at next.
    pub(super) fn next(&mut self, idle: &IdleNames, now: Instant) -> Option<NameId> {
        let overdue = idle.least_recently_used().filter(|&name| self.is_overdue(name, idle, now));
        overdue.or_else(|| self.next_unswept(idle))
    }

    fn next_unswept(&mut self, idle: &IdleNames) -> Option<NameId> {
        while let Some(name) = self.unswept.pop_front() {
            if idle.contains(name) && idle.idle_since(name).is_none() {
                return Some(name);
            }
        }
        self.unswept = VecDeque::new();
        None
    }

    /// Whether a name has been idle for too long.
    pub(super) fn is_overdue(&self, name: NameId, idle: &IdleNames, now: Instant) -> bool {
        match (self.timeout, idle.idle_since(name)) {
            (Some(timeout), Some(since)) => since + timeout <= now,
            _ => false,
        }
    }
}
