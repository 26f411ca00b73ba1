//! What the tests of the examples share.

#![allow(dead_code, reason = "every test file uses another part")]

pub(crate) mod redis;
pub(crate) mod services;

use std::cell::Cell;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use futures_util::future::join;
use pool_call::Call;
use pool_driver::{AddressSnapshot, BoxError, Pool};
use pool_examples::Ledger;
use tokio_util::codec::Decoder;

pub(crate) type TestResult = Result<(), BoxError>;

/// In all examples.
pub(crate) const CONNECTIONS_PER_SERVER: u16 = 2;

/// A test that takes so long hangs.
const WATCHDOG: Duration = Duration::from_secs(120);

pub(crate) fn run_on_tokio(test: impl Future<Output = TestResult>) -> TestResult {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async { tokio::time::timeout(WATCHDOG, test).await? })
}

pub(crate) fn run_on_smol(test: impl Future<Output = TestResult>) -> TestResult {
    let watchdog = async {
        smol::Timer::after(WATCHDOG).await;
        Err("it hangs".into())
    };
    smol::block_on(smol::future::or(test, watchdog))
}

/// Sends numbered lines for as long as a story takes.
pub(crate) async fn send_during(
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

/// Waits for what shall happen, however long it takes.
pub(crate) async fn until(mut is_so: impl FnMut() -> bool) {
    poll_fn(|cx| {
        if is_so() {
            return Poll::Ready(());
        }
        thread::yield_now();
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Waits until all connections are there; from then on turns are exact.
pub(crate) async fn all_ready<Request, Reply>(pool: &Pool<Call<Request, Reply>>, servers: usize) {
    until(|| {
        let addresses = pool.snapshot().addresses;
        addresses.len() == servers && addresses.iter().all(|row| row.status.ready == CONNECTIONS_PER_SERVER)
    })
    .await;
}

/// What a pool says of one of its addresses.
pub(crate) fn row<Request, Reply>(
    pool: &Pool<Call<Request, Reply>>,
    address: SocketAddr,
) -> AddressSnapshot<SocketAddr> {
    let addresses = pool.snapshot().addresses;
    addresses.into_iter().find(|row| *row.address == address).expect("the pool knows its addresses")
}

/// What a codec makes of pieces that come one after the other, up to its first error.
pub(crate) fn decode<'a, D: Decoder<Error = io::Error>>(
    mut codec: D,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<D::Item>, Option<String>) {
    let (mut buffer, mut replies) = (BytesMut::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(reply)) => replies.push(reply),
                Ok(None) => break,
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
                    return (replies, Some(error.to_string()));
                }
            }
        }
    }
    (replies, None)
}
