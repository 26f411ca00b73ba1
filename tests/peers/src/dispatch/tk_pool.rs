//! tk-pool 0.5.3, on futures 0.1 and the event loop of its time, which has one thread.

use std::cell::RefCell;
use std::convert::Infallible;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use abstract_ns::Address;
use futures01::future::{self, join_all};
use futures01::sync::oneshot;
use futures01::task::{self, Task};
use futures01::{Async, AsyncSink, Future, Poll, Sink, StartSend, Stream, stream};
use pool_tokio::BoxError;
use tk_pool::metrics::Noop;
use tk_pool::queue;
use tokio_core::reactor::{Core, Handle};

use super::load::{Arrivals, Connection, Load, Window};
use super::{CONNECTIONS, QUEUE};

pub(super) fn one_way(load: Load, arrivals: &Arrivals) -> Result<(), BoxError> {
    produce_all(load, arrivals, |pool| Sender { pool, items: 0..load.items_per_producer, held: None })
}

pub(super) fn request_reply(load: Load, arrivals: &Arrivals) -> Result<(), BoxError> {
    produce_all(load, arrivals, |pool| Asker {
        pool,
        requests: 0..load.items_per_producer,
        held: None,
        window: Window::new(load.in_flight),
    })
}

fn produce_all<T, P>(
    load: Load,
    arrivals: &Arrivals,
    producer: impl Fn(queue::Pool<T, Noop>) -> P,
) -> Result<(), BoxError>
where
    T: Item + 'static,
    P: Future<Item = (), Error = Infallible> + 'static,
{
    let mut core = Core::new()?;
    let pool = spawn_pool(&core.handle(), arrivals);
    let mut finished = Vec::new();
    for _ in 0..load.producers {
        let (done, is_done) = oneshot::channel();
        let producer = producer(pool.clone());
        core.handle().spawn(producer.then(|_| done.send(())));
        finished.push(is_done);
    }
    core.run(join_all(finished))?;
    drop(pool);
    while !arrivals.are_complete() {
        core.turn(Some(Duration::ZERO));
    }
    Ok(())
}

fn spawn_pool<T: Item + 'static>(handle: &Handle, arrivals: &Arrivals) -> queue::Pool<T, Noop> {
    let ports = (1..).take(CONNECTIONS);
    let addresses = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port))).collect::<Address>();
    let (arrivals, opened) = (arrivals.clone(), Rc::new(RefCell::new(Opened::default())));
    let connect = move |_: SocketAddr| {
        opened.borrow_mut().count_one();
        future::ok::<_, Infallible>(CountingSink::<T> {
            connection: Connection::new(&arrivals),
            opened: Rc::clone(&opened),
            item: PhantomData,
        })
    };
    tk_pool::pool_for(connect)
        .connect_to(stream::once(Ok(addresses)).chain(future::empty().into_stream()))
        .lazy_uniform_connections(1)
        .with_queue_size(QUEUE)
        .spawn_on(handle)
}

/// The pool opens another connection only when all that are open push back. So they do, until all are open.
#[derive(Default)]
struct Opened {
    count: usize,
    waiting: Vec<Task>,
}

impl Opened {
    fn count_one(&mut self) {
        self.count += 1;
        if self.count == CONNECTIONS {
            self.waiting.drain(..).for_each(|task| task.notify());
        }
    }

    /// Whether all are open; if not, the current task is woken when they are.
    fn are_all(&mut self) -> bool {
        let are_all = self.count == CONNECTIONS;
        if !are_all {
            self.waiting.push(task::current());
        }
        are_all
    }
}

/// A connection that is done with an item at once.
struct CountingSink<T> {
    connection: Connection,
    opened: Rc<RefCell<Opened>>,
    item: PhantomData<T>,
}

impl<T: Item> Sink for CountingSink<T> {
    type SinkItem = T;
    type SinkError = Infallible;

    fn start_send(&mut self, item: T) -> StartSend<T, Infallible> {
        if !self.opened.borrow_mut().are_all() {
            return Ok(AsyncSink::NotReady(item));
        }
        item.arrive(&mut self.connection);
        Ok(AsyncSink::Ready)
    }

    fn poll_complete(&mut self) -> Poll<(), Infallible> {
        Ok(Async::Ready(()))
    }

    fn close(&mut self) -> Poll<(), Infallible> {
        Ok(Async::Ready(()))
    }
}

trait Item {
    fn arrive(self, connection: &mut Connection);
}

impl Item for u64 {
    fn arrive(self, connection: &mut Connection) {
        connection.take(self);
    }
}

struct Question {
    request: u64,
    reply: oneshot::Sender<u64>,
}

impl Item for Question {
    fn arrive(self, connection: &mut Connection) {
        let reply = connection.take(self.request);
        self.reply.send(reply).expect("producers wait for their replies");
    }
}

/// Sends one item after the other.
struct Sender {
    pool: queue::Pool<u64, Noop>,
    items: Range<u64>,
    /// There was no room for it.
    held: Option<u64>,
}

impl Future for Sender {
    type Item = ();
    type Error = Infallible;

    fn poll(&mut self) -> Poll<(), Infallible> {
        while let Some(item) = self.held.take().or_else(|| self.items.next()) {
            if let Some(item) = try_send(&mut self.pool, item) {
                self.held = Some(item);
                return Ok(Async::NotReady);
            }
        }
        Ok(Async::Ready(()))
    }
}

/// Makes requests, so many at a time, and reads the replies in their order.
struct Asker {
    pool: queue::Pool<Question, Noop>,
    requests: Range<u64>,
    /// There was no room for it.
    held: Option<Question>,
    window: Window<oneshot::Receiver<u64>>,
}

impl Asker {
    /// The next request, as long as there is one; its reply has a place in the window.
    fn next_request(&mut self) -> Option<Question> {
        let request = self.requests.next()?;
        let (reply, answer) = oneshot::channel();
        self.window.put(answer);
        Some(Question { request, reply })
    }
}

impl Future for Asker {
    type Item = ();
    type Error = Infallible;

    fn poll(&mut self) -> Poll<(), Infallible> {
        loop {
            if let Some(question) = self.held.take()
                && let Some(question) = try_send(&mut self.pool, question)
            {
                self.held = Some(question);
                return Ok(Async::NotReady);
            }
            if !self.window.is_full() {
                self.held = self.next_request();
            }
            if self.held.is_none() {
                let Some(answer) = self.window.oldest() else { return Ok(Async::Ready(())) };
                match answer.poll().expect("every request is answered") {
                    Async::Ready(reply) => self.window.answered(reply),
                    Async::NotReady => return Ok(Async::NotReady),
                }
            }
        }
    }
}

/// Returns the item if there is no room for it; the current task is woken when there is.
fn try_send<T>(pool: &mut queue::Pool<T, Noop>, item: T) -> Option<T> {
    match pool.start_send(item).expect("the pool outlives its producers") {
        AsyncSink::Ready => None,
        AsyncSink::NotReady(item) => Some(item),
    }
}
