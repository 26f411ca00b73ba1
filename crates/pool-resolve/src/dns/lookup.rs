//! One lookup of one name, on the Tokio thread.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_channel::oneshot;
use tokio::time;

use super::client::Client;
use super::{DnsName, IpVersion};
use crate::lookup::{Lookup, LookupAnswer, LookupError};
use crate::threads::{Task, TokioThread};

/// Looks up one name in DNS; made by [`Dns::lookup`](super::Dns::lookup).
#[derive(Clone, Debug)]
pub struct DnsLookup {
    client: Arc<Client>,
    thread: TokioThread,
    name: DnsName,
    versions: IpVersion,
    timeout: Duration,
}

impl DnsLookup {
    pub(super) fn new(
        client: Arc<Client>,
        thread: TokioThread,
        name: DnsName,
        versions: IpVersion,
        timeout: Duration,
    ) -> Self {
        Self { client, thread, name, versions, timeout }
    }
}

impl Lookup for DnsLookup {
    type Address = SocketAddr;
    type Future = DnsFuture;

    fn lookup(&mut self) -> DnsFuture {
        let Self { client, thread, name, versions, timeout } = self.clone();
        let (tell, answer) = oneshot::channel();
        let task = thread.spawn(async move {
            let answer = match time::timeout(timeout, client.look_up(&name, versions)).await {
                Ok(answer) => answer,
                Err(_) => Err(client.timed_out(&name, timeout)),
            };
            // The future may have been dropped, and this task with it.
            let _ = tell.send(answer);
        });
        DnsFuture { answer, _task: task }
    }
}

/// The answer to one lookup. Dropping it cancels the lookup.
pub struct DnsFuture {
    answer: oneshot::Receiver<Result<LookupAnswer<SocketAddr>, LookupError>>,
    _task: Task,
}

impl Future for DnsFuture {
    type Output = Result<LookupAnswer<SocketAddr>, LookupError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = Pin::new(&mut self.answer).poll(cx);
        answer.map(|answer| answer.unwrap_or_else(|_| Err("the lookup panicked".into())))
    }
}

impl fmt::Debug for DnsFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DnsFuture").finish_non_exhaustive()
    }
}
