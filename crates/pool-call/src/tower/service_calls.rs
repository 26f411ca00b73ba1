//! The calls of one service: begun, polled until they end, and what became of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pool_driver::{BoxError, ConnectionEvent, Instant};
use tower_service::Service;

use super::gone_callers::{GoneCallers, PolledCalls};
use super::in_flight::{CANCELLED, CallNews, InFlight};
use crate::call::Call;
use crate::connection::{Orphans, release_capacity};
use crate::error::ConnectionError;
use crate::policy::IN_FLIGHT_MAX;

/// A service, and its calls in flight.
pub(super) struct ServiceCalls<S: Service<Request>, Request> {
    /// `None` once it takes no more requests.
    service: Option<S>,
    in_flight: FuturesUnordered<InFlight<S::Future, Request, S::Response>>,
    in_flight_max: usize,
    gone_callers: GoneCallers,
    /// What became of calls, for a pool that polls for it.
    news: VecDeque<CallNews>,
    /// By the pool's runtime.
    now: Instant,
}

impl<S: Service<Request>, Request> ServiceCalls<S, Request> {
    pub(super) fn new(service: S) -> Self {
        Self {
            service: Some(service),
            in_flight: FuturesUnordered::new(),
            in_flight_max: IN_FLIGHT_MAX,
            gone_callers: GoneCallers::new(),
            news: VecDeque::new(),
            now: Instant::ZERO,
        }
    }

    pub(super) fn set_in_flight_max(&mut self, calls: usize) {
        self.in_flight_max = calls.max(1);
    }

    /// Calls are finished without their callers from now on.
    pub(super) fn finish_abandoned(&mut self) {
        self.gone_callers.finish_abandoned();
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() < self.in_flight_max
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether any call has got a response.
    pub(super) fn have_responses(&self) -> bool {
        self.gone_callers.has_responded()
    }

    /// Whether the peer is taken for dead: callers left again and again, and no response came.
    pub(super) fn are_unanswered(&self) -> bool {
        self.gone_callers.are_too_many()
    }

    /// Whether calls without callers take all the room there is.
    pub(super) fn are_all_orphans(&self) -> bool {
        self.gone_callers.has_orphans(self.in_flight_max)
    }

    pub(super) fn has_news(&self) -> bool {
        !self.news.is_empty()
    }

    /// What became of a call that was not reported yet.
    pub(super) fn take_news<T>(&mut self) -> Option<ConnectionEvent<T>> {
        let news = self.news.pop_front()?;
        release_capacity(&mut self.news);
        Some(news.map(|never| match never {}))
    }

    /// Whether the service takes a request; an error if it never does again. `None` if it is gone.
    pub(super) fn poll_ready(&mut self, cx: &mut Context<'_>) -> Option<Poll<Result<(), S::Error>>> {
        Some(self.service.as_mut()?.poll_ready(cx))
    }

    /// The service takes no more requests.
    pub(super) fn drop_service(&mut self) {
        self.service = None;
    }

    /// Begins a call, unless its caller has gone.
    ///
    /// # Panics
    ///
    /// If the service is gone.
    pub(super) fn begin(&mut self, call: Call<Request, S::Response>, keeps_news: bool) {
        let orphan = Arc::new(Orphans::default());
        let Some((request, responder)) = call.begin_with(Some(Arc::clone(&orphan))) else {
            if keeps_news {
                self.news.push_back(CANCELLED);
            }
            return;
        };
        let response = self.service.as_mut().expect("the service is ready").call(request);
        let in_flight = InFlight::new(response, responder, orphan, self.gone_callers.orphans(), self.now);
        self.in_flight.push(in_flight);
    }

    /// Fails all calls in flight.
    pub(super) fn fail_all(&mut self, error: &ConnectionError) {
        for call in Pin::new(&mut self.in_flight).iter_pin_mut() {
            call.fail(error.clone());
        }
        self.in_flight.clear();
    }
}

impl<S, Request> ServiceCalls<S, Request>
where
    S: Service<Request, Error: Into<BoxError>>,
{
    /// Polls the calls in flight, as far as they get.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, keeps_news: bool) {
        let mut polled = PolledCalls::default();
        while let Poll::Ready(Some(ended)) = self.in_flight.poll_next_unpin(cx) {
            polled.add(&ended);
            if keeps_news {
                self.news.push_back(ended.news(self.now));
            }
        }
        self.gone_callers.on_polled(&polled);
    }
}
