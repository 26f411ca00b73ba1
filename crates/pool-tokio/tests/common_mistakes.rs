//! What the page of common mistakes says, where a program that compiles shows it.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use pool_tokio::call::{ConnectionError, MaybeSentReason, WeakCallPool};
use pool_tokio::connect::Plain;
use pool_tokio::driver::WeakPool;
use pool_tokio::errors::{EndReason, ReadyError};
use pool_tokio::events::Event;
use pool_tokio::{CallError, Pool, call_pool_for, pool_for, sink_pool_for, tcp};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::codec::LinesCodec;

const LINE_MAX: usize = 8192;
/// So long that a test which waits for it has failed.
const LONG: Duration = Duration::from_secs(30);

async fn server() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("the loopback is there");
    let address = listener.local_addr().expect("it is bound");
    (listener, address)
}

/// Counts what is sent, when it is flushed.
fn counting(
    sent: &Arc<AtomicUsize>,
) -> impl FnMut(u16) -> std::future::Ready<Result<Counting, io::Error>> + use<> {
    let sent = Arc::clone(sent);
    move |_| std::future::ready(Ok(Plain::new(Box::pin(count_into(Arc::clone(&sent))) as CountingSink)))
}

type CountingSink = std::pin::Pin<Box<dyn futures_util::Sink<String, Error = io::Error> + Send>>;
type Counting = Plain<CountingSink>;

fn count_into(sent: Arc<AtomicUsize>) -> impl futures_util::Sink<String, Error = io::Error> {
    futures_util::sink::unfold(sent, |sent, _line: String| async move {
        sent.fetch_add(1, Ordering::Relaxed);
        Ok(sent)
    })
}

#[test]
fn what_is_queued_is_lost_with_its_runtime_and_delivered_by_a_shutdown() {
    for shuts_down in [false, true] {
        let sent = Arc::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let pool = pool_for(counting(&sent)).connect_to_fixed([1]).spawn().expect("it makes sense");
            for _ in 0..10 {
                // There is room in the queue, and the driver has no turn before this task waits.
                pool.try_send("a line".to_owned()).expect("there is room");
            }
            if shuts_down {
                pool.shutdown(LONG).await;
            }
        });
        drop(runtime);
        assert_eq!(sent.load(Ordering::Relaxed), if shuts_down { 10 } else { 0 });
    }
}

#[tokio::test]
async fn a_pool_ends_though_its_observer_looks_at_it() {
    let sent = Arc::default();
    let own: Arc<OnceLock<WeakPool<String, u16>>> = Arc::default();
    let (of_observer, looks) = (Arc::clone(&own), Arc::new(AtomicUsize::new(0)));
    let counted = Arc::clone(&looks);
    let pool: Pool<String, u16> = pool_for(counting(&sent))
        .connect_to_fixed([1])
        .observer(move |_: &Event<u16>| {
            if let Some(pool) = of_observer.get() {
                counted.fetch_add(pool.snapshot().addresses.len(), Ordering::Relaxed);
            }
        })
        .spawn()
        .expect("it makes sense");
    own.set(pool.downgrade()).expect("it is set once");
    pool.ready(1).timeout(LONG).await.expect("a sink needs nobody");
    let over = pool.closed();
    drop(pool);
    assert_eq!(over.await.reason, EndReason::HandlesDropped);
    assert!(looks.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn a_call_that_is_not_awaited_sends_nothing() {
    let (listener, address) = server().await;
    let lines = tcp(LinesCodec::new_with_max_length(LINE_MAX)).pipelined();
    let pool = call_pool_for(lines).connect_to_fixed([address]).spawn().expect("it makes sense");
    pool.ready(1).timeout(LONG).await.expect("the server listens");
    drop(pool.call("never".to_owned()));
    let weak: WeakCallPool<String, String> = pool.downgrade();
    assert_eq!(weak.snapshot().counts.accepted, 0);
    drop(listener);
}

#[tokio::test]
async fn a_reply_that_nobody_waits_for_breaks_the_connection() {
    let (listener, address) = server().await;
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await?;
        let mut question = [0; 64];
        let _ = peer.read(&mut question).await?;
        // As after SUBSCRIBE: one more than was asked for, and it comes first.
        peer.write_all(b"message\nanswer\n").await?;
        std::future::pending::<io::Result<()>>().await
    });
    let lines = tcp(LinesCodec::new_with_max_length(LINE_MAX)).pipelined();
    let pool = call_pool_for(lines).connect_to_fixed([address]).spawn().expect("it makes sense");
    let first = pool.call("question".to_owned()).timeout(LONG).await.expect("something comes");
    assert_eq!(first, "message", "the answers are shifted by one");
    let error = loop {
        if let Some(error) = pool.last_error() {
            break error;
        }
        tokio::task::yield_now().await;
    };
    assert!(matches!(error.downcast_ref(), Some(ConnectionError::UnexpectedReply { .. })), "{error}");
}

#[tokio::test]
async fn a_line_that_is_too_long_costs_its_connection_and_no_memory() {
    let (listener, address) = server().await;
    tokio::spawn(async move {
        let (mut peer, _) = listener.accept().await?;
        while peer.write_all(&[b'x'; 1024]).await.is_ok() {}
        io::Result::Ok(())
    });
    let lines = tcp(LinesCodec::new_with_max_length(LINE_MAX)).pipelined();
    let pool = call_pool_for(lines).connect_to_fixed([address]).spawn().expect("it makes sense");
    let error = pool.call("question".to_owned()).timeout(LONG).await.expect_err("no line ends");
    let CallError::MaybeSent { reason: MaybeSentReason::ConnectionFailed(error) } = error else {
        panic!("{error:?}")
    };
    assert_eq!(error.to_string(), "max line length exceeded");
}

#[tokio::test(start_paused = true)]
async fn a_pool_that_is_not_ready_in_time_says_what_is_missing_and_why() {
    let connect = |_: u16| std::future::ready(Err::<CountingSink, _>(io::Error::other("no such host")));
    let pool = sink_pool_for(connect).connect_to_fixed([1, 2]).spawn().expect("it makes sense");
    pool.try_send(String::new()).expect("there is room");
    let error = pool.ready(2).timeout(Duration::from_millis(50)).await.expect_err("nobody is there");
    assert!(matches!(error, ReadyError::TimedOut { connected: 0, wanted: 2, .. }), "{error:?}");
    assert_eq!(error.to_string(), "0 of 2 connections are up after 50ms; the last error: no such host");
}
