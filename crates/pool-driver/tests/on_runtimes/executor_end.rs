//! What becomes of a pool whose executor ends. The same for each runtime crate, whose `tests/runtime.rs` says
//! which executors it has.

use std::future::{Pending, pending};
use std::sync::mpsc;

use futures_util::FutureExt;
use futures_util::sink::Drain;

use super::adapter::{
    AsPlain, EndReason, FixedAddresses, Items, Pool, PoolBuilder, Runtime, UndeliveredReason, Wrapped,
    sink_pool_for,
};

type NoDial = fn(u16) -> Pending<Result<Drain<u32>, String>>;
type OnUndelivered = Box<dyn FnMut(u32, UndeliveredReason) + Send>;
/// The builder of a pool whose dials never end.
pub(crate) type Unconnected =
    PoolBuilder<Wrapped<NoDial, AsPlain>, Runtime, FixedAddresses<u16>, Items<OnUndelivered>>;

/// Queued items are given back and all who wait are told, when the executor that `spawn` has given the driver
/// to is dropped.
pub(crate) fn check<E>(executor: E, spawn: impl FnOnce(Unconnected, &E) -> Pool<u32, u16>) {
    let (undelivered, items) = mpsc::channel();
    let on_undelivered: OnUndelivered = Box::new(move |item, reason| {
        undelivered.send((item, reason)).expect("the test listens");
    });
    let no_dial: NoDial = |_| pending();
    let builder = sink_pool_for(no_dial).connect_to_fixed([1]).queue_size(2).item_policy(on_undelivered);
    let pool = spawn(builder, &executor);
    pool.try_send(1).expect("there is room");
    pool.try_send(2).expect("there is room");
    assert!(pool.send(3).now_or_never().is_none());
    drop(executor);
    let reason = UndeliveredReason::Closed(EndReason::DriverDropped);
    assert_eq!(items.try_iter().collect::<Vec<_>>(), [(1, reason), (2, reason)]);
    let ended = pool.closed().now_or_never().expect("it is over");
    assert_eq!((ended.reason, ended.counts.undelivered), (EndReason::DriverDropped, 2));
}
