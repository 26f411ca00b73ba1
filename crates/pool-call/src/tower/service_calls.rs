//! The calls of one service: begun, polled until they end, and what became of them.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pool_driver::{BoxError, ConnectionEvent, Instant, Reads};
use tower_service::Service;

use super::answers::Answers;
use super::in_flight::{Answer, Ended, InFlight};
use super::listening::{Heard, Listening};
use super::settle::{CallNews, Settled, cancelled, is_answer, settle};
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
    /// How many calls are finished without their callers, if they are finished.
    orphans: Option<Arc<AtomicUsize>>,
    listening: Listening,
    /// Whether any call has got an answer.
    has_responded: bool,
    rules: P,
    /// What became of calls, for a pool that polls for it.
    news: VecDeque<CallNews<Request, S::Response>>,
    /// By the pool's runtime.
    now: Instant,
    /// When the peer was heard: the service has answered a call, or its client has read.
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
            orphans: None,
            listening: Listening::new(),
            has_responded: false,
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
        self.orphans = Some(Arc::default());
    }

    /// What the client of the service reads is counted by these.
    pub(super) fn set_reads(&mut self, reads: Reads) {
        self.listening.set_reads(reads);
    }

    pub(super) fn set_now(&mut self, now: Instant) {
        self.now = now;
    }

    pub(super) fn has_room(&self) -> bool {
        self.in_flight.len() + self.listening.abandoned() < self.in_flight_max
    }

    pub(super) fn in_flight_max(&self) -> usize {
        self.in_flight_max
    }

    /// Whether no answer is owed.
    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Whether any call has got a response.
    pub(super) fn have_responses(&self) -> bool {
        self.has_responded
    }

    /// Whether calls without callers take all the room there is.
    pub(super) fn are_all_orphans(&self) -> bool {
        let orphans = self.orphans.as_ref().map_or(0, |count| count.load(Ordering::Relaxed));
        orphans >= self.in_flight_max
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
        ServiceCalls {
            rules: change(self.rules),
            service: self.service,
            in_flight: self.in_flight,
            in_flight_max: self.in_flight_max,
            orphans: self.orphans,
            listening: self.listening,
            has_responded: self.has_responded,
            news: self.news,
            now: self.now,
            heard: self.heard,
        }
    }

    /// How many calls are in flight.
    pub(super) fn owed(&self) -> usize {
        self.in_flight.len()
    }

    /// For how long the peer was not heard while calls were in flight.
    pub(super) fn silence(&self) -> Option<Duration> {
        let calls = Pin::new(&self.in_flight).iter_pin_ref();
        let owed_since = calls.map(|call| call.begun()).min().or(self.listening.abandoned_since())?;
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
        let Some((request, responder)) = call.begin_with(self.now, Some(Arc::clone(&orphan))) else {
            if keeps_news {
                self.news.push_back(cancelled());
            }
            return;
        };
        let response = self.service.as_mut().expect("the service is ready").call(request);
        let in_flight = InFlight::new(response, responder, orphan, self.orphans.clone(), self.now);
        self.in_flight.push(in_flight);
    }

    /// The client may read now, and whether it did is looked at later.
    pub(super) fn stop_listening(&self) {
        self.listening.unwatch();
    }

    /// Looks whether the peer was heard. While something is waited for, the next bytes wake.
    pub(super) fn listen(&mut self, cx: &Context<'_>, keeps_news: bool) {
        let is_waiting = !self.is_idle() || self.listening.abandoned() > 0;
        if is_waiting {
            // Before the look: bytes that come later wake.
            self.listening.watch(cx.waker());
        }
        let Heard { has_bytes, was_waited_for, released } = self.listening.look(is_waiting);
        if has_bytes {
            self.heard = self.now;
            if was_waited_for {
                self.tell_progress(keeps_news);
            }
            self.cancel(released, keeps_news);
        }
    }

    /// The peer lives, and the pool does not know it by an answer.
    fn tell_progress(&mut self, keeps_news: bool) {
        if keeps_news && self.listening.tell(self.now) {
            self.news.push_back(ConnectionEvent::Progress);
        }
    }

    /// Abandoned calls are over, because their connection is.
    pub(super) fn release_abandoned(&mut self, keeps_news: bool) {
        let released = self.listening.release(usize::MAX);
        self.cancel(released, keeps_news);
    }

    /// So many abandoned calls are over.
    fn cancel(&mut self, calls: usize, keeps_news: bool) {
        if keeps_news {
            self.news.extend((0..calls).map(|_| cancelled()));
        }
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
        let mut polled = Polled::default();
        let abandoned_before = self.listening.abandoned();
        let mut has_response = false;
        while polled.error.is_none()
            && let Poll::Ready(Some(ended)) = self.in_flight.poll_next_unpin(cx)
        {
            let news = match ended {
                Ended::Abandoned => {
                    let keeps_place = self.listening.abandon(self.now);
                    if keeps_place { ConnectionEvent::Abandoned } else { cancelled() }
                }
                Ended::Answered(answer) => {
                    // An error may be the client's own.
                    has_response |= answer.result.is_ok();
                    match self.settle(answer) {
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
        if has_response && polled.error.is_none() {
            // It may have been told as cancelled only, for want of a caller.
            self.tell_progress(keeps_news);
            let released = self.listening.release(abandoned_before);
            self.cancel(released, keeps_news);
        }
        polled
    }

    fn settle(
        &mut self,
        answer: Answer<Request, S::Response, S::Error>,
    ) -> Result<Settled<Request, S::Response>, ConnectionError> {
        self.has_responded = true;
        self.heard = self.now;
        let latency = self.now.saturating_duration_since(answer.begun);
        let settled = settle(answer, latency, &mut self.rules)?;
        if is_answer(&settled.news) {
            self.listening.tell(self.now);
        }
        Ok(settled)
    }
}
