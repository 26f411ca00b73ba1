//! What filling a pool costs: real connections on loopback, beside a bare loop that dials as many at once.
//!
//! `cargo xtask bench connect` runs this program; see [`CASES`].

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use futures_util::stream::{self, StreamExt};
use pool_tests::bench::{arguments, nanoseconds, number, want_descriptors};
use pool_tokio::driver::Config;
use pool_tokio::tcp;
use socket2::{Domain, Socket, Type};
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};
use tokio_util::codec::LinesCodec;

const CASES: &str = "\
fill ADDRESSES CONNECTIONS PAIRS   opens CONNECTIONS to each of ADDRESSES on loopback, by a bare loop and by a
                                   pool, PAIRS times in turn; prints the nanoseconds of both for each pair";

fn main() {
    let arguments = arguments();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["fill", addresses, connections, pairs] => {
            fill_case(number(addresses), number(connections), number(pairs));
        }
        [] => fill_case(10, 2, 1),
        _ => panic!("one of these, please:\n{CASES}"),
    }
}

fn fill_case(addresses: u32, connections: u32, pairs: u32) {
    // Both ends of every connection are here.
    want_descriptors(2 * u64::from(addresses) * u64::from(connections));
    let server = Server::start();
    let runtime =
        Builder::new_current_thread().enable_all().build().expect("the system has a thread to give");
    for _ in 0..pairs {
        let bare = fill_bare(&runtime, &server, addresses, connections);
        let pool = fill_pool(&runtime, &server, addresses, connections);
        println!("{bare} {pool}");
    }
}

/// The floor: as many dials at once as a pool makes by default, and nothing else. Like the pool's, its sockets don't wait
/// for more to send.
fn fill_bare(runtime: &Runtime, server: &Server, addresses: u32, connections: u32) -> u128 {
    let dials_max = Config::default().dials_max as usize;
    let dial = async |address: SocketAddr| {
        let connection = TcpStream::connect(address).await.expect("the server accepts everybody");
        connection.set_nodelay(true).expect("it is connected");
        connection
    };
    let mut filled = Vec::new();
    let nanoseconds = nanoseconds(|| {
        let dials = (0..connections).flat_map(|_| server.addresses(addresses)).map(dial);
        filled = runtime.block_on(stream::iter(dials).buffer_unordered(dials_max).collect());
    });
    assert_eq!(filled.len(), (addresses * connections) as usize, "all are connected");
    drop(filled);
    server.hang_up(addresses * connections);
    nanoseconds
}

/// The pool as `connect_to_fixed` makes it, with nothing set but the number of connections.
fn fill_pool(runtime: &Runtime, server: &Server, addresses: u32, connections: u32) -> u128 {
    let total = addresses * connections;
    let mut driver = None;
    let nanoseconds = nanoseconds(|| {
        runtime.block_on(async {
            let lines = tcp(LinesCodec::new()).on_item(|line: String| panic!("the server says {line}"));
            let (pool, runs) = pool_tokio::pool_for(lines)
                .connect_to_fixed(server.addresses(addresses))
                .connections_per_address(connections)
                .build::<String>()
                .expect("the settings make sense");
            driver = Some((tokio::spawn(runs), pool.clone()));
            pool.ready(total as usize).await.expect("the server accepts everybody");
        });
    });
    if let Some((driver, _)) = driver {
        // Without goodbyes, for which the server doesn't wait.
        driver.abort();
        assert!(runtime.block_on(driver).is_err_and(|end| end.is_cancelled()), "the pool is dropped");
    }
    server.hang_up(total);
    nanoseconds
}

/// Accepts all connections to one port of any address, in a thread of its own, and says nothing.
struct Server {
    port: u16,
    accepted: Arc<Mutex<Vec<StdStream>>>,
}

impl Server {
    fn start() -> Self {
        let listener = listen().expect("there is a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let accepted = Arc::new(Mutex::new(Vec::new()));
        let server = Self { port, accepted: Arc::clone(&accepted) };
        thread::spawn(move || {
            for connection in listener.incoming() {
                let connection = connection.expect("there are descriptors left");
                accepted.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
            }
        });
        server
    }

    fn addresses(&self, addresses: u32) -> impl Iterator<Item = SocketAddr> + use<> {
        let (first, port) = (Ipv4Addr::LOCALHOST.to_bits(), self.port);
        (first..).take(addresses as usize).map(move |address| (Ipv4Addr::from_bits(address), port).into())
    }

    /// Forgets all connections, once all are accepted.
    fn hang_up(&self, connections: u32) {
        loop {
            let mut accepted = self.accepted.lock().unwrap_or_else(PoisonError::into_inner);
            if accepted.len() == connections as usize {
                accepted.clear();
                return;
            }
            drop(accepted);
            thread::yield_now();
        }
    }
}

/// A listener on any address whose backlog is longer than std's: a dial that finds it full is repeated a second later.
fn listen() -> io::Result<StdListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)).into())?;
    socket.listen(4096)?;
    Ok(socket.into())
}
