//! A connection as the driver has it, while its task runs elsewhere.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_sink::Sink;

use super::mailbox::{End, Mailbox, Standing, Wish};
use super::task::ConnectionTask;
use crate::error::{BoxError, ConnectionTaskDropped};
use crate::seams::connection::{Connection, ConnectionEvent};

/// So many items are on their way to a connection that does not say how many it may have in flight: as many as the driver
/// sends in one poll.
const WAITING_MAX: u64 = 512;

/// A connection `K` whose task runs elsewhere: the pool's end of it.
///
/// [`spawn_connections`](crate::PoolBuilder::spawn_connections) says what differs from `K` itself.
pub struct SpawnedConnection<T, K> {
    mailbox: Arc<Mailbox<T>>,
    /// Since the last flush.
    items: VecDeque<T>,
    events: VecDeque<ConnectionEvent<T>>,
    in_flight_max: Option<usize>,
    /// Items that were sent, and those of them that have left their places.
    sent: u64,
    left: u64,
    /// It takes items, as its task has seen last.
    is_ready: bool,
    is_closing: bool,
    end: Option<End>,
    _connection: PhantomData<fn() -> K>,
}

impl<T, K> Unpin for SpawnedConnection<T, K> {}

impl<T, K> fmt::Debug for SpawnedConnection<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnedConnection").field("end", &self.end).finish_non_exhaustive()
    }
}

impl<T, K: Connection<T>> SpawnedConnection<T, K> {
    /// The pool's end of a connection, and its task.
    pub(super) fn split<R>(connection: K, runtime: R) -> (Self, ConnectionTask<T, K, R>) {
        let mailbox = Arc::new(Mailbox::new());
        let this = Self {
            mailbox: Arc::clone(&mailbox),
            items: VecDeque::new(),
            events: VecDeque::new(),
            in_flight_max: connection.in_flight_max(),
            sent: 0,
            left: 0,
            is_ready: false,
            is_closing: false,
            end: None,
            _connection: PhantomData,
        };
        (this, ConnectionTask::new(mailbox, connection, runtime))
    }

    /// Ready when its task has run: what it has to tell before its first item is there.
    pub(super) fn poll_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.mailbox.poll_up(cx.waker())
    }

    /// The connection's own limit, if it tells what becomes of items. An item keeps its place until its outcome then, and
    /// otherwise until the connection has taken it.
    fn in_flight_limit(&self) -> Option<u64> {
        self.in_flight_max.filter(|_| K::REPORTS_OUTCOMES).map(|items| items.max(1) as u64)
    }

    #[inline]
    fn has_room(&self) -> bool {
        self.is_ready
            && self.end.is_none()
            && self.sent - self.left < self.in_flight_limit().unwrap_or(WAITING_MAX)
    }

    fn note(&mut self, standing: &Standing) {
        self.is_ready = standing.is_ready;
        if self.in_flight_limit().is_none() {
            self.left = standing.taken;
        }
    }

    /// Takes what the task has told.
    fn fetch(&mut self, cx: &mut Context<'_>) {
        let standing = self.mailbox.take_events(&mut self.events, cx.waker());
        self.note(&standing);
        if let Some((end, late)) = self.mailbox.take_end() {
            self.end = Some(end);
            self.events.extend(late.into_iter().map(ConnectionEvent::Unsent));
        }
        if self.end.is_some() {
            self.events.extend(self.items.drain(..).map(ConnectionEvent::Unsent));
        }
    }

    fn next_event(&mut self) -> Option<ConnectionEvent<T>> {
        let event = self.events.pop_front()?;
        let is_outcome = matches!(
            event,
            ConnectionEvent::Finished(_) | ConnectionEvent::Failed { .. } | ConnectionEvent::Unsent(_)
        );
        // One that tells too many outcomes gets no more room by that.
        if is_outcome && self.in_flight_limit().is_some() && self.left < self.sent {
            self.left += 1;
        }
        Some(event)
    }

    fn flush(&mut self) {
        if !self.items.is_empty() && self.end.is_none() {
            self.mailbox.put(&mut self.items);
        }
    }
}

impl<T, K: Connection<T>> Connection<T> for SpawnedConnection<T, K> {
    const REPORTS_OUTCOMES: bool = K::REPORTS_OUTCOMES;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<T>, BoxError>> {
        if self.events.is_empty() {
            self.fetch(cx);
        }
        if let Some(event) = self.next_event() {
            return Poll::Ready(Ok(event));
        }
        match self.end.take() {
            Some(End::ClosedByPeer) => Poll::Ready(Ok(ConnectionEvent::Closed)),
            Some(End::Failed(error)) => Poll::Ready(Err(error)),
            Some(End::TaskDropped) => Poll::Ready(Err(Box::new(ConnectionTaskDropped))),
            // It goes on where it would have come up without a task.
            Some(End::Panicked(panic)) => resume_unwind(panic),
            end @ (Some(End::Closed | End::GivenUp) | None) => {
                self.end = end;
                Poll::Pending
            }
        }
    }

    fn in_flight_max(&self) -> Option<usize> {
        self.in_flight_max
    }

    fn give_up(mut self: Pin<&mut Self>) {
        self.flush();
        self.mailbox.wish(Wish::GiveUp);
    }

    /// Its last events come from its task.
    fn poll_given_up(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.fetch(cx);
        if self.end.is_some() { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<T, K: Connection<T>> Sink<T> for SpawnedConnection<T, K> {
    type Error = BoxError;

    #[inline]
    fn poll_ready(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.has_room() {
            return Poll::Ready(Ok(()));
        }
        let standing = self.mailbox.await_room(cx.waker());
        self.note(&standing);
        if self.has_room() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), BoxError> {
        self.items.push_back(item);
        self.sent += 1;
        Ok(())
    }

    /// Hands over. The task flushes.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.flush();
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if !self.is_closing {
            self.is_closing = true;
            self.flush();
            self.mailbox.wish(Wish::Close);
        }
        if self.end.is_none() {
            self.fetch(cx);
        }
        if !self.events.is_empty() {
            // They are asked for first.
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        match self.end {
            Some(End::Closed) => Poll::Ready(Ok(())),
            Some(_) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => Poll::Pending,
        }
    }
}

impl<T, K> Drop for SpawnedConnection<T, K> {
    fn drop(&mut self) {
        self.mailbox.wish(Wish::End);
    }
}
