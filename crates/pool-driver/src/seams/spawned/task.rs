//! The task of a connection.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::last_words::read_last_words;
use super::mailbox::{End, Mailbox, Report, Wish, Work};
use crate::error::BoxError;
use crate::panic::{Panicked, discard};
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::runtime::Runtime;

/// So many events are read in one poll. Others have their turns then.
const EVENTS_PER_POLL_MAX: usize = 256;

/// The task of a connection: it polls the connection `K`, and exchanges items and events with the pool.
///
/// A [`Spawn`](crate::Spawn) of your own gets it where connections are spawned. It ends with its connection, and when the
/// pool has lost interest. It is `Send` if connection and items are, and `Unpin` always. Dropping it earlier breaks its
/// connection.
#[must_use = "a connection does nothing unless its task is polled"]
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct ConnectionTask<T, K, R> {
    mailbox: Arc<Mailbox<T, K>>,
    runtime: R,
    /// In its hand, during a poll.
    items: VecDeque<T>,
    report: Report<T>,
    /// Items that the connection has taken, and has told no outcome of.
    owed: u64,
    /// The connection would take another item.
    is_ready: bool,
    /// It has taken items since its last flush was complete.
    is_dirty: bool,
    /// The peer wants no more items.
    is_going: bool,
    is_over: bool,
}

/// How far reading has come.
enum Reading {
    /// There is nothing more to read now.
    Done,
    /// There may be more.
    Interrupted,
    Ended(End),
}

impl<T, K, R> Unpin for ConnectionTask<T, K, R> {}

impl<T, K, R> fmt::Debug for ConnectionTask<T, K, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionTask").field("is_over", &self.is_over).finish_non_exhaustive()
    }
}

impl<T, K, R> ConnectionTask<T, K, R> {
    pub(super) fn new(mailbox: Arc<Mailbox<T, K>>, runtime: R) -> Self {
        Self {
            mailbox,
            runtime,
            items: VecDeque::new(),
            report: Report::new(),
            owed: 0,
            is_ready: false,
            is_dirty: false,
            is_going: false,
            is_over: false,
        }
    }

    /// The connection goes first, and then its end is told. What it has not taken goes back.
    fn end(&mut self, connection: Pin<Box<K>>, end: End) {
        self.is_over = true;
        discard(connection);
        self.report.returned.append(&mut self.items);
        if let Err(end) = self.mailbox.tell_end(&mut self.report, end) {
            discard(end);
            self.report.discard();
        }
    }
}

impl<T, K: Connection<T>, R: Runtime> ConnectionTask<T, K, R> {
    /// Does what there is to do. Returns the end, if it has come.
    fn drive(&mut self, work: &mut Work<K>, cx: &mut Context<'_>) -> Option<End> {
        let mut connection = work.connection.as_mut();
        connection.as_mut().set_now(self.runtime.now());
        // Reading comes first, for a peer that can't write won't read.
        let has_read_all = match self.read_events(connection.as_mut(), work.may_read, cx) {
            Reading::Done => true,
            Reading::Interrupted => false,
            Reading::Ended(end) => return Some(end),
        };
        // A close that is complete would take with it what is still to be read.
        let closes = work.wish == Wish::Close && has_read_all;
        match self.write(connection.as_mut(), work.wish == Wish::Serve, closes, cx) {
            Ok(Poll::Ready(())) => Some(End::Closed),
            Ok(Poll::Pending) => {
                if work.has_more && self.report.returned.is_empty() {
                    cx.waker().wake_by_ref();
                }
                None
            }
            Err(error) => {
                // It may still know of items that never left.
                if K::REPORTS_OUTCOMES {
                    read_last_words(connection, self.owed, &mut self.report.events, cx);
                }
                Some(End::Failed(error))
            }
        }
    }

    fn read_events(&mut self, mut connection: Pin<&mut K>, may_read: bool, cx: &mut Context<'_>) -> Reading {
        if !may_read {
            // The pool wakes it when it has fetched what there is.
            return Reading::Interrupted;
        }
        for _ in 0..EVENTS_PER_POLL_MAX {
            match connection.as_mut().poll_event(cx) {
                Poll::Pending => return Reading::Done,
                Poll::Ready(Ok(ConnectionEvent::Closed)) => return Reading::Ended(End::ClosedByPeer),
                Poll::Ready(Ok(event)) => {
                    self.is_going |= matches!(event, ConnectionEvent::GoingAway);
                    self.owed = self.owed.saturating_sub(u64::from(event.ends_item()));
                    self.report.events.push_back(event);
                }
                Poll::Ready(Err(error)) => return Reading::Ended(End::Failed(error.into())),
            }
        }
        cx.waker().wake_by_ref();
        Reading::Interrupted
    }

    /// Gives the connection its items, flushes it, and closes it if that is due. Ready when it is closed.
    fn write(
        &mut self,
        mut connection: Pin<&mut K>,
        serves: bool,
        closes: bool,
        cx: &mut Context<'_>,
    ) -> Result<Poll<()>, BoxError> {
        self.is_ready = serves && !self.is_going;
        if self.is_ready {
            self.send(connection.as_mut(), cx)?;
        }
        // Others may take these.
        self.report.returned.append(&mut self.items);
        if self.is_dirty {
            self.is_dirty = connection.as_mut().poll_flush(cx).map_err(Into::into)?.is_pending();
        }
        if closes && !self.is_dirty {
            return Ok(connection.poll_close(cx).map_err(Into::into)?);
        }
        Ok(Poll::Pending)
    }

    /// Gives the connection its items, as long as it takes them. Without an item it is asked, too: the pool wants to know.
    fn send(&mut self, mut connection: Pin<&mut K>, cx: &mut Context<'_>) -> Result<(), BoxError> {
        loop {
            self.is_ready = connection.as_mut().poll_ready(cx).map_err(Into::into)?.is_ready();
            if !self.is_ready {
                return Ok(());
            }
            let Some(item) = self.items.pop_front() else { return Ok(()) };
            self.owed += 1;
            self.is_dirty = true;
            connection.as_mut().start_send(item).map_err(Into::into)?;
        }
    }
}

impl<T, K: Connection<T>, R: Runtime> Future for ConnectionTask<T, K, R> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(mut work) = this.mailbox.take_work(&mut this.items, cx.waker()) else {
            this.is_over = true;
            return Poll::Ready(());
        };
        let driven = catch_unwind(AssertUnwindSafe(|| this.drive(&mut work, cx)));
        let end = driven.unwrap_or_else(|panic| Some(End::Panicked(Panicked::from_payload(panic))));
        let connection = work.connection;
        if let Some(end) = end {
            this.end(connection, end);
            return Poll::Ready(());
        }
        match this.mailbox.put_back(connection, &mut this.report, this.is_ready) {
            Ok(()) => Poll::Pending,
            Err(connection) => {
                this.is_over = true;
                discard(connection);
                this.report.discard();
                Poll::Ready(())
            }
        }
    }
}

/// Its executor drops it.
impl<T, K, R> Drop for ConnectionTask<T, K, R> {
    fn drop(&mut self) {
        if !self.is_over
            && let Some(connection) = self.mailbox.abandon()
        {
            self.end(connection, End::TaskDropped);
        }
    }
}
