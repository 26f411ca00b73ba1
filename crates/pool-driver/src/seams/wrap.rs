//! Connectors whose connections are wrapped when they are there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project::pin_project;

use crate::seams::connect::{Connect, DialContext};

/// Makes something else of what a dial has made: a sink into a connection, say.
///
/// A closure `|connection| …` is one. Implement the trait for a type of your own where the [`Wrapped`]
/// connector is to have a name, which a closure has not.
///
/// ```
/// use futures_util::sink::{Buffer, SinkExt, drain};
/// use pool_driver::{Plain, Wrap, Wrapped};
///
/// /// Keeps eight lines until the next flush.
/// #[derive(Clone)]
/// struct EightLines;
///
/// impl<S: futures_util::Sink<String>> Wrap<S> for EightLines {
///     type Connection = Plain<Buffer<S, String>>;
///
///     fn wrap(self, sink: S) -> Self::Connection {
///         Plain::new(sink.buffer(8))
///     }
/// }
///
/// let connect = async |_port: u16| Ok::<_, std::io::Error>(drain::<String>());
/// let by_name = Wrapped::new(connect, EightLines);
/// let by_closure = Wrapped::new(connect, |sink| Plain::new(SinkExt::<String>::buffer(sink, 8)));
/// # fn connects_to<A>(_: impl pool_driver::Connect<A>) {}
/// # connects_to::<u16>(by_name);
/// # connects_to::<u16>(by_closure);
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't wrap `{K}`",
    label = "doesn't wrap what the connector makes",
    note = "what wraps connections is a closure `|connection| …`, or a type that implements `Wrap`"
)]
pub trait Wrap<K> {
    /// What becomes of it.
    type Connection;

    /// Wraps one. A panic counts as a dial that failed.
    fn wrap(self, connection: K) -> Self::Connection;
}

impl<K, W, F: FnOnce(K) -> W> Wrap<K> for F {
    type Connection = W;

    fn wrap(self, connection: K) -> W {
        self(connection)
    }
}

/// A connector whose connections are wrapped: each by a clone of one value, when its dial has succeeded.
///
/// [`Wrap`] has an example.
#[derive(Clone, Debug)]
pub struct Wrapped<C, W> {
    connector: C,
    wrap: W,
}

impl<C, W> Wrapped<C, W> {
    /// Wraps what `connector` dials by clones of `wrap`: a closure `|connection| …`, or a [`Wrap`].
    pub fn new(connector: C, wrap: W) -> Self {
        Self { connector, wrap }
    }
}

impl<A, C, W> Connect<A> for Wrapped<C, W>
where
    C: Connect<A>,
    W: Wrap<C::Connection> + Clone,
{
    type Connection = W::Connection;
    type Error = C::Error;
    type Future = WrappedDial<C::Future, W>;

    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future {
        WrappedDial::new(self.connector.connect(address, context), self.wrap.clone())
    }
}

/// The dial of a [`Wrapped`] connector.
#[derive(Debug)]
#[pin_project]
pub struct WrappedDial<F, W> {
    #[pin]
    dial: F,
    /// Until the connection is there.
    wrap: Option<W>,
}

impl<F, W> WrappedDial<F, W> {
    /// Wraps what `dial` makes by `wrap`: for a connector of your own whose wrapping depends on the address.
    pub fn new(dial: F, wrap: W) -> Self {
        Self { dial, wrap: Some(wrap) }
    }
}

impl<F, W, K, E> Future for WrappedDial<F, W>
where
    F: Future<Output = Result<K, E>>,
    W: Wrap<K>,
{
    type Output = Result<W::Connection, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let connection = ready!(this.dial.poll(cx))?;
        let wrap = this.wrap.take().expect("a dial is not polled after its end");
        Poll::Ready(Ok(wrap.wrap(connection)))
    }
}
