//! How connections are made.

use std::time::Duration;

use crate::error::BoxError;

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
///
/// What the connections of a connector lack can be added by a [`Wrapped`](crate::Wrapped) connector.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no connector for addresses of type `{A}`",
    label = "makes no connections to addresses of type `{A}`",
    note = "a connector is a closure `|address: {A}| async move {{ … Ok(connection) }}`, or a type that \
            implements `Connect`",
    note = "its future is a `Result`, with an error that `Box<dyn Error + Send + Sync>` can be made of"
)]
pub trait Connect<A> {
    /// What a dial makes: a connection, or what a [`Wrap`](crate::Wrap) makes one of: a plain sink, a byte stream.
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
