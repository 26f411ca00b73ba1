//! 100,000 calls over real TCP, a third of them given up at random, and servers that cut
//! connections off. `POOL_CROWD_SEED` sets another seed.

#[path = "../../pool-call/tests/loopback/mod.rs"]
mod loopback;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use loopback::{ClientCodec, Crowd, IN_FLIGHT_MAX, Item, Order, Plan, WRITE_BUFFER_LEN, id_of, stamp};
use pool_smol::{Connection, Pipelined, Tagged, pool_for_calls};
use smol::net::TcpStream;
use tokio_util::codec::Framed;
use tokio_util::compat::{Compat, FuturesAsyncReadCompatExt};

const CALLS: usize = 100_000;

type Transport = Framed<Compat<TcpStream>, ClientCodec>;

async fn dial(address: SocketAddr) -> io::Result<Transport> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut transport = Framed::new(stream.compat(), ClientCodec);
    transport.set_backpressure_boundary(WRITE_BUFFER_LEN);
    Ok(transport)
}

fn run<K>(plan: Plan, connect: fn(Transport) -> K)
where
    K: Connection<Item> + Send + 'static,
{
    let crowd = Crowd::new(plan);
    let connector = move |address| async move { dial(address).await.map(connect) };
    let settings = crowd.settings(pool_for_calls(connector));
    let pool = settings.spawn::<Item>().expect("the settings make sense");
    let callers: Vec<_> = crowd.callers(&pool).into_iter().map(smol::spawn).collect();
    let ended = smol::block_on(async {
        for caller in callers {
            caller.await;
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
