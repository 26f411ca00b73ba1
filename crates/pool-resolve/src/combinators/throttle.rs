//! A limit on how often a source changes its set.

use std::fmt;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_core::Stream;
use pin_project::pin_project;
use pool_core::{AddressSet, ConfigError, Instant};
use pool_driver::{AddressStream, AddressUpdate, Runtime};

use super::upstream::{UpstreamError, addresses_of};
use crate::bounded_poll::bounded_poll;
use crate::deadline_timer::DeadlineTimer;

/// Made by [`throttle_sets`](super::AddressStreamExt::throttle_sets).
#[pin_project]
#[derive(Debug)]
pub struct ThrottleSets<S: AddressStream, R: Runtime> {
    /// Dropped when it ends.
    #[pin]
    source: Option<S>,
    #[pin]
    timer: DeadlineTimer<R>,
    interval: Duration,
    held: HeldBack<S::Address>,
}

/// Updates that are not shown yet, and when each may be shown.
struct HeldBack<A> {
    set: Option<AddressSet<A>>,
    set_allowed_at: Instant,
    /// The last error after the last set.
    error: Option<UpstreamError>,
    is_error_shown: bool,
    error_allowed_at: Instant,
}

impl<A> HeldBack<A> {
    fn new() -> Self {
        let at = Instant::ZERO;
        Self { set: None, set_allowed_at: at, error: None, is_error_shown: false, error_allowed_at: at }
    }

    fn on_update(&mut self, update: AddressUpdate<A>) {
        match addresses_of(update) {
            Ok(set) => {
                self.set = Some(set);
                self.error = None;
            }
            Err(error) => {
                self.error = Some(error);
                self.is_error_shown = false;
            }
        }
    }

    /// The next update that may be shown: a set before the error that came after it.
    fn release(&mut self, now: Instant, interval: Duration) -> Option<AddressUpdate<A>> {
        if now >= self.set_allowed_at
            && let Some(set) = self.set.take()
        {
            self.set_allowed_at = now + interval;
            // The set hides the error. It is shown again at once, or the source would look healthy.
            self.is_error_shown = false;
            self.error_allowed_at = now;
            return Some(AddressUpdate::Addresses(set));
        }
        if self.is_error_shown || now < self.error_allowed_at {
            return None;
        }
        let error = self.error.clone()?;
        self.is_error_shown = true;
        self.error_allowed_at = now + interval;
        Some(error.into_address_update())
    }

    /// When the next held update may be shown.
    fn deadline(&self) -> Option<Instant> {
        let set = self.set.is_some().then_some(self.set_allowed_at);
        let is_error_held = self.error.is_some() && !self.is_error_shown;
        let error = is_error_held.then_some(self.error_allowed_at);
        set.into_iter().chain(error).min()
    }
}

impl<S: AddressStream, R: Runtime> ThrottleSets<S, R> {
    pub(crate) fn new(source: S, runtime: R, interval: Duration) -> Result<Self, ConfigError> {
        ConfigError::check_duration("interval", interval)?;
        Ok(Self { source: Some(source), timer: DeadlineTimer::new(runtime), interval, held: HeldBack::new() })
    }

    /// Reads the source until it pauses or ends. Pending if it does neither within the bound.
    fn read(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        bounded_poll(cx, |cx| {
            let Some(source) = this.source.as_mut().as_pin_mut() else {
                return ControlFlow::Break(Poll::Ready(()));
            };
            match source.poll_next(cx) {
                Poll::Ready(Some(update)) => this.held.on_update(update),
                Poll::Ready(None) => this.source.set(None),
                Poll::Pending => return ControlFlow::Break(Poll::Ready(())),
            }
            ControlFlow::Continue(())
        })
    }
}

impl<S: AddressStream, R: Runtime> Stream for ThrottleSets<S, R> {
    type Item = AddressUpdate<S::Address>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let has_paused = self.as_mut().read(cx);
        let mut this = self.project();
        loop {
            if let Some(update) = this.held.release(this.timer.now(), *this.interval) {
                return Poll::Ready(Some(update));
            }
            if this.source.is_none() {
                // No later set can follow, so the last one need not wait.
                return Poll::Ready(this.held.set.take().map(AddressUpdate::Addresses));
            }
            ready!(has_paused);
            let Some(deadline) = this.held.deadline() else { return Poll::Pending };
            ready!(this.timer.as_mut().poll_at(deadline, cx));
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

impl<A> fmt::Debug for HeldBack<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldBack")
            .field("addresses", &self.set.as_ref().map(AddressSet::len))
            .field("error", &self.error)
            .finish_non_exhaustive()
    }
}
