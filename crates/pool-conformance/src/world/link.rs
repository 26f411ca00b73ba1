//! A connection that does what a test says, in the middle of its life too.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
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
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
struct State {
    behaviour: Behaviour,
    log: Vec<Call>,
    buffer: VecDeque<Item>,
    in_flight: VecDeque<Item>,
    received: Vec<u32>,
    news: VecDeque<News>,
    /// The one that it was last given, also when it is closed.
    waker: Option<Waker>,
    /// Whoever polled it last has not been woken since.
    is_listening: bool,
    calls: usize,
    calls_mark: usize,
    vain_looks: VainLooks,
    /// The flush that is under way.
    flushing: Option<Sleep>,
    /// It has pushed back, and owes a wake-up for when it is ready.
    has_refused: bool,
    /// It was asked in the latest call, and was ready.
    has_agreed: bool,
    /// It was asked to flush after it had been sent its latest item, and pushed back.
    has_held_back: bool,
    /// Items that it was sent all the same when it had not.
    unasked: usize,
    is_open: bool,
}

/// How often it was asked in one poll of the driver for what it had to tell, and had nothing.
#[derive(Clone, Copy, Debug, Default)]
struct VainLooks {
    driver_poll: usize,
    now: usize,
    max: usize,
}

impl VainLooks {
    fn add(&mut self, driver_poll: usize) {
        if self.driver_poll != driver_poll {
            (self.driver_poll, self.now) = (driver_poll, 0);
        }
        self.now += 1;
        self.max = self.max.max(self.now);
    }
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
            is_listening: false,
            calls: 0,
            calls_mark: 0,
            vain_looks: VainLooks::default(),
            flushing: None,
            has_refused: false,
            has_agreed: false,
            has_held_back: false,
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
        let waker = {
            let mut state = self.state.lock();
            if std::mem::take(&mut state.is_listening) { state.waker.clone() } else { None }
        };
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

    /// Items that were sent to it and are not flushed.
    pub fn unflushed(&self) -> usize {
        self.state.lock().buffer.len()
    }

    /// Whether it may leave items unflushed at the moment.
    pub fn pushes_back(&self) -> bool {
        let state = self.state.lock();
        !state.behaviour.flushes || !state.behaviour.closes
    }

    /// Whether it holds items, and nobody has asked it to flush since it was sent the latest.
    pub fn is_neglected(&self) -> bool {
        let state = self.state.lock();
        state.is_open && !state.buffer.is_empty() && !state.has_held_back
    }

    /// Items that it was sent without having been ready when asked just before.
    #[must_use]
    pub fn unasked(&self) -> usize {
        self.state.lock().unasked
    }

    /// Items that the peer has seen and not finished.
    pub fn in_flight(&self) -> usize {
        self.state.lock().in_flight.len()
    }

    /// [`calls_since_mark`](Self::calls_since_mark) is zero now.
    pub fn mark_calls(&self) {
        let state = &mut *self.state.lock();
        state.calls_mark = state.calls;
    }

    /// Calls into it since the mark.
    pub fn calls_since_mark(&self) -> usize {
        let state = self.state.lock();
        state.calls - state.calls_mark
    }

    /// How often at most it was asked in one poll of the driver for what it had to tell, and had
    /// nothing.
    pub fn vain_looks_max(&self) -> usize {
        self.state.lock().vain_looks.max
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

impl State {
    /// A call comes. Returns what shall go wrong in it.
    fn note(&mut self, call: Call) -> Option<Fault> {
        self.log.push(call);
        self.calls += 1;
        let had_agreed = std::mem::take(&mut self.has_agreed);
        self.unasked += usize::from(call == Call::Send && !had_agreed);
        let is_full = self.buffer.len() >= self.behaviour.window;
        let breaks = call == Call::Ready && is_full && self.behaviour.breaks_when_full;
        let fault = self.behaviour.fault.or_else(|| breaks.then_some((call, Fault::Error)));
        let fault = fault.filter(|(at, _)| *at == call).map(|(_, fault)| fault);
        if fault == Some(Fault::Error) && self.behaviour.returns_unflushed {
            let unflushed = std::mem::take(&mut self.buffer).into_iter();
            self.news.extend(unflushed.map(|item| News::Told(ConnectionEvent::Unsent(item))));
        }
        fault
    }
}

impl Wire {
    /// Wakers are used and dropped when nothing is locked.
    fn enter(&self, call: Call, cx: Option<&mut Context<'_>>) -> Result<(), String> {
        let waker = cx.map(|cx| cx.waker().clone());
        let (fault, wakes_itself, previous) = {
            let mut state = self.link.state.lock();
            let fault = state.note(call);
            state.is_listening |= waker.is_some();
            let previous = waker.clone().and_then(|waker| state.waker.replace(waker));
            (fault, state.behaviour.wakes_itself, previous)
        };
        drop(previous);
        if let Some(waker) = waker.filter(|_| wakes_itself) {
            waker.wake();
        }
        match fault {
            Some(Fault::Error) => Err(format!("a scripted error in {call:?}")),
            Some(Fault::Panic) if !std::thread::panicking() => self.calls.panic(&format!("in {call:?}")),
            _ => Ok(()),
        }
    }

    fn flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let flushed = self.try_flush(cx);
        self.link.state.lock().has_held_back = flushed.is_pending();
        flushed
    }

    fn try_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let (flushing, delay) = {
            let mut state = self.link.state.lock();
            if !state.behaviour.flushes {
                return Poll::Pending;
            }
            let delay = if state.buffer.is_empty() { Duration::ZERO } else { state.behaviour.flush_delay };
            (state.flushing.take(), delay)
        };
        if !delay.is_zero() {
            let mut flushing = flushing.unwrap_or_else(|| self.clock.sleep(delay));
            if Pin::new(&mut flushing).poll(cx).is_pending() {
                self.link.state.lock().flushing = Some(flushing);
                return Poll::Pending;
            }
        }
        if self.link.state.lock().flush() {
            self.link.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl State {
    /// Everything arrives. Returns whether somebody waits for that.
    fn flush(&mut self) -> bool {
        while let Some(item) = self.buffer.pop_front() {
            self.received.push(item.id);
            if self.behaviour.keeps_items {
                self.in_flight.push_back(item);
            }
        }
        std::mem::take(&mut self.has_refused)
    }
}

impl Sink<Item> for Wire {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Ready, Some(cx))?;
        let mut state = self.link.state.lock();
        let is_ready = state.behaviour.is_ready && state.buffer.len() < state.behaviour.window;
        (state.has_refused, state.has_agreed) = (!is_ready, is_ready);
        drop(state);
        if is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), String> {
        self.ledger.record(item.id, End::SentCount);
        let _entered = self.calls.enter();
        let entered = self.enter(Call::Send, None);
        let mut state = self.link.state.lock();
        state.has_held_back = false;
        if entered.is_ok() {
            state.buffer.push_back(item);
        } else if state.behaviour.returns_refused {
            state.news.push_back(News::Told(ConnectionEvent::Unsent(item)));
        }
        entered
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Flush, Some(&mut *cx))?;
        self.flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Close, Some(&mut *cx))?;
        {
            let mut state = self.link.state.lock();
            if !state.behaviour.closes {
                state.has_held_back = true;
                return Poll::Pending;
            }
        }
        self.flush(cx)
    }
}

impl Connection<Item> for Wire {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<Item>, String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Event, Some(cx))?;
        let news = {
            let mut state = self.link.state.lock();
            let news = state.news.pop_front();
            if news.is_none() {
                state.vain_looks.add(self.calls.driver_poll());
            }
            news
        };
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
            (state.is_open, state.is_listening) = (false, false);
            let items = (std::mem::take(&mut state.buffer), std::mem::take(&mut state.in_flight));
            (items, std::mem::take(&mut state.news), state.flushing.take())
        };
        drop(lost);
        let _entered = self.calls.enter();
        // The error of a drop goes nowhere.
        let _ = self.enter(Call::Drop, None);
    }
}
