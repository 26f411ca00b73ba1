//! The time limit of a call.

use std::future::pending;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use futures_util::{FutureExt, Sink, Stream};
use pool_tokio::{Call, CallError, CallTimeoutExt, NotSentReason, Pipelined};

trait Lines: Sink<String, Error = io::Error> + Stream<Item = io::Result<String>> {}

type Connection = Pipelined<Pin<Box<dyn Lines>>, String, String>;

#[tokio::test(start_paused = true)]
async fn a_call_without_time_is_over_at_once_and_never_in_the_queue() {
    // Tokio's timers fire at whole milliseconds.
    tokio::time::advance(Duration::from_micros(500)).await;
    let connector = |_: u16| pending::<Result<Connection, String>>();
    let pool = pool_tokio::pool_for_calls(connector).connect_to_fixed([1]);
    let (pool, _driver) = pool.build::<Call<String, String>>().expect("the settings make sense");
    let ended = pool.call_timeout("too late".to_owned(), Duration::ZERO).now_or_never();
    let timed_out = |error: &CallError<String>| {
        matches!(error, CallError::NotSent { reason: NotSentReason::TimedOut { .. }, .. })
    };
    assert!(matches!(&ended, Some(Err(error)) if timed_out(error)), "{ended:?}");
    assert_eq!(pool.snapshot().queue.queued, 0);
}
