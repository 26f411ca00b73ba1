//! A generated client calls through a pool: tonic's client, hyper's connections, tonic's servers.

use std::error::Error;
use std::mem;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::future::join_all;
use hyper::body::Incoming;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::http::uri::{Authority, Scheme};
use hyper::{Request, Response, Uri};
use hyper_util::rt::{TokioExecutor, TokioIo};
use pool_tokio::call::{Call, ServiceError};
use pool_tokio::{BoxError, CallPool, call_pool_for, connect::Connection, tower::ServiceConnection};
use tokio::net::TcpStream;
use tonic::Status;
use tonic::body::Body;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower_service::Service;

use greeter::greeter_client::GreeterClient;
use greeter::greeter_server::{Greeter, GreeterServer};
use greeter::{GreetReply, GreetRequest};

#[allow(clippy::pedantic, missing_docs, unreachable_pub, reason = "it is generated")]
mod greeter {
    tonic::include_proto!("greeter");
}

type GrpcCall = Call<Request<Body>, Response<Incoming>>;
type GrpcPool = CallPool<Request<Body>, Response<Incoming>>;

/// Sends requests over one connection.
struct Http2 {
    client: SendRequest<Body>,
    authority: Authority,
}

impl Service<Request<Body>> for Http2 {
    type Response = Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Response<Incoming>>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.client.poll_ready(cx)
    }

    /// A generated client says nothing of a host, which HTTP/2 has to name.
    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut uri = mem::take(request.uri_mut()).into_parts();
        (uri.scheme, uri.authority) = (Some(Scheme::HTTP), Some(self.authority.clone()));
        *request.uri_mut() = Uri::from_parts(uri).expect("a method has a path");
        Box::pin(self.client.send_request(request))
    }
}

async fn connect(address: SocketAddr) -> Result<impl Connection<GrpcCall>, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (client, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let http2 = Http2 { client, authority: address.to_string().parse()? };
    Ok(ServiceConnection::new(http2).background(connection).in_flight_max(100))
}

/// Counts whom it greets.
#[derive(Clone, Default)]
struct Counted(Arc<AtomicUsize>);

#[tonic::async_trait]
impl Greeter for Counted {
    async fn greet(
        &self,
        request: tonic::Request<GreetRequest>,
    ) -> Result<tonic::Response<GreetReply>, Status> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let greeting = format!("hello, {}", request.into_inner().name);
        Ok(tonic::Response::new(GreetReply { greeting }))
    }
}

impl Counted {
    /// Serves at a free port until the test's runtime ends.
    fn start(&self) -> SocketAddr {
        let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into()).expect("there is a free port");
        let address = incoming.local_addr().expect("it is bound");
        tokio::spawn(Server::builder().serve_with_incoming(GreeterServer::new(self.clone()), incoming));
        address
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn pool_of(servers: impl IntoIterator<Item = SocketAddr>) -> GrpcPool {
    call_pool_for(connect).connect_to_fixed(servers).spawn().expect("the settings make sense")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_generated_client_asks_all_servers_and_each_caller_gets_its_own_reply() {
    const TASKS: usize = 50;
    const CALLS: usize = 1000;
    let servers: [Counted; 3] = Default::default();
    let pool = pool_of(servers.each_ref().map(Counted::start));
    pool.ready(servers.len()).timeout(Duration::from_secs(10)).await.expect("the servers listen");

    let client = GreeterClient::new(pool.clone());
    let tasks = (0..TASKS).map(|task| {
        let mut client = client.clone();
        tokio::spawn(async move {
            for number in (task..CALLS).step_by(TASKS) {
                let reply = client.greet(GreetRequest { name: number.to_string() }).await;
                let reply = reply.expect("it is answered").into_inner();
                assert_eq!(reply.greeting, format!("hello, {number}"));
            }
        })
    });
    join_all(tasks).await.into_iter().for_each(|task| task.expect("no panic"));

    let counts = servers.each_ref().map(Counted::count);
    assert_eq!(counts.iter().sum::<usize>(), CALLS);
    assert!(counts.iter().all(|count| *count > 0), "{counts:?}");
}

#[tokio::test]
async fn a_status_has_the_error_of_the_pool_as_its_source() {
    let pool = pool_of([Counted::default().start()]);
    pool.shutdown(Duration::ZERO).await;

    let status = GreeterClient::new(pool).greet(GreetRequest::default()).await.expect_err("the pool is over");
    let error: &ServiceError = status.source().and_then(|source| source.downcast_ref()).expect("it is kept");
    assert!(error.is_not_sent(), "{error}");
}
