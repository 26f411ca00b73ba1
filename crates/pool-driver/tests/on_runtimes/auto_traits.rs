//! What may be shared between threads, and kept across a panic. The same for each runtime crate, whose
//! `tests/auto_traits.rs` names its runtime. That it compiles is the test.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::net::SocketAddr;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::Duration;

use futures_util::sink::drain;
use futures_util::stream;

use super::adapter::{
    BuildError, CallError, ConnectionClosed, ConnectionError, DialTimedOut, DrainCutOff, Ended,
    OutcomeTimedOut, Pool, PoolConfig, ReadyError, Refused, RefusedReason, Runtime, SendError,
    UndeliveredReason, pool_map, sink_pool_for,
};

fn is_shared<T: Send + Sync>() {}

fn is_shared_value<T: Send + Sync>(_: &T) {}

fn is_sent<T: Send>(_: &T) {}

fn survives_panics<T: UnwindSafe + RefUnwindSafe>() {}

fn is_error<E: std::error::Error + Send + Sync + UnwindSafe + RefUnwindSafe + 'static>() {}

/// Compiles for every `T: Send`, which is the test.
fn pools_of_send_items_are_shared<T: Send>(pool: &Pool<T>, item: T) {
    is_shared::<Pool<T>>();
    is_sent(&pool.clone());
    is_sent(&pool.send(item));
    is_sent(&pool.ready(1));
    is_sent(&pool.shutdown(Duration::ZERO));
    is_sent(&pool.sleep(Duration::ZERO));
    is_shared_value(&pool.downgrade());
}

/// Compiles for every item and address, which is the test.
fn pools_survive_panics<T, A>() {
    survives_panics::<Pool<T, A>>();
}

#[test]
fn a_pool_is_send_and_sync_if_its_items_are_send_and_survives_panics_whatever_they_are() {
    let _ = pools_of_send_items_are_shared::<RefCell<u32>>;
    let _ = pools_survive_panics::<RefCell<u32>, Cell<u8>>;
}

#[test]
fn errors_can_be_passed_on_and_survive_panics() {
    is_error::<SendError<String>>();
    is_error::<Refused>();
    is_error::<ReadyError>();
    is_error::<BuildError>();
    is_error::<DialTimedOut>();
    is_error::<OutcomeTimedOut>();
    is_error::<ConnectionClosed>();
    is_error::<DrainCutOff>();
    is_error::<CallError<String>>();
    is_error::<ConnectionError>();
    survives_panics::<(RefusedReason, UndeliveredReason, Ended)>();
}

#[test]
fn a_runtime_is_send_sync_clone_and_debug() {
    fn is_value<T: Send + Sync + Clone + fmt::Debug + Default + UnwindSafe + RefUnwindSafe + 'static>() {}
    is_value::<Runtime>();
}

#[test]
fn builders_can_be_shared_and_made_drivers_be_sent() {
    let connector = |_: SocketAddr| async { Ok::<_, String>(drain::<RefCell<u32>>()) };
    let builder = sink_pool_for(connector).connect_to_fixed([] as [SocketAddr; 0]);
    is_shared_value(&builder);
    let followed = stream::unfold(Cell::new(0), |cell| async move { Some((PoolConfig::default(), cell)) });
    let builder = builder.config_from(followed);
    is_shared_value(&builder);
    let (pool, driver) = builder.build::<RefCell<u32>>().expect("the settings make sense");
    is_shared_value(&pool);
    is_sent(&driver);
    let creator =
        |_: &String| sink_pool_for(connector).connect_to_fixed([] as [SocketAddr; 0]).spawn::<RefCell<u32>>();
    is_shared_value(&pool_map(creator));
}
