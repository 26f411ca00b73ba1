//! `call`, on everything that takes calls.

use futures_sink::Sink;
use pool_driver::{BoxError, Pool};

use super::route::{PoolRoute, Route, SinkRoute};
use super::{Calling, CallingUntil};
use crate::call::{Call, Caller};

/// Sends a request and waits for its reply: on a [`Pool`] of calls, and on any other sink of them, such as a
/// `Multiplexer` or one [`Pipelined`](crate::Pipelined) connection.
///
/// Calls on a pool borrow it: any number can wait at a time, from one handle or many.
/// Another sink is borrowed mutably until the reply has come, and driven by the call that waits. To have more
/// than one call on its way, send [`Call`]s yourself.
///
/// ```
/// use std::time::Duration;
///
/// use pool_call::{Call, CallError, CallExt};
/// use pool_driver::Pool;
///
/// async fn increment(pool: &Pool<Call<String, u64>>) -> Option<u64> {
///     match pool.call("INCR visits".to_owned()).await {
///         Ok(visits) => Some(visits),
///         // It never left: no harm in asking again.
///         Err(CallError::NotSent { request, .. }) => pool.call(request).await.ok(),
///         // It may have been counted: asking again could count it twice.
///         Err(_) => None,
///     }
/// }
/// ```
///
/// Dropping the future gives up the call. A call that still waits for a connection is never sent;
/// a call that is on the wire is answered all the same, and its reply is thrown away. No other caller
/// ever gets it.
///
/// The trait is implemented for references, so that one name serves both `&pool` and
/// `&mut connection`; write `pool.call(request)`.
pub trait CallExt<Request: 'static, Reply: 'static>: Sized {
    /// How a call gets to a connection.
    type Route: Route<Request, Reply>;

    /// Sends a request and waits for its reply.
    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply>;

    /// As [`call`](Self::call), until `deadline` is ready: any future, such as a runtime's sleep. The
    /// runtime crates have `call_timeout`, which takes a duration.
    ///
    /// ```
    /// use pool_call::{Call, CallError, CallExt, NotSentReason};
    /// use pool_driver::Pool;
    ///
    /// # async fn sleep(_: u32) {}
    /// async fn get(pool: &Pool<Call<String, String>>) -> Result<String, CallError<String>> {
    ///     pool.call_until("GET name".to_owned(), sleep(100)).await
    /// }
    /// ```
    ///
    /// The deadline is polled before the call is sent: a deadline that is over sends nothing. A call that still
    /// waits for a connection then is [`NotSent`](crate::CallError::NotSent); a call that is on the wire is
    /// [`MaybeSent`](crate::CallError::MaybeSent), unless its reply has come.
    fn call_until<Deadline>(
        self,
        request: Request,
        deadline: Deadline,
    ) -> CallingUntil<Self::Route, Request, Reply, Deadline>
    where
        Deadline: Future,
    {
        CallingUntil::new(self.call(request), deadline)
    }
}

impl<'a, Request: 'static, Reply: 'static, A> CallExt<Request, Reply> for &'a Pool<Call<Request, Reply>, A> {
    type Route = PoolRoute<'a, Request, Reply, A>;

    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply> {
        Calling::new(PoolRoute::new(self), Caller::of_request(request))
    }
}

impl<'a, Request, Reply, S> CallExt<Request, Reply> for &'a mut S
where
    Request: 'static,
    Reply: 'static,
    S: Sink<Call<Request, Reply>, Error: Into<BoxError>> + Unpin,
{
    type Route = SinkRoute<'a, S>;

    fn call(self, request: Request) -> Calling<Self::Route, Request, Reply> {
        Calling::new(SinkRoute::new(self), Caller::of_request(request))
    }
}
