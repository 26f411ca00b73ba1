//! How a test runs, and how it waits.

use std::future::poll_fn;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use pool_driver::BoxError;

/// How a test ends.
pub type TestResult = Result<(), BoxError>;

/// A test that takes this long hangs.
pub const WATCHDOG: Duration = Duration::from_secs(120);

/// Runs a test on Tokio, under the watchdog.
///
/// # Errors
///
/// Those of the test, and that it hangs.
pub fn run_on_tokio(test: impl Future<Output = TestResult>) -> TestResult {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async { tokio::time::timeout(WATCHDOG, test).await? })
}

/// Runs a test on smol, under the watchdog.
///
/// # Errors
///
/// Those of the test, and that it hangs.
pub fn run_on_smol(test: impl Future<Output = TestResult>) -> TestResult {
    let watchdog = async {
        smol::Timer::after(WATCHDOG).await;
        Err("it hangs".into())
    };
    smol::block_on(smol::future::or(test, watchdog))
}

/// Waits for what shall happen.
///
/// # Panics
///
/// When it has not happened after [`WATCHDOG`].
pub async fn until(mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + WATCHDOG;
    poll_fn(|cx| {
        if is_so() {
            return Poll::Ready(());
        }
        assert!(Instant::now() < deadline, "it doesn't come to be so");
        thread::yield_now();
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
