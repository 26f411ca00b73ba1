//! Request-reply on Tokio: pools of calls, and calls with a time limit.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project::pin_project;
use pool_call::{CallExt, CallingUntil, ReturnToCaller, call_pool_builder};
use pool_driver::{NoAddresses, PoolBuilder};
use tokio::time::{Instant, Sleep, sleep};

use crate::runtime::TokioRuntime;

/// A pool of calls over [`Connection`](crate::Connection)s that answer, which `connector` makes from
/// addresses: [`Pipelined`](crate::Pipelined), [`Tagged`](crate::Tagged), or one of your own.
///
/// Calls that can't be delivered come back to their callers, at the latest when no connection has
/// been up for [`FAIL_FAST_AFTER`](crate::FAIL_FAST_AFTER); a connection whose peer doesn't answer is
/// given up after [`OUTCOME_TIMEOUT`](crate::OUTCOME_TIMEOUT).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::{io, net::SocketAddr, time::Duration};
///
/// use pool_tokio::{Call, CallExt, CallTimeoutExt, Pipelined};
/// use tokio::net::TcpStream;
/// use tokio_util::codec::{Framed, LinesCodec};
///
/// # let server = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
/// # let address = server.local_addr()?;
/// # tokio::spawn(async move {
/// #     while let Ok((mut peer, _)) = server.accept().await {
/// #         tokio::spawn(async move { let (mut from, mut to) = peer.split(); tokio::io::copy(&mut from, &mut to).await.ok() });
/// #     }
/// # });
/// let pool = pool_tokio::pool_for_calls(|address: SocketAddr| async move {
///     let stream = TcpStream::connect(address).await?;
///     Ok::<_, io::Error>(Pipelined::new(Framed::new(stream, LinesCodec::new_with_max_length(8192))))
/// })
/// .connect_to_fixed([address])
/// .spawn::<Call<String, String>>()?;
///
/// let echo = pool.call("hello".to_owned()).await?;
/// let other = pool.call_timeout("again".to_owned(), Duration::from_secs(10)).await?;
/// assert_eq!((echo, other), ("hello".to_owned(), "again".to_owned()));
/// # Ok(())
/// # }
/// ```
pub fn pool_for_calls<C>(connector: C) -> PoolBuilder<C, TokioRuntime, NoAddresses, ReturnToCaller> {
    call_pool_builder(connector, TokioRuntime::new())
}

/// The deadline of a call: a [`Sleep`] that is ready as soon as its time has come.
///
/// Tokio's timer alone is ready up to a millisecond later, and a call whose time is over must not be sent.
#[pin_project]
#[derive(Debug)]
pub struct CallDeadline {
    #[pin]
    sleep: Sleep,
}

impl Future for CallDeadline {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.sleep.deadline() <= Instant::now() { Poll::Ready(()) } else { self.project().sleep.poll(cx) }
    }
}

/// [`CallExt::call`] with a time limit of Tokio's.
pub trait CallTimeoutExt<Request: 'static, Reply: 'static>: CallExt<Request, Reply> {
    /// Sends a request and waits for its reply, for `timeout` at most, the wait for a connection
    /// included: see [`call_until`](CallExt::call_until). Time runs from the call of this method.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime with time enabled.
    fn call_timeout(
        self,
        request: Request,
        timeout: Duration,
    ) -> CallingUntil<Self::Route, Request, Reply, CallDeadline> {
        self.call_until(request, CallDeadline { sleep: sleep(timeout) })
    }
}

impl<C: CallExt<Request, Reply>, Request: 'static, Reply: 'static> CallTimeoutExt<Request, Reply> for C {}
