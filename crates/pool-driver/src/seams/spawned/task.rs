//! The task of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::mailbox::{End, Mailbox, Standing, Wish};
use crate::error::BoxError;
use crate::panic::discard;
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::runtime::Runtime;

/// So many events are read in one poll. Others have their turns then.
const EVENTS_PER_POLL_MAX: usize = 256;

/// So many events are read of a connection that is over, whatever it goes on telling.
const LAST_EVENTS_MAX: usize = 1 << 16;

/// The task of a connection: it polls the connection `K`, and exchanges items and events with the pool.
///
/// A [`Spawn`](crate::Spawn) of your own gets it where connections are spawned. It ends with its connection, and when the
/// pool has lost interest. It is `Send` if connection and items are, and `Unpin` always. Dropping it earlier breaks its
/// connection.
#[must_use = "a connection does nothing unless its task is polled"]
pub struct ConnectionTask<T, K, R> {
    mailbox: Arc<Mailbox<T>>,
    /// None once it is over.
    connection: Option<Pin<Box<K>>>,
    runtime: R,
    /// The connection has not taken these yet.
    items: VecDeque<T>,
    /// So many have left the mailbox for good.
    taken: u64,
    /// The connection would take another one.
    is_ready: bool,
    /// The pool has not been told of these yet.
    events: VecDeque<ConnectionEvent<T>>,
    /// It has taken items since its last flush was complete.
    is_dirty: bool,
}

impl<T, K, R> Unpin for ConnectionTask<T, K, R> {}

impl<T, K, R> fmt::Debug for ConnectionTask<T, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionTask").field("is_over", &self.connection.is_none()).finish_non_exhaustive()
    }
}

impl<T, K, R> ConnectionTask<T, K, R> {
    pub(super) fn new(mailbox: Arc<Mailbox<T>>, connection: K, runtime: R) -> Self {
        Self {
            mailbox,
            connection: Some(Box::pin(connection)),
            runtime,
            items: VecDeque::new(),
            taken: 0,
            is_ready: false,
            events: VecDeque::new(),
            is_dirty: false,
        }
    }

    /// The pool has lost interest. Each is dropped alone: one that panics harms no other.
    fn discard_all(&mut self) {
        discard(self.connection.take());
        self.items.drain(..).for_each(discard);
        self.events.drain(..).for_each(discard);
        let (items, events) = self.mailbox.empty();
        items.into_iter().for_each(discard);
        events.into_iter().for_each(discard);
    }

    fn return_items(&mut self) {
        self.taken += self.items.len() as u64;
        self.events.extend(self.items.drain(..).map(ConnectionEvent::Unsent));
    }

    /// Drops the connection, and then tells of its end. What it has not taken goes back.
    fn end(&mut self, end: End) {
        discard(self.connection.take());
        self.return_items();
        self.mailbox.tell_end(&mut self.events, end);
    }
}

impl<T, K: Connection<T>, R: Runtime> ConnectionTask<T, K, R> {
    /// Does what there is to do. Returns the end, if it has come.
    fn drive(&mut self, wish: Wish, cx: &mut Context<'_>) -> Option<End> {
        let now = self.runtime.now();
        let mut connection = self.connection.as_mut()?.as_mut();
        connection.as_mut().set_now(now);
        if wish == Wish::GiveUp {
            connection.give_up();
            self.read_last_events(cx);
            return Some(End::GivenUp);
        }
        if let Some(end) = self.read_events(cx) {
            return Some(end);
        }
        match self.write(wish, cx) {
            Ok(Poll::Ready(())) => Some(End::Closed),
            Ok(Poll::Pending) => None,
            Err(error) => {
                // It may still know of items that never left.
                self.read_last_events(cx);
                Some(End::Failed(error))
            }
        }
    }

    /// Reading comes first, for a peer that can't write won't read.
    fn read_events(&mut self, cx: &mut Context<'_>) -> Option<End> {
        let mut connection = self.connection.as_mut()?.as_mut();
        for _ in 0..EVENTS_PER_POLL_MAX {
            match connection.as_mut().poll_event(cx) {
                Poll::Ready(Ok(ConnectionEvent::Closed)) => return Some(End::ClosedByPeer),
                Poll::Ready(Ok(event)) => self.events.push_back(event),
                Poll::Ready(Err(error)) => return Some(End::Failed(error.into())),
                Poll::Pending => return None,
            }
        }
        cx.waker().wake_by_ref();
        None
    }

    /// Gives the connection its items, flushes it, and closes it if that is wished. Ready when it is closed.
    fn write(&mut self, wish: Wish, cx: &mut Context<'_>) -> Result<Poll<()>, BoxError> {
        self.send(wish, cx)?;
        let Some(connection) = &mut self.connection else { return Ok(Poll::Pending) };
        if self.is_dirty {
            self.is_dirty = connection.as_mut().poll_flush(cx).map_err(Into::into)?.is_pending();
        }
        if wish == Wish::Close && !self.is_dirty {
            return Ok(connection.as_mut().poll_close(cx).map_err(Into::into)?);
        }
        Ok(Poll::Pending)
    }

    /// Gives the connection its items. Those that it doesn't take now go back: others may take them.
    fn send(&mut self, wish: Wish, cx: &mut Context<'_>) -> Result<(), BoxError> {
        let Some(connection) = &mut self.connection else { return Ok(()) };
        // Without an item, too: the pool wants to know.
        while wish == Wish::Serve || !self.items.is_empty() {
            self.is_ready = connection.as_mut().poll_ready(cx).map_err(Into::into)?.is_ready();
            if !self.is_ready {
                break;
            }
            let Some(item) = self.items.pop_front() else { break };
            self.taken += 1;
            self.is_dirty = true;
            connection.as_mut().start_send(item).map_err(Into::into)?;
        }
        self.return_items();
        Ok(())
    }

    /// What a connection that is over still has to tell of its items.
    fn read_last_events(&mut self, cx: &mut Context<'_>) {
        let Some(connection) = &mut self.connection else { return };
        for _ in 0..if K::REPORTS_OUTCOMES { LAST_EVENTS_MAX } else { 0 } {
            match connection.as_mut().poll_event(cx) {
                Poll::Ready(Ok(ConnectionEvent::GoingAway)) => {}
                Poll::Ready(Ok(ConnectionEvent::Closed) | Err(_)) | Poll::Pending => return,
                Poll::Ready(Ok(event)) => self.events.push_back(event),
            }
        }
    }
}

impl<T, K: Connection<T>, R: Runtime> Future for ConnectionTask<T, K, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        if this.connection.is_none() {
            return Poll::Ready(());
        }
        let wish = this.mailbox.take_items(&mut this.items, cx.waker());
        if wish == Wish::End {
            this.discard_all();
            return Poll::Ready(());
        }
        let driven = catch_unwind(AssertUnwindSafe(|| this.drive(wish, cx)));
        if let Some(end) = driven.unwrap_or_else(|panic| Some(End::Panicked(panic))) {
            this.end(end);
            return Poll::Ready(());
        }
        let standing = Standing { taken: this.taken, is_ready: this.is_ready };
        this.mailbox.tell(&mut this.events, &standing);
        Poll::Pending
    }
}

/// Its executor drops it.
impl<T, K, R> Drop for ConnectionTask<T, K, R> {
    fn drop(&mut self) {
        if self.connection.is_some() {
            self.end(End::TaskDropped);
        }
    }
}
