//! Who sends how much, and what has arrived.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use pool_tokio::BoxError;

use crate::usage;

#[derive(Clone, Copy)]
pub(super) struct Load {
    pub(super) producers: u64,
    /// Requests that each producer has under way at a time; 0 if items are not answered.
    pub(super) in_flight: usize,
    pub(super) items_per_producer: u64,
}

impl Load {
    pub(super) fn parse(producers: &str, in_flight: &str, items: &str) -> Result<Self, BoxError> {
        let number = |argument: &str| argument.parse::<u64>().map_err(|_| usage());
        let producers = number(producers)?;
        let items_per_producer = number(items)?.checked_div(producers).ok_or_else(usage)?;
        let in_flight = in_flight.parse().map_err(|_| usage())?;
        Ok(Self { producers, in_flight, items_per_producer })
    }

    pub(super) fn items(self) -> u64 {
        self.producers * self.items_per_producer
    }
}

/// What all connections got together.
#[derive(Clone, Default)]
pub(super) struct Arrivals {
    totals: Arc<Totals>,
}

#[derive(Default)]
struct Totals {
    items: AtomicU64,
    connections: AtomicU64,
}

impl Arrivals {
    pub(super) fn items(&self) -> u64 {
        self.totals.items.load(Ordering::Relaxed)
    }

    /// How many connections got at least one item.
    pub(super) fn connections(&self) -> u64 {
        self.totals.connections.load(Ordering::Relaxed)
    }

    /// Whether all connections are dropped, which is when they tell what they got.
    pub(super) fn are_complete(&self) -> bool {
        Arc::strong_count(&self.totals) == 1
    }

    pub(super) async fn completion(&self) {
        while !self.are_complete() {
            tokio::task::yield_now().await;
        }
    }
}

/// A connection in memory, which is done with an item at once.
pub(super) struct Connection {
    items: u64,
    arrivals: Arrivals,
}

impl Connection {
    pub(super) fn new(arrivals: &Arrivals) -> Self {
        Self { items: 0, arrivals: arrivals.clone() }
    }

    /// Gets an item, and answers with it.
    pub(super) fn take(&mut self, item: u64) -> u64 {
        self.items += 1;
        item
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        let totals = &self.arrivals.totals;
        totals.items.fetch_add(self.items, Ordering::Relaxed);
        totals.connections.fetch_add(u64::from(self.items > 0), Ordering::Relaxed);
    }
}

/// Requests that a producer has under way, oldest first. The replies are the numbers from 0 on.
pub(super) struct Window<F> {
    requests: VecDeque<F>,
    in_flight: usize,
    replies: u64,
}

impl<F> Window<F> {
    pub(super) fn new(in_flight: usize) -> Self {
        Self { requests: VecDeque::with_capacity(in_flight), in_flight, replies: 0 }
    }

    pub(super) fn is_full(&self) -> bool {
        self.requests.len() == self.in_flight
    }

    /// The oldest of those that are under way.
    pub(super) fn oldest(&mut self) -> Option<&mut F> {
        self.requests.front_mut()
    }

    pub(super) fn put(&mut self, request: F) {
        self.requests.push_back(request);
    }

    /// The oldest has been answered.
    pub(super) fn answered(&mut self, reply: u64) {
        assert_eq!(reply, self.replies, "the reply belongs to the request");
        self.replies += 1;
        self.requests.pop_front();
    }
}

impl<F, E> Window<F>
where
    F: Future<Output = Result<u64, E>> + Unpin,
    E: Debug,
{
    /// Waits for the oldest request, if there is no room for another.
    pub(super) async fn room(&mut self) {
        if self.is_full() {
            self.answer().await;
        }
    }

    pub(super) async fn finish(mut self) {
        while !self.requests.is_empty() {
            self.answer().await;
        }
    }

    async fn answer(&mut self) {
        if let Some(request) = self.oldest() {
            let reply = request.await.expect("every request is answered");
            self.answered(reply);
        }
    }
}
