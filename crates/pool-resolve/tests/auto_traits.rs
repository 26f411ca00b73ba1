//! Resolvers and their settings can be shared between threads, and used after a panic was caught. What they
//! make can be sent to another thread.

use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::Pin;
use std::task::{Context, Poll};

use pool_driver::{Instant, Runtime, Timer};
use pool_resolve::{HostPort, LookupAnswer, LookupError, PollConfig, Polling};

/// The plainest runtime: sources can be no more than what they are made of.
#[derive(Clone)]
struct Plain;

impl Runtime for Plain {
    type Timer = Plain;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn timer(&self) -> Plain {
        Plain
    }
}

impl Timer for Plain {
    fn reset(self: Pin<&mut Self>, _: Instant) {}

    fn poll_expired(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

const fn is_shared<T: Send + Sync + UnwindSafe + RefUnwindSafe + Unpin>() {}
const fn is_sent<T: Send>() {}

const _: () = is_shared::<PollConfig>();
const _: () = is_shared::<HostPort>();
const _: () = is_shared::<LookupAnswer<u16>>();
const _: () = is_sent::<LookupError>();
const _: () = is_sent::<Polling<fn() -> std::future::Ready<Result<LookupAnswer<u16>, LookupError>>, Plain>>();

#[cfg(feature = "system")]
mod system {
    use pool_resolve::{System, SystemLookup};

    use super::*;

    const _: () = is_shared::<System<Plain>>();
    const _: () = is_shared::<SystemLookup>();
    const _: () = is_sent::<Polling<SystemLookup, Plain>>();
}

#[cfg(feature = "file")]
mod file {
    use pool_resolve::{File, FileAddresses, FileError, Format};

    use super::*;

    const _: () = is_shared::<File<Plain>>();
    const _: () = is_shared::<Format>();
    const _: () = is_sent::<FileAddresses<Plain>>();
    const _: () = is_sent::<FileError>();
}

#[cfg(feature = "dns")]
mod dns {
    use pool_resolve::{Dns, DnsFuture, DnsLookup, DnsName};

    use super::*;

    const _: () = is_shared::<Dns<Plain>>();
    const _: () = is_shared::<DnsLookup>();
    const _: () = is_shared::<DnsName>();
    const _: () = is_sent::<DnsFuture>();
    const _: () = is_sent::<Polling<DnsLookup, Plain>>();
}

#[cfg(feature = "etcd")]
mod etcd {
    use pool_resolve::{Etcd, EtcdConfig, EtcdPrefix, EtcdSubscription};

    use super::*;

    const _: () = is_shared::<Etcd>();
    const _: () = is_shared::<EtcdConfig>();
    const _: () = is_shared::<EtcdPrefix>();
    const _: () = is_sent::<EtcdSubscription>();
}
