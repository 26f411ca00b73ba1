//! A connection that does what a test says, in the middle of its life too.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_sink::Sink;
use pool_driver::{Connection, ConnectionEvent, Outcome};

use super::ledger::{Calls, End, Item, Ledger};

/// A call into a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Ready,
    Send,
    Flush,
    Close,
    Event,
    Drop,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    Error,
    Panic,
}

/// How connections behave.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches")]
pub(crate) struct Script {
    pub(crate) is_ready: bool,
    /// It is busy with this many items unflushed.
    pub(crate) window: usize,
    pub(crate) flushes: bool,
    pub(crate) closes: bool,
    /// It asks to be polled again whenever it is.
    pub(crate) wakes_itself: bool,
    /// It keeps what it sent until it is told what became of it.
    pub(crate) keeps_items: bool,
    /// When it breaks, it knows of the items that it hasn't flushed.
    pub(crate) returns_unflushed: bool,
    /// It knows of the item whose `start_send` failed.
    pub(crate) returns_refused: bool,
    /// A full window breaks it.
    pub(crate) breaks_when_full: bool,
    pub(crate) fault: Option<(Call, Fault)>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            is_ready: true,
            window: usize::MAX,
            flushes: true,
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

/// What a test holds of a connection.
#[derive(Clone)]
pub(crate) struct Link {
    pub(crate) address: u16,
    pub(crate) name: usize,
    state: Rc<RefCell<State>>,
}

struct State {
    script: Script,
    log: Vec<Call>,
    buffer: VecDeque<Item>,
    in_flight: VecDeque<Item>,
    received: Vec<u32>,
    news: VecDeque<News>,
    waker: Option<Waker>,
    /// It has pushed back, and owes a wake-up for when it is ready.
    has_refused: bool,
    is_open: bool,
}

enum News {
    Told(ConnectionEvent<Item>),
    Broken(&'static str),
}

impl Link {
    pub(crate) fn new(address: u16, name: usize, script: Script) -> Self {
        let state = State {
            script,
            log: Vec::new(),
            buffer: VecDeque::new(),
            in_flight: VecDeque::new(),
            received: Vec::new(),
            news: VecDeque::new(),
            waker: None,
            has_refused: false,
            is_open: true,
        };
        Self { address, name, state: Rc::new(RefCell::new(state)) }
    }

    /// Changes how it behaves and wakes it.
    pub(crate) fn change(&self, change: impl FnOnce(&mut Script)) {
        change(&mut self.state.borrow_mut().script);
        self.wake();
    }

    pub(crate) fn wake(&self) {
        let waker = self.state.borrow_mut().waker.take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The waker that it was last given, for later misuse.
    pub(crate) fn steal_waker(&self) -> Option<Waker> {
        self.state.borrow().waker.clone()
    }

    pub(crate) fn fault(&self, call: Call, fault: Fault) {
        self.state.borrow_mut().script.fault = Some((call, fault));
    }

    pub(crate) fn go_away(&self) {
        self.tell(News::Told(ConnectionEvent::GoingAway));
    }

    /// It finds out that the peer asks for no more, but wakes nobody for it.
    pub(crate) fn go_away_unnoticed(&self) {
        self.state.borrow_mut().news.push_back(News::Told(ConnectionEvent::GoingAway));
    }

    /// The peer closes in good order.
    pub(crate) fn hang_up(&self) {
        self.tell(News::Told(ConnectionEvent::Closed));
    }

    /// The connection dies, and notices it by reading.
    pub(crate) fn break_off(&self) {
        self.tell(News::Broken("connection reset"));
    }

    /// The oldest items in flight are done.
    pub(crate) fn finish(&self, count: usize, outcome: Outcome) {
        for _ in 0..count {
            drop(self.pop_in_flight());
            self.tell(News::Told(ConnectionEvent::Finished(outcome)));
        }
    }

    /// All that it took and has not finished comes back.
    pub(crate) fn give_back(&self) {
        while let Some(item) = self.pop_in_flight() {
            self.tell(News::Told(ConnectionEvent::Unsent(item)));
        }
    }

    fn pop_in_flight(&self) -> Option<Item> {
        let mut state = self.state.borrow_mut();
        state.in_flight.pop_front().or_else(|| state.buffer.pop_front())
    }

    fn tell(&self, news: News) {
        self.state.borrow_mut().news.push_back(news);
        self.wake();
    }

    /// What it has not been asked for yet.
    pub(crate) fn untold(&self) -> usize {
        self.state.borrow().news.len()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.state.borrow().is_open
    }

    /// What the peer has seen.
    pub(crate) fn received(&self) -> Vec<u32> {
        self.state.borrow().received.clone()
    }

    /// Items that were handed to it and are not flushed.
    pub(crate) fn unflushed(&self) -> usize {
        self.state.borrow().buffer.len()
    }

    /// Whether it may leave items unflushed at the moment.
    pub(crate) fn pushes_back(&self) -> bool {
        let state = self.state.borrow();
        !state.script.flushes || !state.script.closes
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.state.borrow().in_flight.len()
    }

    pub(crate) fn take_log(&self) -> Vec<Call> {
        std::mem::take(&mut self.state.borrow_mut().log)
    }
}

/// What the pool holds of a connection.
pub(crate) struct Wire {
    pub(crate) link: Link,
    pub(crate) ledger: Ledger,
    pub(crate) calls: Calls,
    pub(crate) alive: Rc<Cell<usize>>,
}

impl Wire {
    fn enter(&self, call: Call, cx: Option<&mut Context<'_>>) -> Result<(), String> {
        self.calls.enter();
        let mut state = self.link.state.borrow_mut();
        state.log.push(call);
        if let Some(cx) = cx {
            state.waker = Some(cx.waker().clone());
            if state.script.wakes_itself {
                cx.waker().wake_by_ref();
            }
        }
        let is_full = state.buffer.len() >= state.script.window;
        let breaks = call == Call::Ready && is_full && state.script.breaks_when_full;
        match state.script.fault.or_else(|| breaks.then_some((call, Fault::Error))) {
            Some((at, Fault::Error)) if at == call => {
                if state.script.returns_unflushed {
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

    fn flush(&self) -> Poll<Result<(), String>> {
        let mut state = self.link.state.borrow_mut();
        if !state.script.flushes {
            return Poll::Pending;
        }
        while let Some(item) = state.buffer.pop_front() {
            state.received.push(item.id);
            if state.script.keeps_items {
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
        let mut state = self.link.state.borrow_mut();
        let is_ready = state.script.is_ready && state.buffer.len() < state.script.window;
        state.has_refused = !is_ready;
        if is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), String> {
        self.ledger.record(item.id, End::Handed);
        let entered = self.enter(Call::Send, None);
        let mut state = self.link.state.borrow_mut();
        if entered.is_ok() {
            state.buffer.push_back(item);
        } else if state.script.returns_refused {
            state.news.push_back(News::Told(ConnectionEvent::Unsent(item)));
        }
        entered
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(Call::Flush, Some(cx))?;
        self.flush()
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.enter(Call::Close, Some(cx))?;
        if !self.link.state.borrow().script.closes {
            return Poll::Pending;
        }
        self.flush()
    }
}

impl Connection<Item> for Wire {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<Item>, String>> {
        self.enter(Call::Event, Some(cx))?;
        let news = self.link.state.borrow_mut().news.pop_front();
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
        self.alive.set(self.alive.get() - 1);
        let lost = {
            let mut state = self.link.state.borrow_mut();
            state.is_open = false;
            state.waker = None;
            let lost = (std::mem::take(&mut state.buffer), std::mem::take(&mut state.in_flight));
            (lost, std::mem::take(&mut state.news))
        };
        drop(lost);
        // The error of a drop goes nowhere.
        let _ = self.enter(Call::Drop, None);
    }
}
