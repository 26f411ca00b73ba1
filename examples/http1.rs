//! HTTP/1.1 through a pool, one request at a time on each connection: `cargo run --example http1`.
//!
//! hyper's client connections as tower services, four to each of two servers. The servers are hyper's
//! too, real ones, each on an address of its own in this program. Look at
//! - `Http1` and `connect`: all that it takes to put a client into a pool;
//! - the table: every connection had one request at a time, and those that are left have equal shares;
//! - the caller that gives up: HTTP/1.1 can't take a request back, so that costs a connection, one, and
//!   nobody else notices.

use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use http_body_util::{BodyExt, Empty};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HOST;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use pool_tokio::{BoxError, CallPool, call::Call, connect::Connection, tower::ServiceConnection};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tower_service::Service;

use http_server::HttpServer;

pub(crate) mod http_server;

pub(crate) type HttpCall = Call<Request<Empty<Bytes>>, Response<Incoming>>;
pub(crate) type HttpPool = CallPool<Request<Empty<Bytes>>, Response<Incoming>>;

/// Sends requests over one connection.
pub(crate) struct Http1(SendRequest<Empty<Bytes>>);

impl Service<Request<Empty<Bytes>>> for Http1 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    /// Ready when the last response has been read to its end.
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
    let (client, connection) = handshake(TokioIo::new(stream)).await?;
    Ok(ServiceConnection::new(Http1(client)).background(connection).in_flight_max(1))
}

/// The host is the service; which of its addresses this goes to is the pool's affair.
pub(crate) fn request(path: &str) -> Result<Request<Empty<Bytes>>, hyper::http::Error> {
    Request::get(path).header(HOST, "numbers.example").body(Empty::new())
}

/// Asks for a number, and reads all of the answer.
async fn get(pool: &HttpPool, number: usize) -> Result<(), BoxError> {
    let response = pool.call(request(&format!("/{number}"))?).await?;
    let body = response.into_body().collect().await?.to_bytes();
    if body != format!("/{number}") {
        return Err(format!("an answer that is for somebody else has come for {number}").into());
    }
    Ok(())
}

const CALLERS: usize = 20;
const REQUESTS: usize = 1600;

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let work = |path: String| async move {
        sleep(if path == "/slow" { Duration::from_secs(3600) } else { Duration::from_millis(5) }).await;
        path
    };
    let servers = try_join_all((0..2).map(|_| HttpServer::start(work))).await?;
    let pool: HttpPool = pool_tokio::call_pool_for(connect)
        .connect_to_fixed(servers.iter().map(HttpServer::address))
        .connections_per_address(4)
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
    let slow = pool.call(request("/slow")?).timeout(Duration::from_millis(200));
    let (answered, given_up) = tokio::join!(callers, slow);
    answered?;

    println!("{REQUESTS} requests, {CALLERS} at a time, answered in {:.2?}", started.elapsed());
    println!("one that nobody would answer: {}\n", given_up.err().ok_or("it was answered")?);
    println!("{:<20} {:>10} {:>8} {:>10}", "server", "connection", "answered", "at a time");
    for server in &servers {
        print!("{server}");
    }
    println!("\n{}", pool.snapshot());
    pool.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
