//! Tower services as connections.

use std::collections::VecDeque;
use std::future::Pending;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent, Outcome};
use tower_service::Service;

use super::in_flight::InFlight;
use crate::call::Call;
use crate::error::ConnectionError;
use crate::orphans::Orphans;

/// So many calls at a time, unless something else is said.
const IN_FLIGHT_MAX: usize = 256;

/// When callers have gone so many times in a row and no response came, the peer is thought to be dead.
/// Those who go together, as of a request that was fanned out, count once.
const ORPHANINGS_MAX: usize = 16;

/// A connection that answers calls by a [`Service`]: a client of HTTP, gRPC or SQL that is one
/// connection to one server.
///
/// ```
/// use pool_call::ServiceConnection;
/// use tower_service::Service;
///
/// # struct Client;
/// # type Response = std::future::Ready<Result<String, std::io::Error>>;
/// # impl Service<String> for Client {
/// #     type Response = String;
/// #     type Error = std::io::Error;
/// #     type Future = Response;
/// #     fn poll_ready(&mut self, _: &mut std::task::Context<'_>) -> std::task::Poll<std::io::Result<()>> { Ok(()).into() }
/// #     fn call(&mut self, request: String) -> Response { std::future::ready(Ok(request)) }
/// # }
/// # async fn handshake() -> Result<(Client, std::future::Pending<std::io::Result<()>>), std::io::Error> {
/// #     Ok((Client, std::future::pending()))
/// # }
/// async fn connect(_address: u16) -> Result<impl pool_driver::Connection<pool_call::Call<String, String>>, std::io::Error> {
///     // Many clients come in two halves: one to send requests by, and one to be polled beside.
///     let (client, background) = handshake().await?;
///     Ok(ServiceConnection::new(client).background(background))
/// }
/// ```
///
/// The service is asked for its readiness immediately before each request. A pool asks also when it
/// wants to know whether a connection takes calls at all: when it has connected, and when it was busy.
/// A service that reserves something on being ready keeps it from then until its next request: clones
/// of tower's `Buffer`, or services that share one `ConcurrencyLimit`, can so keep each other waiting.
/// Let each connection have a limit of its own.
///
/// - An error of a response is that of its call,
///   [`ServiceFailed`](crate::MaybeSentReason::ServiceFailed), and the connection lives on. Errors that a
///   caller deals with, like those of a query, are better part of the reply:
///   `Service<Query, Response = Result<Rows, QueryError>>`.
/// - An error of the readiness ends the connection: it takes no more calls, and answers those in
///   flight. If it has responded to any call before, it is replaced at once, and that is no failure.
///   If it never has, it fails with this error when none is in flight any more.
/// - The end of the [background](Self::background) ends the connection, however idle it is. It is polled
///   when it is woken, and before the first request of a batch: some know of their end and wake nobody
///   for it.
/// - When a caller goes, the future of the response is dropped: HTTP/2 resets the stream then, and
///   HTTP/1.1 closes the connection. Where a server is at work on it all the same, it is better
///   [finished](Self::finish_abandoned).
/// - When callers have gone so 16 times in a row, and no response came in between, the connection fails
///   with [`NotAnswering`](ConnectionError::NotAnswering), and so do the calls in flight: a dead peer is
///   found out even by callers that are less patient than the pool. Callers that go together count
///   once; calls that are finished without their callers don't count.
#[pin_project]
pub struct ServiceConnection<S: Service<Request>, Request, Background = NoBackground> {
    /// Gone when it takes no more requests.
    service: Option<S>,
    /// Gone when it has ended.
    #[pin]
    background: Option<Background>,
    calls: FuturesUnordered<InFlight<S::Future, Request, S::Response>>,
    in_flight_max: usize,
    /// Counts calls without callers, if they are finished.
    abandoned: Option<Arc<AtomicUsize>>,
    /// How many times in a row calls ended because their callers went.
    orphanings: usize,
    /// Some call was responded to.
    has_responded: bool,
    /// What became of calls, for whoever asks.
    outcomes: VecDeque<Outcome>,
    /// Somebody asks: a pool.
    is_asked: bool,
    /// Requests were sent and have not been flushed: a batch goes on.
    is_unflushed: bool,
    going: Going,
    end: Option<End>,
}

/// The background of a service that needs none.
pub type NoBackground = Pending<Result<(), BoxError>>;

type Event<Request, Reply> = ConnectionEvent<Call<Request, Reply>>;

/// Whether no more requests are taken.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Going {
    No,
    /// To be told.
    Due,
    Told,
    /// That is not told: its end is, when no calls are in flight any more.
    Failing,
}

enum End {
    Closed,
    Failed(ConnectionError),
}

impl<S: Service<Request>, Request> ServiceConnection<S, Request> {
    /// Calls by a service that needs nothing to be polled beside it. Only its readiness tells that
    /// its peer is gone, when the next call comes.
    pub fn new(service: S) -> Self {
        Self {
            service: Some(service),
            background: None,
            calls: FuturesUnordered::new(),
            in_flight_max: IN_FLIGHT_MAX,
            abandoned: None,
            orphanings: 0,
            has_responded: false,
            outcomes: VecDeque::new(),
            is_asked: false,
            is_unflushed: false,
            going: Going::No,
            end: None,
        }
    }
}

impl<S: Service<Request>, Request, Background> ServiceConnection<S, Request, Background> {
    /// Polls this future too, for as long as the connection lives: the half of a client that reads
    /// and writes. When it ends, the connection does.
    #[must_use]
    pub fn background<B, E>(self, background: B) -> ServiceConnection<S, Request, B>
    where
        B: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        ServiceConnection {
            service: self.service,
            background: Some(background),
            calls: self.calls,
            in_flight_max: self.in_flight_max,
            abandoned: self.abandoned,
            orphanings: self.orphanings,
            has_responded: self.has_responded,
            outcomes: self.outcomes,
            is_asked: self.is_asked,
            is_unflushed: self.is_unflushed,
            going: self.going,
            end: self.end,
        }
    }

    /// How many calls may be in flight; 256 by default, 1 at least. The service's readiness may allow
    /// fewer.
    #[must_use]
    pub fn in_flight_max(mut self, calls: usize) -> Self {
        self.in_flight_max = calls.max(1);
        self
    }

    /// Finishes calls whose callers have gone, and throws their responses away. For protocols that
    /// can't take a request back, such as Postgres': its place is not free before it is done.
    ///
    /// With nothing but such calls in all its places the connection asks to be replaced.
    #[must_use]
    pub fn finish_abandoned(mut self) -> Self {
        self.abandoned = Some(Arc::default());
        self
    }
}

impl<S, Request, Background, E> ServiceConnection<S, Request, Background>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    /// Polls all that is at work, as far as it gets.
    fn drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        self.as_mut().poll_calls(cx);
        if self.as_mut().poll_background(cx).is_ready() {
            // What it has left behind for them.
            self.poll_calls(cx);
        }
    }

    /// Ready when it has just ended.
    fn poll_background(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(background) = this.background.as_mut().as_pin_mut() else { return Poll::Pending };
        let ended = ready!(background.poll(cx));
        this.background.set(None);
        // One that has failed already keeps its reason.
        this.end.get_or_insert_with(|| match ended {
            Ok(()) => End::Closed,
            Err(error) => End::Failed(ConnectionError::transport(error)),
        });
        Poll::Ready(())
    }

    fn poll_calls(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.as_mut().project();
        let (mut is_answering, mut is_orphaned) = (false, false);
        while let Poll::Ready(Some(ended)) = this.calls.poll_next_unpin(cx) {
            is_answering |= ended.is_response;
            is_orphaned |= !ended.is_response;
            if *this.is_asked {
                this.outcomes.push_back(ended.outcome);
            }
        }
        // A response that was there at the same time counts, whichever was seen first.
        if is_answering {
            *this.has_responded = true;
            *this.orphanings = 0;
        } else {
            *this.orphanings += usize::from(is_orphaned);
        }
        let abandoned = this.abandoned.as_ref().map_or(0, |count| count.load(Ordering::Relaxed));
        if abandoned >= *this.in_flight_max && *this.going == Going::No {
            *this.going = Going::Due;
        }
        if *this.orphanings >= ORPHANINGS_MAX && this.end.is_none() {
            self.fail();
        }
    }

    /// The peer doesn't answer: no call in flight is waited for any longer.
    fn fail(self: Pin<&mut Self>) {
        let this = self.project();
        this.end.get_or_insert(End::Failed(ConnectionError::NotAnswering));
        for call in Pin::new(&mut *this.calls).iter_pin_mut() {
            call.fail(ConnectionError::NotAnswering);
        }
        this.calls.clear();
    }

    fn next_event(self: Pin<&mut Self>) -> Option<Result<Event<Request, S::Response>, ConnectionError>> {
        let this = self.project();
        if let Some(outcome) = this.outcomes.pop_front() {
            return Some(Ok(ConnectionEvent::Finished(outcome)));
        }
        match this.end {
            // It owes calls their errors; until they have them it takes no more.
            Some(_) if !this.calls.is_empty() && *this.going == Going::No => *this.going = Going::Due,
            Some(_) if !this.calls.is_empty() => {}
            Some(End::Closed) => return Some(Ok(ConnectionEvent::Closed)),
            Some(End::Failed(error)) => return Some(Err(error.clone())),
            None => {}
        }
        if *this.going == Going::Due {
            *this.going = Going::Told;
            return Some(Ok(ConnectionEvent::GoingAway));
        }
        None
    }

    /// The service takes no more requests. While it has some to answer the connection drains, or, if it
    /// was never of any use, waits for them and fails: if it were replaced at once, the next might go the
    /// same way, and so on without a pause.
    fn on_not_ready(
        self: Pin<&mut Self>,
        error: S::Error,
        cx: &Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let this = self.project();
        *this.service = None;
        let drains = *this.is_asked && !this.calls.is_empty();
        if drains && *this.has_responded {
            *this.going = Going::Due;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let error = ConnectionError::transport(error);
        if drains {
            // The end of the last call wakes whoever is to be told.
            *this.going = Going::Failing;
            *this.end = Some(End::Failed(error));
            return Poll::Pending;
        }
        *this.end = Some(End::Failed(error.clone()));
        Poll::Ready(Err(error))
    }

    /// For whoever doesn't ask: what the end was.
    fn check_end(&self) -> Result<(), ConnectionError> {
        match &self.end {
            Some(End::Failed(error)) if !self.is_asked => Err(error.clone()),
            Some(End::Closed) if !self.is_asked => Err(ConnectionError::Closed),
            _ => Ok(()),
        }
    }
}

impl<S, Request, Background, E> Connection<Call<Request, S::Response>>
    for ServiceConnection<S, Request, Background>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event<Request, S::Response>, ConnectionError>> {
        *self.as_mut().project().is_asked = true;
        if self.outcomes.is_empty() {
            self.as_mut().drive(cx);
        }
        self.next_event().map_or(Poll::Pending, Poll::Ready)
    }

    fn give_up(self: Pin<&mut Self>) {
        self.fail();
    }
}

impl<S, Request, Background, E> Sink<Call<Request, S::Response>> for ServiceConnection<S, Request, Background>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    E: Into<BoxError>,
{
    type Error = ConnectionError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if !self.is_asked {
            self.as_mut().drive(cx);
            self.check_end()?;
        } else if !self.is_unflushed && self.as_mut().poll_background(cx).is_ready() {
            // It may have known for a while: hyper keeps a GOAWAY to itself while streams are open, until
            // it has a request to refuse.
            cx.waker().wake_by_ref();
        }
        let this = self.as_mut().project();
        let Some(service) = this.service.as_mut().filter(|_| this.end.is_none()) else {
            // `poll_event` tells why.
            return Poll::Pending;
        };
        if this.calls.len() >= *this.in_flight_max {
            // The next response wakes whoever polls them, and after that this is asked again.
            return Poll::Pending;
        }
        match ready!(service.poll_ready(cx)) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(error) => self.on_not_ready(error, cx),
        }
    }

    /// # Panics
    ///
    /// If it was not ready just before.
    fn start_send(self: Pin<&mut Self>, call: Call<Request, S::Response>) -> Result<(), ConnectionError> {
        let this = self.project();
        let orphan = Arc::new(Orphans::default());
        let Some((request, responder)) = call.begin_with(Some(Arc::clone(&orphan))) else {
            if *this.is_asked {
                this.outcomes.push_back(Outcome::Cancelled);
            }
            return Ok(());
        };
        let service = this.service.as_mut().expect("it is ready");
        *this.is_unflushed = true;
        this.calls.push(InFlight::new(service.call(request), responder, orphan, this.abandoned.clone()));
        Ok(())
    }

    /// Starts what was sent. It is at work on it too, unless a pool is.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        *self.as_mut().project().is_unflushed = false;
        self.as_mut().drive(cx);
        if self.is_asked && (!self.outcomes.is_empty() || self.end.is_some() || self.going == Going::Due) {
            cx.waker().wake_by_ref();
        }
        Poll::Ready(self.check_end())
    }

    /// Ready when all calls are answered, the service is dropped, and the background has ended.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        self.as_mut().drive(cx);
        if !self.outcomes.is_empty() {
            cx.waker().wake_by_ref();
        }
        if !self.calls.is_empty() || !self.outcomes.is_empty() {
            return Poll::Pending;
        }
        // Most clients close when nobody can send them anything any more.
        *self.as_mut().project().service = None;
        self.as_mut().drive(cx);
        match (&self.end, &self.background) {
            (Some(End::Failed(error)), _) => Poll::Ready(Err(error.clone())),
            (Some(End::Closed), _) | (None, None) => Poll::Ready(Ok(())),
            (None, Some(_)) => Poll::Pending,
        }
    }
}
