//! How a script waits.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::failure::Failure;
use crate::fixture::Fixture;
use crate::invariants::Invariants;

/// Where time is virtual, a script waits for nothing longer than this.
const PATIENCE: Duration = Duration::from_secs(2 * 3600);

/// Waits for something to come true, unless it can't any more.
#[derive(Clone, Debug)]
pub(crate) struct Waiting {
    fixture: Arc<Fixture>,
    invariants: Arc<Invariants>,
}

impl Waiting {
    pub(crate) fn new(fixture: &Arc<Fixture>, invariants: &Arc<Invariants>) -> Self {
        Self { fixture: Arc::clone(fixture), invariants: Arc::clone(invariants) }
    }

    /// Returns whether it became true.
    pub(crate) async fn until(&self, is_true: impl Fn(&Fixture) -> bool) -> bool {
        let wait = poll_fn(|_| {
            let is_so = {
                let _turn = self.fixture.driver.between_polls();
                is_true(&self.fixture)
            };
            if is_so { Poll::Ready(true) } else { self.go_on() }
        });
        self.with_patience(wait).await
    }

    /// What a wait returns that is not over: pending, or false if it is in vain. After a broken
    /// invariant it is in vain, and a driver that spins would keep virtual time from passing.
    ///
    /// The script is polled after every poll of the driver, so there is no waker to register.
    pub(crate) fn go_on(&self) -> Poll<bool> {
        let is_in_vain = self.fixture.script.has_timed_out() || self.invariants.is_broken();
        if is_in_vain { Poll::Ready(false) } else { Poll::Pending }
    }

    /// Returns what `wait` returns, or false when patience is over.
    pub(crate) async fn with_patience(&self, wait: impl Future<Output = bool>) -> bool {
        let (mut wait, mut patience) = (pin!(wait), self.fixture.world.clock.sleep(PATIENCE));
        poll_fn(|cx: &mut Context<'_>| match wait.as_mut().poll(cx) {
            Poll::Ready(is_met) => Poll::Ready(is_met),
            Poll::Pending => Pin::new(&mut patience).poll(cx).map(|()| false),
        })
        .await
    }

    /// Lets time pass.
    pub(crate) async fn advance(&self, duration: Duration) -> Result<(), Failure> {
        let mut sleep = self.fixture.world.clock.sleep(duration);
        let wait = poll_fn(|cx| {
            if Pin::new(&mut sleep).poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            self.go_on()
        });
        if wait.await { Ok(()) } else { Err(format!("{duration:?} never passed").into()) }
    }
}
