//! Pools that send numbered lines, every one of which the ledger accounts for.

use std::cell::Cell;
use std::net::SocketAddr;

use futures_util::future::join;
use pool_driver::{AddressState, Pool, UndeliveredReason};
use pool_examples::Ledger;

use crate::TestResult;

/// Records each answer.
pub fn on_answer(ledger: &Ledger) -> impl FnMut(String) + Clone + Send + Sync + use<> {
    let ledger = ledger.clone();
    move |_answer| ledger.answered()
}

/// Records each line that could not be delivered.
pub fn on_undelivered(ledger: &Ledger) -> impl FnMut(String, UndeliveredReason) + Send + use<> {
    let ledger = ledger.clone();
    move |line, reason| ledger.undelivered(&line, reason)
}

/// Sends numbered lines for as long as a story takes, and pauses after each.
///
/// # Errors
///
/// Those of the story; and that the pool has ended.
pub async fn send_during(
    pool: &Pool<String>,
    ledger: &Ledger,
    pause: impl AsyncFn(),
    story: impl Future<Output = TestResult>,
) -> TestResult {
    let is_over = Cell::new(false);
    let send = async {
        while !is_over.get() {
            pool.send(ledger.write_line()).await?;
            pause().await;
        }
        TestResult::Ok(())
    };
    let tell = async {
        let told = story.await;
        is_over.set(true);
        told
    };
    let (sending, telling) = join(send, tell).await;
    telling.and(sending)
}

/// The addresses in force, in order, with their priorities and weights.
#[must_use]
pub fn addresses(pool: &Pool<String>) -> Vec<pool_core::Endpoint<SocketAddr>> {
    let rows = pool.snapshot().addresses.into_iter();
    let rows = rows.filter(|row| row.status.state != AddressState::Departed);
    let mut addresses: Vec<_> = rows
        .map(|row| {
            let endpoint = pool_core::Endpoint::new(*row.address);
            endpoint.with_weight(row.status.weight).with_priority(row.status.priority)
        })
        .collect();
    addresses.sort_by_key(|endpoint| endpoint.address);
    addresses
}
