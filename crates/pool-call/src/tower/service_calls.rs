//! The calls of one service: begun, polled until they end, and what became of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pool_driver::{BoxError, Instant};
use tower_service::Service;

use super::answers::Answers;
use super::gone_callers::{GoneCallers, PolledCalls};
use super::in_flight::{Ended, InFlight};
use super::settle::{CallNews, cancelled, settle};
use crate::call::Call;
use crate::connection::{Orphans, release_capacity};
use crate::error::ConnectionError;
use crate::policy::IN_FLIGHT_MAX;

/// A service, its calls in flight, and the rules of its answers.
pub(super) struct ServiceCalls<S: Service<Request>, Request, P> {
    /// `None` once it takes no more requests.
    service: Option<S>,
    in_flight: FuturesUnordered<InFlight<S::Future, Request, S::Response>>,
    in_flight_max: usize,
    gone_callers: GoneCallers,
    rules: P,
    /// What became of calls, for a pool that polls for it.
    news: VecDeque<CallNews<Request, S::Response>>,
    /// By the pool's runtime.
    now: Instant,
    /// When the service has answered a call.
    heard: Instant,
}

/// What a poll of all calls has brought for their connection.
#[derive(Default)]
pub(super) struct Polled {
    /// The peer asks for no more calls.
    pub(super) is_goodbye: bool,
    /// The rules have panicked.
    pub(super) error: Option<ConnectionError>,
}

impl<S: Service<Request>, Request, P> ServiceCalls<S, Request, P> {
    pub(super) fn new(service: S, rules: P) -> Self {
        Self {
            service: Some(service),
            in_flight: FuturesUnordered::new(),
            in_flight_max: IN_FLIGHT_MAX,
            gone_callers: GoneCallers::new(),
            rules,
            news: VecDeque::new(),
            now: Instant::ZERO,
            heard: Instant::ZERO,
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
    pub(super) fn take_news(&mut self) -> Option<CallNews<Request, S::Response>> {
        let news = self.news.pop_front()?;
        release_capacity(&mut self.news);
        Some(news)
    }

    /// The same calls by other rules, before the first.
    pub(super) fn with_rules<Q>(self, change: impl FnOnce(P) -> Q) -> ServiceCalls<S, Request, Q> {
        let Self { service, in_flight, in_flight_max, gone_callers, rules, news, now, heard } = self;
        let rules = change(rules);
        ServiceCalls { service, in_flight, in_flight_max, gone_callers, rules, news, now, heard }
    }

    /// How many calls are in flight.
    pub(super) fn owed(&self) -> usize {
        self.in_flight.len()
    }

    /// For how long the service has answered nothing while calls were in flight.
    pub(super) fn silence(&self) -> Option<Duration> {
        let calls = Pin::new(&self.in_flight).iter_pin_ref();
        let owed_since = calls.map(|call| call.begun()).min()?;
        Some(self.now.saturating_duration_since(owed_since.max(self.heard)))
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
                self.news.push_back(cancelled());
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

impl<S, Request, P> ServiceCalls<S, Request, P>
where
    S: Service<Request, Error: Into<BoxError>>,
    P: Answers<Request, S::Response, S::Error>,
{
    /// Polls the calls in flight, as far as they get.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, keeps_news: bool) -> Polled {
        let mut calls = PolledCalls::default();
        let mut polled = Polled::default();
        while polled.error.is_none()
            && let Poll::Ready(Some(ended)) = self.in_flight.poll_next_unpin(cx)
        {
            calls.add(&ended);
            let news = match ended {
                Ended::Abandoned => cancelled(),
                Ended::Answered(answer) => {
                    self.heard = self.now;
                    let latency = self.now.saturating_duration_since(answer.begun);
                    match settle(answer, latency, &mut self.rules) {
                        Ok(settled) => {
                            polled.is_goodbye |= settled.is_goodbye;
                            settled.news
                        }
                        Err(error) => {
                            polled.error = Some(error);
                            break;
                        }
                    }
                }
            };
            if keeps_news {
                self.news.push_back(news);
            }
        }
        self.gone_callers.on_polled(&calls);
        polled
    }
}
