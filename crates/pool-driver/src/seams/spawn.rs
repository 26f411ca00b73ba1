//! How a runtime spawns the drivers of pools.

use crate::error::BoxError;

/// An executor of the runtime `R` that can run futures of type `F`.
///
/// [`PoolBuilder::spawn`](crate::PoolBuilder::spawn) uses it with [`Ambient`],
/// [`spawn_local`](crate::PoolBuilder::spawn_local) with [`Local`], and
/// [`spawn_on`](crate::PoolBuilder::spawn_on) with the executor's own handle. A runtime crate implements it for
/// those executors that it has. It need not have any, for [`build`](crate::PoolBuilder::build) is always there.
///
/// ```
/// use std::thread;
///
/// use futures_util::FutureExt;
/// use pool_driver::{BoxError, Spawn};
/// # use pool_conformance::simulated::Clock as MyRuntime;
///
/// /// A thread for each driver, which polls it without a pause.
/// struct BusyThreads;
///
/// impl<F: Future<Output: Send> + Send + Unpin + 'static> Spawn<MyRuntime, F> for BusyThreads {
///     fn spawn(self, name: &str, mut future: F) -> Result<(), BoxError> {
///         let poll = move || while (&mut future).now_or_never().is_none() {};
///         thread::Builder::new().name(name.to_owned()).spawn(poll)?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't run a pool's driver on the runtime `{R}`",
    label = "no such executor, or not for this driver",
    note = "`spawn_on` takes an executor's own handle; `build` makes the driver, for a task of your own",
    note = "a driver that is not `Send`, because its connections or items are not, needs `spawn_local` or a local executor"
)]
pub trait Spawn<R, F> {
    /// Starts to run `future`, independently of the caller. The name is for executors whose tasks or threads have
    /// names.
    ///
    /// # Errors
    ///
    /// When there is no such executor here.
    ///
    /// # Panics
    ///
    /// Where the runtime does for want of an executor: on Tokio, [`Local`] outside a `LocalSet`.
    fn spawn(self, name: &str, future: F) -> Result<(), BoxError>;
}

/// The executor that the caller runs on, or the runtime's global one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a marker")]
pub struct Ambient;

/// The executor of the caller's thread, for futures that are not `Send`.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::exhaustive_structs, reason = "a marker")]
pub struct Local;
