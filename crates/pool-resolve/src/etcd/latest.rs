//! A channel that keeps only what still counts, so that unread updates take bounded memory.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pool_core::AddressSet;
use pool_driver::AddressUpdate;

/// Both ends of a channel that holds at most the last set and the last update after it.
pub(crate) fn latest<A>() -> (Sender<A>, Receiver<A>) {
    let unread = Arc::new(Mutex::new(Unread { addresses: None, after: None, waker: None }));
    (Sender { unread: unread.clone() }, Receiver { unread })
}

/// The sending end. When it is dropped, the source has failed for good.
#[derive(Debug)]
pub(crate) struct Sender<A> {
    unread: Arc<Mutex<Unread<A>>>,
}

/// The receiving end.
#[derive(Debug)]
pub(crate) struct Receiver<A> {
    unread: Arc<Mutex<Unread<A>>>,
}

/// Updates that are not read yet.
#[derive(Debug)]
struct Unread<A> {
    addresses: Option<AddressSet<A>>,
    /// The last update after the set. It says nothing of the addresses, so it doesn't displace them.
    after: Option<AddressUpdate<A>>,
    waker: Option<Waker>,
}

impl<A> Sender<A> {
    /// Replaces the updates that this one makes obsolete.
    pub(crate) fn send(&self, update: AddressUpdate<A>) {
        let mut unread = lock(&self.unread);
        let obsolete = match update {
            AddressUpdate::Addresses(set) => (unread.addresses.replace(set), unread.after.take()),
            other => (None, unread.after.replace(other)),
        };
        let waker = unread.waker.take();
        drop(unread);
        drop(obsolete);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<A> Drop for Sender<A> {
    fn drop(&mut self) {
        self.send(AddressUpdate::failed("the task that follows etcd has ended"));
    }
}

impl<A> Receiver<A> {
    /// The next update.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<AddressUpdate<A>> {
        let waker = cx.waker().clone();
        let mut unread = lock(&self.unread);
        if let Some(set) = unread.addresses.take() {
            return Poll::Ready(AddressUpdate::Addresses(set));
        }
        if let Some(update) = unread.after.take() {
            return Poll::Ready(update);
        }
        let obsolete = unread.waker.replace(waker);
        drop(unread);
        drop(obsolete);
        Poll::Pending
    }
}

fn lock<A>(unread: &Mutex<Unread<A>>) -> MutexGuard<'_, Unread<A>> {
    unread.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(receiver: &mut Receiver<u16>) -> Vec<AddressUpdate<u16>> {
        let mut cx = Context::from_waker(Waker::noop());
        let mut updates = Vec::new();
        while let Poll::Ready(update) = receiver.poll_next(&mut cx) {
            updates.push(update);
        }
        updates
    }

    #[test]
    fn of_a_million_unread_sets_the_last_is_kept() {
        let (sender, mut receiver) = latest();
        for number in 0..1_000_000_u32 {
            sender.send(AddressUpdate::Addresses([(number % 1000) as u16].into()));
        }
        let updates = read(&mut receiver);
        assert!(
            matches!(&updates[..], [AddressUpdate::Addresses(set)] if *set == [999].into()),
            "{updates:?}"
        );
    }

    #[test]
    fn a_failure_leaves_the_set_before_it_and_is_obsolete_after_the_next() {
        let (sender, mut receiver) = latest();
        sender.send(AddressUpdate::Addresses([1].into()));
        sender.send(AddressUpdate::failed("first"));
        sender.send(AddressUpdate::failed("second"));
        let updates = read(&mut receiver);
        let [AddressUpdate::Addresses(_), AddressUpdate::Failed(error)] = &updates[..] else {
            panic!("{updates:?}")
        };
        assert_eq!(error.to_string(), "second");
        sender.send(AddressUpdate::failed("third"));
        sender.send(AddressUpdate::Addresses([2].into()));
        let updates = read(&mut receiver);
        assert!(matches!(&updates[..], [AddressUpdate::Addresses(_)]), "{updates:?}");
    }

    #[test]
    fn a_sender_that_is_dropped_has_failed() {
        let (sender, mut receiver) = latest();
        drop(sender);
        assert!(matches!(&read(&mut receiver)[..], [AddressUpdate::Failed(_)]));
    }
}
