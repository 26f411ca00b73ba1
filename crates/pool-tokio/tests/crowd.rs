//! A million calls over real TCP, a third of them given up at random, and servers that cut
//! connections off. It is a million in debug builds too: some seconds for each kind of connection.
//! `POOL_CROWD_SEED` sets another seed.

#[path = "../../pool-call/tests/loopback/mod.rs"]
mod loopback;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use loopback::{ClientCodec, Crowd, IN_FLIGHT_MAX, Item, Order, Plan, WRITE_BUFFER_LEN, id_of, stamp};
use pool_tokio::{Connection, Pipelined, Tagged, pool_for_calls};
use tokio::net::TcpStream;
use tokio::runtime::Builder;
use tokio_util::codec::Framed;

const CALLS: usize = 1_000_000;

type Transport = Framed<TcpStream, ClientCodec>;

async fn dial(address: SocketAddr) -> io::Result<Transport> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut transport = Framed::new(stream, ClientCodec);
    transport.set_backpressure_boundary(WRITE_BUFFER_LEN);
    Ok(transport)
}

fn run<K>(plan: Plan, connect: fn(Transport) -> K)
where
    K: Connection<Item> + Send + 'static,
{
    let crowd = Crowd::new(plan);
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.expect("the system has threads");
    let connector = move |address| async move { dial(address).await.map(connect) };
    let settings = crowd.settings(pool_for_calls(connector));
    let pool = settings.spawn_on::<Item, _>(runtime.handle()).expect("the settings make sense");
    let callers: Vec<_> = crowd.callers(&pool).into_iter().map(|caller| runtime.spawn(caller)).collect();
    let ended = runtime.block_on(async {
        for caller in callers {
            caller.await.expect("callers don't panic");
        }
        pool.shutdown(Duration::from_secs(3600)).await
    });
    crowd.finish(ended);
}

#[test]
fn every_caller_gets_its_own_reply_on_pipelined_connections() {
    let plan = Plan { order: Order::Requests, calls: CALLS, shut_down_at: None };
    run(plan, |transport| Pipelined::new(transport).in_flight_max(IN_FLIGHT_MAX));
}

#[test]
fn every_caller_gets_its_own_reply_on_tagged_connections() {
    let plan = Plan { order: Order::Shuffled, calls: CALLS, shut_down_at: None };
    run(plan, |transport| Tagged::new(transport, stamp, id_of).in_flight_max(IN_FLIGHT_MAX));
}

#[test]
fn every_caller_has_a_certain_end_when_the_pool_is_shut_down() {
    for shut_down_at in [0, 1, 1_000, 10_000] {
        let plan = Plan { order: Order::Requests, calls: 20_000, shut_down_at: Some(shut_down_at) };
        run(plan, |transport| Pipelined::new(transport).in_flight_max(IN_FLIGHT_MAX));
    }
}
