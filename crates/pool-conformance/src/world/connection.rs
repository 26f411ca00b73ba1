//! The pool's end of a connection, which does what a test says.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_sink::Sink;
use pool_driver::{Connection, ConnectionEvent, Instant};

use super::behaviour::{Call, Fault};
use super::ledger::{End, Item, Ledger};
use super::link::{Incoming, Link, LinkState};
use super::user_calls::Calls;
use crate::clock::Clock;

/// A connection that the pool holds. A test holds the other end, its [`Link`].
#[derive(Debug)]
pub struct ScriptedConnection {
    link: Link,
    /// The server's connections that the pool holds.
    alive: Arc<AtomicUsize>,
    ledger: Ledger,
    calls: Calls,
    clock: Clock,
}

impl ScriptedConnection {
    /// `alive` counts it already.
    pub(super) fn new(
        link: Link,
        alive: Arc<AtomicUsize>,
        ledger: &Ledger,
        calls: &Calls,
        clock: &Clock,
    ) -> Self {
        Self { link, alive, ledger: ledger.clone(), calls: calls.clone(), clock: clock.clone() }
    }

    pub(super) fn link(&self) -> &Link {
        &self.link
    }

    /// Starts a call. Wakers are used and dropped outside the lock.
    fn enter(&self, call: Call, cx: Option<&mut Context<'_>>) -> Result<(), String> {
        let waker = cx.map(|cx| cx.waker().clone());
        let (fault, wakes_itself, previous) = self.link.with(|state| {
            let fault = state.start_call(call);
            let previous = waker.clone().and_then(|waker| state.task.set_waker(waker));
            (fault, state.behaviour.wakes_itself, previous)
        });
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
        self.link.with(|state| state.has_held_back = flushed.is_pending());
        flushed
    }

    fn try_flush(&self, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let (flushes, flushing, delay) = self.link.with(|state| {
            let flushes = state.behaviour.flushes;
            let delay = if state.has_unflushed() { state.behaviour.flush_delay } else { Duration::ZERO };
            (flushes, if flushes { state.flushing.take() } else { None }, delay)
        });
        if !flushes {
            return Poll::Pending;
        }
        if !delay.is_zero() {
            let mut flushing = flushing.unwrap_or_else(|| self.clock.sleep(delay));
            if Pin::new(&mut flushing).poll(cx).is_pending() {
                self.link.with(|state| state.flushing = Some(flushing));
                return Poll::Pending;
            }
        }
        if self.link.with(LinkState::flush) {
            self.link.wake();
        }
        Poll::Ready(Ok(()))
    }
}

impl Sink<Item> for ScriptedConnection {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Ready, Some(cx))?;
        let is_ready = self.link.with(|state| {
            let is_ready = state.behaviour.is_ready && state.has_room();
            state.has_refused = !is_ready;
            state.calls.record_readiness(is_ready);
            is_ready
        });
        if is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(self: Pin<&mut Self>, item: Item) -> Result<(), String> {
        self.ledger.record(item.id, End::Sent);
        let _entered = self.calls.enter();
        let entered = self.enter(Call::Send, None);
        self.link.with(|state| {
            state.has_held_back = false;
            if entered.is_ok() {
                state.push(item);
            } else if state.behaviour.returns_refused {
                state.incoming.push_back(Incoming::Event(ConnectionEvent::Unsent(item)));
            }
        });
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
        let closes = self.link.with(|state| {
            state.has_held_back |= !state.behaviour.closes;
            state.behaviour.closes
        });
        if !closes {
            return Poll::Pending;
        }
        ready!(self.flush(cx))?;
        if self.link.with(|state| state.is_owed()) { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl Connection<Item> for ScriptedConnection {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<Item>, String>> {
        let _entered = self.calls.enter();
        self.enter(Call::Event, Some(cx))?;
        let incoming = self.link.with(|state| {
            let incoming = state.incoming.pop_front();
            if incoming.is_none() {
                state.calls.record_empty_event_poll(self.calls.driver_poll());
            }
            incoming
        });
        match incoming {
            None => Poll::Pending,
            Some(Incoming::Broken(error)) => Poll::Ready(Err(error.into())),
            Some(Incoming::Answered(sent_at)) => {
                let latency = self.link.with(|state| state.measure(sent_at));
                Poll::Ready(Ok(ConnectionEvent::Answered { latency }))
            }
            Some(Incoming::Event(event)) => {
                if let ConnectionEvent::Unsent(item) = &event {
                    self.ledger.take_back(item.id);
                }
                Poll::Ready(Ok(event))
            }
        }
    }

    fn in_flight_max(&self) -> Option<usize> {
        self.link.with(|state| state.behaviour.in_flight_max)
    }

    fn set_now(self: Pin<&mut Self>, now: Instant) {
        self.link.with(|state| state.now = now);
    }
}

impl Drop for ScriptedConnection {
    fn drop(&mut self) {
        self.alive.fetch_sub(1, Ordering::Relaxed);
        let held = self.link.with(|state| {
            state.is_open = false;
            state.task.stop();
            (state.items.take_held(), std::mem::take(&mut state.incoming), state.flushing.take())
        });
        drop(held);
        let _entered = self.calls.enter();
        // Nobody gets the error of a drop.
        let _ = self.enter(Call::Drop, None);
    }
}
