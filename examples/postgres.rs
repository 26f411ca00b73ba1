//! Pipelined queries to a real Postgres: `cargo run --example postgres`.
//!
//! tokio-postgres' clients as tower services, four connections to one server, which the program starts
//! itself. Callers ask for sums; every hundredth query fails, by a division by zero. Look at
//! - `Postgres` and `connect`: all that it takes to put a client into a pool;
//! - the two times: with one query at a time on each connection, and with up to 32, one behind the
//!   other, none of which waits for the answer to another;
//! - the queries that failed: each told its caller, and no connection was lost by them. There are as
//!   many backends (the server's processes, one for each connection) as connections.
//!
//! A pool like this is for queries that are whole in themselves. A transaction or a setting belongs to
//! a connection, and here nobody owns one.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use pool_servers::PostgresServer;
use pool_tokio::connect::{Connection, counted};
use pool_tokio::{BoxError, CallPool, call::Call, tower::ServiceConnection};
use tokio::net::TcpStream;
use tokio_postgres::error::{DbError, Error, Severity, SqlState};
use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Config, NoTls, Row};
use tower_service::Service;

/// A statement and its parameters.
pub(crate) struct Query {
    pub(crate) sql: &'static str,
    pub(crate) parameters: Vec<(Box<dyn ToSql + Send + Sync>, Type)>,
}

/// What the server says, which may well be that the query is wrong.
pub(crate) type QueryResult = Result<Vec<Row>, Error>;

pub(crate) type QueryCall = Call<Query, QueryResult>;

pub(crate) type Pool = CallPool<Query, QueryResult>;

const CALLERS: usize = 100;
const QUERIES: i64 = 10_000;

/// Sends queries over one connection.
pub(crate) struct Postgres(Arc<Client>);

impl Service<Query> for Postgres {
    type Response = QueryResult;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<QueryResult, Error>> + Send>>;

    /// It takes any number; how many are good for it is up to the pool.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        let client = Arc::clone(&self.0);
        Box::pin(async move {
            let parameters = query.parameters.iter().map(|(value, kind)| (&**value as _, kind.clone()));
            let result = client.query_typed(query.sql, &parameters.collect::<Vec<_>>()).await;
            match result {
                Err(error) if is_of_the_connection(&error) => Err(error),
                result => Ok(result),
            }
        })
    }
}

/// Whether the connection is gone. All other errors are those of a query, and its neighbours never hear
/// of them.
fn is_of_the_connection(error: &Error) -> bool {
    let severity = error.as_db_error().and_then(DbError::parsed_severity);
    error.is_closed() || matches!(severity, Some(Severity::Fatal | Severity::Panic))
}

pub(crate) async fn connect(
    address: SocketAddr,
    in_flight_max: usize,
) -> Result<impl Connection<QueryCall>, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    // Rows that come are a sign of life, also if it takes long until all of them are there.
    let (stream, reads) = counted(stream);
    let (client, connection) =
        Config::new().user("postgres").dbname("postgres").connect_raw(stream, NoTls).await?;
    // The server executes what it has been sent, even if nobody waits for it any more.
    let service = ServiceConnection::new(Postgres(Arc::new(client))).finish_abandoned();
    Ok(service.background(connection).reads(reads).in_flight_max(in_flight_max))
}

/// Asks for a quotient. Returns the backend that gave it, unless the query failed.
async fn divide(pool: &Pool, dividend: i64, divisor: i64) -> Result<Option<i32>, BoxError> {
    let parameters = [dividend, divisor].map(|number| (Box::new(number) as _, Type::INT8));
    let query = Query { sql: "SELECT pg_backend_pid(), $1 / $2", parameters: parameters.into() };
    let rows = match pool.call(query).await? {
        Err(error) if error.code() == Some(&SqlState::DIVISION_BY_ZERO) => return Ok(None),
        result => result?,
    };
    if rows[0].get::<_, i64>(1) != dividend / divisor {
        return Err(format!("an answer that is for somebody else has come for {dividend}").into());
    }
    Ok(rows[0].get(0))
}

async fn run(address: SocketAddr, in_flight_max: usize) -> Result<(), BoxError> {
    let pool: Pool = pool_tokio::call_pool_for(move |address| connect(address, in_flight_max))
        .connect_to_fixed([address])
        .connections_per_address(4)
        .spawn()?;
    let started = Instant::now();
    let callers = try_join_all((0..CALLERS).map(|caller| {
        let pool = &pool;
        async move {
            let mut backends = Vec::new();
            for number in (0..QUERIES).skip(caller).step_by(CALLERS) {
                let divisor = if number % 100 == 0 { 0 } else { 7 };
                backends.push(divide(pool, number, divisor).await?);
            }
            Ok::<_, BoxError>(backends)
        }
    }));
    let mut counts = BTreeMap::<Option<i32>, usize>::new();
    for backend in callers.await?.into_iter().flatten() {
        *counts.entry(backend).or_default() += 1;
    }
    println!("{QUERIES} queries, up to {in_flight_max} at a time on a connection: {:.2?}", started.elapsed());
    for (backend, count) in counts {
        match backend {
            Some(backend) => println!("  backend {backend:>8}: {count:>6} answered"),
            None => println!("  {:>17} {count:>6} failed", ""),
        }
    }
    println!("\n{}", pool.snapshot());
    pool.shutdown(Duration::from_secs(5)).await;
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let Some(server) = PostgresServer::start_or_skip()? else { return Ok(()) };
    for in_flight_max in [1, 32] {
        run(server.address(), in_flight_max).await?;
    }
    Ok(())
}
