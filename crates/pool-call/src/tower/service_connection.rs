//! Tower services as connections.

use std::future::Pending;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pin_project::pin_project;
use pool_driver::{BoxError, Connection, ConnectionEvent, Instant, Reads, Verdict};
use tower_service::Service;

use super::answers::{AnswerRules, Answers, Unsent};
use super::service_calls::ServiceCalls;
use crate::call::Call;
use crate::connection::Ending;
use crate::error::ConnectionError;

type Event<Request, Reply> = ConnectionEvent<Call<Request, Reply>>;

/// A connection that answers calls by a [`Service`]: a client of HTTP, gRPC or SQL that is one
/// connection to one server.
///
/// ```
/// use pool_call::tower::ServiceConnection;
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
///     // Many clients come in two halves: one sends requests, the other has to be polled.
///     let (client, background) = handshake().await?;
///     Ok(ServiceConnection::new(client).background(background))
/// }
/// ```
///
/// The readiness of the service is polled immediately before each request. A pool polls it also when it
/// needs to know whether a connection takes calls at all: when it has connected, and when it was busy.
/// A service that reserves something when it is ready keeps it from then until its next request: clones
/// of tower's `Buffer`, or services that share one `ConcurrencyLimit`, can keep each other waiting that way.
/// Give each connection its own limit.
///
/// - An error of a response is that of its call,
///   [`ServiceFailed`](crate::MaybeSentReason::ServiceFailed), and the connection lives on. Errors that a
///   caller handles, like those of a query, are better part of the reply:
///   `Service<Query, Response = Result<Rows, QueryError>>`.
/// - An error of the readiness ends the connection: it takes no more calls, and answers those in
///   flight. If it has responded to any call before, it is replaced at once, and that is no failure.
///   Otherwise it fails with this error when no call is in flight any more.
/// - The end of the [background](Self::background) ends the connection, however idle it is. The background is
///   polled when it is woken, and before the first request of a batch: some clients know of their end and
///   wake no task for it.
/// - When a caller goes, the future of the response is dropped: HTTP/2 resets the stream then, and
///   HTTP/1.1 closes the connection. If the server works on the request all the same, it is better
///   [finished](Self::finish_abandoned).
/// - That callers go says nothing of the peer, however many: a slow method of a healthy service is slow, and others
///   get their responses. The pool decides by what the peer says while it owes responses. If bytes are to count, too,
///   the connection needs to know of its client's [reads](Self::reads).
/// - With [reads](Self::reads), a call whose caller has gone keeps its place until the peer has said something after
///   that: until then it may still have the request before it. Without, nobody could know, and the place is free at
///   once. Then a dead peer is noticed only while some call is waited for, for as long as its silence may last: where
///   all callers are less patient than the pool, and come one after the other, count reads.
#[pin_project]
pub struct ServiceConnection<S: Service<Request>, Request, Background = NoBackground, P = AnswerRules> {
    calls: ServiceCalls<S, Request, P>,
    /// `None` once it has ended.
    #[pin]
    background: Option<Background>,
    /// Requests were sent and have not been flushed: a batch goes on.
    is_unflushed: bool,
    /// It was asked to close.
    is_closing: bool,
    ending: Ending,
}

/// The background of a service that needs none.
pub type NoBackground = Pending<Result<(), BoxError>>;

impl<S: Service<Request>, Request> ServiceConnection<S, Request> {
    /// Calls by a service that needs no [background](Self::background). If its peer is gone, only its readiness
    /// tells, when the next call comes.
    pub fn new(service: S) -> Self {
        Self {
            calls: ServiceCalls::new(service, AnswerRules::default()),
            background: None,
            is_unflushed: false,
            is_closing: false,
            ending: Ending::new(),
        }
    }
}

impl<S: Service<Request>, Request, Background, P> ServiceConnection<S, Request, Background, P> {
    /// Polls this future too, for as long as the connection lives: the half of a client that reads
    /// and writes. When it ends, the connection does.
    #[must_use]
    pub fn background<B, E>(self, background: B) -> ServiceConnection<S, Request, B, P>
    where
        B: Future<Output = Result<(), E>>,
        E: Into<BoxError>,
    {
        let Self { calls, background: _, is_unflushed, is_closing, ending } = self;
        ServiceConnection { calls, background: Some(background), is_unflushed, is_closing, ending }
    }

    /// How many calls may be in flight; 256 by default, 1 at least. The service's readiness may allow
    /// fewer.
    #[must_use]
    pub fn in_flight_max(mut self, calls: usize) -> Self {
        self.calls.set_in_flight_max(calls);
        self
    }

    /// The handshake has found that this address can't do what it would be asked to: a standby where writes go. The
    /// connection stays, and its address rests as by [`Unfit`](pool_driver::Verdict::Unfit) before it gets a call.
    #[must_use]
    pub fn unfit(mut self) -> Self {
        self.ending.set_unfit();
        self
    }

    /// The background, or whatever else reads for the service, counts by these what it reads: see `counted` of
    /// `pool-driver` (feature `codec`), which wraps the byte stream.
    ///
    /// Bytes are evidence that the peer is alive, also while one long response trickles in. And they tell when it has
    /// heard of callers that are gone: what is above about the places of their calls. A peer that has nothing to say
    /// when a request is reset keeps their places taken: let the client send pings, as HTTP/2 has them, also while no
    /// request is open.
    ///
    /// ```
    /// use pool_call::tower::ServiceConnection;
    /// use pool_driver::Reads;
    /// # use std::io;
    /// # struct Stream;
    /// # fn counted(stream: Stream) -> (Stream, Reads) { (stream, Reads::new()) }
    /// # async fn handshake<S: tower_service::Service<String, Response = String, Error = io::Error>>(
    /// #     _: Stream, client: S) -> io::Result<(S, std::future::Pending<io::Result<()>>)> {
    /// #     Ok((client, std::future::pending()))
    /// # }
    /// # async fn example<S>(stream: Stream, client: S) -> io::Result<()>
    /// # where S: tower_service::Service<String, Response = String, Error = io::Error> {
    /// let (stream, reads) = counted(stream);
    /// let (client, background) = handshake(stream, client).await?;
    /// let connection = ServiceConnection::new(client).background(background).reads(reads);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn reads(mut self, reads: Reads) -> Self {
        self.calls.set_reads(reads);
        self
    }

    /// Answers by these rules, instead of closures: what responses and errors mean.
    #[must_use]
    pub fn answers<Q>(self, rules: Q) -> ServiceConnection<S, Request, Background, Q>
    where
        Q: Answers<Request, S::Response, S::Error>,
    {
        self.with_rules(|_| rules)
    }

    fn with_rules<Q>(self, change: impl FnOnce(P) -> Q) -> ServiceConnection<S, Request, Background, Q> {
        let Self { calls, background, is_unflushed, is_closing, ending } = self;
        ServiceConnection { calls: calls.with_rules(change), background, is_unflushed, is_closing, ending }
    }

    /// Finishes calls whose callers have gone, and throws their responses away: for protocols that
    /// can't take a request back, such as Postgres'. Such a call keeps its place until then.
    ///
    /// With nothing but such calls in all its places the connection asks to be replaced.
    #[must_use]
    pub fn finish_abandoned(mut self) -> Self {
        self.calls.finish_abandoned();
        self
    }
}

impl<S: Service<Request>, Request, Background, J, U>
    ServiceConnection<S, Request, Background, AnswerRules<J, U>>
{
    /// What a response or an error means: see [`Answers::judge`].
    ///
    /// ```
    /// use pool_call::tower::ServiceConnection;
    /// use pool_driver::Verdict;
    /// # use std::io::{self, ErrorKind};
    /// # fn example<S: tower_service::Service<String, Response = u16, Error = io::Error>>(client: S)
    /// # -> impl Sized + use<S> {
    /// ServiceConnection::new(client).judge(|answer: Result<&u16, &io::Error>| match answer {
    ///     Ok(503) => Verdict::Overloaded { pause: None },
    ///     Err(error) if error.kind() != ErrorKind::InvalidInput => Verdict::Failure,
    ///     _ => Verdict::Success,
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn judge<F>(self, judge: F) -> ServiceConnection<S, Request, Background, AnswerRules<F, U>>
    where
        F: FnMut(Result<&S::Response, &S::Error>) -> Verdict,
    {
        self.with_rules(|AnswerRules { judge: _, unsent }| AnswerRules { judge, unsent })
    }

    /// Whether an error says that its request was certainly not processed: see [`Answers::unsent`].
    ///
    /// ```
    /// use pool_call::tower::{ServiceConnection, Unsent};
    /// # enum Error { Refused { request: String }, Other }
    /// # impl From<Error> for pool_driver::BoxError { fn from(_: Error) -> Self { "an error".into() } }
    /// # fn example<S: tower_service::Service<String, Response = u16, Error = Error>>(client: S)
    /// # -> impl Sized + use<S> {
    /// ServiceConnection::new(client).unsent(|error| match error {
    ///     Error::Refused { request } => Unsent::Returned(request, Error::Other),
    ///     error => Unsent::Unknown(error),
    /// })
    /// # }
    /// ```
    #[must_use]
    pub fn unsent<F>(self, unsent: F) -> ServiceConnection<S, Request, Background, AnswerRules<J, F>>
    where
        F: FnMut(S::Error) -> Unsent<Request, S::Error>,
    {
        self.with_rules(|AnswerRules { judge, unsent: _ }| AnswerRules { judge, unsent })
    }
}

impl<S, Request, Background, P, E> ServiceConnection<S, Request, Background, P>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    P: Answers<Request, S::Response, S::Error>,
    E: Into<BoxError>,
{
    /// Polls calls and background, as far as they get.
    fn drive(mut self: Pin<&mut Self>, cx: &mut Context<'_>) {
        self.calls.stop_listening();
        self.as_mut().poll_calls(cx);
        if self.as_mut().poll_background(cx).is_ready() {
            // What it has left behind for them.
            self.as_mut().poll_calls(cx);
        }
        let this = self.project();
        let is_pooled = this.ending.is_pooled();
        this.calls.listen(cx, is_pooled);
        if this.ending.is_over() {
            // The peer is rid of them with the connection.
            this.calls.release_abandoned(is_pooled);
        }
    }

    /// Ready when it has just ended.
    fn poll_background(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut this = self.project();
        let Some(background) = this.background.as_mut().as_pin_mut() else { return Poll::Pending };
        let ended = ready!(background.poll(cx));
        this.background.set(None);
        match ended {
            Ok(()) => this.ending.close(),
            Err(error) => this.ending.fail(ConnectionError::transport(error)),
        }
        Poll::Ready(())
    }

    fn poll_calls(self: Pin<&mut Self>, cx: &mut Context<'_>) {
        let this = self.project();
        let polled = this.calls.poll(cx, this.ending.is_pooled());
        if polled.is_goodbye || this.calls.are_all_orphans() {
            this.ending.go_away();
        }
        if let Some(error) = polled.error {
            fail(this.calls, this.ending, error);
        }
    }

    fn next_event(self: Pin<&mut Self>) -> Option<Result<Event<Request, S::Response>, ConnectionError>> {
        let this = self.project();
        match this.calls.take_news() {
            Some(news) => Some(Ok(news)),
            None => this.ending.next_event(!this.calls.is_idle()),
        }
    }

    /// The service takes no more requests. If it has calls to answer and was of use before, the connection
    /// goes away. If it was never of use, it answers them and then fails: a replacement at once might fail the
    /// same way, and so on without a pause.
    fn on_not_ready(
        self: Pin<&mut Self>,
        error: S::Error,
        cx: &Context<'_>,
    ) -> Poll<Result<(), ConnectionError>> {
        let this = self.project();
        this.calls.drop_service();
        let drains = this.ending.is_pooled() && !this.calls.is_idle();
        if drains && this.calls.have_responses() {
            this.ending.go_away();
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let error = ConnectionError::transport(error);
        if drains {
            // The end of the last call wakes the pool.
            this.ending.fail_when_answered(error);
            return Poll::Pending;
        }
        this.ending.fail(error.clone());
        Poll::Ready(Err(error))
    }
}

impl<S, Request, Background, P, E> Connection<Call<Request, S::Response>>
    for ServiceConnection<S, Request, Background, P>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    P: Answers<Request, S::Response, S::Error>,
    E: Into<BoxError>,
{
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Event<Request, S::Response>, ConnectionError>> {
        self.as_mut().project().ending.set_pooled();
        if !self.calls.has_news() {
            self.as_mut().drive(cx);
        }
        self.next_event().map_or(Poll::Pending, Poll::Ready)
    }

    fn set_now(self: Pin<&mut Self>, now: Instant) {
        self.project().calls.set_now(now);
    }

    fn in_flight_max(&self) -> Option<usize> {
        Some(self.calls.in_flight_max())
    }

    fn give_up(self: Pin<&mut Self>) {
        let this = self.project();
        let error = match this.calls.silence() {
            _ if *this.is_closing => ConnectionError::NotDrained { owed: this.calls.owed() },
            Some(silence) => ConnectionError::Silent { silence },
            None => ConnectionError::Blocked,
        };
        fail(this.calls, this.ending, error);
    }
}

/// No call in flight is waited for any longer.
fn fail<S: Service<Request>, Request, P>(
    calls: &mut ServiceCalls<S, Request, P>,
    ending: &mut Ending,
    error: ConnectionError,
) {
    calls.fail_all(&error);
    calls.release_abandoned(ending.is_pooled());
    ending.fail(error);
}

impl<S, Request, Background, P, E> Sink<Call<Request, S::Response>>
    for ServiceConnection<S, Request, Background, P>
where
    S: Service<Request, Error: Into<BoxError>>,
    Background: Future<Output = Result<(), E>>,
    P: Answers<Request, S::Response, S::Error>,
    E: Into<BoxError>,
{
    type Error = ConnectionError;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        if !self.ending.is_pooled() {
            self.as_mut().drive(cx);
            self.ending.check(!self.calls.is_idle())?;
        } else if !self.is_unflushed && self.as_mut().poll_background(cx).is_ready() {
            // It may have known for a while: hyper keeps a GOAWAY to itself while streams are open, until
            // it has a request to refuse.
            cx.waker().wake_by_ref();
        }
        if self.ending.is_over() || !self.calls.has_room() {
            // `poll_event` tells why, or the next response wakes the pool, which then asks again.
            return Poll::Pending;
        }
        match self.as_mut().project().calls.poll_ready(cx) {
            Some(Poll::Ready(Err(error))) => self.on_not_ready(error, cx),
            Some(Poll::Ready(Ok(()))) => Poll::Ready(Ok(())),
            Some(Poll::Pending) | None => Poll::Pending,
        }
    }

    /// # Panics
    ///
    /// If it was not ready just before.
    fn start_send(self: Pin<&mut Self>, call: Call<Request, S::Response>) -> Result<(), ConnectionError> {
        let this = self.project();
        this.calls.begin(call, this.ending.is_pooled());
        *this.is_unflushed = true;
        Ok(())
    }

    /// Starts what was sent. It polls the calls too, unless a pool does.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        *self.as_mut().project().is_unflushed = false;
        self.as_mut().drive(cx);
        if self.ending.has_event() || self.calls.has_news() {
            cx.waker().wake_by_ref();
        }
        Poll::Ready(self.ending.check(!self.calls.is_idle()))
    }

    /// Ready when all calls are answered, the service is dropped, and the background has ended.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), ConnectionError>> {
        *self.as_mut().project().is_closing = true;
        self.as_mut().drive(cx);
        if self.calls.is_idle() {
            // The peer is rid of them with the connection.
            let this = self.as_mut().project();
            this.calls.release_abandoned(this.ending.is_pooled());
        }
        if self.calls.has_news() {
            cx.waker().wake_by_ref();
        }
        if !self.calls.is_idle() || self.calls.has_news() {
            return Poll::Pending;
        }
        // Most clients close when nobody can send them anything any more.
        self.as_mut().project().calls.drop_service();
        self.as_mut().drive(cx);
        match self.ending.error() {
            Some(error) => Poll::Ready(Err(error.clone())),
            None if self.ending.is_over() || self.background.is_none() => Poll::Ready(Ok(())),
            None => Poll::Pending,
        }
    }
}
