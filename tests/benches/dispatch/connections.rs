//! Connections in memory, always ready.

use core::convert::Infallible;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

use futures_util::{Sink, Stream};

use crate::Counter;

pub(crate) trait Item {
    /// A connection has got it.
    fn arrive(self);
}

impl Item for u64 {
    fn arrive(self) {}
}

/// A connection that is done with an item at once.
pub(crate) struct CountingSink {
    items: u64,
    counter: Counter,
}

impl CountingSink {
    pub(crate) fn new(counter: &Counter) -> Self {
        Self { items: 0, counter: counter.clone() }
    }
}

impl Drop for CountingSink {
    fn drop(&mut self) {
        self.counter.add(self.items);
    }
}

impl<T: Item> Sink<T> for CountingSink {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), Infallible> {
        self.items += 1;
        item.arrive();
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// A transport whose peer sends back what it gets; a flush wakes the reader.
pub(crate) struct Loopback {
    written: VecDeque<u64>,
    items: u64,
    reader: Option<Waker>,
    counter: Counter,
}

impl Loopback {
    pub(crate) fn new(counter: &Counter) -> Self {
        Self { written: VecDeque::new(), reader: None, items: 0, counter: counter.clone() }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.counter.add(self.items);
    }
}

impl Sink<u64> for Loopback {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, request: u64) -> Result<(), Infallible> {
        self.items += 1;
        self.written.push_back(request);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Loopback {
    type Item = Result<u64, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(reply) = self.written.pop_front() {
            return Poll::Ready(Some(Ok(reply)));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}
