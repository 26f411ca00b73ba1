//! A connection that does what a test says, in the middle of its life too.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use futures_sink::Sink;
use parking_lot::Mutex;
use pool_driver::{Connection, ConnectionEvent, Outcome};

use super::ledger::{Calls, End, Item, Ledger};
use crate::simulated::{Clock, Sleep};

/// A call into a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "the methods of a connection, and its drop")]
pub enum Call {
    /// `poll_ready`
    Ready,
    /// `start_send`
    Send,
    /// `poll_flush`
    Flush,
    /// `poll_close`
    Close,
    /// `poll_event`
    Event,
    /// Its drop.
    Drop,
}

/// What goes wrong in a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(clippy::exhaustive_enums, reason = "Rust code has no third way to fail")]
pub enum Fault {
    /// It returns an error.
    Error,
    /// It panics.
    Panic,
}

/// How connections behave.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
#[expect(clippy::exhaustive_structs, reason = "scripts set single fields of the default")]
pub struct Behaviour {
    /// It takes items.
    pub is_ready: bool,
    /// It is busy with this many items unflushed.
    pub window: usize,
    /// What it took goes out when it is flushed.
    pub flushes: bool,
    /// How long a flush takes.
    pub flush_delay: Duration,
    /// It closes when it is told to.
    pub closes: bool,
    /// It asks to be polled again whenever it is.
    pub wakes_itself: bool,
    /// It keeps what it sent until it is told what became of it.
    pub keeps_items: bool,
    /// When it breaks, it knows of the items that it hasn't flushed.
    pub returns_unflushed: bool,
    /// It knows of the item whose `start_send` failed.
    pub returns_refused: bool,
    /// A full window breaks it.
    pub breaks_when_full: bool,
    /// This call goes wrong, every time.
    pub fault: Option<(Call, Fault)>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            is_ready: true,
            window: usize::MAX,
            flushes: true,
            flush_delay: Duration::ZERO,
            closes: true,
            wakes_itself: false,
            keeps_items: false,
            returns_unflushed: false,
            returns_refused: false,
            breaks_when_full: false,
            fault: None,
        }
    }
}

/// What a test holds of a connection: the peer's end, so to say.
#[derive(Clone, Debug)]
pub struct Link {
    address: u16,
    name: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    behaviour: Behaviour,
    log: Vec<Call>,
    buffer: VecDeque<Item>,
    in_flight: VecDeque<Item>,
    received: Vec<u32>,
    news: VecDeque<News>,
    waker: Option<Waker>,
    /// The flush that is under way.
    flushing: Option<Sleep>,
    /// It has pushed back, and owes a wake-up for when it is ready.
    has_refused: bool,
    /// It was asked in the latest call, and was ready.
    has_agreed: bool,
    /// Items that it was handed all the same when it had not.
    unasked: usize,
    is_open: bool,
}

#[derive(Debug)]
enum News {
    Told(ConnectionEvent<Item>),
    Broken(&'static str),
}

impl Link {
    pub(super) fn new(address: u16, name: usize, behaviour: Behaviour) -> Self {
        let state = State {
            behaviour,
            log: Vec::new(),
            buffer: VecDeque::new(),
            in_flight: VecDeque::new(),
            received: Vec::new(),
            news: VecDeque::new(),
            waker: None,
            flushing: None,
            has_refused: false,
            has_agreed: false,
            unasked: 0,
            is_open: true,
        };
        Self { address, name, state: Arc::new(Mutex::new(state)) }
    }

    /// Whose connection it is.
    pub fn address(&self) -> u16 {
        self.address
    }

    /// How many connections this address had before.
    pub fn name(&self) -> usize {
        self.name
    }

    /// Changes how it behaves and wakes it.
    pub fn change(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.state.lock().behaviour);
        self.wake();
    }

    /// Wakes whoever polled it last.
    pub fn wake(&self) {
        let waker = self.state.lock().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker that it was last given, for later misuse.
    pub fn steal_waker(&self) -> Option<Waker> {
        self.state.lock().waker.clone()
    }

    /// From now on this call goes wrong.
    pub fn fault(&self, call: Call, fault: Fault) {
        self.state.lock().behaviour.fault = Some((call, fault));
    }

    /// The peer asks for no more items.
    pub fn go_away(&self) {
        self.tell(News::Told(ConnectionEvent::GoingAway));
    }

    /// It finds out that the peer asks for no more, but wakes nobody for it.
    pub fn go_away_unnoticed(&self) {
        self.state.lock().news.push_back(News::Told(ConnectionEvent::GoingAway));
    }

    /// The peer closes in good order.
    pub fn hang_up(&self) {
        self.tell(News::Told(ConnectionEvent::Closed));
    }

    /// The connection dies, and notices it by reading.
    pub fn break_off(&self) {
        self.tell(News::Broken("connection reset"));
    }

    /// The oldest items in flight are done.
    pub fn finish(&self, count: usize, outcome: Outcome) {
        for _ in 0..count {
            drop(self.pop_in_flight());
            self.tell(News::Told(ConnectionEvent::Finished(outcome)));
        }
    }

    /// All that it took and has not finished comes back.
    pub fn give_back(&self) {
        {
            let state = &mut *self.state.lock();
            let items = state.in_flight.drain(..).chain(state.buffer.drain(..));
            // All at once: the order of what comes back in several polls is another.
            state.news.extend(items.map(|item| News::Told(ConnectionEvent::Unsent(item))));
        }
        self.wake();
    }

    fn pop_in_flight(&self) -> Option<Item> {
        let mut state = self.state.lock();
        state.in_flight.pop_front().or_else(|| state.buffer.pop_front())
    }

    fn tell(&self, news: News) {
        self.state.lock().news.push_back(news);
        self.wake();
    }

    /// What it has not been asked for yet.
    pub fn untold(&self) -> usize {
        self.state.lock().news.len()
    }

    /// Whether the pool holds it.
    pub fn is_open(&self) -> bool {
        self.state.lock().is_open
    }

    /// What the peer has seen.
    pub fn received(&self) -> Vec<u32> {
        self.state.lock().received.clone()
    }

    /// Items that were handed to it and are not flushed.
    pub fn unflushed(&self) -> usize {
        self.state.lock().buffer.len()
    }

    /// Whether it may leave items unflushed at the moment.
    pub fn pushes_back(&self) -> bool {
        let state = self.state.lock();
        !state.behaviour.flushes || !state.behaviour.closes
    }

    /// Items that it was handed without having been ready when asked just before.
    #[must_use]
    pub fn unasked(&self) -> usize {
        self.state.lock().unasked
    }

    /// Items that the peer has seen and not finished.
    pub fn in_flight(&self) -> usize {
        self.state.lock().in_flight.len()
    }

    /// The calls into it since the last look.
    pub fn take_log(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.lock().log)
    }
}

/// What the pool holds of a connection.
#[derive(Debug)]
pub struct Wire {
    pub(super) link: Link,
    pub(super) ledger: Ledger,
    pub(super) calls: Calls,
    pub(super) clock: Clock,
    pub(super) alive: Arc<AtomicUsize>,
}

impl Wire {
    fn enter(&self, call: Call, cx: Option<&mut Context<'_>>) -> Result<(), String> {
        self.calls.enter();
        let mut state = self.link.state.lock();
        state.log.push(call);
        let had_agreed = std::mem::take(&mut state.has_agreed);
        state.unasked += usize::from(call == Call::Send && !had_agreed);
        if let Some(cx) = cx {
            state.waker = Some(cx.waker().clone());
            if state.behaviour.wakes_itself {
                cx.waker().wake_by_ref();
            }
        }
        let is_full = state.buffer.len() >= state.behaviour.window;
        let breaks = call == Call::Ready && is_full && state.behaviour.breaks_when_full;
        match state.behaviour.fault.or_else(|| breaks.then_some((call, Fault::Error))) {
            Some((at, Fault::Error)) if at == call => {
                if state.behaviour.returns_unflushed {
                    let unflushed = std::mem::take(&mut state.buffer).into_iter();
                    state.news.extend(unflushed.map(|item| News::Told(ConnectionEvent::Unsent(item))));
                }
                Err(format!("a scripted error in {call:?}"))
            }
            Some((at, Fault::Panic)) if at == call && !std::thread::panicking() => {
                drop(state);
                panic!("a scripted panic in {call:?}")
            }
            _ => Ok(()),
        }
    }

    fn flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let mut state = self.link.state.lock();
        if !state.behaviour.flushes {
            return Poll::Pending;
        }
        let delay = state.behaviour.flush_delay;
        if !delay.is_zero() && !state.buffer.is_empty() {
            let flushing = state.flushing.get_or_insert_with(|| self.clock.sleep(delay));
            ready!(Pin::new(flushing).poll(cx));
            state.flushing = None;
        }
        while let Some(item) = state.buffer.pop_front() {
            state.received.push(item.id);
            if state.behaviour.keeps_items {
                state.in_flight.push_back(item);
            }
        }
        let owes_wake = std::mem::take(&mut state.has_refused);
        drop(state);
        if owes_wake {
            self.link.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Sink<Item> for Wire {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(Call::Ready, Some(cx))?;
        let mut state = self.link.state.lock();
        let is_ready = state.behaviour.is_ready && state.buffer.len() < state.behaviour.window;
        (state.has_refused, state.has_agreed) = (!is_ready, is_ready);
        drop(state);
        if is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), String> {
        self.ledger.record(item.id, End::Handed);
        let entered = self.enter(Call::Send, None);
        let mut state = self.link.state.lock();
        if entered.is_ok() {
            state.buffer.push_back(item);
        } else if state.behaviour.returns_refused {
            state.news.push_back(News::Told(ConnectionEvent::Unsent(item)));
        }
        entered
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(Call::Flush, Some(&mut *cx))?;
        self.flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(Call::Close, Some(&mut *cx))?;
        if !self.link.state.lock().behaviour.closes {
            return Poll::Pending;
        }
        self.flush(cx)
    }
}

impl Connection<Item> for Wire {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<Item>, String>> {
        self.enter(Call::Event, Some(cx))?;
        let news = self.link.state.lock().news.pop_front();
        match news {
            None => Poll::Pending,
            Some(News::Broken(error)) => Poll::Ready(Err(error.into())),
            Some(News::Told(event)) => {
                if let ConnectionEvent::Unsent(item) = &event {
                    self.ledger.take_back(item.id);
                }
                Poll::Ready(Ok(event))
            }
        }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        let lost = {
            let mut state = self.link.state.lock();
            state.is_open = false;
            state.waker = None;
            state.flushing = None;
            let lost = (std::mem::take(&mut state.buffer), std::mem::take(&mut state.in_flight));
            (lost, std::mem::take(&mut state.news))
        };
        drop(lost);
        // The error of a drop goes nowhere.
        let _ = self.enter(Call::Drop, None);
    }
}
