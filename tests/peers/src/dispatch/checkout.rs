//! Pools that lend a connection for each request: bb8 and deadpool, each with room for all its connections.

use std::convert::Infallible;

use futures_util::future::join_all;

use super::CONNECTIONS;
use super::load::{Arrivals, Connection, Load};

/// Makes connections, which are never broken.
#[derive(Clone)]
struct Manager {
    arrivals: Arrivals,
}

impl bb8::ManageConnection for Manager {
    type Connection = Connection;
    type Error = Infallible;

    async fn connect(&self) -> Result<Connection, Infallible> {
        Ok(Connection::new(&self.arrivals))
    }

    async fn is_valid(&self, _: &mut Connection) -> Result<(), Infallible> {
        Ok(())
    }

    fn has_broken(&self, _: &mut Connection) -> bool {
        false
    }
}

impl deadpool::managed::Manager for Manager {
    type Type = Connection;
    type Error = Infallible;

    async fn create(&self) -> Result<Connection, Infallible> {
        Ok(Connection::new(&self.arrivals))
    }

    async fn recycle(
        &self,
        _: &mut Connection,
        _: &deadpool::managed::Metrics,
    ) -> deadpool::managed::RecycleResult<Infallible> {
        Ok(())
    }
}

pub(super) async fn bb8(load: Load, arrivals: &Arrivals) {
    let manager = Manager { arrivals: arrivals.clone() };
    let size = u32::try_from(CONNECTIONS).expect("there are few");
    let pool = bb8::Pool::builder().max_size(size).min_idle(size).build(manager);
    ask_all(load, pool.await.expect("connecting never fails")).await;
    arrivals.completion().await;
}

pub(super) async fn deadpool(load: Load, arrivals: &Arrivals) {
    let manager = Manager { arrivals: arrivals.clone() };
    let pool = deadpool::managed::Pool::<Manager>::builder(manager).max_size(CONNECTIONS).build();
    let pool = pool.expect("the settings make sense");
    // It opens a connection only when there is none to lend.
    drop(join_all((0..CONNECTIONS).map(|_| pool.get())).await);
    ask_all(load, pool).await;
    arrivals.completion().await;
}

trait Lends: Clone + Send + 'static {
    /// Checks out a connection, makes the request, and gives the connection back.
    fn ask(&self, request: u64) -> impl Future<Output = u64> + Send;
}

impl Lends for bb8::Pool<Manager> {
    async fn ask(&self, request: u64) -> u64 {
        self.get().await.expect("connecting never fails").take(request)
    }
}

impl Lends for deadpool::managed::Pool<Manager> {
    async fn ask(&self, request: u64) -> u64 {
        self.get().await.expect("connecting never fails").take(request)
    }
}

async fn ask_all(load: Load, pool: impl Lends) {
    let produce = |_| {
        let pool = pool.clone();
        tokio::spawn(async move {
            for request in 0..load.items_per_producer {
                assert_eq!(pool.ask(request).await, request, "the reply belongs to the request");
            }
        })
    };
    for producer in join_all((0..load.producers).map(produce)).await {
        producer.expect("producers don't panic");
    }
}
