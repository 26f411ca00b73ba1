//! Connections of other items.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_sink::Sink;
use pin_project::pin_project;
use pool_core::Instant;

use crate::seams::connection::{Connection, ConnectionEvent};

/// A connection for items `T` over one for items `U`: `into` turns each item into what `connection` takes, and
/// `back` turns one that [came back unsent](ConnectionEvent::Unsent) into an item of the pool again. Everything
/// else is passed on.
///
/// ```
/// use pool_driver::{Connection, map_items};
///
/// /// What the pool is sent: a line, and how often it was tried.
/// struct Attempt {
///     line: String,
///     count: u32,
/// }
///
/// fn counted(connection: impl Connection<(String, u32)>) -> impl Connection<Attempt> {
///     map_items(
///         connection,
///         |attempt: Attempt| (attempt.line, attempt.count + 1),
///         |(line, count)| Attempt { line, count },
///     )
/// }
/// ```
pub fn map_items<T, U, C, F, G>(connection: C, into: F, back: G) -> MapItems<C, F, G>
where
    C: Connection<U>,
    F: FnMut(T) -> U,
    G: FnMut(U) -> T,
{
    MapItems { connection, into, back }
}

/// The connection that [`map_items`] makes.
#[derive(Clone, Debug)]
#[pin_project]
pub struct MapItems<C, F, G> {
    #[pin]
    connection: C,
    into: F,
    back: G,
}

impl<T, U, C, F, G> Connection<T> for MapItems<C, F, G>
where
    C: Connection<U>,
    F: FnMut(T) -> U,
    G: FnMut(U) -> T,
{
    const REPORTS_OUTCOMES: bool = C::REPORTS_OUTCOMES;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<T>, C::Error>> {
        let this = self.project();
        this.connection.poll_event(cx).map_ok(|event| event.map(this.back))
    }

    fn set_now(self: Pin<&mut Self>, now: Instant) {
        self.project().connection.set_now(now);
    }

    fn in_flight_max(&self) -> Option<usize> {
        self.connection.in_flight_max()
    }

    fn give_up(self: Pin<&mut Self>) {
        self.project().connection.give_up();
    }

    fn poll_handed_over(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().connection.poll_handed_over(cx)
    }

    fn poll_given_up(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.project().connection.poll_given_up(cx)
    }
}

impl<T, U, C, F, G> Sink<T> for MapItems<C, F, G>
where
    C: Sink<U>,
    F: FnMut(T) -> U,
{
    type Error = C::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), C::Error> {
        let this = self.project();
        let item = (this.into)(item);
        this.connection.start_send(item)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        self.project().connection.poll_close(cx)
    }
}
