//! Connections that read all the time.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use futures_sink::Sink;
use pin_project::pin_project;

use crate::error::BoxError;
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::wrap::Wrap;

/// A connection that reads: every item that the peer sends goes to `on_item`, and the end of the
/// stream is the end of the connection, noticed without any traffic of ours.
///
/// A close waits for the peer to close its side too, for which it has the drain timeout.
///
/// The pool doesn't learn what became of the items it sent.
///
/// ```
/// use futures_util::sink::SinkExt;
/// use pool_driver::read_driven;
///
/// # async fn example(transport: impl futures_util::Sink<String, Error = std::io::Error>
/// #     + futures_util::Stream<Item = std::io::Result<String>> + Unpin) -> std::io::Result<()> {
/// // The transport is any sink that is a stream too: a `Framed`, for example.
/// let mut connection = read_driven(transport, |line| println!("the peer says {line}"));
/// connection.send("hello".to_owned()).await
/// # }
/// ```
pub fn read_driven<S, F>(transport: S, on_item: F) -> ReadDriven<S, F> {
    ReadDriven { transport, on_item, is_shut: false }
}

/// The connection that [`read_driven`] makes.
#[derive(Debug)]
#[pin_project]
pub struct ReadDriven<S, F> {
    #[pin]
    transport: S,
    on_item: F,
    /// We have said that we will send no more.
    is_shut: bool,
}

/// Makes each transport a [`ReadDriven`] connection; all of them share the handler.
///
/// `framed(connector, codec).on_item(handler)` and `tcp(codec).on_item(handler)` of the runtime crates are
/// connectors that [wrap](crate::Wrapped) by it.
#[derive(Clone, Debug)]
pub struct AsReadDriven<F> {
    on_item: F,
}

impl<F> AsReadDriven<F> {
    /// Each connection gets a clone of `on_item`.
    pub fn new(on_item: F) -> Self {
        Self { on_item }
    }
}

impl<S, F> Wrap<S> for AsReadDriven<F> {
    type Connection = ReadDriven<S, F>;

    fn wrap(self, transport: S) -> ReadDriven<S, F> {
        read_driven(transport, self.on_item)
    }
}

/// A peer that never stops talking must not keep the others waiting.
const READS_PER_POLL_MAX: usize = 64;

impl<T, S, F, I, E> Connection<T> for ReadDriven<S, F>
where
    S: Sink<T, Error: Into<BoxError>> + Stream<Item = Result<I, E>>,
    E: Into<<S as Sink<T>>::Error>,
    F: FnMut(I),
{
    const REPORTS_OUTCOMES: bool = false;

    fn poll_event(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<T>, Self::Error>> {
        match ready!(self.poll_read(cx)) {
            Ok(()) => Poll::Ready(Ok(ConnectionEvent::Closed)),
            Err(error) => Poll::Ready(Err(error.into())),
        }
    }
}

impl<S, F> ReadDriven<S, F> {
    /// Reads until there is nothing to read now, or never again.
    fn poll_read<I, E>(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), E>>
    where
        S: Stream<Item = Result<I, E>>,
        F: FnMut(I),
    {
        let mut this = self.project();
        for _ in 0..READS_PER_POLL_MAX {
            match ready!(this.transport.as_mut().poll_next(cx)) {
                Some(item) => (this.on_item)(item?),
                None => return Poll::Ready(Ok(())),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<T, S, F, I, E> Sink<T> for ReadDriven<S, F>
where
    S: Sink<T> + Stream<Item = Result<I, E>>,
    E: Into<<S as Sink<T>>::Error>,
    F: FnMut(I),
{
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().transport.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), S::Error> {
        self.project().transport.start_send(item)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().transport.poll_flush(cx)
    }

    /// Says that no more will come, then reads until the peer has said so too. A socket that is
    /// dropped with something unread in it is reset, and the peer may lose what it has not read.
    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let this = self.as_mut().project();
        if !*this.is_shut {
            ready!(this.transport.poll_close(cx))?;
            *this.is_shut = true;
        }
        self.poll_read(cx).map_err(Into::into)
    }
}
