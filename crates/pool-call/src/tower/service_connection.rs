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
/// The service is asked for its readiness immediately before each request and at no other time, so
/// none that reserves something on being ready holds on to it.
///
/// - An error of a response is that of its call,
///   [`ServiceFailed`](crate::MaybeSentReason::ServiceFailed), and the connection lives on. Errors that a
///   caller deals with, like those of a query, are better part of the reply:
///   `Service<Query, Response = Result<Rows, QueryError>>`.
/// - An error of the readiness ends the connection: with calls in flight it takes no more of them,
///   answers those, and is replaced.
/// - The end of the [background](Self::background) ends the connection, however idle it is. It is polled
///   when it is woken, and before the first request of a batch: some know of their end and wake nobody
///   for it.
/// - When a caller goes, the future of the response is dropped: HTTP/2 resets the stream then, and
///   HTTP/1.1 closes the connection. Where a server is at work on it all the same, it is better
///   [finished](Self::finish_abandoned).
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
}

enum End {
    Closed,
    Failed(ConnectionError),
}

impl<S: Service<Request>, Request> ServiceConnection<S, Request> {
    /// Calls by a service that needs nothing to be polled beside it. Only its readiness tells that
    /// its peer is gone, when the next call comes.
    pub fn new(service: S) -> Self {
        Self::assemble(service, None, IN_FLIGHT_MAX, None)
    }
}

impl<S: Service<Request>, Request, Background> ServiceConnection<S, Request, Background> {
    fn assemble(
        service: S,
        background: Option<Background>,
        in_flight_max: usize,
        abandoned: Option<Arc<AtomicUsize>>,
    ) -> Self {
        Self {
            service: Some(service),
            background,
            calls: FuturesUnordered::new(),
            in_flight_max,
            abandoned,
            outcomes: VecDeque::new(),
            is_asked: false,
            is_unflushed: false,
            going: Going::No,
            end: None,
        }
    }

    /// Polls this future too, for as long as the connection lives: the half of a client that reads
    /// and writes. When it ends, the connection does.
    ///
    /// # Panics
    ///
    /// After the first call.
    #[must_use]
    pub fn background<B, E>(self, background: B) -> ServiceConnection<S, Request, B>
    where
        B: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let service = self.service.expect("it has not been used yet");
        ServiceConnection::assemble(service, Some(background), self.in_flight_max, self.abandoned)
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
        *this.end = Some(match ended {
            Ok(()) => End::Closed,
            Err(error) => End::Failed(ConnectionError::transport(error)),
        });
        Poll::Ready(())
    }

    fn poll_calls(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        while let Poll::Ready(Some(outcome)) = this.calls.poll_next_unpin(cx) {
            if *this.is_asked {
                this.outcomes.push_back(outcome);
            }
        }
        let abandoned = this.abandoned.as_ref().map_or(0, |count| count.load(Ordering::Relaxed));
        if abandoned >= *this.in_flight_max && *this.going == Going::No {
            *this.going = Going::Due;
        }
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

    /// The service takes no more requests. While it has some to answer the connection drains.
    fn on_not_ready(
        self: Pin<&mut Self>,
        error: S::Error,
        cx: &Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let this = self.project();
        *this.service = None;
        if *this.is_asked && !this.calls.is_empty() {
            *this.going = Going::Due;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let error = ConnectionError::transport(error);
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
