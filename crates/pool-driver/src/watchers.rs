//! Those who wait for something to change, and look again when they are told that something has.

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
            // One that has given up needs telling nothing, and one that panics is not ours.
            let _ = guard(|| watcher.send(()));
        }
    }

    /// To be called before the look that decides whether to wait.
    pub(crate) fn watch(&self) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        let gone: Vec<_> = {
            let mut watchers = self.0.lock();
            let gone = watchers.extract_if(.., |watcher| watcher.is_canceled()).collect();
            watchers.push(sender);
            gone
        };
        drop(gone);
        receiver
    }
}
