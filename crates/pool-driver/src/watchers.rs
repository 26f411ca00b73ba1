//! Tasks that wait for something to change, and look again when they are told that something has.

use std::mem;

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
    pub(crate) fn watch(&self) -> oneshot::Receiver<()> {
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
