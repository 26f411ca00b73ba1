//! A transport in memory that does what a test says, and an owner that polls a connection as a
//! pool's driver does.

#![allow(dead_code, reason = "every test file uses another part")]

pub(crate) mod bench;
pub(crate) mod talk;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures_core::Stream;
use futures_sink::Sink;
use pool_call::{Call, CallError, ConnectionError, MaybeSentReason, NotSentReason, ReplyFuture};
use pool_driver::{Connection, ConnectionEvent, Instant, Outcome};

/// Asks for its own number.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Request {
    pub(crate) id: u32,
    pub(crate) number: usize,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Reply {
    pub(crate) id: u32,
    pub(crate) number: usize,
}

pub(crate) type Item = Call<Request, Reply>;
pub(crate) type Event = ConnectionEvent<Item>;
pub(crate) type Answered = Result<Reply, CallError<Request>>;

pub(crate) fn request(number: usize) -> Request {
    Request { id: 0, number }
}

pub(crate) fn stamp(request: &mut Request, id: u32) {
    request.id = id;
}

#[expect(clippy::unnecessary_wraps, reason = "what a tagged connection asks for")]
pub(crate) fn id_of(reply: &Reply) -> Option<u32> {
    Some(reply.id)
}

/// The peer's end of a transport.
#[derive(Clone, Default)]
pub(crate) struct Peer {
    state: Rc<RefCell<PeerState>>,
}

#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
struct PeerState {
    /// Written, not flushed.
    buffer: VecDeque<Request>,
    /// What the peer has seen and not answered.
    received: VecDeque<Request>,
    incoming: VecDeque<Result<Reply, String>>,
    has_hung_up: bool,
    panics: bool,
    is_blocked: bool,
    /// It takes what is written, and never says that it has.
    holds_flushes: bool,
    write_error: Option<String>,
    flushes: usize,
    is_shut: bool,
    is_dropped: bool,
    waker: Option<Waker>,
}

impl Peer {
    fn change<R>(&self, change: impl FnOnce(&mut PeerState) -> R) -> R {
        let mut state = self.state.borrow_mut();
        let changed = change(&mut state);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        changed
    }

    pub(crate) fn transport(&self) -> Transport {
        Transport { peer: self.clone() }
    }

    /// Numbers that the peer has seen and not answered.
    pub(crate) fn received(&self) -> Vec<usize> {
        self.state.borrow().received.iter().map(|request| request.number).collect()
    }

    pub(crate) fn last_received(&self) -> Request {
        self.state.borrow().received.back().cloned().expect("a request has come")
    }

    pub(crate) fn flushes(&self) -> usize {
        self.state.borrow().flushes
    }

    pub(crate) fn is_shut(&self) -> bool {
        self.state.borrow().is_shut
    }

    pub(crate) fn is_dropped(&self) -> bool {
        self.state.borrow().is_dropped
    }

    /// Answers the oldest requests.
    pub(crate) fn answer(&self, count: usize) {
        for _ in 0..count {
            self.answer_at(0);
        }
    }

    /// Answers one of the requests that have not been answered.
    pub(crate) fn answer_at(&self, index: usize) {
        self.change(|state| {
            let Request { id, number } = state.received.remove(index).expect("a request to answer");
            state.incoming.push_back(Ok(Reply { id, number }));
        });
    }

    pub(crate) fn say(&self, id: u32, number: usize) {
        self.change(|state| state.incoming.push_back(Ok(Reply { id, number })));
    }

    /// Says something under the id of a request, which stays unanswered.
    pub(crate) fn say_of(&self, index: usize, number: usize) {
        let id = self.state.borrow().received[index].id;
        self.say(id, number);
    }

    /// Answers one of the requests that have not been answered with another number.
    pub(crate) fn answer_with(&self, index: usize, number: usize) {
        self.say_of(index, number);
        self.state.borrow_mut().received.remove(index);
    }

    pub(crate) fn send_garbage(&self) {
        self.change(|state| state.incoming.push_back(Err("garbage".to_owned())));
    }

    /// The transport panics when it is read next.
    pub(crate) fn panic(&self) {
        self.change(|state| state.panics = true);
    }

    pub(crate) fn hang_up(&self) {
        self.change(|state| state.has_hung_up = true);
    }

    pub(crate) fn block(&self, is_blocked: bool) {
        self.change(|state| state.is_blocked = is_blocked);
    }

    pub(crate) fn hold_flushes(&self, holds_flushes: bool) {
        self.change(|state| state.holds_flushes = holds_flushes);
    }

    pub(crate) fn break_writes(&self) {
        self.change(|state| state.write_error = Some("broken pipe".to_owned()));
    }
}

/// The connection's end.
pub(crate) struct Transport {
    peer: Peer,
}

impl Transport {
    fn enter(&self, cx: &Context<'_>) -> std::cell::RefMut<'_, PeerState> {
        let mut state = self.peer.state.borrow_mut();
        state.waker = Some(cx.waker().clone());
        state
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.peer.state.borrow_mut().is_dropped = true;
    }
}

impl Sink<Request> for Transport {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let state = self.enter(cx);
        match &state.write_error {
            Some(error) => Poll::Ready(Err(error.clone())),
            None if state.is_blocked => Poll::Pending,
            None => Poll::Ready(Ok(())),
        }
    }

    fn start_send(self: Pin<&mut Self>, request: Request) -> Result<(), String> {
        self.peer.state.borrow_mut().buffer.push_back(request);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut state = self.enter(cx);
        if let Some(error) = &state.write_error {
            return Poll::Ready(Err(error.clone()));
        }
        if state.is_blocked || state.holds_flushes {
            return Poll::Pending;
        }
        state.flushes += usize::from(!state.buffer.is_empty());
        while let Some(request) = state.buffer.pop_front() {
            state.received.push_back(request);
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(cx).is_shut = true;
        Poll::Ready(Ok(()))
    }
}

impl Stream for Transport {
    type Item = Result<Reply, String>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.enter(cx);
        assert!(!state.panics, "a scripted panic");
        match state.incoming.pop_front() {
            Some(reply) => Poll::Ready(Some(reply)),
            None if state.has_hung_up => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

/// A deadline that comes when a test says so, and wakes no task.
#[derive(Clone, Default)]
pub(crate) struct Switch(Rc<Cell<bool>>);

impl Switch {
    pub(crate) fn turn_on(&self) {
        self.0.set(true);
    }

    pub(crate) fn future(&self) -> impl Future<Output = ()> + use<> {
        let is_on = Rc::clone(&self.0);
        poll_fn(move |_| if is_on.get() { Poll::Ready(()) } else { Poll::Pending })
    }
}

/// Counts wake-ups.
#[derive(Default)]
pub(crate) struct Flag(AtomicUsize);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Polls a connection as a pool's driver does.
pub(crate) struct Owner<K> {
    pub(crate) connection: Pin<Box<K>>,
    flag: Arc<Flag>,
}

impl<K: Connection<Item, Error = ConnectionError>> Owner<K> {
    /// The first look is at what it has to tell.
    pub(crate) fn new(connection: K) -> Self {
        let mut owner = Self { connection: Box::pin(connection), flag: Arc::default() };
        assert!(owner.events().is_empty());
        owner
    }

    fn poll<R>(&mut self, poll: impl FnOnce(Pin<&mut K>, &mut Context<'_>) -> R) -> R {
        let waker = Waker::from(Arc::clone(&self.flag));
        poll(self.connection.as_mut(), &mut Context::from_waker(&waker))
    }

    /// Whether its waker has fired since the last time that this was asked.
    pub(crate) fn is_woken(&self) -> bool {
        self.flag.0.swap(0, Ordering::AcqRel) > 0
    }

    pub(crate) fn poll_ready(&mut self) -> Poll<Result<(), ConnectionError>> {
        self.poll(Sink::poll_ready)
    }

    pub(crate) fn is_ready(&mut self) -> bool {
        self.poll_ready().map(|ready| ready.expect("it lives")).is_ready()
    }

    /// Sends a call without flushing it.
    pub(crate) fn start_send(&mut self, number: usize) -> ReplyFuture<Request, Reply> {
        let (call, answer) = Call::new(request(number));
        assert!(self.is_ready());
        self.connection.as_mut().start_send(call).expect("it lives");
        answer
    }

    /// Sends a call whose caller has gone, without flushing it.
    pub(crate) fn start_send_abandoned(&mut self, number: usize) {
        let (call, answer) = Call::new(request(number));
        drop(answer);
        assert!(self.is_ready());
        self.connection.as_mut().start_send(call).expect("it lives");
    }

    /// Sends calls and flushes them.
    pub(crate) fn send(
        &mut self,
        numbers: impl IntoIterator<Item = usize>,
    ) -> Vec<ReplyFuture<Request, Reply>> {
        let answers = numbers.into_iter().map(|number| self.start_send(number)).collect();
        assert_eq!(self.flush().map(|flushed| flushed.is_ok()), Poll::Ready(true));
        answers
    }

    pub(crate) fn flush(&mut self) -> Poll<Result<(), ConnectionError>> {
        self.poll(Sink::poll_flush)
    }

    pub(crate) fn close(&mut self) -> Poll<Result<(), ConnectionError>> {
        self.poll(Sink::poll_close)
    }

    pub(crate) fn set_now(&mut self, now: Instant) {
        self.connection.as_mut().set_now(now);
    }

    pub(crate) fn give_up(&mut self) {
        self.connection.as_mut().give_up();
    }

    pub(crate) fn next_event(&mut self) -> Poll<Result<Event, ConnectionError>> {
        self.poll(Connection::poll_event)
    }

    /// All that it has to tell, which is not that it is over.
    pub(crate) fn events(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        while let Poll::Ready(event) = self.next_event() {
            told.push(Told::from(event));
        }
        told
    }

    /// All that it has to tell, up to its end.
    pub(crate) fn last_events(&mut self) -> Vec<Told> {
        let mut told = Vec::new();
        loop {
            let Poll::Ready(event) = self.next_event() else { panic!("it isn't over: {told:?}") };
            told.push(Told::from(event));
            if matches!(told.last(), Some(Told::Closed | Told::Failed(_))) {
                return told;
            }
        }
    }
}

/// What a connection tells, without what differs from run to run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Told {
    Answered,
    Success,
    Failure,
    Overloaded(Option<Duration>),
    Unfit,
    Cancelled,
    Abandoned,
    Progress,
    Unsent(usize),
    GoingAway,
    Closed,
    Failed(String),
}

impl From<Result<Event, ConnectionError>> for Told {
    fn from(event: Result<Event, ConnectionError>) -> Self {
        match event {
            Ok(ConnectionEvent::Answered { .. }) => Self::Answered,
            Ok(ConnectionEvent::Finished(Outcome::Success { .. })) => Self::Success,
            Ok(ConnectionEvent::Finished(Outcome::Failure { .. }) | ConnectionEvent::Failed { .. }) => {
                Self::Failure
            }
            Ok(ConnectionEvent::Finished(Outcome::Overloaded { pause, .. })) => Self::Overloaded(pause),
            Ok(ConnectionEvent::Finished(Outcome::Unfit { .. })) => Self::Unfit,
            Ok(ConnectionEvent::Finished(Outcome::Cancelled)) => Self::Cancelled,
            Ok(ConnectionEvent::Abandoned) => Self::Abandoned,
            Ok(ConnectionEvent::Progress) => Self::Progress,
            Ok(ConnectionEvent::Unsent(call)) => {
                let (request, responder) = call.begin().expect("nobody gives back what nobody wants");
                drop(responder);
                Self::Unsent(request.number)
            }
            Ok(ConnectionEvent::GoingAway) => Self::GoingAway,
            Ok(ConnectionEvent::Closed) => Self::Closed,
            Ok(event) => panic!("unknown: {event:?}"),
            Err(error) => Self::Failed(error.to_string()),
        }
    }
}

/// What has become of a call, in short.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum End {
    Waiting,
    Reply(usize),
    NotSent(usize, &'static str),
    MaybeSent(&'static str),
    Unprocessed,
}

pub(crate) fn end_of(answer: &mut (impl Future<Output = Answered> + Unpin)) -> End {
    match Pin::new(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => End::Waiting,
        Poll::Ready(answered) => End::from(answered),
    }
}

pub(crate) fn ends_of(answers: &mut [ReplyFuture<Request, Reply>]) -> Vec<End> {
    answers.iter_mut().map(end_of).collect()
}

impl From<Answered> for End {
    fn from(answered: Answered) -> Self {
        match answered {
            Ok(reply) => Self::Reply(reply.number),
            Err(CallError::NotSent { request, reason }) => {
                let reason = match reason {
                    NotSentReason::Refused { .. } => "refused",
                    NotSentReason::Undelivered { .. } => "undelivered",
                    NotSentReason::TimedOut { .. } => "timed out",
                    NotSentReason::SinkFailed(_) => "sink failed",
                    NotSentReason::Unprocessed(_) => "unprocessed",
                    NotSentReason::Dropped => "dropped",
                    _ => "unknown",
                };
                Self::NotSent(request.number, reason)
            }
            Err(CallError::MaybeSent { reason }) => Self::MaybeSent(match reason {
                MaybeSentReason::ConnectionFailed(ConnectionError::Transport(_)) => "transport",
                MaybeSentReason::ConnectionFailed(ConnectionError::Closed) => "closed",
                MaybeSentReason::ConnectionFailed(ConnectionError::UnexpectedReply { .. }) => {
                    "unexpected reply"
                }
                MaybeSentReason::ConnectionFailed(ConnectionError::TooManyParts) => "too many parts",
                MaybeSentReason::ConnectionFailed(ConnectionError::TooManyControls) => "too many controls",
                MaybeSentReason::ConnectionFailed(ConnectionError::Silent { .. }) => "silent",
                MaybeSentReason::ConnectionFailed(ConnectionError::Blocked) => "blocked",
                MaybeSentReason::ConnectionFailed(ConnectionError::NotDrained { .. }) => "not drained",
                MaybeSentReason::ConnectionFailed(ConnectionError::ProtocolPanicked(_)) => {
                    "protocol panicked"
                }
                MaybeSentReason::ServiceFailed(_) => "service",
                MaybeSentReason::SinkFailed(_) => "sink failed",
                MaybeSentReason::TimedOut => "timed out",
                MaybeSentReason::Dropped => "dropped",
                _ => "unknown",
            }),
            Err(CallError::Unprocessed { .. }) => Self::Unprocessed,
            Err(error) => panic!("unknown: {error:?}"),
        }
    }
}
