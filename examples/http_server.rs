//! A real HTTP server on a free port of this machine, of version 1.1 or 2 as its clients like: hyper's.
//! It keeps a record of each connection.

#![allow(dead_code, reason = "every program uses another part")]

use std::convert::Infallible;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// It ends with its handle, and its connections do.
pub(crate) struct HttpServer {
    address: SocketAddr,
    records: Shared<Vec<Shared<Record>>>,
    /// How often its connections were asked to go.
    goodbyes: watch::Sender<usize>,
    /// One task, which owns the tasks of all connections.
    tasks: JoinSet<()>,
}

/// What is known of one connection.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Record {
    pub(crate) answered: usize,
    /// Requests whose clients no longer wanted to know.
    pub(crate) cancelled: usize,
    pub(crate) at_a_time_max: usize,
    pub(crate) at_a_time: usize,
    pub(crate) is_closed: bool,
}

impl HttpServer {
    /// Starts one, which answers requests for a path with what `answer` makes of it.
    pub(crate) async fn start<A, F>(answer: A) -> io::Result<Self>
    where
        A: Fn(String) -> F + Clone + Send + 'static,
        F: Future<Output = String> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let (goodbyes, _) = watch::channel(0);
        let mut server = Self {
            address: listener.local_addr()?,
            records: Arc::default(),
            goodbyes: goodbyes.clone(),
            tasks: JoinSet::new(),
        };
        let records = Arc::clone(&server.records);
        server.tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let record = Shared::<Record>::default();
                lock(&records).push(Arc::clone(&record));
                let open = OpenConnection(record);
                connections.spawn(serve(stream, open, answer.clone(), goodbyes.subscribe()));
            }
        });
        Ok(server)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of all connections there ever were, oldest first.
    pub(crate) fn records(&self) -> Vec<Record> {
        lock(&self.records).iter().map(|record| *lock(record)).collect()
    }

    pub(crate) fn answered(&self) -> usize {
        self.records().iter().map(|record| record.answered).sum()
    }

    /// Dies without a word.
    pub(crate) async fn die(&mut self) {
        self.tasks.shutdown().await;
    }

    /// Asks the clients of all its connections to go, as servers do that are about to be replaced:
    /// what is under way is answered, and no more is taken.
    pub(crate) fn say_goodbye(&self) {
        self.goodbyes.send_modify(|goodbyes| *goodbyes += 1);
    }
}

async fn serve<A, F>(stream: TcpStream, open: OpenConnection, answer: A, mut goodbyes: watch::Receiver<usize>)
where
    A: Fn(String) -> F + Send,
    F: Future<Output = String> + Send + 'static,
{
    // Small writes that wait for an acknowledgement make all else wait.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request: Request<Incoming>| {
        let mut open = open.begin();
        let answer = answer(request.uri().path().to_owned());
        async move {
            let body = answer.await;
            open.is_answered = true;
            drop(open);
            Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(body))))
        }
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        _ = connection.as_mut() => return,
        _ = goodbyes.changed() => connection.as_mut().graceful_shutdown(),
    }
    // Clients that are gone are no concern of the server.
    let _ = connection.await;
}

type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Recorded as closed when it is dropped.
struct OpenConnection(Shared<Record>);

impl OpenConnection {
    fn begin(&self) -> OpenRequest {
        let mut record = lock(&self.0);
        record.at_a_time += 1;
        record.at_a_time_max = record.at_a_time_max.max(record.at_a_time);
        OpenRequest { record: Arc::clone(&self.0), is_answered: false }
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        lock(&self.0).is_closed = true;
    }
}

/// Recorded as cancelled when it is dropped and has not been answered.
struct OpenRequest {
    record: Shared<Record>,
    is_answered: bool,
}

impl Drop for OpenRequest {
    fn drop(&mut self) {
        let mut record = lock(&self.record);
        record.at_a_time -= 1;
        record.answered += usize::from(self.is_answered);
        record.cancelled += usize::from(!self.is_answered);
    }
}

/// What is known of each connection, as a table.
impl fmt::Display for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, record) in self.records().iter().enumerate() {
            let Record { answered, at_a_time_max, is_closed, .. } = record;
            let address = self.address.to_string();
            let end = if *is_closed { "  closed" } else { "" };
            writeln!(f, "{address:<20} {:>10} {answered:>8} {at_a_time_max:>10}{end}", index + 1)?;
        }
        Ok(())
    }
}
