//! A grace for addresses that may have left by mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, ConfigError, Endpoint, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use crate::deadline_timer::DeadlineTimer;

/// Made by [`removal_grace`](super::AddressStreamExt::removal_grace).
#[pin_project]
#[derive(Debug)]
pub struct RemovalGrace<S: AddressStream, R: Runtime> {
    /// Dropped when it ends.
    #[pin]
    source: Option<S>,
    #[pin]
    timer: DeadlineTimer<R>,
    membership: Membership<S::Address>,
}

/// The default of [`RemovalGrace::addresses_max`], which is that of a pool.
const ADDRESSES_MAX: usize = 65_536;

impl<S: AddressStream, R: Runtime> RemovalGrace<S, R> {
    pub(crate) fn new(source: S, runtime: R, grace: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("grace", grace)?;
        Ok(Self {
            source: Some(source),
            timer: DeadlineTimer::new(runtime),
            membership: Membership::new(grace),
        })
    }

    /// The most addresses in force; 65,536 by default. Beyond it the addresses that left first go before
    /// their grace is over. The source's own set is never cut.
    ///
    /// A pool refuses sets that are larger than its own
    /// [`addresses_max`](pool_core::Config::addresses_max).
    #[must_use]
    pub fn addresses_max(mut self, addresses: usize) -> Self {
        self.membership.addresses_max = addresses;
        self
    }

    /// Waits for the next address to leave. Ends once the source has ended and no address waits.
    fn poll_expired(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<AddressUpdate<S::Address>>> {
        let mut this = self.project();
        loop {
            match this.membership.deadline() {
                Some(deadline) => ready!(this.timer.as_mut().poll_at(deadline, cx)),
                None if this.source.is_none() => return Poll::Ready(None),
                None => return Poll::Pending,
            }
            this.membership.count_time(this.timer.now());
            if this.membership.remove_expired() {
                return Poll::Ready(Some(AddressUpdate::Addresses(this.membership.in_force())));
            }
        }
    }
}

/// The addresses that are there, and those in their grace.
struct Membership<A> {
    grace: Duration,
    addresses_max: usize,
    current: AddressSet<A>,
    leaving: BTreeMap<A, Leaving<A>>,
    /// A clock that runs only while the source is healthy.
    healthy_time: Instant,
    /// Up to when it was advanced, while the source is healthy.
    healthy_since: Option<Instant>,
}

struct Leaving<A> {
    endpoint: Endpoint<A>,
    /// In healthy time.
    deadline: Instant,
}

impl<A: Clone + Ord> Membership<A> {
    fn new(grace: Duration) -> Self {
        Self {
            grace,
            addresses_max: ADDRESSES_MAX,
            current: AddressSet::default(),
            leaving: BTreeMap::new(),
            healthy_time: Instant::ZERO,
            healthy_since: None,
        }
    }

    fn count_time(&mut self, now: Instant) {
        if let Some(since) = &mut self.healthy_since {
            self.healthy_time = self.healthy_time + now.saturating_duration_since(*since);
            *since = now;
        }
    }

    /// The source is not healthy any more: time stands still for addresses in their grace.
    fn pause(&mut self, now: Instant) {
        self.count_time(now);
        self.healthy_since = None;
    }

    /// Time counts from now on.
    fn resume(&mut self, now: Instant) {
        self.count_time(now);
        self.healthy_since = Some(now);
    }

    /// Takes a new set, and returns what is in force.
    fn replace(&mut self, set: AddressSet<A>, now: Instant) -> AddressSet<A> {
        self.resume(now);
        let deadline = self.healthy_time + self.grace;
        let before = std::mem::replace(&mut self.current, set);
        let mut still_there = self.current.endpoints().iter().peekable();
        for endpoint in before.endpoints() {
            while still_there.next_if(|there| there.address < endpoint.address).is_some() {}
            if still_there.peek().is_none_or(|there| there.address != endpoint.address) {
                let leaving = Leaving { endpoint: endpoint.clone(), deadline };
                self.leaving.insert(endpoint.address.clone(), leaving);
            }
        }
        for address in self.current.addresses() {
            self.leaving.remove(address);
        }
        self.remove_surplus();
        self.remove_expired();
        self.in_force()
    }

    fn remove_surplus(&mut self) {
        let room = self.addresses_max.saturating_sub(self.current.len());
        let surplus = self.leaving.len().saturating_sub(room);
        if surplus > 0 {
            let mut ends: Vec<_> =
                self.leaving.iter().map(|(address, leaving)| (leaving.deadline, address)).collect();
            ends.sort();
            let first: Vec<A> = ends[..surplus].iter().map(|(_, address)| (*address).clone()).collect();
            for address in first {
                self.leaving.remove(&address);
            }
        }
    }

    /// Whether the grace of any address was over.
    fn remove_expired(&mut self) -> bool {
        let before = self.leaving.len();
        self.leaving.retain(|_, leaving| leaving.deadline > self.healthy_time);
        self.leaving.len() < before
    }

    fn in_force(&self) -> AddressSet<A> {
        if self.leaving.is_empty() {
            return self.current.clone();
        }
        let leaving = self.leaving.values().map(|leaving| &leaving.endpoint);
        self.current.endpoints().iter().chain(leaving).cloned().collect()
    }

    /// When the next address leaves, if the source stays healthy.
    fn deadline(&self) -> Option<Instant> {
        let since = self.healthy_since?;
        let next = self.leaving.values().map(|leaving| leaving.deadline).min()?;
        Some(since + next.saturating_duration_since(self.healthy_time))
    }
}

impl<S: AddressStream, R: Runtime> Stream for RemovalGrace<S, R> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.as_mut().project();
        if let Some(source) = this.source.as_mut().as_pin_mut()
            && let Poll::Ready(update) = source.poll_next(cx)
        {
            let now = this.timer.now();
            match update {
                Some(AddressUpdate::Addresses(set)) => {
                    let in_force = this.membership.replace(set, now);
                    return Poll::Ready(Some(AddressUpdate::Addresses(in_force)));
                }
                Some(other) => {
                    this.membership.pause(now);
                    return Poll::Ready(Some(other));
                }
                None => {
                    this.source.set(None);
                    // Its last set is final, so nothing that left can come back.
                    this.membership.resume(now);
                }
            }
        }
        self.poll_expired(cx)
    }
}

impl<S: AddressStream, R: Runtime> AddressStream for RemovalGrace<S, R> {
    type Address = S::Address;

    fn refresh(self: Pin<&mut Self>) {
        if let Some(source) = self.project().source.as_pin_mut() {
            source.refresh();
        }
    }
}

impl<A> fmt::Debug for Membership<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Membership")
            .field("addresses", &self.current.len())
            .field("leaving", &self.leaving.len())
            .field("is_healthy", &self.healthy_since.is_some())
            .finish_non_exhaustive()
    }
}
