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
    /// Calls that have this one and no answer.
    in_flight: AtomicU64,
}

impl<C> Turns<C> {
    /// They have their turns in this order.
    pub(crate) fn new(members: impl IntoIterator<Item = (SocketAddr, C)>) -> Self {
        let member = |(server, client)| Member { server, client, in_flight: AtomicU64::new(0) };
        Self { members: members.into_iter().map(member).collect(), next: AtomicUsize::new(0) }
    }

    /// Makes a call with the one whose turn it is.
    pub(crate) async fn call<R>(&self, call: impl AsyncFnOnce(&C) -> R) -> R {
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        let Member { client, in_flight, .. } = &self.members[turn % self.members.len()];
        in_flight.fetch_add(1, Ordering::Relaxed);
        let result = call(client).await;
        in_flight.fetch_sub(1, Ordering::Relaxed);
        result
    }

    pub(crate) fn in_flight(&self, server: SocketAddr) -> u64 {
        let of_server = self.members.iter().filter(|member| member.server == server);
        of_server.map(|member| member.in_flight.load(Ordering::Relaxed)).sum()
    }
}
