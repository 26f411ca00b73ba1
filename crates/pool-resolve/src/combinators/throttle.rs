//! A limit to how often a source changes its mind.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, ConfigError, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use super::UPDATES_PER_POLL_MAX;
use super::upstream::{UpstreamError, sort};
use crate::alarm::Alarm;

/// Made by [`throttle_sets`](super::AddressStreamExt::throttle_sets).
#[pin_project]
#[derive(Debug)]
pub struct ThrottleSets<S: AddressStream, R: Runtime> {
    /// Gone when it is over.
    #[pin]
    source: Option<S>,
    #[pin]
    alarm: Alarm<R>,
    interval: Duration,
    held: Held<S::Address>,
}

/// What the source said and nobody has been told yet, and when each may be told.
struct Held<A> {
    set: Option<AddressSet<A>>,
    sets_open_at: Instant,
    /// What the source said after its last set.
    trouble: Option<UpstreamError>,
    is_trouble_shown: bool,
    troubles_open_at: Instant,
}

impl<A> Held<A> {
    fn hear(&mut self, update: AddressUpdate<A>) {
        match sort(update) {
            Ok(set) => {
                self.set = Some(set);
                self.trouble = None;
            }
            Err(trouble) => {
                self.trouble = Some(trouble);
                self.is_trouble_shown = false;
            }
        }
    }

    /// The next that may be told: a set comes before the trouble that came after it.
    fn tell(&mut self, now: Instant, interval: Duration) -> Option<AddressUpdate<A>> {
        if now >= self.sets_open_at
            && let Some(set) = self.set.take()
        {
            self.sets_open_at = now + interval;
            // It hides the trouble, which is shown again at once: nobody shall think that all is well.
            self.is_trouble_shown = false;
            self.troubles_open_at = now;
            return Some(AddressUpdate::Addresses(set));
        }
        if self.is_trouble_shown || now < self.troubles_open_at {
            return None;
        }
        let trouble = self.trouble.clone()?;
        self.is_trouble_shown = true;
        self.troubles_open_at = now + interval;
        Some(trouble.into_address_update())
    }

    fn next_at(&self) -> Option<Instant> {
        let set = self.set.is_some().then_some(self.sets_open_at);
        let is_trouble_due = self.trouble.is_some() && !self.is_trouble_shown;
        let trouble = is_trouble_due.then_some(self.troubles_open_at);
        set.into_iter().chain(trouble).min()
    }
}

impl<S: AddressStream, R: Runtime> ThrottleSets<S, R> {
    pub(crate) fn new(source: S, runtime: R, interval: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("interval", interval)?;
        let held = Held {
            set: None,
            sets_open_at: Instant::ZERO,
            trouble: None,
            is_trouble_shown: false,
            troubles_open_at: Instant::ZERO,
        };
        Ok(Self { source: Some(source), alarm: Alarm::new(runtime), interval, held })
    }

    /// Reads the source until it pauses. Whether it did.
    fn read(self: Pin<&mut Self>, cx: &mut Context<'_>) -> bool {
        let mut this = self.project();
        for _ in 0..UPDATES_PER_POLL_MAX {
            let Some(source) = this.source.as_mut().as_pin_mut() else { return true };
            match source.poll_next(cx) {
                Poll::Ready(Some(update)) => this.held.hear(update),
                Poll::Ready(None) => this.source.set(None),
                Poll::Pending => return true,
            }
        }
        false
    }
}

impl<S: AddressStream, R: Runtime> Stream for ThrottleSets<S, R> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let has_paused = self.as_mut().read(cx);
        let mut this = self.project();
        loop {
            if let Some(update) = this.held.tell(this.alarm.now(), *this.interval) {
                return Poll::Ready(Some(update));
            }
            if this.source.is_none() {
                // Nothing comes any more that could make the last set an interim one.
                return Poll::Ready(this.held.set.take().map(AddressUpdate::Addresses));
            }
            if !has_paused {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Some(at) = this.held.next_at() else { return Poll::Pending };
            if this.alarm.as_mut().poll_at(at, cx).is_pending() {
                return Poll::Pending;
            }
        }
    }
}

impl<S: AddressStream, R: Runtime> AddressStream for ThrottleSets<S, R> {
    type Address = S::Address;

    fn refresh(self: Pin<&mut Self>) {
        if let Some(source) = self.project().source.as_pin_mut() {
            source.refresh();
        }
    }
}

impl<A> fmt::Debug for Held<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held")
            .field("addresses", &self.set.as_ref().map(AddressSet::len))
            .field("trouble", &self.trouble)
            .finish_non_exhaustive()
    }
}
