//! HTTP/2 through a pool, many requests at a time on each connection: `cargo run --example http2`.
//!
//! hyper's client connections as tower services, two to each of three servers. The servers are hyper's
//! too, real ones, each on an address of its own in this program. Look at
//! - `Http2` and `connect`: all that it takes to put a client into a pool;
//! - the table: what each connection has answered, in equal shares, and how many requests it had at a
//!   time;
//! - the server that says goodbye half-way (GOAWAY): its connections answered what they had, new ones
//!   took their places, and no request failed. The pool accepted a few more than were made: what met the
//!   goodbye on its way was repeated.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use pool_tokio::connect::{Connection, counted};
use pool_tokio::{BoxError, CallPool, call::Call, tower::ServiceConnection};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tower_service::Service;

use http_server::HttpServer;

pub(crate) mod http_server;

pub(crate) type HttpCall = Call<Request<Empty<Bytes>>, Response<Incoming>>;
pub(crate) type HttpPool = CallPool<Request<Empty<Bytes>>, Response<Incoming>>;

const PING_INTERVAL: Duration = Duration::from_secs(1);

/// Sends requests over one connection.
pub(crate) struct Http2(SendRequest<Empty<Bytes>>);

impl Service<Request<Empty<Bytes>>> for Http2 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Empty<Bytes>>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

pub(crate) async fn connect(address: SocketAddr) -> Result<impl Connection<HttpCall>, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // hyper reads in a task of its own. What it reads tells the pool that the server is alive, and that it has heard of
    // requests that were given up. A server with nothing else to say answers pings.
    let (stream, reads) = counted(stream);
    let mut http2 = Builder::new(TokioExecutor::new());
    http2.timer(TokioTimer::new()).keep_alive_interval(PING_INTERVAL).keep_alive_while_idle(true);
    let (client, connection) = http2.handshake(TokioIo::new(stream)).await?;
    // As many as every server should allow. More would wait in the client, where no other connection
    // could take them.
    Ok(ServiceConnection::new(Http2(client)).background(connection).reads(reads).in_flight_max(100))
}

/// Asks for a number, and reads all of the answer.
async fn get(pool: &HttpPool, number: usize) -> Result<(), BoxError> {
    // The host is the service; which of its addresses this goes to is the pool's affair.
    let request = Request::get(format!("http://numbers.example/{number}")).body(Empty::new())?;
    // What meets a goodbye on its way may have been answered; to GET it once more does no harm.
    let response = pool.call(request).idempotent().await?;
    let body = response.into_body().collect().await?.to_bytes();
    if body != format!("/{number}") {
        return Err(format!("an answer that is for somebody else has come for {number}").into());
    }
    Ok(())
}

const SERVERS: usize = 3;
const CALLERS: usize = 300;
const REQUESTS: usize = 6000;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let work = |path| async move {
        sleep(Duration::from_millis(5)).await;
        path
    };
    let servers = try_join_all((0..SERVERS).map(|_| HttpServer::start(work))).await?;
    let pool: HttpPool = pool_tokio::call_pool_for(connect)
        .connect_to_fixed(servers.iter().map(HttpServer::address))
        .connections_per_address(2)
        .spawn()?;

    let started = Instant::now();
    let callers = try_join_all((0..CALLERS).map(|caller| {
        let pool = &pool;
        async move {
            for number in (caller..REQUESTS).step_by(CALLERS) {
                get(pool, number).await?;
            }
            Ok::<_, BoxError>(())
        }
    }));
    let goodbye = async {
        while servers[0].answered() < REQUESTS / SERVERS / 2 {
            sleep(Duration::from_millis(1)).await;
        }
        servers[0].say_goodbye();
    };
    let (answered, ()) = tokio::join!(callers, goodbye);
    answered?;

    println!("{REQUESTS} requests, {CALLERS} at a time, answered in {:.2?}\n", started.elapsed());
    println!("{:<20} {:>10} {:>8} {:>10}", "server", "connection", "answered", "at a time");
    for server in &servers {
        print!("{server}");
    }
    println!("\n{}", pool.snapshot());
    pool.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
