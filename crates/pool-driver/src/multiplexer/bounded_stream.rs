//! A stream of the user's that is read in bounded pieces, and whose panic is its end.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;

use crate::error::SharedError;
use crate::panic::{Panicked, discard, guard};
use crate::wake_list::Signal;

/// A stream and the signal that tells when to read it.
pub(super) struct BoundedStream<S: ?Sized> {
    /// Gone when it has ended.
    stream: Option<Pin<Box<S>>>,
    signal: Arc<Signal>,
}

/// Why a stream is over.
pub(super) enum StreamEnd {
    Ended,
    Panicked(Panicked),
}

impl StreamEnd {
    /// What the stream panicked with, if it did.
    pub(super) fn into_error(self) -> Option<SharedError> {
        match self {
            Self::Ended => None,
            Self::Panicked(panic) => Some(Arc::new(panic)),
        }
    }
}

/// At most this many items are read in one poll. A stream that never pauses goes on in the next one.
const ITEMS_PER_READ_MAX: usize = 32;

impl<S: ?Sized> BoundedStream<S> {
    /// The first poll of the driver reads it.
    pub(super) fn new(stream: Option<Pin<Box<S>>>, signal: Arc<Signal>) -> Self {
        if stream.is_some() {
            signal.raise();
        }
        Self { stream, signal }
    }

    /// The stream, while it has not ended.
    pub(super) fn stream(&mut self) -> Option<Pin<&mut S>> {
        self.stream.as_mut().map(Pin::as_mut)
    }

    /// Has it read in the next poll.
    pub(super) fn read_soon(&self) {
        self.signal.raise();
    }

    pub(super) fn discard(&mut self) {
        discard(self.stream.take());
    }
}

impl<S: Stream + ?Sized> BoundedStream<S> {
    /// Gives `on_item` the items that are there. Returns the stream's end, once, if it has ended.
    pub(super) fn read(&mut self, mut on_item: impl FnMut(S::Item)) -> Option<StreamEnd> {
        self.signal.clear();
        let waker = Waker::from(Arc::clone(&self.signal));
        let mut cx = Context::from_waker(&waker);
        for _ in 0..ITEMS_PER_READ_MAX {
            let stream = self.stream.as_mut()?;
            let end = match guard(|| stream.as_mut().poll_next(&mut cx)) {
                Ok(Poll::Ready(Some(item))) => {
                    on_item(item);
                    continue;
                }
                Ok(Poll::Pending) => return None,
                Ok(Poll::Ready(None)) => StreamEnd::Ended,
                Err(panic) => StreamEnd::Panicked(panic),
            };
            self.discard();
            return Some(end);
        }
        self.read_soon();
        None
    }
}

impl<S: ?Sized> Drop for BoundedStream<S> {
    fn drop(&mut self) {
        self.discard();
    }
}
