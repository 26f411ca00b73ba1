//! Plain sinks in a pool: each is flushed when it took items and whenever its waker fires, and at no other time.

mod support;

use std::cell::{Cell, RefCell, RefMut};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_channel::mpsc;
use futures_sink::Sink;
use futures_util::StreamExt;
use pool_driver::{Ended, Pool, PoolBuilder, Runtime};
use support::{A, Clock, Executor, SEED, Task, secs};

/// What a test has of one connection's other end.
struct Peer {
    received: mpsc::UnboundedReceiver<u32>,
    says: mpsc::UnboundedSender<u32>,
    flushes: Rc<Cell<usize>>,
}

/// A sink that reads when it is flushed, and answers each number by the next one. It never closes.
struct Talker {
    sent: mpsc::UnboundedSender<u32>,
    peer: mpsc::UnboundedReceiver<u32>,
    flushes: Rc<Cell<usize>>,
}

impl Sink<u32> for Talker {
    type Error = &'static str;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(self: Pin<&mut Self>, item: u32) -> Result<(), Self::Error> {
        self.sent.unbounded_send(item).map_err(|_| "nobody reads")
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.flushes.set(self.flushes.get() + 1);
        while let Poll::Ready(said) = self.peer.poll_next_unpin(cx) {
            let Some(number) = said else { return Poll::Ready(Err("the peer is gone")) };
            self.as_mut().start_send(number + 1)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let _ = self.peer.poll_next_unpin(cx);
        Poll::Pending
    }
}

/// A pool of one connection to a peer, which is connected.
struct Bench {
    clock: Clock,
    executor: Executor,
    pool: Pool<u32, u16>,
    _driver: Task<Ended>,
    peers: Rc<RefCell<Vec<Peer>>>,
}

impl Bench {
    fn up() -> Self {
        let peers = Rc::new(RefCell::new(Vec::new()));
        let accepted = Rc::clone(&peers);
        let connect = move |_: u16| {
            let ((sent, received), (says, peer)) = (mpsc::unbounded(), mpsc::unbounded());
            let flushes = Rc::new(Cell::new(0));
            accepted.borrow_mut().push(Peer { received, says, flushes: Rc::clone(&flushes) });
            async move { Ok::<_, String>(Talker { sent, peer, flushes }) }
        };
        let clock = Clock::default();
        let builder = PoolBuilder::plain(connect, clock.clone()).connect_to_fixed([A]).seed(SEED);
        let (pool, driver) = builder.build::<u32>().expect("the settings make sense");
        let mut executor = Executor::default();
        let driver = executor.spawn(driver);
        executor.run();
        Self { clock, executor, pool, _driver: driver, peers }
    }

    fn peer(&self) -> RefMut<'_, Peer> {
        RefMut::map(self.peers.borrow_mut(), |peers| peers.last_mut().expect("it has connected"))
    }

    fn flushes(&self) -> usize {
        self.peer().flushes.get()
    }
}

#[test]
fn a_plain_sink_that_reads_in_its_flush_hears_what_its_peer_says_later() {
    let mut bench = Bench::up();
    bench.pool.try_send(1).expect("there is room");
    bench.executor.run();
    assert_eq!(bench.peer().received.try_recv().ok(), Some(1));
    bench.peer().says.unbounded_send(7).expect("the connection lives");
    bench.executor.run();
    assert_eq!(bench.peer().received.try_recv().ok(), Some(8), "the answer to what the peer said");
}

#[test]
fn a_plain_sink_whose_flush_notices_that_the_peer_is_gone_is_replaced_without_an_item() {
    let mut bench = Bench::up();
    bench.peer().says.close_channel();
    bench.executor.run();
    bench.clock.set(bench.clock.now() + secs(60));
    bench.executor.run();
    assert_eq!(bench.peers.borrow().len(), 2, "dials");
    bench.pool.try_send(1).expect("there is room");
    bench.executor.run();
    assert_eq!(bench.peer().received.try_recv().ok(), Some(1));
}

#[test]
fn a_plain_sink_that_nothing_wakes_is_flushed_once_for_a_batch_and_not_again() {
    let mut bench = Bench::up();
    let before = bench.flushes();
    for second in 1..10 {
        bench.clock.set(bench.clock.now() + secs(second));
        bench.pool.retry_now(A);
        bench.executor.run();
    }
    assert_eq!(bench.flushes(), before, "nothing has woken it");
    for item in 0..3 {
        bench.pool.try_send(item).expect("there is room");
    }
    bench.executor.run();
    assert_eq!(bench.flushes(), before + 1, "one flush for three items");
}

#[test]
fn a_plain_sink_that_is_closing_is_closed_and_not_flushed_when_it_is_woken() {
    let mut bench = Bench::up();
    let pool = bench.pool.clone();
    let _shutdown = bench.executor.spawn(async move { pool.shutdown(secs(30)).await });
    bench.executor.run();
    let before = bench.flushes();
    bench.peer().says.unbounded_send(7).expect("the connection closes");
    bench.executor.run();
    assert_eq!(bench.flushes(), before);
}
