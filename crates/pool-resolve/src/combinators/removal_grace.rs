//! Time for addresses that may have left by mistake.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, ConfigError, Endpoint, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use crate::alarm::Alarm;

/// Made by [`removal_grace`](super::AddressStreamExt::removal_grace).
#[pin_project]
#[derive(Debug)]
pub struct RemovalGrace<S: AddressStream, R: Runtime> {
    #[pin]
    source: S,
    #[pin]
    alarm: Alarm<R>,
    leaving: Leaving<S::Address>,
}

/// The default of [`RemovalGrace::addresses_max`], which is that of a pool.
const ADDRESSES_MAX: usize = 65_536;

impl<S: AddressStream, R: Runtime> RemovalGrace<S, R> {
    pub(crate) fn new(source: S, runtime: R, grace: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("grace", grace)?;
        Ok(Self { source, alarm: Alarm::new(runtime), leaving: Leaving::new(grace) })
    }

    /// With so many addresses in force, those that left first go before their time; 65,536 by default.
    /// A pool refuses sets that are larger than its own
    /// [`addresses_max`](pool_core::Config::addresses_max).
    #[must_use]
    pub fn addresses_max(mut self, addresses: usize) -> Self {
        self.leaving.addresses_max = addresses;
        self
    }
}

/// Who is there, and who has left not long enough ago.
struct Leaving<A> {
    grace: Duration,
    addresses_max: usize,
    current: AddressSet<A>,
    left: BTreeMap<A, Left<A>>,
    /// How long the source has been healthy, in all.
    healthy: Instant,
    /// Up to when that was counted, while it is healthy.
    healthy_since: Option<Instant>,
}

struct Left<A> {
    endpoint: Endpoint<A>,
    /// In time of a healthy source.
    until: Instant,
}

impl<A: Clone + Ord> Leaving<A> {
    fn new(grace: Duration) -> Self {
        Self {
            grace,
            addresses_max: ADDRESSES_MAX,
            current: AddressSet::default(),
            left: BTreeMap::new(),
            healthy: Instant::ZERO,
            healthy_since: None,
        }
    }

    fn count_time(&mut self, now: Instant) {
        if let Some(since) = &mut self.healthy_since {
            self.healthy = self.healthy + now.saturating_duration_since(*since);
            *since = now;
        }
    }

    fn falls_silent(&mut self, now: Instant) {
        self.count_time(now);
        self.healthy_since = None;
    }

    fn replace(&mut self, set: AddressSet<A>, now: Instant) -> AddressSet<A> {
        self.count_time(now);
        self.healthy_since = Some(now);
        let until = self.healthy + self.grace;
        let before = std::mem::replace(&mut self.current, set);
        let mut still_there = self.current.endpoints().iter().peekable();
        for endpoint in before.endpoints() {
            while still_there.next_if(|there| there.address < endpoint.address).is_some() {}
            if still_there.peek().is_none_or(|there| there.address != endpoint.address) {
                self.left.insert(endpoint.address.clone(), Left { endpoint: endpoint.clone(), until });
            }
        }
        for address in self.current.addresses() {
            self.left.remove(address);
        }
        self.forget_too_many();
        self.forget_expired();
        self.in_force()
    }

    fn forget_too_many(&mut self) {
        let room = self.addresses_max.saturating_sub(self.current.len());
        let surplus = self.left.len().saturating_sub(room);
        if surplus > 0 {
            let mut ends: Vec<_> = self.left.iter().map(|(address, left)| (left.until, address)).collect();
            ends.sort();
            let first: Vec<A> = ends[..surplus].iter().map(|(_, address)| (*address).clone()).collect();
            for address in first {
                self.left.remove(&address);
            }
        }
    }

    /// Whether there were any.
    fn forget_expired(&mut self) -> bool {
        let before = self.left.len();
        self.left.retain(|_, left| left.until > self.healthy);
        self.left.len() < before
    }

    fn in_force(&self) -> AddressSet<A> {
        if self.left.is_empty() {
            return self.current.clone();
        }
        let left = self.left.values().map(|left| &left.endpoint);
        self.current.endpoints().iter().chain(left).cloned().collect()
    }

    /// When the next of them goes, if the source stays healthy.
    fn next_at(&self) -> Option<Instant> {
        let since = self.healthy_since?;
        let until = self.left.values().map(|left| left.until).min()?;
        Some(since + until.saturating_duration_since(self.healthy))
    }
}

impl<S: AddressStream, R: Runtime> Stream for RemovalGrace<S, R> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut this = self.project();
        if let Poll::Ready(update) = this.source.poll_next(cx) {
            let now = this.alarm.now();
            return Poll::Ready(match update {
                Some(AddressUpdate::Addresses(set)) => {
                    Some(AddressUpdate::Addresses(this.leaving.replace(set, now)))
                }
                other => {
                    this.leaving.falls_silent(now);
                    other
                }
            });
        }
        loop {
            let Some(at) = this.leaving.next_at() else { return Poll::Pending };
            ready!(this.alarm.as_mut().poll_at(at, cx));
            this.leaving.count_time(this.alarm.now());
            if this.leaving.forget_expired() {
                return Poll::Ready(Some(AddressUpdate::Addresses(this.leaving.in_force())));
            }
        }
    }
}

impl<S: AddressStream, R: Runtime> AddressStream for RemovalGrace<S, R> {
    type Address = S::Address;

    fn refresh(self: Pin<&mut Self>) {
        self.project().source.refresh();
    }
}

impl<A> fmt::Debug for Leaving<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaving")
            .field("addresses", &self.current.len())
            .field("leaving", &self.left.len())
            .field("is_healthy", &self.healthy_since.is_some())
            .finish_non_exhaustive()
    }
}
