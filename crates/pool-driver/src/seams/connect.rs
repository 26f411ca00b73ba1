//! How connections are made.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use pin_project::pin_project;

use crate::error::BoxError;
use crate::seams::connection::Plain;

/// Makes connections to addresses.
///
/// A closure `move |address| async move { … }` is a connector. Implement the trait for one that needs the
/// [`DialContext`], or whose future is to have a name.
///
/// ```
/// use std::future::{Ready, ready};
///
/// use futures_util::sink::{Drain, drain};
/// use pool_driver::{Connect, DialContext};
///
/// /// Tries a server for as long as it has not failed too often.
/// struct Impatient;
///
/// impl Connect<u16> for Impatient {
///     type Connection = Drain<String>;
///     type Error = String;
///     type Future = Ready<Result<Drain<String>, String>>;
///
///     fn connect(&mut self, port: u16, context: &DialContext) -> Self::Future {
///         let is_hopeless = context.failures > 10;
///         ready(if is_hopeless { Err(format!("port {port} is given up")) } else { Ok(drain()) })
///     }
/// }
/// ```
///
/// A panic of `connect`, or of the dial, counts as a dial that failed.
pub trait Connect<A> {
    /// What a dial makes: a connection, a sink that [`Plain`] makes into one, or a byte stream that
    /// `framed` does.
    type Connection;
    /// Why a dial failed.
    type Error: Into<BoxError>;
    /// A dial.
    type Future: Future<Output = Result<Self::Connection, Self::Error>>;

    /// Starts a dial. It is dropped when it takes longer than the dial timeout or when its
    /// address leaves.
    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future;
}

/// What a connector may want to know of a dial.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DialContext {
    /// How often the address has failed since it last worked.
    pub failures: u32,
    /// How long the dial may take.
    pub timeout: Duration,
}

impl<A, F, Dial, K, E> Connect<A> for F
where
    F: FnMut(A) -> Dial,
    Dial: Future<Output = Result<K, E>>,
    E: Into<BoxError>,
{
    type Connection = K;
    type Error = E;
    type Future = Dial;

    fn connect(&mut self, address: A, _: &DialContext) -> Dial {
        self(address)
    }
}

/// A connector whose plain sinks become connections.
#[derive(Clone, Debug)]
pub struct PlainConnector<C> {
    connector: C,
}

impl<C> PlainConnector<C> {
    pub(crate) fn new(connector: C) -> Self {
        Self { connector }
    }
}

impl<A, C: Connect<A>> Connect<A> for PlainConnector<C> {
    type Connection = Plain<C::Connection>;
    type Error = C::Error;
    type Future = PlainDial<C::Future>;

    fn connect(&mut self, address: A, context: &DialContext) -> Self::Future {
        PlainDial { dial: self.connector.connect(address, context) }
    }
}

/// The dial of a [`PlainConnector`].
#[derive(Debug)]
#[pin_project]
pub struct PlainDial<F> {
    #[pin]
    dial: F,
}

impl<F, K, E> Future for PlainDial<F>
where
    F: Future<Output = Result<K, E>>,
{
    type Output = Result<Plain<K>, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(ready!(self.project().dial.poll(cx)).map(Plain::new))
    }
}
