//! Tasks that wait for something to change, and look again when they are told that something has.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_channel::oneshot;

use crate::panic::guard;
use crate::sync::Mutex;

pub(crate) struct Watchers(Mutex<Vec<oneshot::Sender<()>>>);

impl Watchers {
    pub(crate) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn tell(&self) {
        let watchers = mem::take(&mut *self.0.lock());
        for watcher in watchers {
            // One that has given up needs no news, and a waker that panics harms no other.
            let _ = guard(|| watcher.send(()));
        }
    }

    /// To be called before the look that decides whether to wait.
    fn watch(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let gone: Vec<_> = {
            let mut watchers = self.0.lock();
            // Watchers that have given up are removed lazily, when there is no room. Then there is room for
            // as many again, so each costs a few looks, however many there are.
            let mut gone = Vec::new();
            if watchers.len() == watchers.capacity() {
                gone.extend(watchers.extract_if(.., |watcher| watcher.is_canceled()));
                let left = watchers.len();
                watchers.reserve(left + 1);
            }
            watchers.push(sender);
            gone
        };
        drop(gone);
        receiver
    }
}

/// A task that looks again and again until it finds what it waits for.
#[derive(Debug, Default)]
pub(crate) struct Watcher(Option<oneshot::Receiver<()>>);

impl Watcher {
    /// Looks, and looks again whenever the watchers are told, until there is something to see.
    pub(crate) fn poll<R>(
        &mut self,
        watchers: &Watchers,
        cx: &mut Context<'_>,
        mut look: impl FnMut() -> Option<R>,
    ) -> Poll<R> {
        loop {
            // Before the look: what changes from now on is told.
            let told = self.0.get_or_insert_with(|| watchers.watch());
            if let Some(seen) = look() {
                self.0 = None;
                return Poll::Ready(seen);
            }
            if Pin::new(told).poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.0 = None;
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn watchers_that_give_up_leave_no_more_room_behind_than_a_few_times_what_the_others_need() {
        for patient in [0, 1, 1000] {
            let watchers = Watchers::new();
            let waiting: Vec<_> = (0..patient).map(|_| watchers.watch()).collect();
            for _ in 0..10_000 {
                drop(watchers.watch());
            }
            let capacity = watchers.0.lock().capacity();
            assert!(capacity <= 4 * patient + 8, "room for {capacity} beside {patient}");
            watchers.tell();
            assert!(waiting.into_iter().all(|mut told| told.try_recv() == Ok(Some(()))));
        }
    }
}
