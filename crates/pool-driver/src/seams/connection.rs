//! The seam between a connection and the driver.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_sink::Sink;
use pool_core::{Instant, Outcome};

use crate::error::{BoxError, SharedError};

/// A connection as the driver sees it: a sink for items that can also tell what happens.
///
/// The driver calls [`Sink::poll_ready`] immediately before each `start_send`, flushes once for a
/// batch, and calls [`poll_event`](Self::poll_event) whenever the connection's waker has fired,
/// in every state, also while it is busy or drains. All calls get the same waker, which is the
/// connection's own: no caller's waker ever comes here.
///
/// A connection may take a long time for what it does, but no call may block. A call that panics, and one that
/// returns an error, ends this connection and no other.
///
/// A plain [`Sink`] becomes one with [`Plain`](crate::Plain), a sink that is a stream too with
/// [`read_driven`](crate::read_driven), and a connection for other items with [`map_items`](crate::map_items).
///
/// ```
/// use std::convert::Infallible;
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use futures_util::Sink;
/// use pool_driver::{Connection, ConnectionEvent, Outcome};
///
/// /// Prints what it is sent when it is flushed, and reports that as a success.
/// #[derive(Default)]
/// struct Printer {
///     lines: Vec<String>,
///     printed: usize,
/// }
///
/// impl Sink<String> for Printer {
///     type Error = Infallible;
///
///     fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         Poll::Ready(Ok(()))
///     }
///
///     fn start_send(mut self: Pin<&mut Self>, line: String) -> Result<(), Infallible> {
///         self.lines.push(line);
///         Ok(())
///     }
///
///     fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         for line in std::mem::take(&mut self.lines) {
///             println!("{line}");
///             self.printed += 1;
///         }
///         cx.waker().wake_by_ref(); // There are outcomes to ask for.
///         Poll::Ready(Ok(()))
///     }
///
///     fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
///         self.poll_flush(cx)
///     }
/// }
///
/// impl Connection<String> for Printer {
///     const REPORTS_OUTCOMES: bool = true;
///
///     fn poll_event(
///         mut self: Pin<&mut Self>,
///         _: &mut Context<'_>,
///     ) -> Poll<Result<ConnectionEvent<String>, Infallible>> {
///         if self.printed == 0 {
///             return Poll::Pending;
///         }
///         self.printed -= 1;
///         let outcome = Outcome::Success { latency: Some(std::time::Duration::ZERO) };
///         Poll::Ready(Ok(ConnectionEvent::Finished(outcome)))
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connection for items of type `{T}`",
    label = "the connector makes no connections for `{T}`",
    note = "for calls, which are replied to: `tcp(codec).pipelined()`, or wrap the transport by `Pipelined::new` or \
            `Tagged::new`, in `call_pool_for`",
    note = "for items that are only sent, over a plain sink: use `sink_pool_for` (`PoolBuilder::plain`)",
    note = "for items that are only sent, over a sink that is a stream too, like `Framed`: \
            `read_driven(transport, |item| …)`, or `tcp(codec).on_item(|item| …)`"
)]
pub trait Connection<T>: Sink<T, Error: Into<BoxError>> {
    /// Whether the connection tells what became of each item it was sent, by
    /// [`ConnectionEvent::Finished`], [`Failed`](ConnectionEvent::Failed) or [`Unsent`](ConnectionEvent::Unsent),
    /// once for each.
    const REPORTS_OUTCOMES: bool;

    /// Drives reads and keep-alive, and tells what happened. `Pending` means that the waker is
    /// kept. After an error, or after [`ConnectionEvent::Closed`], the connection is dropped; let
    /// the [`Unsent`](ConnectionEvent::Unsent) come before. One that reports outcomes is asked once
    /// more, until it has nothing to tell, when one of the sink's methods has returned an error.
    ///
    /// # Errors
    ///
    /// When the connection is dead.
    fn poll_event(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<T>, Self::Error>>;

    /// Tells the time of the pool's runtime. The driver does it before it calls the other methods: once before
    /// it asks for events, before a batch of items, before a flush, and before it gives the connection up. Latencies
    /// and ages that are taken from it follow paused and simulated time.
    ///
    /// By default it does nothing. A connection around another one passes it on.
    #[inline]
    fn set_now(self: Pin<&mut Self>, now: Instant) {
        let _ = now;
    }

    /// How many items it may have in flight at once, 1 at least, if there is such a limit. It is asked once, when the
    /// connection is up, for the pool bounds by it what may be left behind with peers that are silent. A connection
    /// whose limit is 1 says nothing by its silence: its one item may just take long.
    ///
    /// By default there is none. A connection around another one passes it on.
    fn in_flight_max(&self) -> Option<usize> {
        None
    }

    /// The pool gives the connection up: it owed outcomes, or drained, for too long. It is then asked for its last
    /// events, as after an error, so that it can return what never left. After that it is dropped.
    fn give_up(self: Pin<&mut Self>) {}

    /// Ready when all items that it was sent have left its own hands: they are on the connection proper, or have come
    /// back. Until then the waker is kept. A pool that closes asks before it has its connections drained, for what comes
    /// back later is no longer sent. A connection needs it if a part of it runs in another task.
    ///
    /// By default it is ready at once. A connection around another one passes it on.
    fn poll_handed_over(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }

    /// Ready when a connection that was [given up](Self::give_up) knows its last events. Until then its slot is not free,
    /// and the waker is kept. Nothing bounds the wait, so it must be short: for a call that is under way in another thread,
    /// say.
    ///
    /// By default it is ready at once. A connection around another one passes it on.
    fn poll_given_up(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let _ = cx;
        Poll::Ready(())
    }
}

/// What a connection has to tell.
///
/// What a connection that [reports outcomes](Connection::REPORTS_OUTCOMES) tells of each item: `Finished`,
/// `Failed` or `Unsent`, once, when nothing of it is owed any more. Before that it may tell that the item is
/// `Answered`: the latency is known, and the place is not free yet. A connection that gets replies in one
/// piece leaves that out.
///
/// A connection tells facts, and the pool decides what they mean. Its silence counts while it owes outcomes, from the
/// last `Progress`, `Answered` or outcome that is an answer: a success, a failure, an overload, an unfit address. That
/// an item was `Cancelled` or came back `Unsent` says nothing of the peer: patience is the caller's.
///
/// ```
/// use std::time::Duration;
///
/// use pool_driver::{ConnectionEvent, Outcome};
///
/// // In one piece:
/// let latency = Some(Duration::from_millis(3));
/// let _: ConnectionEvent<u32> = ConnectionEvent::Finished(Outcome::Success { latency });
/// // The head of the reply comes first, and its body later:
/// let _: [ConnectionEvent<u32>; 2] = [
///     ConnectionEvent::Answered { latency: Duration::from_millis(3) },
///     ConnectionEvent::Finished(Outcome::Success { latency: None }),
/// ];
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ConnectionEvent<T> {
    /// The reply to an item has begun to come. The address works, and the item stays in flight. Changes nothing
    /// if all items in flight have been answered.
    Answered {
        /// From sending to the begin of the reply.
        latency: Duration,
    },
    /// The peer has said something, if only a part of a reply: it is alive. One that tells of an answer in the same
    /// poll leaves it out.
    Progress,
    /// The peer has said that it can't do what it would be asked to, and no item was sent for that: a handshake that
    /// finds a replica where writes go. Its address rests as by [`Outcome::Unfit`], before it gets an item if this is
    /// the first that the connection tells.
    Unfit,
    /// Nobody wants to know of an item any more, and the peer owes nothing for it, but it is not known yet whether the
    /// peer is rid of it: a stream of HTTP/2 that was reset. The item stays in flight until its outcome, which usually
    /// is [`Cancelled`](Outcome::Cancelled).
    Abandoned,
    /// What became of an item.
    Finished(Outcome),
    /// An item has failed with this error, though the connection lives: a
    /// [`Failure`](Outcome::Failure). The error becomes the address's `last_error` in the snapshot.
    Failed {
        /// From sending to failure, unless the item was answered before.
        latency: Option<Duration>,
        /// What failed.
        error: SharedError,
    },
    /// This item provably never left; it goes back to the head of the queue. Oldest first.
    Unsent(T),
    /// The peer asks for no more items: drain me. Not a failure.
    GoingAway,
    /// The peer has closed in good order.
    Closed,
}

impl<T> ConnectionEvent<T> {
    /// Whether nothing is owed of an item any more.
    pub(crate) fn ends_item(&self) -> bool {
        matches!(self, Self::Finished(_) | Self::Failed { .. } | Self::Unsent(_))
    }

    /// The same event of a connection of other items: what came back unsent goes through `f`.
    ///
    /// ```
    /// use pool_driver::ConnectionEvent;
    ///
    /// let event = ConnectionEvent::Unsent(7).map(|number: u32| number.to_string());
    /// assert!(matches!(event, ConnectionEvent::Unsent(text) if text == "7"));
    /// ```
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> ConnectionEvent<U> {
        match self {
            Self::Answered { latency } => ConnectionEvent::Answered { latency },
            Self::Progress => ConnectionEvent::Progress,
            Self::Unfit => ConnectionEvent::Unfit,
            Self::Abandoned => ConnectionEvent::Abandoned,
            Self::Finished(outcome) => ConnectionEvent::Finished(outcome),
            Self::Failed { latency, error } => ConnectionEvent::Failed { latency, error },
            Self::Unsent(item) => ConnectionEvent::Unsent(f(item)),
            Self::GoingAway => ConnectionEvent::GoingAway,
            Self::Closed => ConnectionEvent::Closed,
        }
    }
}
