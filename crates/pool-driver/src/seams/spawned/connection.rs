//! A connection as the driver has it, while its task runs elsewhere.

use std::collections::VecDeque;
use std::fmt;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_sink::Sink;
use pool_core::Instant;

use super::last_words::read_last_words;
use super::mailbox::{End, Inbox, Mailbox, Standing, Wish};
use super::task::ConnectionTask;
use crate::error::{BoxError, ConnectionTaskDropped};
use crate::panic::{discard, guard};
use crate::seams::connection::{Connection, ConnectionEvent};

/// So many items are on their way to a connection that does not say how many it may have in flight: as many as the driver
/// sends in one poll.
const ON_THE_WAY_MAX: u64 = 512;

/// A connection `K` whose task runs elsewhere: the pool's end of it.
///
/// [`spawn_connections`](crate::PoolBuilder::spawn_connections) says what differs from `K` itself.
pub struct SpawnedConnection<T, K> {
    mailbox: Arc<Mailbox<T, K>>,
    /// Since the last flush.
    items: VecDeque<T>,
    inbox: Inbox<T, K>,
    in_flight_max: Option<usize>,
    /// Items that were put in, and those that are no longer on their way.
    put: u64,
    arrived: u64,
    /// Items that have no outcome yet.
    owed: u64,
    /// It takes items, as its task has seen last.
    is_ready: bool,
    stage: Stage,
    /// Items came back. What is told next is older than they are, so they are taken back first.
    pauses: bool,
    /// As the driver told it last.
    now: Instant,
}

/// How far it has come, in the order of life.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Stage {
    Open,
    Closing,
    GivenUp,
}

impl<T, K> Unpin for SpawnedConnection<T, K> {}

impl<T, K> fmt::Debug for SpawnedConnection<T, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpawnedConnection").field("stage", &self.stage).finish_non_exhaustive()
    }
}

impl<T, K: Connection<T>> SpawnedConnection<T, K> {
    /// The pool's end of a connection, and its task.
    pub(super) fn split<R>(connection: K, runtime: R) -> (Self, ConnectionTask<T, K, R>) {
        let in_flight_max = connection.in_flight_max();
        let mailbox = Arc::new(Mailbox::new(connection));
        let this = Self {
            mailbox: Arc::clone(&mailbox),
            items: VecDeque::new(),
            inbox: Inbox::new(),
            in_flight_max,
            put: 0,
            arrived: 0,
            owed: 0,
            is_ready: false,
            stage: Stage::Open,
            pauses: false,
            now: Instant::ZERO,
        };
        (this, ConnectionTask::new(mailbox, runtime))
    }

    /// Ready when its task has run: what it has to tell before its first item is there.
    pub(super) fn poll_up(&self, cx: &mut Context<'_>) -> Poll<()> {
        self.mailbox.poll_up(cx.waker())
    }

    /// An item keeps its place until its outcome if the connection has a limit and tells what becomes of items. Otherwise
    /// it keeps it until it has arrived.
    #[inline]
    fn has_room(&self) -> bool {
        let is_below_limit = match self.in_flight_max {
            Some(max) if K::REPORTS_OUTCOMES => self.owed < max.max(1) as u64,
            _ => self.put - self.arrived + (self.items.len() as u64) < ON_THE_WAY_MAX,
        };
        self.is_ready && is_below_limit && self.stage == Stage::Open && self.inbox.end.is_none()
    }

    fn note(&mut self, standing: &Standing) {
        (self.is_ready, self.arrived) = (standing.is_ready, standing.arrived);
    }

    /// Takes what the task has told, with what comes back.
    fn fetch(&mut self, cx: &mut Context<'_>) {
        let (standing, comes_back) = self.mailbox.fetch(&mut self.inbox, cx.waker());
        self.note(&standing);
        if let Some(connection) = self.inbox.connection.take() {
            self.hear_last_words(connection, cx);
        }
        // Those that are in the mailbox go before.
        if comes_back && self.put == self.arrived {
            self.inbox.returned.append(&mut self.items);
        }
    }

    /// It was given up, and its task has left it. What it had is older than what comes back without it.
    fn hear_last_words(&mut self, mut connection: Pin<Box<K>>, cx: &mut Context<'_>) {
        let (now, owed, events) = (self.now, self.owed, &mut self.inbox.events);
        let heard = guard(|| {
            connection.as_mut().set_now(now);
            // What its peer has said meanwhile is heard: one that is given up reads nothing more.
            if read_last_words(connection.as_mut(), owed, events, cx) {
                return;
            }
            connection.as_mut().give_up();
            let ended = events.iter().filter(|event| event.ends_item()).count() as u64;
            read_last_words(connection.as_mut(), owed.saturating_sub(ended), events, cx);
        });
        discard(heard);
        discard(connection);
        self.inbox.end = Some(End::Closed);
    }

    fn next_event(&mut self) -> Option<ConnectionEvent<T>> {
        let event = if let Some(event) = self.inbox.events.pop_front() {
            event
        } else {
            let item = self.inbox.returned.pop_front()?;
            self.pauses = self.inbox.returned.is_empty() && self.inbox.end.is_none();
            ConnectionEvent::Unsent(item)
        };
        // One that tells too many outcomes gets no more room by that.
        self.owed = self.owed.saturating_sub(u64::from(event.ends_item()));
        Some(event)
    }
}

impl<T, K: Connection<T>> Connection<T> for SpawnedConnection<T, K> {
    const REPORTS_OUTCOMES: bool = K::REPORTS_OUTCOMES;

    fn poll_event(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<T>, BoxError>> {
        if self.inbox.is_read() && self.inbox.end.is_none() {
            if std::mem::take(&mut self.pauses) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            self.fetch(cx);
        }
        if let Some(event) = self.next_event() {
            return Poll::Ready(Ok(event));
        }
        match self.inbox.end.take() {
            Some(End::ClosedByPeer) => Poll::Ready(Ok(ConnectionEvent::Closed)),
            Some(End::Failed(error)) => Poll::Ready(Err(error)),
            Some(End::TaskDropped) => Poll::Ready(Err(Box::new(ConnectionTaskDropped))),
            // It goes on where it would have come up without a task.
            Some(End::Panicked(panic)) => resume_unwind(Box::new(panic.message().to_owned())),
            end @ (Some(End::Closed) | None) => {
                self.inbox.end = end;
                Poll::Pending
            }
        }
    }

    #[inline]
    fn set_now(mut self: Pin<&mut Self>, now: Instant) {
        self.now = now;
    }

    fn in_flight_max(&self) -> Option<usize> {
        self.in_flight_max
    }

    fn poll_handed_over(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let is_all_put = self.items.is_empty() && self.inbox.returned.is_empty();
        self.mailbox.poll_arrival(is_all_put, cx.waker())
    }

    fn give_up(mut self: Pin<&mut Self>) {
        self.stage = Stage::GivenUp;
        self.mailbox.wish(Wish::GiveUp);
    }

    /// It waits for a poll of its task that is under way, and not for another one.
    fn poll_given_up(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.inbox.end.is_none() {
            self.fetch(cx);
        }
        if self.inbox.end.is_some() { Poll::Ready(()) } else { Poll::Pending }
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

    #[inline]
    fn start_send(mut self: Pin<&mut Self>, item: T) -> Result<(), BoxError> {
        self.items.push_back(item);
        self.owed += 1;
        Ok(())
    }

    /// Hands over. The task flushes.
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        let this = &mut *self;
        if !this.items.is_empty() && this.stage == Stage::Open && this.inbox.end.is_none() {
            this.put += this.items.len() as u64;
            this.mailbox.put(&mut this.items);
        }
        Poll::Ready(Ok(()))
    }

    /// What its task has not taken out comes back. The task flushes what it has, and closes.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        if self.stage == Stage::Open {
            self.stage = Stage::Closing;
            self.mailbox.wish(Wish::Close);
        }
        if self.inbox.is_read() && !self.pauses && self.inbox.end.is_none() {
            self.fetch(cx);
        }
        match self.inbox.end {
            None if self.inbox.is_read() => Poll::Pending,
            Some(End::Closed) if self.inbox.is_read() => Poll::Ready(Ok(())),
            _ => {
                // It is asked for events first.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }
}

impl<T, K> Drop for SpawnedConnection<T, K> {
    fn drop(&mut self) {
        self.mailbox.leave();
        self.inbox.discard();
        self.items.drain(..).for_each(discard);
    }
}
