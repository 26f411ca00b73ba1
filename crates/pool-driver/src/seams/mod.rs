//! The seams: what users of a pool choose or implement, one trait each.

pub(crate) mod addresses;
pub(crate) mod connect;
pub(crate) mod connection;
#[cfg(feature = "codec")]
pub(crate) mod counted;
#[cfg(feature = "codec")]
pub(crate) mod framed;
pub(crate) mod hashed_addresses;
pub(crate) mod item_policy;
pub(crate) mod map_items;
pub(crate) mod observer;
pub(crate) mod plain;
pub(crate) mod read_driven;
pub(crate) mod reads;
pub(crate) mod runtime;
pub(crate) mod spawn;
pub(crate) mod spawned;
#[cfg(feature = "tcp")]
pub(crate) mod tcp_options;
pub(crate) mod wrap;

use std::marker::PhantomData;

use pool_core::{Balance, RoundRobin};

use addresses::AddressStream;
use connect::Connect;
use connection::Connection;
use item_policy::{DropUndelivered, ItemPolicy};
use observer::{NoObserver, Observer};
use runtime::Runtime;

/// All types that a pool is made of, under one name.
///
/// It is the one parameter of [`Driver`](crate::Driver) and [`Multiplexer`](crate::Multiplexer). A
/// [`PoolBuilder`](crate::PoolBuilder) makes both for [`SeamsOf`] its own types. Code that only holds or
/// polls them needs no other bound:
///
/// ```
/// use std::pin::Pin;
/// use std::task::{Context, Poll};
///
/// use pool_driver::{Driver, Ended, Seams};
///
/// struct Watched<P: Seams> {
///     driver: Driver<P>,
///     polls: u64,
/// }
///
/// impl<P: Seams> Future for Watched<P> {
///     type Output = Ended;
///
///     fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Ended> {
///         self.polls += 1;
///         Pin::new(&mut self.driver).poll(cx)
///     }
/// }
/// ```
pub trait Seams {
    /// What is sent.
    type Item;
    /// Where to connect.
    type Address: Clone + Ord;
    /// Makes connections.
    type Connect: Connect<Self::Address, Connection: Connection<Self::Item>>;
    /// Says which addresses there are.
    type Source: AddressStream<Address = Self::Address>;
    /// Has the clock and the timers.
    type Runtime: Runtime;
    /// Is asked about items.
    type Policy: ItemPolicy<Self::Item>;
    /// Is told what happens.
    type Observer: Observer<Self::Address>;
    /// Picks addresses.
    type Balancer: Balance;
}

/// The [`Seams`] that a [`PoolBuilder`](crate::PoolBuilder) was given, for items `T`. Only a name: there
/// are no values of it.
///
/// The parameters are those of the builder, in its order.
///
/// ```
/// use futures_util::sink::Drain;
/// use pool_driver::{AsPlain, Driver, FixedAddresses, SeamsOf, Wrapped};
///
/// type Dial = std::future::Ready<Result<Drain<String>, std::io::Error>>;
///
/// /// A driver that sends text to addresses that never change.
/// type TextDriver<R> = Driver<SeamsOf<String, Wrapped<fn(u16) -> Dial, AsPlain>, R, FixedAddresses<u16>>>;
/// ```
pub struct SeamsOf<T, C, R, S, U = DropUndelivered, O = NoObserver, B = RoundRobin> {
    #[expect(clippy::type_complexity, reason = "all that it names")]
    _types: PhantomData<fn() -> (T, C, R, S, U, O, B)>,
}

impl<T, C, R, S, U, O, B> std::fmt::Debug for SeamsOf<T, C, R, S, U, O, B> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SeamsOf")
    }
}

impl<T, C, R, S, U, O, B> Seams for SeamsOf<T, C, R, S, U, O, B>
where
    C: Connect<S::Address, Connection: Connection<T>>,
    R: Runtime,
    S: AddressStream,
    U: ItemPolicy<T>,
    O: Observer<S::Address>,
    B: Balance,
{
    type Item = T;
    type Address = S::Address;
    type Connect = C;
    type Source = S;
    type Runtime = R;
    type Policy = U;
    type Observer = O;
    type Balancer = B;
}

/// The connections of a pool.
pub(crate) type ConnectionOf<P> = <<P as Seams>::Connect as Connect<<P as Seams>::Address>>::Connection;

/// The dials of a pool.
pub(crate) type DialOf<P> = <<P as Seams>::Connect as Connect<<P as Seams>::Address>>::Future;
