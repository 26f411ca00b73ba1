//! Request-reply on smol: pools of calls, and calls with a time limit.

use std::time::Duration;

use async_io::Timer;
use pool_call::{CallExt, CallingUntil, ReturnToCaller, call_pool_builder};
use pool_driver::{NoAddresses, PoolBuilder};

use crate::runtime::SmolRuntime;

/// A pool of calls over [`Connection`](crate::Connection)s that answer, which `connector` makes from
/// addresses: [`Pipelined`](crate::Pipelined), [`Tagged`](crate::Tagged), or one of your own.
///
/// Calls that can't be delivered come back to their callers, at the latest when no connection has
/// been up for [`FAIL_FAST_AFTER`](crate::FAIL_FAST_AFTER); a connection whose peer doesn't answer is
/// given up after [`OUTCOME_TIMEOUT`](crate::OUTCOME_TIMEOUT).
///
/// ```
/// use std::{io, net::SocketAddr, time::Duration};
///
/// use pool_smol::{Call, CallExt, CallTimeoutExt, Pipelined};
/// use smol::Async;
/// use tokio_util::{codec::{Framed, LinesCodec}, compat::FuturesAsyncReadCompatExt};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # smol::block_on(async {
/// # let server = Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0))?;
/// # let address = server.get_ref().local_addr()?;
/// # smol::spawn(async move {
/// #     while let Ok((peer, _)) = server.accept().await {
/// #         smol::spawn(async move { smol::io::copy(&peer, &peer).await }).detach();
/// #     }
/// # }).detach();
/// let pool = pool_smol::pool_for_calls(|address: SocketAddr| async move {
///     let stream = Async::<std::net::TcpStream>::connect(address).await?;
///     Ok::<_, io::Error>(Pipelined::new(Framed::new(stream.compat(), LinesCodec::new_with_max_length(8192))))
/// })
/// .connect_to_fixed([address])
/// .spawn::<Call<String, String>>()?;
///
/// let echo = pool.call("hello".to_owned()).await?;
/// let other = pool.call_timeout("again".to_owned(), Duration::from_secs(10)).await?;
/// assert_eq!((echo, other), ("hello".to_owned(), "again".to_owned()));
/// # Ok(())
/// # })
/// # }
/// ```
pub fn pool_for_calls<C>(connector: C) -> PoolBuilder<C, SmolRuntime, NoAddresses, ReturnToCaller> {
    call_pool_builder(connector, SmolRuntime::new())
}

/// [`CallExt::call`] with a time limit of async-io's.
pub trait CallTimeoutExt<Request: 'static, Reply: 'static>: CallExt<Request, Reply> {
    /// Sends a request and waits for its reply, for `timeout` at most, the wait for a connection
    /// included: see [`call_until`](CallExt::call_until). Time runs from the call of this method.
    fn call_timeout(
        self,
        request: Request,
        timeout: Duration,
    ) -> CallingUntil<Self::Route, Request, Reply, Timer> {
        self.call_until(request, Timer::after(timeout))
    }
}

impl<C: CallExt<Request, Reply>, Request: 'static, Reply: 'static> CallTimeoutExt<Request, Reply> for C {}
