//! A spawned connection under every interleaving of its owner and its task.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use futures_sink::Sink;
use loom::sync::Notify;
use loom::thread;
use pool_core::{Instant, Outcome};

use super::{ConnectionTask, SpawnedConnection};
use crate::error::BoxError;
use crate::seams::connection::{Connection, ConnectionEvent};
use crate::seams::runtime::{Runtime, Timer};

/// Time stands still.
#[derive(Clone)]
struct Stopped;

impl Timer for Stopped {
    fn reset(self: Pin<&mut Self>, _: Instant) {}

    fn poll_expired(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        Poll::Pending
    }
}

impl Runtime for Stopped {
    type Timer = Self;

    fn now(&self) -> Instant {
        Instant::ZERO
    }

    fn timer(&self) -> Self {
        Self
    }
}

/// Stands for a task. A lost wake-up leaves it waiting, which loom reports as a deadlock.
struct Sleeper(Notify);

impl Sleeper {
    fn new() -> (Arc<Self>, Waker) {
        let sleeper = Arc::new(Self(Notify::new()));
        (Arc::clone(&sleeper), Waker::from(sleeper))
    }
}

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

/// What a peer has got, and whether it still is there.
#[derive(Clone, Default)]
struct Record(Arc<StdMutex<(Vec<u32>, bool)>>);

impl Record {
    fn got(&self) -> Vec<u32> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn is_dropped(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

/// Takes some items and then is busy.
struct Peer {
    record: Record,
    takes: usize,
    tells: VecDeque<Result<ConnectionEvent<u32>, String>>,
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.record.0.lock().unwrap_or_else(PoisonError::into_inner).1 = true;
    }
}

impl Sink<u32> for Peer {
    type Error = String;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        if self.takes > 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn start_send(mut self: Pin<&mut Self>, item: u32) -> Result<(), String> {
        self.takes -= 1;
        self.record.0.lock().unwrap_or_else(PoisonError::into_inner).0.push(item);
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), String>> {
        Poll::Ready(Ok(()))
    }
}

impl Connection<u32> for Peer {
    const REPORTS_OUTCOMES: bool = true;

    fn poll_event(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Result<ConnectionEvent<u32>, String>> {
        self.tells.pop_front().map_or(Poll::Pending, Poll::Ready)
    }

    /// Returns all that it has got.
    fn give_up(mut self: Pin<&mut Self>) {
        let got = std::mem::take(&mut self.record.0.lock().unwrap_or_else(PoisonError::into_inner).0);
        self.tells.extend(got.into_iter().map(|item| Ok(ConnectionEvent::Unsent(item))));
    }
}

/// The end of a connection that a driver has.
struct Owner {
    connection: SpawnedConnection<u32, Peer>,
    sleeper: Arc<Sleeper>,
    waker: Waker,
    /// What came back, as a driver puts it in order.
    backlog: VecDeque<u32>,
    outcomes: usize,
}

impl Owner {
    fn send(&mut self, items: impl IntoIterator<Item = u32>) {
        let mut connection = Pin::new(&mut self.connection);
        items.into_iter().for_each(|item| connection.as_mut().start_send(item).expect("it is taken"));
        assert!(connection.poll_flush(&mut Context::from_waker(&self.waker)).is_ready());
    }

    /// Reads until there is no more now. Returns the error that ended the connection, if one did.
    fn read(&mut self) -> Option<BoxError> {
        let mut unsent = Vec::new();
        let end = loop {
            let mut cx = Context::from_waker(&self.waker);
            match Pin::new(&mut self.connection).poll_event(&mut cx) {
                Poll::Ready(Ok(ConnectionEvent::Unsent(item))) => unsent.push(item),
                Poll::Ready(Ok(_)) => self.outcomes += 1,
                Poll::Ready(Err(error)) => break Some(error),
                Poll::Pending => break None,
            }
        };
        unsent.into_iter().rev().for_each(|item| self.backlog.push_front(item));
        end
    }

    fn poll(
        &mut self,
        poll: impl FnOnce(Pin<&mut SpawnedConnection<u32, Peer>>, &mut Context<'_>) -> bool,
    ) -> bool {
        poll(Pin::new(&mut self.connection), &mut Context::from_waker(&self.waker))
    }

    /// Reads until so many items have come back.
    fn read_until_back(&mut self, items: usize) {
        loop {
            assert!(self.read().is_none(), "it lives");
            if self.backlog.len() == items {
                return;
            }
            self.sleeper.0.wait();
        }
    }

    fn read_until_failed(&mut self) -> BoxError {
        loop {
            if let Some(error) = self.read() {
                return error;
            }
            self.sleeper.0.wait();
        }
    }
}

fn pair(takes: usize) -> (Owner, ConnectionTask<u32, Peer, Stopped>, Record) {
    pair_that_tells(takes, [])
}

fn pair_that_tells(
    takes: usize,
    tells: impl IntoIterator<Item = Result<ConnectionEvent<u32>, String>>,
) -> (Owner, ConnectionTask<u32, Peer, Stopped>, Record) {
    let record = Record::default();
    let peer = Peer { record: record.clone(), takes, tells: tells.into_iter().collect() };
    let (connection, task) = SpawnedConnection::split(peer, Stopped);
    let (sleeper, waker) = Sleeper::new();
    (Owner { connection, sleeper, waker, backlog: VecDeque::new(), outcomes: 0 }, task, record)
}

/// Polls a task until it is over.
fn run(mut task: ConnectionTask<u32, Peer, Stopped>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        let (sleeper, waker) = Sleeper::new();
        while Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending() {
            sleeper.0.wait();
        }
    })
}

fn success() -> ConnectionEvent<u32> {
    ConnectionEvent::Finished(Outcome::Success { latency: None })
}

#[test]
fn loom_what_is_told_before_the_end_is_heard_before_the_end_and_what_was_on_the_way_comes_back() {
    loom::model(|| {
        let tells = [Ok(success()), Ok(success()), Err("broken".to_owned())];
        let (mut owner, task, record) = pair_that_tells(0, tells);
        let running = run(task);
        owner.send([1]);
        let error = owner.read_until_failed();
        assert_eq!((error.to_string().as_str(), owner.outcomes), ("broken", 2));
        assert!(owner.backlog == [1] && record.is_dropped());
        running.join().expect("no panic");
    });
}

#[test]
fn loom_what_a_connection_does_not_take_comes_back_in_its_order_with_what_was_sent_after_it() {
    loom::model(|| {
        let (mut owner, task, record) = pair(1);
        let running = run(task);
        owner.send([1, 2]);
        owner.send([3]);
        owner.read_until_back(2);
        assert!(owner.backlog == [2, 3] && record.got() == [1]);
        drop(owner);
        running.join().expect("no panic");
    });
}

#[test]
fn loom_what_a_connection_returns_that_is_given_up_goes_before_what_it_did_not_take() {
    loom::model(|| {
        let (mut owner, task, record) = pair(1);
        let running = run(task);
        owner.send([1, 2]);
        owner.send([3]);
        owner.read();
        Pin::new(&mut owner.connection).give_up();
        while !owner.poll(|connection, cx| connection.poll_given_up(cx).is_ready()) {
            owner.sleeper.0.wait();
        }
        assert!(record.is_dropped());
        owner.read();
        assert_eq!(owner.backlog, [1, 2, 3]);
        drop(owner);
        running.join().expect("no panic");
    });
}

#[test]
fn loom_a_close_sends_or_returns_all_that_was_on_the_way() {
    // All orders take a quarter of a minute. A fault that needs more than three preemptions would be a rare one.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let (mut owner, task, record) = pair(2);
        let running = run(task);
        owner.send([1, 2, 3]);
        loop {
            assert!(owner.read().is_none(), "it lives");
            if owner.poll(|connection, cx| connection.poll_close(cx).is_ready()) {
                break;
            }
            owner.sleeper.0.wait();
        }
        let all: Vec<_> = record.got().into_iter().chain(owner.backlog.iter().copied()).collect();
        assert!(all == [1, 2, 3] && record.is_dropped());
        drop(owner);
        running.join().expect("no panic");
    });
}

#[test]
fn loom_an_owner_that_waits_for_what_is_on_the_way_learns_of_its_arrival() {
    loom::model(|| {
        let (mut owner, task, record) = pair(1);
        let running = run(task);
        owner.send([1, 2]);
        loop {
            owner.read();
            if owner.poll(|connection, cx| connection.poll_handed_over(cx).is_ready()) {
                break;
            }
            owner.sleeper.0.wait();
        }
        assert!(record.got() == [1] && owner.backlog == [2]);
        drop(owner);
        running.join().expect("no panic");
    });
}

#[test]
fn loom_an_owner_that_waits_for_room_learns_of_it() {
    loom::model(|| {
        let (mut owner, task, _) = pair(1);
        let running = run(task);
        while !owner.poll(|connection, cx| connection.poll_ready(cx).is_ready()) {
            owner.sleeper.0.wait();
        }
        drop(owner);
        running.join().expect("no panic");
    });
}

#[test]
fn loom_an_owner_that_goes_ends_the_task_and_leaves_nothing() {
    loom::model(|| {
        let (mut owner, task, record) = pair(1);
        let running = run(task);
        owner.send([1, 2]);
        drop(owner);
        running.join().expect("no panic");
        assert!(record.is_dropped());
    });
}

#[test]
fn loom_a_task_that_its_executor_drops_returns_what_it_has_not_taken() {
    loom::model(|| {
        let (mut owner, mut task, record) = pair(1);
        let running = thread::spawn(move || {
            let (_, waker) = Sleeper::new();
            assert!(Pin::new(&mut task).poll(&mut Context::from_waker(&waker)).is_pending());
        });
        owner.send([1, 2]);
        let error = owner.read_until_failed();
        assert!(error.is::<crate::ConnectionTaskDropped>() && record.is_dropped());
        let all: Vec<_> = record.got().into_iter().chain(owner.backlog.iter().copied()).collect();
        assert_eq!(all, [1, 2]);
        running.join().expect("no panic");
    });
}
