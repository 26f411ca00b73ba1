//! A server: lets connections in or not, does items, says something of them.

use std::collections::VecDeque;
use std::time::Duration;

use pool_core::{Instant, Random, Verdict};

use super::calendar::{Calendar, Happening, Job};
use super::span::Span;

/// What is at an address. Its conduct can be changed at any time.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Server {
    /// Whether it lets connections in.
    pub(in crate::simulate) listens: bool,
    /// How long a dial takes, also one that is refused.
    pub(in crate::simulate) dial: Duration,
    /// How long an item takes.
    pub(in crate::simulate) service: Span,
    /// How many items it does at a time, of all connections; the others queue. `None`: all.
    pub(in crate::simulate) workers: Option<usize>,
    /// What its replies say.
    pub(in crate::simulate) verdict: Verdict,
    /// Whether it lets connections in, and takes items, and answers nothing.
    pub(in crate::simulate) hangs: bool,
    /// It closes a connection that has been idle for so long.
    pub(in crate::simulate) idle_close: Option<Duration>,
}

/// A server and the items that it has.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) server: Server,
    /// Counts its deaths.
    pub(super) life: u32,
    doing: usize,
    queue: VecDeque<Job>,
    /// Done while it hung.
    held: Vec<Job>,
}

impl Default for Server {
    /// One that answers everything after a millisecond.
    fn default() -> Self {
        let millisecond = Duration::from_millis(1);
        Self {
            listens: true,
            dial: millisecond,
            service: Span::Fixed(millisecond),
            workers: None,
            verdict: Verdict::Success,
            hangs: false,
            idle_close: None,
        }
    }
}

impl Host {
    pub(super) fn new(server: Server) -> Self {
        Self { server, ..Self::default() }
    }

    /// An item has come.
    pub(super) fn take(&mut self, job: Job) {
        self.queue.push_back(job);
    }

    /// Begins what it has workers for.
    pub(super) fn begin(&mut self, number: u32, calendar: &mut Calendar, random: &mut Random, now: Instant) {
        while self.server.workers.is_none_or(|workers| self.doing < workers)
            && let Some(job) = self.queue.pop_front()
        {
            self.doing += 1;
            let done = now + self.server.service.draw(random);
            calendar.enter(done, Happening::Served { server: number, life: self.life, job });
        }
    }

    /// An item is done. Returns what is to be told, unless it hangs.
    pub(super) fn finish(&mut self, job: Job) -> Option<Verdict> {
        self.doing -= 1;
        if self.server.hangs {
            self.held.push(job);
            return None;
        }
        Some(self.server.verdict)
    }

    /// All its items are gone, and all its connections.
    pub(super) fn die(&mut self) {
        let server = Server { listens: false, ..self.server.clone() };
        *self = Self { life: self.life + 1, ..Self::new(server) };
    }

    /// It hangs no more. Returns what it owes answers to.
    pub(super) fn resume(&mut self) -> Vec<Job> {
        self.server.hangs = false;
        std::mem::take(&mut self.held)
    }
}
