//! A channel that keeps only what counts: a source may speak while nobody listens, and memory stays bounded.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pool_core::AddressSet;
use pool_driver::AddressUpdate;

/// Both ends of a channel that never holds more than the last set, and what was said after it.
pub(crate) fn latest<A>() -> (Sender<A>, Receiver<A>) {
    let news = Arc::new(Mutex::new(News { addresses: None, after: None, waker: None }));
    (Sender { news: news.clone() }, Receiver { news })
}

/// The end that speaks. When it is dropped, the source has failed for good.
#[derive(Debug)]
pub(crate) struct Sender<A> {
    news: Arc<Mutex<News<A>>>,
}

/// The end that listens.
#[derive(Debug)]
pub(crate) struct Receiver<A> {
    news: Arc<Mutex<News<A>>>,
}

/// What has not been read.
#[derive(Debug)]
struct News<A> {
    addresses: Option<AddressSet<A>>,
    /// A failure says nothing of the addresses, so it must not displace them.
    after: Option<AddressUpdate<A>>,
    waker: Option<Waker>,
}

impl<A> Sender<A> {
    /// Displaces whatever this makes obsolete.
    pub(crate) fn send(&self, update: AddressUpdate<A>) {
        let mut news = lock(&self.news);
        let obsolete = match update {
            AddressUpdate::Addresses(set) => (news.addresses.replace(set), news.after.take()),
            other => (None, news.after.replace(other)),
        };
        let waker = news.waker.take();
        drop(news);
        drop(obsolete);
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<A> Drop for Sender<A> {
    fn drop(&mut self) {
        self.send(AddressUpdate::failed("nobody follows the name any more: the task that did has panicked"));
    }
}

impl<A> Receiver<A> {
    /// What is to be said next.
    pub(crate) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<AddressUpdate<A>> {
        let waker = cx.waker().clone();
        let mut news = lock(&self.news);
        if let Some(set) = news.addresses.take() {
            return Poll::Ready(AddressUpdate::Addresses(set));
        }
        if let Some(update) = news.after.take() {
            return Poll::Ready(update);
        }
        let obsolete = news.waker.replace(waker);
        drop(news);
        drop(obsolete);
        Poll::Pending
    }
}

fn lock<A>(news: &Mutex<News<A>>) -> MutexGuard<'_, News<A>> {
    news.lock().unwrap_or_else(PoisonError::into_inner)
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
    fn who_stops_without_a_word_has_failed() {
        let (sender, mut receiver) = latest();
        drop(sender);
        assert!(matches!(&read(&mut receiver)[..], [AddressUpdate::Failed(_)]));
    }
}
