//! Requests, each of which is answered.

use core::convert::Infallible;
use core::fmt::Debug;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::Poll;

use futures_channel::oneshot;
use futures_util::SinkExt;
use pool_tokio::balance::RoundRobin;
use pool_tokio::call::Call;
use pool_tokio::connect::{AsPlain, Wrapped};
use pool_tokio::{CallPool, Pipelined};

use crate::connections::{CountingSink, Item, Loopback};
use crate::{CONNECTIONS, Counter, Load, QUEUE, SHUTDOWN, floor};

/// A channel of its own brings each reply.
pub(crate) async fn floor(load: Load, counter: &Counter) {
    let (sender, consumer) = floor::spawn_loop(counter);
    for _ in 0..load.producers {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let mut window = Window::new(load.in_flight);
            for request in 0..load.items_per_producer {
                window.wait().await;
                let (reply, answer) = oneshot::channel();
                sender.send(Question { request, reply }).await.expect("the consumer outlives its producers");
                window.put(answer);
                window.start().await;
            }
            window.finish().await;
        });
    }
    drop(sender);
    consumer.await.expect("the consumer doesn't panic");
}

/// A pool whose connections are sinks that answer at once, as those of the floor.
pub(crate) async fn pool(load: Load, counter: &Counter) {
    let counter = counter.clone();
    let connector = move |_: u32| {
        let connection = CountingSink::new(&counter);
        async move { Ok::<_, Infallible>(connection) }
    };
    let pool = pool_tokio::call_pool_for(Wrapped::new(connector, AsPlain))
        .connect_to_fixed(0..CONNECTIONS)
        .queue_size(QUEUE)
        .balancer(RoundRobin::new())
        .fail_fast_after(None)
        .suspect_after(None)
        .outcome_timeout(None);
    ask_all(load, pool.spawn().expect("the settings make sense")).await;
}

/// A pool whose connections write requests to a transport and read replies from it.
pub(crate) async fn pipelined(load: Load, counter: &Counter) {
    let counter = counter.clone();
    let connector = move |_: u32| {
        let transport = Loopback::new(&counter);
        async move { Ok::<_, Infallible>(Pipelined::new(transport)) }
    };
    let pool = pool_tokio::call_pool_for(connector).connect_to_fixed(0..CONNECTIONS);
    ask_all(load, pool.queue_size(QUEUE).spawn().expect("the settings make sense")).await;
}

async fn ask_all(load: Load, pool: CallPool<u64, u64, u32>) {
    let produce = |_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            let mut window = Window::new(load.in_flight);
            for request in 0..load.items_per_producer {
                window.wait().await;
                window.put(pool.call(request));
                window.start().await;
            }
            window.finish().await;
        })
    };
    let producers: Vec<_> = (0..load.producers).map(produce).collect();
    for producer in producers {
        producer.await.expect("producers don't panic");
    }
    pool.shutdown(SHUTDOWN).await;
}

/// Requests that a producer has under way, in a ring. The replies are the numbers from 0 on.
struct Window<F> {
    places: Vec<WindowPlace<F>>,
    /// The place of the oldest request, which the next one gets.
    oldest: usize,
    replies: u64,
}

enum WindowPlace<F> {
    Free,
    Waiting(F),
    Replied(u64),
}

impl<F, E> Window<F>
where
    F: Future<Output = Result<u64, E>> + Unpin,
    E: Debug,
{
    fn new(in_flight: usize) -> Self {
        Self { places: (0..in_flight).map(|_| WindowPlace::Free).collect(), oldest: 0, replies: 0 }
    }

    /// Waits for the oldest request, if there is no other place.
    async fn wait(&mut self) {
        let reply = match &mut self.places[self.oldest] {
            WindowPlace::Free => return,
            WindowPlace::Waiting(request) => request.await.expect("every request is answered"),
            WindowPlace::Replied(reply) => *reply,
        };
        assert_eq!(reply, self.replies, "the reply belongs to the request");
        self.replies += 1;
    }

    /// Puts a request into the place that was waited for.
    fn put(&mut self, request: F) {
        self.places[self.oldest] = WindowPlace::Waiting(request);
    }

    /// Starts the request that was put in: nothing is sent before it is polled. The only one will be
    /// at once.
    async fn start(&mut self) {
        if self.places.len() > 1 {
            let place = &mut self.places[self.oldest];
            poll_fn(|cx| {
                if let WindowPlace::Waiting(request) = place
                    && let Poll::Ready(reply) = Pin::new(request).poll(cx)
                {
                    *place = WindowPlace::Replied(reply.expect("every request is answered"));
                }
                Poll::Ready(())
            })
            .await;
        }
        self.advance();
    }

    fn advance(&mut self) {
        self.oldest += 1;
        if self.oldest == self.places.len() {
            self.oldest = 0;
        }
    }

    async fn finish(mut self) {
        for _ in 0..self.places.len() {
            self.wait().await;
            self.places[self.oldest] = WindowPlace::Free;
            self.advance();
        }
    }
}

struct Question {
    request: u64,
    reply: oneshot::Sender<u64>,
}

impl Item for Question {
    fn arrive(self) {
        self.reply.send(self.request).expect("producers wait for their replies");
    }
}

impl Item for Call<u64, u64> {
    fn arrive(self) {
        let (request, responder) = self.begin().expect("producers wait for their replies");
        responder.reply(request).expect("producers wait for their replies");
    }
}
