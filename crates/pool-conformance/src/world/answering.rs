//! Scripted connections that take calls.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pool_call::{Call, Responder};
use pool_driver::{Connection, ConnectionEvent, Instant, Outcome, Wrap};

use super::connection::ScriptedConnection;
use super::ledger::{End, Item, Ledger};

/// A request is a number, and its reply is the same number.
pub(crate) type NumberedCall = Call<u32, u32>;

/// Answers calls over a scripted connection. The outcomes of items are replies, in the order in which the calls were
/// sent; items that come back are calls that the peer has refused.
#[derive(Debug)]
pub(crate) struct Answering {
    connection: ScriptedConnection,
    ledger: Ledger,
    /// The calls that the peer has, the oldest first.
    begun: VecDeque<BegunCall>,
    /// Calls that nobody waited for any more.
    cancelled: usize,
}

#[derive(Debug)]
struct BegunCall {
    number: u32,
    responder: Responder<u32, u32>,
}

/// Makes scripted connections [`Answering`] ones.
#[derive(Clone, Debug)]
pub(crate) struct AsAnswering {
    ledger: Ledger,
}

impl AsAnswering {
    /// The ledger records what is written.
    pub(crate) fn new(ledger: &Ledger) -> Self {
        Self { ledger: ledger.clone() }
    }
}

impl Wrap<ScriptedConnection> for AsAnswering {
    type Connection = Answering;

    fn wrap(self, connection: ScriptedConnection) -> Answering {
        Answering { connection, ledger: self.ledger, begun: VecDeque::new(), cancelled: 0 }
    }
}

impl Answering {
    fn connection(&mut self) -> Pin<&mut ScriptedConnection> {
        Pin::new(&mut self.connection)
    }

    /// The oldest call has this outcome. One that fails may have been executed.
    fn finish(&mut self, outcome: Outcome) -> Outcome {
        let Some(BegunCall { number, responder }) = self.begun.pop_front() else { return outcome };
        let is_success = matches!(outcome, Outcome::Success { .. });
        if is_success && responder.reply(number).is_err() { Outcome::Cancelled } else { outcome }
    }

    /// The peer has refused an item. Its call goes back to the pool, if somebody waits for it.
    fn take_back(&mut self, item: &Item) -> ConnectionEvent<NumberedCall> {
        self.ledger.record(item.id, End::Refused);
        let position = self.begun.iter().position(|begun| begun.number == item.id);
        let begun = position.and_then(|position| self.begun.remove(position));
        let call = begun.and_then(|BegunCall { number, responder }| responder.take_back(number).ok());
        call.map_or(ConnectionEvent::Finished(Outcome::Cancelled), ConnectionEvent::Unsent)
    }
}

impl Sink<NumberedCall> for Answering {
    type Error = String;

    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.connection().poll_ready(cx)
    }

    fn start_send(mut self: Pin<&mut Self>, call: NumberedCall) -> Result<(), String> {
        let Some((number, responder)) = call.begin() else {
            self.cancelled += 1;
            return Ok(());
        };
        self.begun.push_back(BegunCall { number, responder });
        let item = self.ledger.attempt(number);
        self.connection().start_send(item)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.cancelled > 0 {
            cx.waker().wake_by_ref();
        }
        self.connection().poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), String>> {
        self.connection().poll_close(cx)
    }
}

impl Connection<NumberedCall> for Answering {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<NumberedCall>, String>> {
        if let Some(cancelled) = self.cancelled.checked_sub(1) {
            self.cancelled = cancelled;
            return Poll::Ready(Ok(ConnectionEvent::Finished(Outcome::Cancelled)));
        }
        let event = ready!(self.connection().poll_event(cx))?;
        Poll::Ready(Ok(match event {
            ConnectionEvent::Finished(outcome) => ConnectionEvent::Finished(self.finish(outcome)),
            ConnectionEvent::Unsent(item) => self.take_back(&item),
            other => other.map(|_| unreachable!("items come back above")),
        }))
    }

    fn set_now(mut self: Pin<&mut Self>, now: Instant) {
        self.connection().set_now(now);
    }
}
