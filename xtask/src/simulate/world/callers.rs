//! Callers, each with one call at a time.

use std::time::Duration;

use pool_core::Instant;

use super::item::ItemId;

#[derive(Debug, Default)]
pub(super) struct Callers {
    every: Duration,
    pub(super) patience: Duration,
    all: Vec<Caller>,
}

#[derive(Clone, Debug)]
struct Caller {
    began: Instant,
    /// The call under way.
    item: Option<ItemId>,
    /// Where it was sent.
    server: Option<u32>,
}

impl Callers {
    pub(super) fn new(count: u32, every: Duration, patience: Duration) -> Self {
        let idle = Caller { began: Instant::ZERO, item: None, server: None };
        Self { every, patience, all: vec![idle; count as usize] }
    }

    pub(super) fn begin(&mut self, caller: usize, item: ItemId, now: Instant) {
        self.all[caller] = Caller { began: now, item: Some(item), server: None };
    }

    /// A call was sent. A caller that has gone doesn't mind.
    pub(super) fn sent(&mut self, caller: usize, item: ItemId, server: u32) {
        let caller = &mut self.all[caller];
        if caller.item == Some(item) {
            caller.server = Some(server);
        }
    }

    /// Ends a call, if it is still under way. Returns when it began, where it was sent, and when the next is to begin.
    pub(super) fn end(
        &mut self,
        caller: usize,
        item: ItemId,
        now: Instant,
    ) -> Option<(Instant, Option<u32>, Instant)> {
        let caller = &mut self.all[caller];
        caller.item.take_if(|of| *of == item)?;
        Some((caller.began, caller.server, (caller.began + self.every).max(now)))
    }
}
