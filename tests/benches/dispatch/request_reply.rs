//! Requests, each of which is answered.

use core::convert::Infallible;
use core::fmt::Debug;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::collections::VecDeque;

use futures_channel::{mpsc, oneshot};
use futures_util::{Sink, SinkExt, Stream, StreamExt};
use pool_call::{Call, CallExt, Pipelined, ReturnToCaller};
use pool_tokio::Pool;

use crate::{CONNECTIONS, Counter, Load, QUEUE, SHUTDOWN};

/// One bounded channel and one loop, which gives each connection a request in turn; a channel of
/// its own brings each reply.
pub(crate) async fn floor(load: Load, counter: &Counter) {
    let (sender, mut receiver) = mpsc::channel(QUEUE);
    let mut connections: Vec<_> = (0..CONNECTIONS).map(|_| AnsweringSink::new(counter)).collect();
    let consumer = tokio::spawn(async move {
        let mut turns = (0..connections.len()).cycle();
        while let Some(question) = receiver.next().await {
            let turn = turns.next().expect("turns go on for ever");
            let Ok(()) = Sink::<Question>::start_send(Pin::new(&mut connections[turn]), question);
        }
    });
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

pub(crate) async fn pool(load: Load, counter: &Counter) {
    let counter = counter.clone();
    let connector = move |_: u32| {
        let transport = Loopback::new(&counter);
        async move { Ok::<_, Infallible>(Pipelined::new(transport)) }
    };
    let pool = pool_tokio::pool_for_connections(connector).connect_to_fixed(0..CONNECTIONS);
    let pool = pool.queue_size(QUEUE).on_undelivered(ReturnToCaller).spawn();
    ask_all(load, pool.expect("the settings make sense")).await;
}

async fn ask_all(load: Load, pool: Pool<Call<u64, u64>, u32>) {
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
    places: Vec<Place<F>>,
    /// The place of the oldest request, which the next one gets.
    oldest: usize,
    replies: u64,
}

enum Place<F> {
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
        Self { places: (0..in_flight).map(|_| Place::Free).collect(), oldest: 0, replies: 0 }
    }

    /// Waits for the oldest request, if there is no other place.
    async fn wait(&mut self) {
        let reply = match &mut self.places[self.oldest] {
            Place::Free => return,
            Place::Waiting(request) => request.await.expect("every request is answered"),
            Place::Replied(reply) => *reply,
        };
        assert_eq!(reply, self.replies, "the reply belongs to the request");
        self.replies += 1;
    }

    /// Puts a request into the place that was waited for.
    fn put(&mut self, request: F) {
        self.places[self.oldest] = Place::Waiting(request);
    }

    /// Starts the request that was put in: nothing is sent before it is polled. The only one will be
    /// at once.
    async fn start(&mut self) {
        if self.places.len() > 1 {
            let place = &mut self.places[self.oldest];
            poll_fn(|cx| {
                if let Place::Waiting(request) = place
                    && let Poll::Ready(reply) = Pin::new(request).poll(cx)
                {
                    *place = Place::Replied(reply.expect("every request is answered"));
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
            self.places[self.oldest] = Place::Free;
            self.advance();
        }
    }
}

struct Question {
    request: u64,
    reply: oneshot::Sender<u64>,
}

/// A connection in memory: always ready, and answers at once.
struct AnsweringSink {
    items: u64,
    counter: Counter,
}

impl AnsweringSink {
    fn new(counter: &Counter) -> Self {
        Self { items: 0, counter: counter.clone() }
    }
}

impl Drop for AnsweringSink {
    fn drop(&mut self) {
        self.counter.add(self.items);
    }
}

impl Sink<Question> for AnsweringSink {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, question: Question) -> Result<(), Infallible> {
        self.items += 1;
        question.reply.send(question.request).expect("producers wait for their replies");
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl Sink<Call<u64, u64>> for AnsweringSink {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, call: Call<u64, u64>) -> Result<(), Infallible> {
        self.items += 1;
        if let Some((request, responder)) = call.begin() {
            responder.reply(request).expect("producers wait for their replies");
        }
        Ok(())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

/// A transport in memory, always ready: what is written comes back, and a flush wakes its reader.
struct Loopback {
    written: VecDeque<u64>,
    items: u64,
    reader: Option<Waker>,
    counter: Counter,
}

impl Loopback {
    fn new(counter: &Counter) -> Self {
        Self { written: VecDeque::new(), reader: None, items: 0, counter: counter.clone() }
    }
}

impl Drop for Loopback {
    fn drop(&mut self) {
        self.counter.add(self.items);
    }
}

impl Sink<u64> for Loopback {
    type Error = Infallible;

    fn poll_ready(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn start_send(mut self: Pin<&mut Self>, request: u64) -> Result<(), Infallible> {
        self.items += 1;
        self.written.push_back(request);
        Ok(())
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }
}

impl Stream for Loopback {
    type Item = Result<u64, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if let Some(reply) = self.written.pop_front() {
            return Poll::Ready(Some(Ok(reply)));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}
