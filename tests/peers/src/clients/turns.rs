//! Round-robin by hand, for clients that know one server each.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

pub(crate) struct Turns<C> {
    members: Vec<Member<C>>,
    next: AtomicUsize,
}

struct Member<C> {
    server: SocketAddr,
    client: C,
    /// Calls that were given to this one …
    given: AtomicU64,
    /// … and those of them that are over.
    ended: AtomicU64,
}

/// Counts a call's end, also if the call is dropped.
struct Ending<'a>(&'a AtomicU64);

impl<C> Turns<C> {
    /// They have their turns in this order.
    pub(crate) fn new(members: impl IntoIterator<Item = (SocketAddr, C)>) -> Self {
        let member = |(server, client)| {
            let (given, ended) = (AtomicU64::new(0), AtomicU64::new(0));
            Member { server, client, given, ended }
        };
        Self { members: members.into_iter().map(member).collect(), next: AtomicUsize::new(0) }
    }

    /// Makes a call with the one whose turn it is.
    pub(crate) async fn call<R>(&self, call: impl AsyncFnOnce(&C) -> R) -> R {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Member { client, given, ended, .. } = &self.members[turn % self.members.len()];
        given.fetch_add(1, Ordering::Relaxed);
        let _ending = Ending(ended);
        call(client).await
    }

    pub(crate) fn in_flight(&self, server: SocketAddr) -> u64 {
        // Looked at in this order, none has ended that was not given.
        let ended = self.sum(server, |member| &member.ended);
        self.given(server) - ended
    }

    pub(crate) fn given(&self, server: SocketAddr) -> u64 {
        self.sum(server, |member| &member.given)
    }

    fn sum(&self, server: SocketAddr, count: impl Fn(&Member<C>) -> &AtomicU64) -> u64 {
        let of_server = self.members.iter().filter(|member| member.server == server);
        of_server.map(|member| count(member).load(Ordering::Acquire)).sum()
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Release);
    }
}
