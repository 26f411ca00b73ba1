//! tower: one worker behind a buffer, and in it a balancer that takes the less loaded of two services.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use futures_util::future::join_all;
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::load::{CompleteOnResponse, PendingRequestsDiscover};
use tower::{BoxError, Service, ServiceExt};

use super::load::{Arrivals, Connection, Load, Window};
use super::{CONNECTIONS, QUEUE};

impl Service<u64> for Connection {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        ready(Ok(self.take(request)))
    }
}

/// The usual pool of tower: `Buffer`, `Balance`, and the number of pending requests as the load of a service.
pub(super) async fn balance(load: Load, arrivals: &Arrivals) {
    let connections: Vec<_> = (0..CONNECTIONS).map(|_| Connection::new(arrivals)).collect();
    let discover = ServiceList::new::<u64>(connections);
    let discover = PendingRequestsDiscover::new(discover, CompleteOnResponse::default());
    ask_all(load, Buffer::new(Balance::new(discover), QUEUE)).await;
    arrivals.completion().await;
}

/// The buffer alone, with the connections behind it taking turns.
pub(super) async fn buffer(load: Load, arrivals: &Arrivals) {
    let connections = (0..CONNECTIONS).map(|_| Connection::new(arrivals)).collect();
    ask_all(load, Buffer::new(Turns { connections, next: 0 }, QUEUE)).await;
    arrivals.completion().await;
}

struct Turns {
    connections: Vec<Connection>,
    next: usize,
}

impl Service<u64> for Turns {
    type Response = u64;
    type Error = Infallible;
    type Future = Ready<Result<u64, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: u64) -> Self::Future {
        let turn = self.next;
        self.next = (turn + 1) % self.connections.len();
        self.connections[turn].call(request)
    }
}

async fn ask_all<S>(load: Load, service: S)
where
    S: Service<u64, Response = u64, Error = BoxError> + Clone + Send + 'static,
    S::Future: Send + Unpin,
{
    let produce = |_| {
        let mut service = service.clone();
        tokio::spawn(async move {
            let mut window = Window::new(load.in_flight);
            for request in 0..load.items_per_producer {
                window.room().await;
                let service = service.ready().await.expect("the worker outlives its producers");
                window.put(service.call(request));
            }
            window.finish().await;
        })
    };
    for producer in join_all((0..load.producers).map(produce)).await {
        producer.expect("producers don't panic");
    }
}
