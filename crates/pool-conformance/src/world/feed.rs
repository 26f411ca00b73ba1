//! A name service that is fed by hand.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use parking_lot::Mutex;
use pool_driver::{AddressSet, AddressStream, AddressUpdate};

use super::scripted_stream::{ScriptedStream, StreamEvent};
use super::user_calls::Calls;

/// An address stream that says what it is told to. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Feed {
    stream: ScriptedStream<FeedEvent>,
    reads: Arc<Mutex<Reads>>,
}

#[derive(Debug, Default)]
struct Reads {
    /// Events that were read in the current poll of the driver.
    in_this_poll: usize,
    in_one_poll_max: usize,
    refreshes: usize,
}

/// What an address stream can do.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum FeedEvent {
    /// It names all addresses.
    Set(AddressSet<u16>),
    /// It fails, and goes on.
    Error(&'static str),
    /// It has no answer yet.
    Pending,
    /// It says that the name does not exist.
    NoSuchName,
    /// It ends.
    End,
    /// It panics.
    Panic,
}

impl StreamEvent for FeedEvent {
    fn is_last(&self) -> bool {
        matches!(self, Self::End | Self::Panic)
    }
}

impl Feed {
    /// An empty feed. Polls of it count as user code.
    pub fn new(calls: &Calls) -> Self {
        Self { stream: ScriptedStream::new(calls), reads: Arc::default() }
    }

    /// Adds the next event.
    pub fn push(&self, event: FeedEvent) {
        self.stream.push(event);
    }

    /// Adds a set as the next event.
    pub fn push_set(&self, addresses: impl IntoIterator<Item = u16>) {
        self.push(FeedEvent::Set(addresses.into_iter().collect()));
    }

    /// Keeps events back from now on.
    pub fn hold(&self) {
        self.stream.hold();
    }

    /// Hands out, all at once, the events that were kept back.
    pub fn release(&self) {
        self.stream.release();
    }

    /// A poll of the driver starts.
    pub fn start_poll(&self) {
        self.reads.lock().in_this_poll = 0;
    }

    /// The most events that were read in one poll of the driver.
    pub fn read_at_once_max(&self) -> usize {
        self.reads.lock().in_one_poll_max
    }

    /// How often it was polled.
    pub fn polls(&self) -> usize {
        self.stream.polls()
    }

    /// How often it was polled after its end.
    pub fn polls_after_end(&self) -> usize {
        self.stream.polls_after_end()
    }

    /// How often it was asked to look again.
    pub fn refreshes(&self) -> usize {
        self.reads.lock().refreshes
    }

    /// Events that were not read yet.
    pub fn len(&self) -> usize {
        self.stream.len()
    }

    /// Whether all events were read.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Stream for Feed {
    type Item = AddressUpdate<u16>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let _entered = self.stream.calls().enter();
        let Poll::Ready(event) = self.stream.poll_next(cx) else { return Poll::Pending };
        self.reads.lock().add();
        Poll::Ready(Some(match event {
            FeedEvent::Set(set) => AddressUpdate::Addresses(set),
            FeedEvent::Error(error) => AddressUpdate::failed(error),
            FeedEvent::Pending => AddressUpdate::Pending,
            FeedEvent::NoSuchName => AddressUpdate::NoSuchName,
            FeedEvent::End => return Poll::Ready(None),
            FeedEvent::Panic => self.stream.calls().panic("of the name service"),
        }))
    }
}

impl AddressStream for Feed {
    type Address = u16;

    fn refresh(self: Pin<&mut Self>) {
        let _entered = self.stream.calls().enter();
        self.reads.lock().refreshes += 1;
    }
}

impl Reads {
    fn add(&mut self) {
        self.in_this_poll += 1;
        self.in_one_poll_max = self.in_one_poll_max.max(self.in_this_poll);
    }
}
