//! Plain sinks as connections.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_sink::Sink;
use pin_project::pin_project;

use crate::error::BoxError;
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::wrap::Wrap;

/// A sink as a connection.
///
/// It is flushed after each batch of items, and whenever its waker fires: what a sink does in its flush, it
/// does in time. A sink that reads in its flush hears its peer, and one that notices a dead peer there is
/// replaced without traffic. A sink that can't read notices a dead peer only at the next write; where a
/// peer can talk at all, [`read_driven`](crate::read_driven) notices at once.
///
/// The pool doesn't learn what became of the items it sent.
///
/// ```
/// use futures_util::FutureExt;
/// use futures_util::sink::{SinkExt, drain};
/// use pool_driver::Plain;
///
/// let mut connection = Plain::new(drain());
/// connection.send("hello").now_or_never().expect("it takes everything at once")?;
/// # Ok::<(), std::convert::Infallible>(())
/// ```
#[derive(Debug)]
#[pin_project]
pub struct Plain<S> {
    #[pin]
    sink: S,
    /// Once it closes, a flush is no longer a sink's to expect.
    is_closing: bool,
}

impl<S> Plain<S> {
    /// Wraps a sink.
    pub fn new(sink: S) -> Self {
        Self { sink, is_closing: false }
    }
}

impl<T, S: Sink<T, Error: Into<BoxError>>> Connection<T> for Plain<S> {
    const REPORTS_OUTCOMES: bool = false;

    fn poll_event(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<ConnectionEvent<T>, S::Error>> {
        let this = self.project();
        if !*this.is_closing
            && let Err(error) = ready!(this.sink.poll_flush(cx))
        {
            return Poll::Ready(Err(error));
        }
        Poll::Pending
    }
}

impl<T, S: Sink<T>> Sink<T> for Plain<S> {
    type Error = S::Error;

    fn poll_ready(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().sink.poll_ready(cx)
    }

    fn start_send(self: Pin<&mut Self>, item: T) -> Result<(), S::Error> {
        self.project().sink.start_send(item)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.project().sink.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        let this = self.project();
        *this.is_closing = true;
        this.sink.poll_close(cx)
    }
}

/// Makes each sink a [`Plain`] connection. [`PoolBuilder::plain`](crate::PoolBuilder::plain) makes a connector
/// that [wraps](crate::Wrapped) by it.
#[derive(Clone, Copy, Debug, Default)]
#[expect(clippy::exhaustive_structs, reason = "it has no settings")]
pub struct AsPlain;

impl<S> Wrap<S> for AsPlain {
    type Connection = Plain<S>;

    fn wrap(self, sink: S) -> Plain<S> {
        Plain::new(sink)
    }
}
